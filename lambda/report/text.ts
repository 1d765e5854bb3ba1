// Provides the words that every format shares, so that the same thing reads the same everywhere.

import { displayText } from '../model/display.ts';
import type { LoopbackPolicy } from '../model/policy.ts';
import { SEVERITIES, type Severity } from '../model/severity.ts';
import { cached } from './cached.ts';
import type { ReportFinding, ReportTarget } from './schema.ts';

/** How a format shows names and values that it quotes. */
export interface Style {
  /** The name of a target: ours, from the configuration. */
  readonly target: (name: string) => string;
  /** A value that a client or server chose: set apart from our words. */
  readonly value: (raw: string) => string;
  /** A sentence of ours that may quote such values. */
  readonly prose: (text: string) => string;
}

/** Plain text: an email, a terminal. */
export const PLAIN: Style = {
  // The longest name of a target: account, region, cluster and member.
  target: (name) => displayText(name, 255),
  // A quotation mark inside could pretend that the value ends there.
  value: (raw) => `"${displayText(raw).replaceAll('"', "'")}"`,
  prose: (text) => displayProse(text),
};

/** How the application is shown that gives no name. */
const NO_NAME = '(none)';
/** A list in a message names this many of its items, and counts the rest. */
const LIST_LENGTH = 5;
/** Room for why a certificate was refused: its subject, its issuer and what the bundle holds instead. */
const SENTENCE_LENGTH = 400;
const REMEDY_LENGTH = 4_000;

/** The sites that remedies link to; a link to any other site is made unusable. */
const OWN_LINK =
  /https\[:\]\/\/(?=(?:docs\.aws\.amazon\.com|truststore\.pki\.rds\.amazonaws\.com|www\.postgresql\.org)\/)/g;

const TIMESTAMP = /^(\d{4}-\d\d-\d\d)T(\d\d:\d\d)(?::\d\d(?:\.\d+)?)?Z$/;

/** `2026-11-10 06:15 UTC` from an ISO 8601 timestamp in UTC; what is no such timestamp stays as it is. */
export function displayTime(iso: string): string {
  return iso.replace(TIMESTAMP, '$1 $2 UTC');
}

