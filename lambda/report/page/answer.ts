// Answers what people ask first of a report: are we encrypted, who is not, since when, what next.

import { compareSeverity } from '../../model/severity.ts';
import { DAY_MS, earlier, msBetween } from '../../model/time.ts';
import { auditSummary, coverageGapsOf } from '../coverage.ts';
import { targetsByVerdict } from '../digest.ts';
import type { Entry } from '../entries.ts';
import type { Report, ReportTarget } from '../schema.ts';
import { displayTime, list, PLAIN, plaintextSessions, plural, title, who } from '../text.ts';

/** `bad`: plaintext; `unknown`: not everything was seen; `weak`: encrypted, but not well; `good`: all of it. */
export type Level = 'bad' | 'unknown' | 'weak' | 'good';

export interface Card {
  readonly question: string;
  /** A word or two. */
  readonly answer: string;
  readonly level: Level | 'none';
  /** Sentences. */
  readonly details: readonly string[];
  /** What is listed below them; the rest is in the details. */
  readonly items: readonly string[];
}

/** Checks whose findings mean that something travels in plaintext, or that nothing shows the contrary. */
const PLAINTEXT: ReadonlySet<string> = new Set([
  'plaintext-session',
  'tls-fallback',
  'forged-connection-log',
  'tls-disabled',
]);
/** Checks whose findings mean that something is encrypted, but not as the policy wants it. */
const WEAK: ReadonlySet<string> = new Set([
  'deprecated-tls-session',
  'weak-cipher-session',
  'insecure-outbound-link',
  'tls-terminated-by-proxy',
]);
/** Warnings that mean that there are databases which the run does not know. */
const UNLISTED: ReadonlySet<string> = new Set(['targets-unknown', 'discovery', 'database-not-covered']);
const MOST_ITEMS = 4;

/** Whether a finding means plaintext; a muted one does too. */
export function isPlaintext({ finding }: Pick<Entry, 'finding'>): boolean {
  return PLAINTEXT.has(finding.check);
}

/** Whether it means plaintext, or encryption that is not good enough. */
export function isInsecureClient(entry: Pick<Entry, 'finding'>): boolean {
  return isPlaintext(entry) || WEAK.has(entry.finding.check);
}

/** The four cards. A muted finding, and one that this run did not see, still counts. */
export function answers(report: Report, entries: readonly Entry[]): readonly Card[] {
  const open = entries.filter(({ status }) => status !== 'resolved');
  const plaintext = open.filter(isPlaintext);
  const weak = open.filter(({ finding }) => WEAK.has(finding.check));
  const insecure = plaintext.length > 0 ? plaintext : weak;
  return [
    encrypted(report, plaintext, weak),
    whoIsNot(report, plaintext, weak),
    sinceWhen(report, insecure),
    whatNext(report, open),
  ];
}

function encrypted(report: Report, plaintext: readonly Entry[], weak: readonly Entry[]): Card {
  const question = 'Are we encrypted?';
  const summary = `${capitalised(auditSummary(targetsByVerdict(report)))}.`;
  const gaps = gapSentences(report);
  const servers = new Set([...plaintext.map(({ finding }) => finding.target), ...plaintextTargets(report)]);
  const card = (level: Level, answer: string, ...details: readonly string[]): Card => ({
    ...{ question, level, answer, items: [] },
    details: [...details, summary, ...gaps],
  });
  if (servers.size > 0) {
    return card('bad', 'No', `Plaintext on ${servers.size} of ${plural(report.targets.length, 'database')}.`);
  }
  if (report.targets.length === 0) return card('unknown', 'Not known', 'Nothing was audited.');
  if (gaps.length > 0) return card('unknown', 'Not known', 'No plaintext was seen, but not everything was seen.');
  if (weak.length > 0) return card('weak', 'Yes, but weakly', 'No plaintext. Some connections do not meet the policy.');
  return card('good', 'Yes', coverageSentence(report.targets));
}

/** What was not seen, in sentences; empty where the run saw everything. */
function gapSentences(report: Report): readonly string[] {
  const { targets, omittedTargets = 0, omittedFindings = 0, warnings = [] } = report;
  const missed = targets.filter(({ verdict }) => verdict === 'not-audited').length;
  const partly = new Set(
    coverageGapsOf(report)
      .filter(({ target }) => target.verdict !== 'not-audited')
      .map(({ target }) => target.name),
  );
  for (const { name, verdict } of targets) if (verdict === 'unknown') partly.add(name);
  return [
    ...(missed === 0 ? [] : [`${plural(missed, 'database')} could not be audited.`]),
    ...(partly.size === 0 ? [] : [`${plural(partly.size, 'database')} could not be seen in full.`]),
    ...(omittedTargets === 0 ? [] : [`${plural(omittedTargets, 'database')} left out of this report.`]),
    ...(omittedFindings === 0 ? [] : [`${plural(omittedFindings, 'finding')} left out of this report.`]),
    ...(warnings.some(({ id }) => UNLISTED.has(id)) ? ['There may be databases that this run does not know.'] : []),
  ];
}

function plaintextTargets({ policy, targets }: Report): readonly string[] {
  return targets
    .filter((target) => plaintextSessions(policy.loopback, target).network > 0)
    .map((target) => target.name);
}

