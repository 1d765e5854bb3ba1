// Renders the report in GitHub Flavored Markdown: for a pull request, a job's summary, a ticket or a wiki.

import { SEVERITIES, type Severity, worse } from '../../model/severity.ts';
import { auditSummary, coverageGapsOf } from '../coverage.ts';
import { countBySeverity, targetsByVerdict } from '../digest.ts';
import { addressOf, type Entry, entriesOf, factLines } from '../entries.ts';
import { type EntryGroup, groupEntries } from '../groups.ts';
import { resolvedTitle } from '../lifecycle-text.ts';
import { compareFindings } from '../order.ts';
import type { Report, ReportTarget } from '../schema.ts';
import {
  countsText,
  displayTime,
  loopbackCount,
  loopbackNote,
  plaintextSessions,
  plural,
  remedyText,
  title,
} from '../text.ts';
import type { ExportContext, Exporter } from './exporter.ts';
import { codeBlock, codeSpan, link, MARKDOWN, markdownText, tableCell } from './markdown-text.ts';

/** Stands for what could not be observed: not the same as 0. */
const NOT_KNOWN = '?';

/** A table of the targets, the findings by severity with how to fix them, and what could not be observed. */
export function* renderMarkdown(report: Report, context: ExportContext): Generator<string> {
  let before = '';
  for (const block of blocks(report, context)) {
    yield before + block;
    before = '\n\n';
  }
  yield '\n';
}

function* blocks(report: Report, context: ExportContext): Generator<string> {
  const entries = entriesOf(report, context);
  const open = entries
    .filter(({ status, isObserved }) => status === 'open' && isObserved)
    .sort((a, b) => compareFindings(a.finding, b.finding));
  yield '# PostgreSQL TLS audit';
  yield summary(report, open);
  yield* targetTable(report, open);
  yield* notSeen(report);
  yield* findings(open, context);
  yield* listed(
    'Still open, though this run did not see it',
    entries,
    (entry) => entry.status === 'open' && !entry.isObserved,
  );
  yield* listed('Resolved', entries, ({ status }) => status === 'resolved');
  yield* listed('Muted', entries, ({ status }) => status === 'muted');
  yield footer(report, context);
}

function summary(report: Report, open: readonly Entry[]): string {
  const audited = `Result for ${auditSummary(targetsByVerdict(report))}.`;
  const found =
    open.length === 0
      ? 'No finding.'
      : `${plural(open.length, 'finding')}: ${countsText(countBySeverity(open.map(({ finding }) => finding)))}.`;
  const note = loopbackNote(report.policy.loopback);
  return [`Run of ${displayTime(report.startedAt)}.`, audited, found, ...(note === undefined ? [] : [note])].join(' ');
}

const VERDICTS: Readonly<Record<ReportTarget['verdict'], string>> = {
  clean: '✅ clean',
  findings: '❌ findings',
  unknown: '❓ partly audited',
  'not-audited': '❗ **not audited**',
};

