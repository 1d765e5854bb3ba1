// Renders a report as a page: the four answers first, then what they rest on, in the order in which people ask.

import type { CheckInfo } from '../../model/check-info.ts';
import { countBySeverity } from '../digest.ts';
import { type Entry, entriesOf } from '../entries.ts';
import type { Report } from '../schema.ts';
import { countsText, displayTime, loopbackNote, PLAIN, plural } from '../text.ts';
import { answers, type Card } from './answer.ts';
import { clientSection } from './clients.ts';
import { renderDocument } from './document.ts';
import { dueSection, muteSection, notSeenSection, resolvedSection } from './findings.ts';
import { certificateSection, postQuantumSection, tlsSection } from './fleet.ts';
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
  /** Where the whole report is, to follow "is not on this page: …". */
  readonly elsewhere?: string;
  /** Whether there is time for a further target. @default always */
  readonly hasTime?: () => boolean;
}

/** One file, readable without script, of 5 MB at most: what does not fit is counted. */
export function renderReportPage(report: Report, context: PageContext, options: PageOptions = {}): string {
  const { readiness, elsewhere = 'the JSON report has all of them' } = options;
  const entries = entriesOf(report, context);
  const about = `Run of ${displayTime(report.startedAt)}, ${plural(report.targets.length, 'database')}.`;
  const later = [
    notSeenSection(report),
    clientSection(report, entries),
    tlsSection(report),
    certificateSection(report),
    postQuantumSection(report),
  ];
  const end = [readinessSection(readiness), muteSection(report, entries), resolvedSection(entries)];
  const first = answerSection(report, entries);
  const frame = { title: 'PostgreSQL TLS audit', about, footer: footer(report, context) };
  const withoutTargets = renderDocument({ ...frame, body: [first, dueSection(entries, () => undefined), later, end] });
  // Links to the targets are added afterwards.
  const links = 100_000;
  const room = MOST_BYTES - Buffer.byteLength(withoutTargets) - links;
  const targets = targetList(report, entries, room, elsewhere);
  return renderDocument({
    ...frame,
    body: [first, dueSection(entries, targets.anchorOf), later, targets.markup, end],
  });
}

function answerSection(report: Report, entries: readonly Entry[]): Markup {
  const open = entries.filter(({ status }) => status === 'open');
  const muted = entries.filter(({ status }) => status === 'muted').length;
  const counts = countsText(countBySeverity(open.map(({ finding }) => finding)));
  const note = loopbackNote(report.policy.loopback);
  return html`<div class="answers">${answers(report, entries).map(card)}</div>
<p>Findings: ${counts === '' ? 'none' : counts}${muted > 0 ? `, and ${muted} muted` : ''}.${note === undefined ? undefined : ` ${note}`}</p>
<nav aria-label="Parts of this page"><ul>${PARTS.map(([id, name]) => html`<li><a href="#${id}">${name}</a></li>`)}</ul></nav>
`;
}

const PARTS = [
  ['now', 'To do'],
  ['not-seen', 'Not seen'],
  ['clients', 'Plaintext by role'],
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
