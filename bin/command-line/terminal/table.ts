// Renders a report for a terminal.

import { stripVTControlCharacters, styleText } from 'node:util';
import CliTable from 'cli-table3';
import { displayText } from '../../../lambda/model/display.ts';
import { endpointName } from '../../../lambda/model/endpoint.ts';
import type { Verdict } from '../../../lambda/model/finding.ts';
import { type Severity, worse } from '../../../lambda/model/severity.ts';
import { isOlderThan } from '../../../lambda/model/tls.ts';
import { auditSummary } from '../../../lambda/report/coverage.ts';
import { countBySeverity, type DigestEntry, targetsByVerdict } from '../../../lambda/report/digest.ts';
import { type EntryGroup, groupEntries } from '../../../lambda/report/groups.ts';
import { historyLines, label } from '../../../lambda/report/lifecycle-text.ts';
import { wrap } from '../../../lambda/report/messages/wrap.ts';
import { compareFindings } from '../../../lambda/report/order.ts';
import type { Report, ReportTarget } from '../../../lambda/report/schema.ts';
import {
  countsText,
  displayTime,
  evidenceLines,
  howMany,
  loopbackCount,
  loopbackNote,
  PLAIN,
  plaintextSessions,
  plural,
  remedyLines,
  title,
  who,
} from '../../../lambda/report/text.ts';
import { muteLines, resolvedLines, stillOpen, toDigestEntry, unmutedFindings } from './table-lists.ts';
import { connectionLines, coverageGapLines } from './target-facts.ts';

/** What a value stands for that could not be observed: not the same as 0. */
const NOT_KNOWN = '?';
/** Below this the targets are a list: a table would break. */
const NARROWEST_TABLE = 70;
/** Below this, headings are abbreviated. */
const ROOMY = 100;
/** A name or host that is cut shorter than this is of no use. */
const SHORTEST_NAME = 12;
const WIDEST = 200;
const GAP = 2;

/** Each with a sign of its own, so that no verdict rests on its colour. */
const VERDICT_SIGNS: Readonly<Record<Verdict, string>> = {
  clean: '+ clean',
  findings: 'x findings',
  unknown: '? unknown',
  'not-audited': '! not audited',
};

const LONGEST_SIGN = Math.max(...Object.values(VERDICT_SIGNS).map((sign) => sign.length));

type Paint = (text: string, tone: Verdict | Severity | 'heading') => string;

const TONES: Readonly<Record<Parameters<Paint>[1], Parameters<typeof styleText>[0]>> = {
  clean: 'green',
  findings: 'red',
  unknown: 'yellow',
  'not-audited': ['bold', 'red'],
  critical: ['bold', 'red'],
  high: 'red',
  medium: 'yellow',
  low: 'cyan',
  info: 'dim',
  heading: 'bold',
};

/**
 * The report for a terminal: a row for each target, the findings, worst first, and a last line that says the verdict in
 * words.
 *
 * @param options.columns - Width of the terminal; 60 to 200 are used as they are.
 * @param options.colour - Whether ANSI colours are added; the text is the same without.
 */