function coverageSentence(targets: readonly ReportTarget[]): string {
  const continuous = targets.filter(({ coverage }) => coverage === 'continuous').length;
  if (continuous === targets.length) return 'Every login that the connection logs show, and every open session.';
  const only = continuous === 0 ? 'Every session' : `On ${targets.length - continuous} of them, every session`;
  return `${only} that was open at the moment of the run; what came and went in between was not seen.`;
}

function whoIsNot({ policy, targets }: Report, plaintext: readonly Entry[], weak: readonly Entry[]): Card {
  const entries = plaintext.length > 0 ? plaintext : weak;
  const clients = Map.groupBy(entries, ({ finding: { target, role, check } }) =>
    JSON.stringify([target, role ?? check]),
  );
  const rest = clients.size - MOST_ITEMS;
  const sessions = targets.reduce((sum, target) => sum + plaintextSessions(policy.loopback, target).network, 0);
  const kind = plaintext.length > 0 ? 'in plaintext' : 'with weak encryption';
  return {
    question: 'Who is not?',
    answer: clients.size === 0 ? 'No client was seen' : `${plural(clients.size, 'client')} ${kind}`,
    level: clients.size === 0 ? 'none' : plaintext.length > 0 ? 'bad' : 'weak',
    details: [
      ...(sessions > 0 ? [`${plural(sessions, 'open plaintext session')}.`] : []),
      ...(plaintext.length > 0 && weak.length > 0
        ? [`${plural(weak.length, 'more finding')} of weak encryption.`]
        : []),
      ...(rest > 0 ? [`${rest} more below.`] : []),
    ],
    items: [...clients.values()].slice(0, MOST_ITEMS).map(clientText),
  };
}

/** `role "checkout" on shop`, with a mute where all of it is muted. */
function clientText(entries: readonly Entry[]): string {
  const [first] = entries;
  if (first === undefined) return '';
  const { finding } = first;
  const client = who({ ...(finding.role === undefined ? {} : { role: finding.role }) }, PLAIN) ?? title(finding, PLAIN);
  const muted = entries.every(({ status }) => status === 'muted') ? ' (muted)' : '';
  const unseen = entries.every(({ isObserved }) => !isObserved) ? ' (not seen by this run)' : '';
  return `${client} on ${PLAIN.target(finding.target)}${muted}${unseen}`;
}

function sinceWhen({ state, startedAt }: Report, entries: readonly Entry[]): Card {
  const question = 'Since when?';
  const compared = {
    kept: 'Compared with earlier runs.',
    none: 'Runs are not compared: no state is kept, so it may be longer.',
    unreadable: 'The state could not be read, so it may be longer.',
  }[state];
  const oldest = oldestOf(entries);
  if (oldest === undefined)
    return { question, answer: 'Nothing is open', level: 'none', details: [compared], items: [] };
  const days = Math.floor(msBetween(oldest, startedAt) / DAY_MS);
  return {
    question,
    answer: displayTime(oldest).slice(0, 10),
    level: 'none',
    details: [`First seen ${displayTime(oldest)}${days >= 1 ? `, ${plural(days, 'day')} ago` : ''}.`, compared],
    items: [],
  };
}

function oldestOf(entries: readonly Entry[]): string | undefined {
  let oldest: { readonly moment: string; readonly at: number } | undefined;
  for (const entry of entries) {
    const moment = since(entry);
    const at = Date.parse(moment);
    if (oldest === undefined || at < oldest.at) oldest = { moment, at };
  }
  return oldest?.moment;
}

/** When an episode began; the oldest open session may be older. ISO 8601. */
export function since({ openedAt, finding }: Entry): string {
  const { oldestSession, firstLogin } = finding.evidence;
  const moments = [oldestSession, firstLogin].filter(
    (moment): moment is string => typeof moment === 'string' && !Number.isNaN(Date.parse(moment)),
  );
  return moments.reduce(earlier, openedAt);
}

/** The worst first; of equals what stands first in the report. */
function whatNext(report: Report, open: readonly Entry[]): Card {
  const question = 'What next?';
  const due = open
    .filter(({ status, finding }) => status === 'open' && finding.severity !== 'info')
    .toSorted((a, b) => compareSeverity(b.finding.severity, a.finding.severity));
  const groups = Map.groupBy(due, ({ finding: { check, target } }) => JSON.stringify([check, target]));
  const items = [...groups.values()]
    .slice(0, MOST_ITEMS)
    .flatMap(([first]) =>
      first === undefined
        ? []
        : `${PLAIN.target(first.finding.target)}: ${title(first.finding, PLAIN)} (${first.finding.severity})`,
    );
  if (items.length === 0) {
    const missed = gapSentences(report).length > 0;
    return {
      question,
      answer: missed ? 'See what was not seen' : 'Nothing to fix',
      level: missed ? 'unknown' : 'none',
      details: missed ? ['Below: each database with the reason and what to do.'] : [],
      items: [],
    };
  }
  const rest = groups.size - MOST_ITEMS;
  return {
    question,
    answer: `${plural(groups.size, 'thing')} to fix`,
    level: 'none',
    details: rest > 0 ? [`From the top; ${rest} more below.`] : ['From the top:'],
    items,
  };
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** The names of some targets, each once: `a, b and 7 more`. */
export function targetNames(entries: readonly Pick<Entry, 'finding'>[]): string {
  return list([...new Set(entries.map(({ finding }) => PLAIN.target(finding.target)))]);
}