function targetTable(report: Report, open: readonly Entry[]): string[] {
  if (report.targets.length === 0) return ['**Nothing was audited.**'];
  const worst = new Map<string, Severity>();
  for (const { finding } of open) {
    worst.set(finding.target, worse(finding.severity, worst.get(finding.target) ?? finding.severity));
  }
  const rows = report.targets.map((target) => {
    const address = addressOf(target);
    return [
      codeSpan(target.name),
      address === undefined ? NOT_KNOWN : codeSpan(address),
      VERDICTS[target.verdict],
      target.link === null ? NOT_KNOWN : markdownText(target.link.tlsVersion),
      ...sessionCells(report, target),
      worst.get(target.name) ?? (target.verdict === 'clean' || target.verdict === 'findings' ? 'none' : NOT_KNOWN),
    ];
  });
  const heads = ['Target', 'Address', 'Verdict', 'TLS', 'Sessions', 'Plaintext', 'Worst'];
  const lines = [
    heads,
    heads.map((head) => (head === 'Sessions' || head === 'Plaintext' ? '---:' : '---')),
    ...rows.map((cells) => cells.map(tableCell)),
  ];
  return [lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')];
}

/** Hidden sessions may be of any kind: where there are some, no count is the whole truth. */
function sessionCells({ policy }: Report, target: ReportTarget): [string, string] {
  const { sessions } = target;
  if (sessions === null) return [NOT_KNOWN, NOT_KNOWN];
  const { total, hidden } = sessions;
  const { network, loopback } = plaintextSessions(policy.loopback, target);
  const over = loopbackCount(loopback);
  return hidden > 0 ? [`${total}+${hidden}?`, `${network}+?${over}`] : [String(total), `${network}${over}`];
}

function notSeen(report: Report): string[] {
  const missed = report.targets
    .filter(({ verdict }) => verdict === 'not-audited')
    .map(({ name, error }) =>
      [
        `- ${codeSpan(name)} was **not audited**${error === undefined ? '' : `: ${markdownText(error.message)} (${error.cause})`}`,
        ...(error === undefined ? [] : [indented(codeBlock(remedyText(error.remedy)))]),
      ].join('\n\n'),
    );
  const gaps = Map.groupBy(
    coverageGapsOf(report).filter(({ target }) => target.verdict !== 'not-audited'),
    ({ target, reason }) => JSON.stringify([target.name, reason]),
  );
  const partly = [...gaps.values()].map((group) => {
    const [first] = group;
    const checks = group.map(({ check }) => codeSpan(check)).join(', ');
    return first === undefined ? '' : `- ${codeSpan(first.target.name)}: ${checks}: ${markdownText(first.reason)}`;
  });
  if (missed.length + partly.length === 0) return [];
  return ['## Not verified', 'There may be more findings than this report lists.', [...missed, ...partly].join('\n')];
}

function* findings(open: readonly Entry[], { catalogue }: ExportContext): Generator<string> {
  const groups = groupEntries(open);
  const references = new Map(catalogue.map((check) => [check.id, check.references]));
  for (const severity of SEVERITIES.toReversed()) {
    const some = groups.filter((group) => group.severity === severity);
    if (some.length === 0) continue;
    yield `## ${severity.charAt(0).toUpperCase()}${severity.slice(1)}`;
    for (const group of some) yield* renderGroup(group, references.get(group.check) ?? []);
  }
}

function renderGroup(
  { check, remedy, statedAbove, title: shared, entries }: EntryGroup<Entry>,
  references: readonly string[],
): string[] {
  const name = codeSpan(check);
  const items = entries.map((entry) => item(entry, shared === undefined ? title(entry.finding, MARKDOWN) : undefined));
  return [
    `### ${shared === undefined ? name : `${MARKDOWN.prose(shared)} (${name})`}`,
    items.join('\n'),
    ...(statedAbove ? [`How to fix: ${MARKDOWN.prose(remedy)}`] : ['How to fix:', codeBlock(remedyText(remedy))]),
    ...(statedAbove || references.length === 0 ? [] : [`See ${references.map(link).join(', ')}.`]),
  ];
}

function item(entry: Entry, what: string | undefined): string {
  const { target, fingerprint } = entry.finding;
  const facts = [...(what === undefined ? [] : [what]), ...factLines(entry, MARKDOWN)].join('; ');
  return `- ${codeSpan(target)}${facts === '' ? '' : `: ${facts}`} (fingerprint ${codeSpan(fingerprint)})`;
}

function listed(heading: string, entries: readonly Entry[], isListed: (entry: Entry) => boolean): string[] {
  const some = entries.filter(isListed);
  if (some.length === 0) return [];
  const items = some.map((entry) => {
    const { finding } = entry;
    const what =
      'resolution' in finding ? resolvedTitle(finding, MARKDOWN) : `${title(finding, MARKDOWN)} (${finding.severity})`;
    return item(entry, what);
  });
  return [`## ${heading}`, items.join('\n')];
}

function footer({ startedAt, finishedAt, state, policy }: Report, { toolVersion }: ExportContext): string {
  const { document, version } = policy.cipherProfileSource;
  const comparison = {
    kept: 'Compared with earlier runs.',
    none: 'No state is configured, so runs are not compared.',
    unreadable: 'The state could not be read, so this run is not compared with earlier ones.',
  }[state];
  return [
    '---',
    `${markdownText(`pg-tls-auditor ${toolVersion}`)}, ${startedAt} to ${finishedAt}. Judged by: TLS from ${policy.minTlsVersion}, ` +
      `${policy.preferredTlsVersion} preferred, ciphers by ${policy.cipherProfile} (${markdownText(`${document} ${version}`)}). ${comparison}`,
  ].join('\n\n');
}

function indented(text: string): string {
  return text
    .split('\n')
    .map((line) => `  ${line}`)
    .join('\n');
}

export const exporter: Exporter = {
  name: 'markdown',
  mediaType: 'text/markdown',
  extension: 'md',
  needs: [],
  render: renderMarkdown,
};