export function renderTable(report: Report, options: { readonly columns: number; readonly colour: boolean }): string {
  const width = Math.min(Math.max(options.columns, 40), WIDEST);
  const paint: Paint = (text, tone) =>
    options.colour ? styleText(TONES[tone], text, { validateStream: false }) : text;
  const groups = groupEntries(
    unmutedFindings(report)
      .toSorted(compareFindings)
      .map((finding) => toDigestEntry(finding, true)),
  );
  const note = loopbackNote(report.policy.loopback);
  const blocks = [
    targetRows(report, width, paint),
    ...groups.map((group) => renderGroup(group, width, paint)),
    stillOpen(report, width),
    resolvedLines(report, width),
    muteLines(report, width),
    ...(note === undefined ? [] : [wrap(note, width)]),
    listed('NOT VERIFIED:', coverageGapLines(report), width, paint),
    listed("The auditor's own connections:", connectionLines(report), width, paint),
    lastLines(report, width, paint),
  ];
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function targetRows(report: Report, width: number, paint: Paint): string[] {
  if (report.targets.length === 0) return [];
  const table = width < NARROWEST_TABLE ? undefined : targetTable(report, width, paint);
  const legend = report.targets.some(({ verdict }) => isIncomplete(verdict))
    ? wrap(`${NOT_KNOWN} means: could not be observed.`, width)
    : [];
  return [...(table ?? targetList(report, width, paint)), ...legend];
}

interface Row {
  readonly name: string;
  readonly host: string;
  readonly verdict: string;
  readonly tls: string;
  readonly sessions: string;
  readonly plaintext: string;
  readonly deprecated: string;
  readonly worst: string;
}

function rows(report: Report, paint: Paint): Row[] {
  const worst = new Map<string, Severity>();
  for (const { target, severity } of unmutedFindings(report))
    worst.set(target, worse(severity, worst.get(target) ?? severity));
  const found = new Set(report.findings.map(({ target }) => target));
  return report.targets.map((target) => {
    const severity = worst.get(target.name);
    const { sessions } = target;
    return {
      name: PLAIN.target(target.name),
      host: hostOf(target),
      verdict: paint(VERDICT_SIGNS[target.verdict], target.verdict),
      tls: target.link === null ? NOT_KNOWN : displayText(target.link.tlsVersion, 10).replace(/^TLSv/, ''),
      sessions: sessions === null ? NOT_KNOWN : `${sessions.total}${sessions.hidden > 0 ? `+${sessions.hidden}?` : ''}`,
      plaintext: plaintextCell(report, target),
      deprecated: sessionCount(target, deprecatedSessions(report, target)),
      worst: severity === undefined ? withoutWorst(target, found.has(target.name)) : paint(severity, severity),
    };
  });
}

function withoutWorst({ verdict }: ReportTarget, isMuted: boolean): string {
  if (isIncomplete(verdict)) return NOT_KNOWN;
  return isMuted ? 'muted' : 'none';
}

function isIncomplete(verdict: Verdict): boolean {
  return verdict === 'unknown' || verdict === 'not-audited';
}

function hostOf({ host, port }: ReportTarget): string {
  if (host === null) return NOT_KNOWN;
  const name = displayText(host);
  return port === null ? name : endpointName(name, port);
}

/** Hidden sessions may be of any kind: where there are some, no count is the whole truth. */
function sessionCount({ sessions }: ReportTarget, count: number): string {
  if (sessions === null) return NOT_KNOWN;
  return sessions.hidden > 0 ? `${count}+?` : String(count);
}

/** Those over loopback apart, where the policy judges them by themselves: `0 (+2 loopback)`. */
function plaintextCell(report: Report, target: ReportTarget): string {
  const { network, loopback } = plaintextSessions(report.policy.loopback, target);
  return `${sessionCount(target, network)}${loopbackCount(loopback)}`;
}

function deprecatedSessions(report: Report, { sessions }: ReportTarget): number {
  return Object.entries(sessions?.byTlsVersion ?? {})
    .filter(([version]) => isOlderThan(version, report.policy.minTlsVersion))
    .reduce((sum, [, count]) => sum + count, 0);
}

/** Undefined where the terminal has no room for names beside the numbers. */
function targetTable(report: Report, width: number, paint: Paint): string[] | undefined {
  const all = rows(report, paint);
  const roomy = width >= ROOMY;
  const facts = [
    { heading: 'Verdict', cells: all.map((row) => row.verdict), align: 'left' },
    { heading: 'TLS', cells: all.map((row) => row.tls), align: 'left' },
    { heading: 'Sessions', cells: all.map((row) => row.sessions), align: 'right' },
    { heading: roomy ? 'Plaintext' : 'Plain', cells: all.map((row) => row.plaintext), align: 'right' },
    { heading: roomy ? 'Deprecated' : 'Depr.', cells: all.map((row) => row.deprecated), align: 'right' },
    { heading: 'Worst', cells: all.map((row) => row.worst), align: 'left' },
  ] as const;
  const factWidths = facts.map(({ heading, cells }) => longest([heading, ...cells]));
  const room = width - factWidths.reduce((sum, column) => sum + GAP + column, 0);
  const nameWidth = longest(['Target', ...all.map((row) => row.name)]);
  const hostWidth = longest(['Host', ...all.map((row) => row.host)]);
  const name = Math.min(nameWidth, room);
  if (name < Math.min(nameWidth, SHORTEST_NAME)) return undefined;
  const host = Math.min(hostWidth, room - GAP - name);
  const withHost = host >= Math.min(hostWidth, SHORTEST_NAME);
  const columns = [
    { heading: 'Target', cells: all.map((row) => row.name), align: 'left', width: name } as const,
    ...(withHost ? [{ heading: 'Host', cells: all.map((row) => row.host), align: 'left', width: host } as const] : []),
    ...facts.map((fact, index) => ({ ...fact, width: factWidths[index] ?? 0 })),
  ];
  // In pieces, for the time that the library takes grows with the square of the rows.
  const pieces = Array.from({ length: Math.ceil(all.length / PIECE) }, (_, piece) => {
    const table = new CliTable({
      head: piece > 0 ? [] : columns.map(({ heading }) => paint(heading, 'heading')),
      colWidths: columns.map((column) => column.width),
      colAligns: columns.map(({ align }) => align),
      chars: BORDERLESS,
      style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
    });
    for (let index = piece * PIECE; index < Math.min(all.length, (piece + 1) * PIECE); index += 1) {
      table.push(columns.map(({ cells }) => cells[index] ?? ''));
    }
    return table.toString().split('\n');
  });
  return pieces.flat().map((line) => line.trimEnd());
}

/** Rows of a table that are laid out together. */
const PIECE = 100;

/** Never 0: to cli-table3 that means a width of its own choice. */
function longest(texts: readonly string[]): number {
  return texts.reduce((most, text) => Math.max(most, stripVTControlCharacters(text).length), 1);
}

const BORDERLESS = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '' },
  middle: ' '.repeat(GAP),
};

