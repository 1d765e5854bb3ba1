// Renders what runs record of insecure clients as a page: logins a day by role, who, since when, what is not known.

import type { LoginDay } from '../../model/login-day.ts';
import { DAY_MS } from '../../model/time.ts';
import { displayTime, PLAIN, plural } from '../text.ts';
import { renderDocument, section } from './document.ts';
import { loginDaysSection, loginSection, roleName } from './logins.ts';
import { html, type Markup } from './markup.ts';
import { type Span, spanPlot } from './span-plot.ts';
import { severityBadge, some } from './texts.ts';

/** The parts of the document of `history` that the page shows. Names are safe to show; times are ISO 8601, UTC. */
export interface HistoryForPage {
  readonly state: string;
  readonly days: number;
  readonly since: string;
  readonly until: string;
  readonly recordedSince: string;
  readonly targets: readonly { readonly name: string; readonly lastAudited: string }[];
  readonly clients: readonly HistoryClient[];
  readonly notSeen: readonly { readonly target: string; readonly since: string; readonly reason: string }[];
}

interface HistoryClient {
  readonly target: string;
  readonly role?: string | undefined;
  readonly database?: string | undefined;
  readonly application?: string | undefined;
  readonly checks: readonly string[];
  readonly clients: readonly string[];
  readonly firstSeen: string;
  readonly lastSeen: string;
  readonly status: 'open' | 'resolved';
  readonly severity: Parameters<typeof severityBadge>[0];
}

const MOST_ROWS = 1_000;

/** @param days - Oldest first; undefined where no target's connection log is recorded. */
export function renderHistoryPage(history: HistoryForPage, days: readonly LoginDay[] | undefined): string {
  const { since, until, clients, targets, state } = history;
  const open = clients.filter(({ status }) => status === 'open').length;
  return renderDocument({
    title: 'Clients without encryption that is good enough',
    about: `${displayTime(since)} to ${displayTime(until)}, ${plural(targets.length, 'database')}, from ${state}.`,
    body: [
      html`<p><strong>${plural(clients.length, 'client')} connected insecurely, ${open} of them still.</strong></p>`,
      days === undefined ? loginSection({ targets: [] }, undefined) : loginDaysSection(days),
      clientSection(history),
      gapSection(history),
    ],
    footer: html`<p>What is not recorded is unknown: it never counts as encrypted. A log can be forged.</p>`,
  });
}

function clientSection({ clients, days, until, recordedSince }: HistoryForPage): Markup {
  if (clients.length === 0) return section('clients', 'Clients', html`<p>None is recorded.</p>`);
  const now = Date.parse(until);
  const shown = clients.slice(0, MOST_ROWS);
  return section(
    'clients',
    'Clients, from the first time to the last',
    html`<p>Recorded since ${displayTime(recordedSince)}.</p>${spanPlot({
      caption: `Clients by role, ${days} days`,
      period: [now - days * DAY_MS, now],
      now,
      rows: 'Client',
      columns: ['Severity', 'Database, application', 'From', 'Since', 'Last seen', 'State', 'Checks'],
      spans: shown.map(span),
    })}${clients.length > shown.length ? html`<p class="dim">${clients.length - shown.length} more not shown here.</p>` : undefined}`,
  );
}

function span(client: HistoryClient): Span {
  const { target, role, database, application, checks, clients, firstSeen, lastSeen, status, severity } = client;
  return {
    name: `${roleName(role)} on ${target}`,
    from: Date.parse(firstSeen),
    to: Date.parse(lastSeen),
    colour: severity === 'critical' || severity === 'high' ? 'c0' : 'c1',
    open: status === 'open',
    cells: [
      severityBadge(severity),
      [database, application].map((name) => (name === undefined ? '' : PLAIN.value(name))).join(' '),
      clients.join(', '),
      displayTime(firstSeen),
      displayTime(lastSeen),
      status,
      checks.join(', '),
    ],
  };
}

function gapSection({ notSeen }: HistoryForPage): Markup {
  return section(
    'not-seen',
    'What is not known',
    notSeen.length === 0
      ? html`<p>Every database was seen by its last run.</p>`
      : some(
          notSeen,
          MOST_ROWS,
          ({ target, since, reason }) => html`<p><strong>${target}</strong>, since ${displayTime(since)}: ${reason}</p>
`,
          'databases',
        ),
  );
}
