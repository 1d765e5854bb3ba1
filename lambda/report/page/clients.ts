// Renders the clients without encryption that is good enough: who, since when, and how often they log in.

import { DAY_MS } from '../../model/time.ts';
import type { Entry } from '../entries.ts';
import type { Report } from '../schema.ts';
import { displayTime, howMany, PLAIN, title, who } from '../text.ts';
import { isInsecureClient, isPlaintext, since } from './answer.ts';
import { section } from './document.ts';
import { html, type Markup } from './markup.ts';
import { legend } from './plot-frame.ts';
import { type Span, spanPlot } from './span-plot.ts';

/** What a chart covers. */
const DAYS = 30;
const MOST_ROWS = 300;

const PLAINTEXT = { name: 'plaintext, or nothing shows the contrary', colour: 'c0' };
const WEAK = { name: 'weak encryption', colour: 'c1' };

export function clientSection(report: Report, entries: readonly Entry[]): Markup {
  const clients = entries.filter((entry) => entry.status !== 'resolved' && isInsecureClient(entry));
  const heading = 'Plaintext and weak encryption, by role';
  if (clients.length === 0) {
    return section('clients', heading, html`<p>No such client was seen. ${NOT_PROVED}</p>`);
  }
  const now = Date.parse(report.finishedAt);
  const rows = clients.slice(0, MOST_ROWS).map(span);
  const counted =
    report.state === 'kept'
      ? 'From the first time that a run or a connection log showed it to the last time.'
      : 'Runs are not compared, so each may have begun earlier than is drawn.';
  return section(
    'clients',
    heading,
    html`<p>${counted} ${COUNTS}</p>${legend([PLAINTEXT, WEAK])}${spanPlot({
      caption: `Clients by role, the last ${DAYS} days`,
      period: [now - DAYS * DAY_MS, now + DAY_MS],
      now,
      rows: 'Client',
      columns: ['What', 'Since', 'Last seen', 'Sessions or logins'],
      spans: rows,
    })}${clients.length > rows.length ? html`<p class="dim">${clients.length - rows.length} more not shown here.</p>` : undefined}`,
  );
}

const NOT_PROVED =
  'What was not seen, and what comes and goes between two runs where no connection log is read, is not in it.';
const COUNTS = 'Logins are counted for the last 24 hours, where a connection log is read; a report has no other days.';

function span(entry: Entry): Span {
  const { finding, lastSeen, isObserved, status } = entry;
  const client =
    finding.role === undefined ? finding.check : finding.role === '' ? '(no role)' : PLAIN.value(finding.role);
  const from = since(entry);
  return {
    name: `${client} on ${PLAIN.target(finding.target)}`,
    from: Date.parse(from),
    to: Date.parse(lastSeen),
    colour: isPlaintext(entry) ? PLAINTEXT.colour : WEAK.colour,
    open: isObserved,
    cells: [
      `${title(finding, PLAIN)}${who(finding, PLAIN) === undefined ? '' : `: ${who(finding, PLAIN)}`}${status === 'muted' ? ' (muted)' : ''}`,
      displayTime(from),
      isObserved ? displayTime(lastSeen) : `${displayTime(lastSeen)}, not seen by this run`,
      howMany(finding, PLAIN) ?? 'not counted',
    ],
  };
}
