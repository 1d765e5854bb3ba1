// Provides what all plots share: their size, their time axis and their legend.

// Not scaleUtc, which brings the names of months: the function's bundle has a limit.
import { type ScaleLinear, scaleLinear } from 'd3-scale';
import { utcTicks } from 'd3-time';
import { type Content, html, type Markup } from './markup.ts';

/** Units of the drawing; a page scales it. */
export const WIDTH = 760;
/** Left of the plot, for the names of rows. */
export const NAMES = 220;
/** Right of it. */
export const MARGIN = 12;
/** Colours of series; what is beyond them is added together in the last one. */
export const COLOURS = 7;

/** A drawing with a name for those who cannot see it. Wider than a phone, it can be scrolled by keyboard. */
export function svg(label: string, height: number, content: Content): Markup {
  return html`<div class="scroll plot" role="region" aria-label="Chart: ${label}" tabindex="0"><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${label}">
${content}
</svg></div>`;
}

type TimeScale = ScaleLinear<number, number>;

/** From the names to the right margin. @param span - Milliseconds since 1970. */
export function timeScale([from, to]: readonly [number, number], left = NAMES): TimeScale {
  return scaleLinear([from, to], [left, WIDTH - MARGIN]);
}

/** Days or months under a plot, with lines up through it. */
export function timeAxis(scale: TimeScale, top: number, bottom: number, ticks = 6): Markup {
  const [from = 0, to = 0] = scale.domain();
  return html`${utcTicks(new Date(from), new Date(to), ticks).map((tick) => {
    const x = round(scale(tick));
    return html`<line class="grid" x1="${x}" x2="${x}" y1="${top}" y2="${bottom}"/><text class="axis" x="${x}" y="${
      bottom + 16
    }" text-anchor="middle">${tick.toISOString().slice(0, 10)}</text>`;
  })}`;
}

/** A name that fits left of a plot; the table beside it has the whole name. */
export function shortName(name: string, most = 30): string {
  const characters = [...name];
  return characters.length > most ? `${characters.slice(0, most - 1).join('')}…` : name;
}

export interface Series {
  readonly name: string;
  /** A class of the style: `c0` to `c6`, `bad`, `good`, `gap`. */
  readonly colour: string;
}

export function legend(series: readonly Series[]): Markup {
  return html`<ul class="legend">${series.map(
    ({ name, colour }) =>
      html`<li><svg viewBox="0 0 10 10" aria-hidden="true"><rect class="${colour}" width="10" height="10"/></svg>${name}</li>`,
  )}</ul>`;
}

/** Two decimals at most: a drawing needs no more, and a page has thousands of numbers. */
export function round(value: number): number {
  return Math.round(value * 100) / 100;
}
