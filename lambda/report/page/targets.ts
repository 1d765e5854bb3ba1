// Renders each target with its findings, their remedies and the facts about the connection, as many as fit.

import { SEVERITIES, type Severity, worse } from '../../model/severity.ts';
import { coverageGapReasons } from '../coverage.ts';
import { addressOf, type Entry, labelsText } from '../entries.ts';
import { compareFindings } from '../order.ts';
import type { Report, ReportTarget } from '../schema.ts';
import { displayProse, displayTime, list, loopbackCount, PLAIN, plaintextSessions, plural, title } from '../text.ts';
import { html, type Markup } from './markup.ts';
import { facts, fingerprint, leftOut, remedy, severityBadge, verdictText } from './texts.ts';

/** Findings of one target that are shown; the rest is counted. */
const MOST_FINDINGS = 30;
const MOST_GAPS = 5;

/** Of the room, for rows without details. */
const ROWS_SHARE = 0.4;

export interface TargetList {
  readonly parts: readonly Markup[];
  /** Whether the target is on the page, under this anchor. */
  readonly anchorOf: (name: string) => string | undefined;
}

export interface TargetListOptions {
  /** Bytes that the list may have. */
  readonly room: number;
  /** Where the whole report is. */
  readonly elsewhere: string;
  readonly hasTime: () => boolean;
}

/** A row of each target, and the details of those with the worst findings: as many as fit. */
export function targetList(report: Report, entries: readonly Entry[], options: TargetListOptions): TargetList {
  const { room, elsewhere, hasTime } = options;
  const byTarget = Map.groupBy(entries, ({ finding }) => finding.target);
  const entriesFor = ({ name }: ReportTarget): readonly Entry[] => byTarget.get(name) ?? [];
  const ordered = report.targets
    .map((target) => ({ target, rank: rankOf(target, entriesFor(target)) }))
    .sort((a, b) => a.rank - b.rank || (a.target.name < b.target.name ? -1 : 1));
  const rows: Row[] = [];
  let left = room;
  for (const [index, { target, rank }] of ordered.entries()) {
    if (!hasTime()) break;
    const row = targetRow(report, target, entriesFor(target), { anchor: `target-${index}`, rank });
    const bytes = bytesOf(row.open) + bytesOf(row.close);
    if (left - bytes < room * (1 - ROWS_SHARE)) break;
    left -= bytes;
    rows.push(row);
  }
  const stated = new Map<string, string>();
  const details: Markup[] = [];
  for (const { target, anchor } of rows) {
    if (!hasTime()) break;
    const detail = targetDetails(target, entriesFor(target), { anchor, stated });
    left -= bytesOf(detail);
    if (left < 0) break;
    details.push(detail);
  }
  const anchors = new Map(rows.map(({ target, anchor }) => [target.name, anchor]));
  const missing = ordered.length - rows.length + (report.omittedTargets ?? 0);
  const withoutDetails = rows.length - details.length;
  const notes = [
    ...(missing === 0 ? [] : [html`<strong>${plural(missing, 'more database')}</strong> not on this page`]),
    ...(withoutDetails === 0
      ? []
      : [html`the details of <strong>${plural(withoutDetails, 'database')}</strong> left out`]),
  ];
  const note =
    notes.length === 0
      ? undefined
      : html`<p>Worst first. ${notes.map((text, index) => html`${index > 0 ? ', ' : ''}${text}`)}: ${elsewhere}.</p>`;
  const items = rows.map(({ open, close }, index) => html`${open}${details[index]}${close}`);
  return {
    parts: [
      html`<section id="targets" aria-labelledby="targets-heading">
<h2 id="targets-heading">Every database</h2>
${tools()}${note}<ul class="targets" data-list>`,
      ...items,
      html`</ul>
</section>
`,
    ],
    anchorOf: (name) => anchors.get(name),
  };
}

interface Row {
  readonly target: ReportTarget;
  readonly anchor: string;
  /** What is before its details, and after them. */
  readonly open: Markup;
  readonly close: Markup;
}

function bytesOf(markup: Markup): number {
  return Buffer.byteLength(markup.toString());
}

