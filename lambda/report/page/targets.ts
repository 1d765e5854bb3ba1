// Renders each target with its findings, their remedies and the facts about the connection, as many as fit.

import { SEVERITIES, type Severity, worse } from '../../model/severity.ts';
import { coverageGapReasons } from '../coverage.ts';
import { addressOf, type Entry, labelsText } from '../entries.ts';
import { compareFindings } from '../order.ts';
import type { Report, ReportTarget } from '../schema.ts';
import { displayProse, displayTime, loopbackCount, PLAIN, plaintextSessions, plural, title } from '../text.ts';
import { section } from './document.ts';
import { html, type Markup } from './markup.ts';
import { facts, fingerprint, remedy, severityBadge, some, verdictText } from './texts.ts';

/** Findings of one target that are shown; the rest is counted. */
const MOST_FINDINGS = 30;

export interface TargetList {
  readonly markup: Markup;
  /** Whether the target is on the page, under this anchor. */
  readonly anchorOf: (name: string) => string | undefined;
}

/** @param room - Characters that the list may have. The targets with the worst findings come first. */
export function targetList(report: Report, entries: readonly Entry[], room: number, elsewhere: string): TargetList {
  const byTarget = Map.groupBy(entries, ({ finding }) => finding.target);
  const ordered = report.targets
    .map((target) => ({ target, rank: rankOf(target, byTarget.get(target.name) ?? []) }))
    .sort((a, b) => a.rank - b.rank || (a.target.name < b.target.name ? -1 : 1));
  const anchors = new Map<string, string>();
  const items: Markup[] = [];
  const before = new Map<string, string>();
  let used = 0;
  for (const [index, { target, rank }] of ordered.entries()) {
    const anchor = `target-${index}`;
    const item = targetItem(report, target, byTarget.get(target.name) ?? [], { anchor, rank, before });
    // In characters of UTF-16; a character may have three bytes.
    used += Buffer.byteLength(item.toString());
    if (used > room) break;
    items.push(item);
    anchors.set(target.name, anchor);
  }
  const left = ordered.length - items.length + (report.omittedTargets ?? 0);
  const rest =
    left === 0
      ? undefined
      : html`<p><strong>${plural(left, 'more database')}</strong> ${left === 1 ? 'does' : 'do'} not fit on this page: ${elsewhere}.</p>`;
  const tools = html`<div class="tools"><label>Filter <input type="search" data-filter="words"></label>
<label>Verdict <select data-filter="verdict"><option value="">all</option>${Object.keys(VERDICT_ORDER).map(
    (verdict) => html`<option value="${verdict}">${verdictText(verdict as ReportTarget['verdict'])}</option>`,
  )}</select></label>
<label>Sort by <select data-sort><option value="rank">worst first</option><option value="name">name</option><option value="verdict">verdict</option></select></label>
<span data-shown role="status"></span></div>`;
  return {
    markup: section('targets', 'Every database', html`${tools}${rest}<ul class="targets" data-list>${items}</ul>`),
    anchorOf: (name) => anchors.get(name),
  };
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

interface ItemOptions {
  readonly anchor: string;
  readonly rank: number;
  /** The anchors of remedies that the page has already: each is stated once. */
  readonly before: Map<string, string>;
}

function targetItem(
  { policy }: Report,
  target: ReportTarget,
  entries: readonly Entry[],
  { anchor, rank, before }: ItemOptions,
): Markup {
  const { name, verdict } = target;
  const open = entries
    .filter(({ status }) => status !== 'resolved')
    .toSorted((a, b) => compareFindings(a.finding, b.finding));
  const worst = worstOf(open);
  const found = open.length === 0 ? (verdict === 'clean' ? 'no finding' : 'not known') : plural(open.length, 'finding');
  const badge =
    worst === undefined
      ? html`<span class="badge ${verdictClass(verdict)}">${verdict === 'clean' ? 'clean' : 'unknown'}</span>`
      : severityBadge(worst);
  const head = html`<span>${badge}</span><span class="target-name">${PLAIN.target(name)}</span>
<span>${encryption(policy.loopback, target)}</span>
<span class="${verdictClass(verdict)}">${verdictText(verdict)}, ${found}</span>`;
  const shown = some(
    open,
    MOST_FINDINGS,
    (entry) => findingItem(entry, `${anchor}-how`, before),
    'findings of this database',
  );
  const gaps = coverageGapReasons(target);
  const unseen =
    gaps.length === 0
      ? undefined
      : html`<h3>Not seen</h3><ul class="facts">${gaps.slice(0, 5).map((gap) => html`<li>${displayProse(gap, 1_000)}</li>`)}${
          gaps.length > 5 ? html`<li>${gaps.length - 5} more</li>` : undefined
        }</ul>`;
  return html`<li id="${anchor}" data-name="${PLAIN.target(name)}" data-verdict="${verdict}" data-rank="${String(rank).padStart(3, '0')}"><details><summary>${head}</summary><div class="inner">${shown}${unseen}${connection(target)}</div></details></li>
`;
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

function findingItem(entry: Entry, anchor: string, before: Map<string, string>): Markup {
  const { finding, status, isObserved } = entry;
  const state = status === 'muted' ? ' (muted)' : isObserved ? '' : ' (not seen by this run)';
  const stated = before.get(finding.remedy);
  const id = stated === undefined ? `${anchor}-${before.size}` : undefined;
  if (id !== undefined) before.set(finding.remedy, id);
  const how =
    id === undefined
      ? html`<p>How to fix: <a href="#${stated ?? ''}">as described above</a></p>`
      : html`<div id="${id}"><p>How to fix:</p>${remedy(finding.remedy)}</div>`;
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
    ...(labels.length === 0 ? [] : [`labels ${labels.join(', ')}`]),
  ];
  return html`<h3>Connection</h3><ul class="facts">${lines.map((line) => html`<li>${line}</li>`)}</ul>`;
}

function loginsText({ total, byTransport, from, to }: NonNullable<ReportTarget['logins']>): string {
  return `${total.toLocaleString('en')} logins from ${displayTime(from)} to ${displayTime(to)}, ${byTransport.plaintext.toLocaleString('en')} of them in plaintext`;
}
