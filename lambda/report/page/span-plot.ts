// Draws from when to when something was seen, one row each, with the same times as a table.

import { figure, table } from './document.ts';
import { type Content, html, type Markup } from './markup.ts';
import { NAMES, round, shortName, svg, timeAxis, timeScale } from './plot-frame.ts';

export interface Span {
  /** Safe to show. */
  readonly name: string;
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
  /** A class of the style. */
  readonly colour: string;
  /** Whether it goes on, as far as is known. */
  readonly open: boolean;
  /** Behind the name in the table. */
  readonly cells: readonly Content[];
}

export interface SpanPlot {
  readonly caption: string;
  /** Milliseconds since 1970: what is drawn. A span that begins before is cut, and the table says when it began. */
  readonly period: readonly [number, number];
  /** Milliseconds since 1970: where a line is drawn. */
  readonly now: number;
  /** Of the cells. */
  readonly columns: readonly string[];
  /** What the rows are: `Client`. */
  readonly rows: string;
  readonly spans: readonly Span[];
}

const ROW = 24;
const MOST_DRAWN = 40;
const TOP = 6;

export function spanPlot({ caption, period, now, columns, rows, spans }: SpanPlot): Markup {
  const scale = timeScale(period).clamp(true);
  const drawn = spans.slice(0, MOST_DRAWN);
  const bottom = TOP + drawn.length * ROW + 4;
  const bars = drawn.map(({ name, from, to, colour, open }, index) => {
    const y = TOP + index * ROW;
    const x = scale(from);
    const end = Math.max(scale(to), x + 4);
    const tip = `${end},${y + 5} ${end + 7},${y + 12} ${end},${y + 19}`;
    return html`<text x="${NAMES - 8}" y="${y + 16}" text-anchor="end">${shortName(name)}</text><rect class="${colour}" x="${round(
      x,
    )}" y="${y + 5}" width="${round(end - x)}" height="14"/>${open ? html`<polygon class="${colour}" points="${tip}"/>` : undefined}`;
  });
  const today = round(scale(now));
  const line = html`<line class="now" x1="${today}" x2="${today}" y1="0" y2="${bottom}"/>`;
  const drawing = svg(caption, bottom + 24, [timeAxis(scale, 0, bottom, 5), bars, line]);
  const more = spans.length - drawn.length;
  return figure(
    more > 0 ? html`${drawing}<p class="dim">${more} more are in the table.</p>` : drawing,
    table(
      caption,
      [rows, ...columns].map((name) => ({ name })),
      spans.map(({ name, cells }) => [name, ...cells]),
    ),
  );
}