/** Filter and sort, which the script does. */
function tools(): Markup {
  const verdicts = Object.keys(VERDICT_ORDER) as readonly ReportTarget['verdict'][];
  return html`<div class="tools"><label>Filter <input type="search" data-filter="words"></label>
<label>Verdict <select data-filter="verdict"><option value="">all</option>${verdicts.map(
    (verdict) => html`<option value="${verdict}">${verdictText(verdict)}</option>`,
  )}</select></label>
<label>Sort by <select data-sort><option value="rank">worst first</option><option value="name">name</option><option value="verdict">verdict</option></select></label>
<span data-shown role="status"></span></div>`;
}

const VERDICT_ORDER: Readonly<Record<ReportTarget['verdict'], number>> = {
  'not-audited': 0,
  findings: 1,
  unknown: 2,
  clean: 3,
};

/** 0 is the worst. */
function rankOf({ verdict }: ReportTarget, entries: readonly Entry[]): number {
  const worst = worstOf(entries);
  const severity = worst === undefined ? SEVERITIES.length : SEVERITIES.length - 1 - SEVERITIES.indexOf(worst);
  return severity * 10 + VERDICT_ORDER[verdict];
}

function worstOf(entries: readonly Entry[]): Severity | undefined {
  return entries
    .filter(({ status }) => status !== 'resolved')
    .map(({ finding }) => finding.severity)
    .reduce<Severity | undefined>(
      (worst, severity) => (worst === undefined ? severity : worse(worst, severity)),
      undefined,
    );
}

function openOf(entries: readonly Entry[]): readonly Entry[] {
  return entries.filter(({ status }) => status !== 'resolved');
}

function targetRow(
  { policy }: Report,
  target: ReportTarget,
  entries: readonly Entry[],
  { anchor, rank }: { readonly anchor: string; readonly rank: number },
): Row {
  const { name, verdict } = target;
  const { length } = openOf(entries);
  const worst = worstOf(entries);
  const badge =
    worst === undefined
      ? html`<span class="badge ${verdictClass(verdict)}">${verdict === 'clean' ? 'clean' : 'unknown'}</span>`
      : severityBadge(worst);
  return {
    target,
    anchor,
    open: html`<li id="${anchor}" data-name="${PLAIN.target(name)}" data-verdict="${verdict}" data-rank="${String(rank).padStart(3, '0')}"><details><summary><span>${badge}</span><span class="target-name">${PLAIN.target(name)}</span>
<span>${encryption(policy.loopback, target)}</span>
<span class="${verdictClass(verdict)}">${resultText(verdict, length)}</span></summary><div class="inner">`,
    close: html`</div></details></li>
`,
  };
}

/** `clean`, `3 findings`, `partly audited, 1 finding`. */
function resultText(verdict: ReportTarget['verdict'], findings: number): string {
  if (findings === 0) return verdictText(verdict);
  return verdict === 'findings'
    ? plural(findings, 'finding')
    : `${verdictText(verdict)}, ${plural(findings, 'finding')}`;
}

interface DetailOptions {
  readonly anchor: string;
  /** The anchors of remedies that the page has already: each is stated once. */
  readonly stated: Map<string, string>;
}

function targetDetails(target: ReportTarget, entries: readonly Entry[], { anchor, stated }: DetailOptions): Markup {
  const open = openOf(entries).toSorted((a, b) => compareFindings(a.finding, b.finding));
  const shown = open.slice(0, MOST_FINDINGS).map((entry) => findingItem(entry, `${anchor}-how`, stated));
  const gaps = coverageGapReasons(target);
  const unseen =
    gaps.length === 0
      ? undefined
      : html`<h3>Not seen</h3><ul class="facts">${gaps.slice(0, MOST_GAPS).map((gap) => html`<li>${displayProse(gap, 1_000)}</li>`)}</ul>${leftOut(
          gaps.length - MOST_GAPS,
          'reasons',
        )}`;
  return html`${shown}${leftOut(open.length - shown.length, 'findings of this database')}${unseen}${connection(target)}`;
}

function verdictClass(verdict: ReportTarget['verdict']): string {
  return verdict === 'unknown' ? 'verdict-unknown' : verdict;
}

/** What its sessions travel by. Hidden sessions may be of any kind: with them no count is the whole truth. */
function encryption(loopback: Report['policy']['loopback'], target: ReportTarget): string {
  const { sessions, error } = target;
  if (sessions === null) return error === undefined ? 'sessions not known' : `not audited: ${error.cause}`;
  const { network, loopback: within } = plaintextSessions(loopback, target);
  const hidden = sessions.hidden > 0 ? `, ${sessions.hidden} hidden` : '';
  return `${sessions.byTransport.tls + sessions.byTransport.gss} encrypted, ${network} plaintext${loopbackCount(within)}${hidden}`;
}