/** The scheme alone, as in "one postgres:// URL": with nothing behind it no program makes a link of it. */
const BARE_SCHEME = /\b(postgres(?:ql)?)\[:\]\/\/(?=[\s,;)"']|$)/g;

/** A sentence of ours made safe; links to the documentation stay whole. */
export function displayProse(text: string, maxLength = SENTENCE_LENGTH): string {
  const shown = displayText(text, maxLength);
  if (!shown.includes('[:]//')) return shown;
  return shown.replaceAll(OWN_LINK, 'https://').replaceAll(BARE_SCHEME, '$1://');
}

/** `1 finding`, `2 findings`. */
export function plural(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}

/** `a`, `a and b`, `a, b and c`, `a, b and 7 more`. */
export function list(items: readonly string[], maxItems = LIST_LENGTH): string {
  const shown = items.length > maxItems ? items.slice(0, maxItems) : items;
  const last = items.length > shown.length ? `${items.length - shown.length} more` : shown.at(-1);
  const first = items.length > shown.length ? shown : shown.slice(0, -1);
  return first.length === 0 ? (last ?? '') : `${first.join(', ')} and ${last}`;
}

/** `2 critical, 1 low`: worst first, without zeros. */
export function countsText(counts: Readonly<Record<Severity, number>>): string {
  return SEVERITIES.toReversed()
    .filter((severity) => counts[severity] > 0)
    .map((severity) => `${counts[severity]} ${severity}`)
    .join(', ');
}

/** Shown with findings where the policy treats loopback as a network; undefined otherwise. */
export function loopbackNote(policy: LoopbackPolicy): string | undefined {
  return policy === 'network'
    ? 'Loopback sessions count as network sessions (policy.loopback is "network").'
    : undefined;
}

/** How many sessions nothing encrypts: over a network by the policy, and over loopback apart. */
export function plaintextSessions(
  policy: LoopbackPolicy,
  { sessions }: Pick<ReportTarget, 'sessions'>,
): { readonly network: number; readonly loopback: number } {
  const { plaintext, loopback } = sessions?.byTransport ?? { plaintext: 0, loopback: 0 };
  return policy === 'network' ? { network: plaintext + loopback, loopback: 0 } : { network: plaintext, loopback };
}

/** Behind a number of plaintext sessions, ` (+2 loopback)`; nothing where there are none. */
export function loopbackCount(sessions: number): string {
  return sessions === 0 ? '' : ` (+${sessions} loopback)`;
}

/** What is wrong, in one line. */
export function title(finding: ReportFinding, style: Style): string {
  return style.prose(finding.title);
}

/** `role "app", database "shop", application "checkout"`; undefined when the finding is not about a client. */
export function who(
  finding: Pick<ReportFinding, 'role' | 'database' | 'application'>,
  style: Style,
): string | undefined {
  const parts = (['role', 'database', 'application'] as const).flatMap((what) => {
    const name = finding[what];
    if (name === undefined) return [];
    return `${what} ${name === '' ? NO_NAME : style.value(name)}`;
  });
  return parts.length > 0 ? parts.join(', ') : undefined;
}

/**
 * `12 sessions from 10.0.1.0/24 and 10.0.2.7`; of a client that a connection log shows,
 * `4,212 logins in the last 24 h from 10.0.1.0/24, last 2026-11-28 02:14 UTC; 0 open at the moment of the run`;
 * undefined when neither is known.
 */
export function howMany(finding: ReportFinding, style: Style): string | undefined {
  const { count, clients = [], evidence } = finding;
  const from = clients.length === 0 ? [] : [`from ${list(clients.map((client) => clientText(client, style)))}`];
  const { logins24h, openNow, lastLogin } = evidence;
  if (typeof logins24h === 'number') {
    const logins = `${logins24h.toLocaleString('en')} ${logins24h === 1 ? 'login' : 'logins'} in the last 24 h`;
    const last = typeof lastLogin === 'string' ? `, last ${displayTime(lastLogin)}` : '';
    const open = typeof openNow === 'number' ? `; ${openNow} open at the moment of the run` : '';
    return `${[logins, ...from].join(' ')}${last}${open}`;
  }
  const parts = [...(count === undefined ? [] : [plural(count, 'session')]), ...from];
  return parts.length > 0 ? parts.join(' ') : undefined;
}

/** What `howMany` says of logins. */
const IN_HOW_MANY: ReadonlySet<string> = new Set(['logins24h', 'openNow', 'lastLogin']);

/** Digits, `.` and `:` are markup nowhere; anything else in the place of an address is shown as a quoted value. */
function clientText(client: string, style: Style): string {
  return /^[0-9a-f.:]{2,45}(\/\d{1,3})?$/i.test(client) ? client : style.value(client);
}

/** One `oldest session: 2026-11-09 22:10 UTC` a fact, in the check's order. */
export function evidenceLines(finding: ReportFinding, style: Style): string[] {
  const facts = Object.entries(finding.evidence);
  const isSaid = typeof finding.evidence.logins24h === 'number';
  const shown = isSaid ? facts.filter(([key]) => !IN_HOW_MANY.has(key)) : facts;
  return shown.map(([key, fact]) => `${evidenceName(key)}: ${evidenceValue(fact, style)}`);
}

/** `oldestSession` and `oldest-session` as `oldest session`, `tlsVersion` as `TLS version`. */
const evidenceName = cached((key) =>
  displayText(key)
    .replaceAll(
      /([a-z0-9])([A-Z])(?![A-Z])/g,
      (_, before: string, letter: string) => `${before} ${letter.toLowerCase()}`,
    )
    .replaceAll('-', ' ')
    .replaceAll(/\b(?:ca|dn|dsn|ip|ssl|tls)\b/g, (word) => word.toUpperCase()),
);

function evidenceValue(fact: ReportFinding['evidence'][string], style: Style): string {
  if (typeof fact === 'boolean') return fact ? 'yes' : 'no';
  if (typeof fact === 'number') return String(fact);
  if (typeof fact === 'string') return style.prose(displayText(displayTime(fact), SENTENCE_LENGTH));
  return fact.length === 0 ? 'none' : list(fact.map((item) => style.prose(displayText(displayTime(item)))));
}

/** How to fix it: the lines the check wrote, each safe to show. */
export const remedyLines = cached((remedy): readonly string[] =>
  remedy
    .trim()
    .split(/\r?\n/)
    .map((line) => displayProse(line, REMEDY_LENGTH)),
);

/** The same as one text with line ends: one string, however many findings have it. */
export const remedyText = cached((remedy) => remedyLines(remedy).join('\n'));