function targetList(report: Report, width: number, paint: Paint): string[] {
  return rows(report, paint).flatMap((row) => [
    `${row.verdict}  ${displayText(row.name, width - LONGEST_SIGN - GAP)}`,
    `  ${displayText(row.host, width - GAP)}`,
    `  TLS ${row.tls}, ${row.sessions} sessions`,
    `  plaintext ${row.plaintext}, deprecated ${row.deprecated}, worst ${row.worst}`,
  ]);
}

function renderGroup(group: EntryGroup<DigestEntry>, width: number, paint: Paint): string[] {
  const heading = group.title === undefined ? '' : ` ${PLAIN.prose(group.title)}`;
  const [first = '', ...others] = wrap(`${group.severity.toUpperCase()}:${heading} (${group.check})`, width, '', '  ');
  const mark = `${group.severity.toUpperCase()}:`;
  return [
    paint(mark, group.severity) + first.slice(mark.length),
    ...others,
    ...group.entries.flatMap((entry) => {
      const { finding } = entry;
      const facts = [
        label(entry),
        group.title === undefined ? title(finding, PLAIN) : undefined,
        who(finding, PLAIN),
        howMany(finding, PLAIN),
        ...evidenceLines(finding, PLAIN),
        ...historyLines(entry, PLAIN),
        `fingerprint ${finding.fingerprint}`,
      ].filter((fact) => fact !== undefined);
      return wrap(`${PLAIN.target(finding.target)}: ${facts.join('; ')}`, width, '  - ', '    ');
    }),
    ...remedyLines(group.remedy).flatMap((line, index) =>
      wrap(line, width, index === 0 ? '  Fix: ' : '       ', '       '),
    ),
  ];
}

function listed(heading: string, lines: readonly string[], width: number, paint: Paint): string[] {
  if (lines.length === 0) return [];
  return [paint(heading, 'heading'), ...lines.flatMap((line) => wrap(line, width, '  - ', '    '))];
}

function lastLines(report: Report, width: number, paint: Paint): string[] {
  const targets = targetsByVerdict(report);
  const [tone, words] = verdictInWords(report);
  const [first = '', ...others] = wrap(`Verdict: ${words}.`, width);
  return [
    ...wrap(`Run of ${displayTime(report.startedAt)}. Result for ${auditSummary(targets)}.`, width),
    first.replace('Verdict:', () => paint('Verdict:', tone)),
    ...others,
  ];
}

function verdictInWords(report: Report): [Verdict, string] {
  const found = foundText(report);
  if (report.targets.length === 0) return ['not-audited', 'nothing was audited'];
  const worst = (['not-audited', 'unknown'] as const).find((verdict) =>
    report.targets.some((target) => target.verdict === verdict),
  );
  if (worst !== undefined) {
    return [worst, `incomplete, not everything could be observed${found === undefined ? '' : `; ${found}`}`];
  }
  // Findings without a verdict that says so can't happen; if they do, they are still not "all clear".
  if (found !== undefined) return ['findings', found];
  const clean = report.targets.every((target) => target.verdict === 'clean');
  return clean ? ['clean', 'all clear'] : ['findings', 'findings'];
}

/** A muted finding is still a finding: the verdict is not "all clear". */
function foundText(report: Report): string | undefined {
  const findings = unmutedFindings(report);
  const muted = report.findings.length - findings.length;
  const parts = [
    ...(findings.length > 0
      ? [`${plural(findings.length, 'finding')} (${countsText(countBySeverity(findings))})`]
      : []),
    ...(muted > 0 ? [findings.length > 0 ? `${muted} muted` : `${plural(muted, 'finding')}, muted`] : []),
  ];
  return parts.length === 0 ? undefined : parts.join(', ');
}
