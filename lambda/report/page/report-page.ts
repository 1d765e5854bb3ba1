// Renders a report as a page: the four answers first, then what they rest on, in the order in which people ask.

import type { CheckInfo } from '../../model/check-info.ts';
import type { LoginDay } from '../../model/login-day.ts';
import { countBySeverity } from '../digest.ts';
import { type Entry, entriesOf } from '../entries.ts';
import type { Report } from '../schema.ts';
import { countsText, displayTime, loopbackNote, PLAIN, plural } from '../text.ts';
import { answers, type Card } from './answer.ts';
import { clientSection } from './clients.ts';
import { documentEnd, documentHead } from './document.ts';
import { DUE_BYTES, dueSection, muteSection, notSeenSection, resolvedSection } from './findings.ts';
import { certificateSection, postQuantumSection, tlsSection } from './fleet.ts';
import { loginSection } from './logins.ts';
import { html, type Markup } from './markup.ts';
import { readinessSection, type TargetReadiness } from './readiness.ts';
import { targetList } from './targets.ts';

/** Bytes of a page, at most. */
export const MOST_BYTES = 5_000_000;

export interface PageContext {
  readonly catalogue: readonly CheckInfo[];
  /** Version of this auditor. */
  readonly toolVersion: string;
}

export interface PageOptions {
  /** How ready each target is to refuse plaintext. @default nothing is said about it */
  readonly readiness?: readonly TargetReadiness[];
  /** Plaintext and deprecated logins of the last days by role, oldest first. @default they are not known */
  readonly logins?: readonly LoginDay[];
  /** Where the whole report is, to follow what says that something is not on this page. */
  readonly elsewhere?: string;
  /** Whether there is time for a further target. @default always */
  readonly hasTime?: () => boolean;
}

/** One file in parts, readable without script, of 5 MB at most: what does not fit is counted. */
export function* renderReportPage(report: Report, context: PageContext, options: PageOptions = {}): Generator<string> {
  const { readiness, logins, elsewhere = 'the JSON report has everything', hasTime = () => true } = options;
  const entries = entriesOf(report, context);
  const about = `Run of ${displayTime(report.startedAt)}, ${plural(report.targets.length, 'database')}.`;
  const frame = { title: 'PostgreSQL TLS audit', about, footer: footer(report, context) };
  const ready = readinessSection(readiness);
  const before = [documentHead(frame), html`${answerSection(report, entries)}${navigation(ready !== undefined)}`];
  const later = [
    notSeenSection(report),
    loginSection(report, logins),
    clientSection(report, entries),
    tlsSection(report),
    certificateSection(report),
    postQuantumSection(report),
  ];
  const after = [ready, muteSection(report, entries), resolvedSection(entries), documentEnd(frame)];
  // What needs doing links to the targets that are on the page, so that they are rendered before it.
  const room = MOST_BYTES - DUE_BYTES - bytesOf([...before, ...later, ...after]);
  const targets = targetList(report, entries, { room, elsewhere, hasTime });
  const parts = [...before, dueSection(entries, targets.anchorOf), ...later, ...targets.parts, ...after];
  for (const part of parts) if (part !== undefined) yield part.toString();
}

function bytesOf(parts: readonly (string | Markup | undefined)[]): number {
  return parts.reduce<number>((sum, part) => sum + Buffer.byteLength(part?.toString() ?? ''), 0);
}

function answerSection(report: Report, entries: readonly Entry[]): Markup {
  const open = entries.filter(({ status }) => status === 'open');
  const muted = entries.filter(({ status }) => status === 'muted').length;
  const counts = countsText(countBySeverity(open.map(({ finding }) => finding)));
  const note = loopbackNote(report.policy.loopback);
  return html`<div class="answers">${answers(report, entries).map(card)}</div>
<p>Findings: ${counts === '' ? 'none' : counts}${muted > 0 ? `, and ${muted} muted` : ''}.${note === undefined ? undefined : ` ${note}`}</p>
`;
}

/** Links to the parts that every page has. */
function navigation(hasReadiness: boolean): Markup {
  const parts = [...PARTS, ...(hasReadiness ? [['readiness', 'Readiness'] as const] : [])];
  return html`<nav aria-label="Parts of this page"><ul>${parts.map(([id, name]) => html`<li><a href="#${id}">${name}</a></li>`)}</ul></nav>
`;
}

const PARTS = [
  ['now', 'To do'],
  ['not-seen', 'Not seen'],
  ['logins', 'Logins'],
  ['clients', 'Clients'],
  ['tls', 'TLS'],
  ['certificates', 'Certificates'],
  ['post-quantum', 'Post-quantum'],
  ['targets', 'Databases'],
] as const;

function card({ question, answer, level, details, items }: Card): Markup {
  const listed = items.length === 0 ? undefined : html`<ul>${items.map((item) => html`<li>${item}</li>`)}</ul>`;
  return html`<section class="card ${level}"><h2>${question}</h2><p class="big">${answer}</p>${details.map((line) => html`<p>${line}</p>`)}${listed}</section>
`;
}

function footer({ policy, startedAt, finishedAt }: Report, { toolVersion }: PageContext): Markup {
  const { document, version } = policy.cipherProfileSource;
  return html`<p>pg-tls-auditor ${toolVersion}, ${displayTime(startedAt)} to ${displayTime(finishedAt)}. Policy: TLS from ${
    policy.minTlsVersion
  }, ${policy.preferredTlsVersion} preferred, cipher suites by ${policy.cipherProfile} (${PLAIN.prose(`${document} ${version}`)}).
A log can be forged, and no verdict rests on it alone. Unknown never counts as encrypted.</p>`;
}