function findingItem(entry: Entry, anchor: string, stated: Map<string, string>): Markup {
  const { finding, status, isObserved } = entry;
  const state = status === 'muted' ? ' (muted)' : isObserved ? '' : ' (not seen by this run)';
  const above = stated.get(finding.remedy);
  const id = `${anchor}-${stated.size}`;
  if (above === undefined) stated.set(finding.remedy, id);
  const how =
    above === undefined
      ? html`<div id="${id}"><p>How to fix:</p>${remedy(finding.remedy)}</div>`
      : html`<p>How to fix: <a href="#${above}">as described above</a></p>`;
  return html`<h3>${severityBadge(finding.severity)} ${title(finding, PLAIN)}${state}</h3>
${facts(entry)}${how}<p><code>${finding.check}</code>, ${fingerprint(finding.fingerprint)}</p>
`;
}

/** The facts about the auditor's own connection, and what is known of the server. */
function connection(target: ReportTarget): Markup {
  const { link, server, coverage, coverageSince, takenAt, logins } = target;
  const address = addressOf(target);
  const labels = labelsText(target);
  const lines = [
    `audited ${displayTime(takenAt)}`,
    ...(address === undefined ? ['address not known'] : [`address ${address}`]),
    ...(server === null ? [] : [`PostgreSQL ${PLAIN.target(server.version)}${server.inRecovery ? ', a standby' : ''}`]),
    ...(link === null
      ? ['the auditor did not connect']
      : [
          `auditor's connection: ${PLAIN.target(link.tlsVersion)}, ${PLAIN.target(link.cipher)}, verified for ${PLAIN.target(link.verifiedName)}`,
          `login ${link.authentication}, ${link.channelBinding ? 'bound to the TLS channel' : 'not bound to the TLS channel'}`,
        ]),
    coverage === 'continuous' && coverageSince !== undefined
      ? `every login since ${displayTime(coverageSince)}, and open sessions`
      : coverage === 'sampled'
        ? 'sessions of some seconds'
        : 'sessions open at the moment of the run',
    ...(logins === undefined ? [] : [logins === null ? 'logins: the log was not read' : loginsText(logins)]),
    ...probeLines(target.probe),
    ...(labels.length === 0 ? [] : [`labels ${list(labels)}`]),
  ];
  const [leaf] = link?.certificates ?? [];
  return html`<h3>Connection</h3><ul class="facts">${lines.map((line) => html`<li>${line}</li>`)}${
    leaf === undefined
      ? undefined
      : html`<li>certificate of ${PLAIN.prose(leaf.subject)}, ends ${displayTime(leaf.notAfter)}, SHA-256 <code data-copy>${leaf.sha256}</code></li>`
  }</ul>`;
}

/** What the wire probe found out; nothing where none was asked for. */
function probeLines(probe: ReportTarget['probe']): readonly string[] {
  if (probe === null) return [];
  if (!('plaintext' in probe)) return [`wire probe: none, ${displayProse(probe.reason)}`];
  const { plaintext, tlsVersions, keyExchange } = probe;
  const accepted = Object.entries(tlsVersions).flatMap(([version, { answer }]) =>
    answer === 'accepted' ? [version] : [],
  );
  const exchange =
    'reason' in keyExchange
      ? `key exchange not known: ${displayProse(keyExchange.reason)}`
      : `key exchange ${keyExchange.postQuantum ? 'post-quantum hybrid' : 'classical'}${keyExchange.group === null ? '' : ` (${PLAIN.target(keyExchange.group)})`}`;
  return [
    `wire probe: plaintext ${plaintext.answer === 'unknown' ? 'not known' : plaintext.answer}; accepts ${accepted.length === 0 ? 'no TLS version that was tried' : accepted.join(', ')}`,
    exchange,
  ];
}

function loginsText({ total, byTransport, from, to }: NonNullable<ReportTarget['logins']>): string {
  return `${total.toLocaleString('en')} logins from ${displayTime(from)} to ${displayTime(to)}, ${byTransport.plaintext.toLocaleString('en')} of them in plaintext`;
}
