// Draws how a whole is divided, as one bar, with the numbers as a table.

import { scaleLinear } from 'd3-scale';
import { figure, table } from './document.ts';
import { html, type Markup } from './markup.ts';
import { legend, MARGIN, round, type Series, WIDTH } from './plot-frame.ts';

export interface Part extends Series {
  readonly count: number;
}

const HEIGHT = 34;

/** Nothing is drawn of parts without a count; the table has them. @param what - Of what the counts are. */
export function shareBar(caption: string, what: string, parts: readonly Part[]): Markup {
  const total = parts.reduce((sum, { count }) => sum + count, 0);
  const scale = scaleLinear([0, Math.max(total, 1)], [0, WIDTH - MARGIN]);
  const shown = parts.filter(({ count }) => count > 0);
  let before = 0;
  const bars = shown.map(({ colour, count, name }) => {
    const x = scale(before);
    before += count;
    return html`<rect class="${colour}" x="${round(x)}" y="4" width="${round(Math.max(scale(before) - x - 1, 1))}" height="${
      HEIGHT - 8
    }"><title>${name}: ${count}</title></rect>`;
  });
  const named = shown.map(({ name, colour, count }) => ({
    name: `${name}: ${count} (${percent(count, total)})`,
    colour,
  }));
  return figure(
    html`<svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${caption}">${bars}</svg>${legend(named)}`,
    table(
      caption,
      [{ name: what }, { name: 'Count', numeric: true }, { name: 'Share', numeric: true }],
      parts.map(({ name, count }) => [name, count, percent(count, total)]),
    ),
  );
}

/** `37 %`; what is there is never 0 %, and what is not all is never 100 %. */
function percent(count: number, total: number): string {
  if (total === 0) return 'none';
  const share = (count / total) * 100;
  if (count > 0 && share < 1) return '< 1 %';
  if (count < total && share > 99) return '> 99 %';
  return `${Math.round(share)} %`;
}
