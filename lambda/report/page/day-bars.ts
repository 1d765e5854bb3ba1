// Draws counts by day as stacked bars, one colour for each role; a day that is not recorded is hatched, never 0.

import { scaleBand, scaleLinear } from 'd3-scale';
import { stack } from 'd3-shape';
import { figure, table } from './document.ts';
import { type Content, html, type Markup } from './markup.ts';
import { COLOURS, legend, MARGIN, round, type Series, svg, WIDTH } from './plot-frame.ts';

/** One day, UTC. */
export interface Day {
  /** `2026-11-28`. */
  readonly day: string;
  /** `whole`: every count is known; `part`: of some hours or databases; `none`: nothing is recorded. */
  readonly recorded: 'whole' | 'part' | 'none';
  /** By name; safe to show. */
  readonly counts: ReadonlyMap<string, number>;
}

const HEIGHT = 220;
const LEFT = 56;
const TOP = 10;
const OTHERS = 'others';

export function dayBars(caption: string, days: readonly Day[]): Markup {
  const names = topNames(days);
  const rows = days.map(({ counts }) => {
    const row: Record<string, number> = Object.fromEntries(names.map((name) => [name, 0]));
    for (const [name, count] of counts) {
      const key = names.includes(name) ? name : OTHERS;
      row[key] = (row[key] ?? 0) + count;
    }
    return row;
  });
  const highest = Math.max(1, ...rows.map((row) => Object.values(row).reduce((sum, count) => sum + count, 0)));
  const x = scaleBand(
    days.map(({ day }) => day),
    [LEFT, WIDTH - MARGIN],
  ).padding(0.15);
  const y = scaleLinear([0, highest], [HEIGHT, TOP]).nice(4);
  const series = names.map((name, index): Series => ({ name, colour: `c${index % COLOURS}` }));
  const bars = stack()
    .keys(names)(rows)
    .flatMap((layer, index) =>
      layer.flatMap(([from, to], day) => {
        const at = days[day];
        if (at === undefined || to <= from) return [];
        return html`<rect class="${series[index]?.colour}" x="${round(x(at.day) ?? 0)}" y="${round(y(to))}" width="${round(
          x.bandwidth(),
        )}" height="${round(Math.max(y(from) - y(to), 1))}"><title>${at.day} ${layer.key}: ${to - from}</title></rect>`;
      }),
    );
  const grid = y
    .ticks(4)
    .filter(Number.isInteger)
    .map(
      (tick) =>
        html`<line class="grid" x1="${LEFT}" x2="${WIDTH - MARGIN}" y1="${round(y(tick))}" y2="${round(
          y(tick),
        )}"/><text class="axis" x="${LEFT - 6}" y="${round(y(tick)) + 4}" text-anchor="end">${tick.toLocaleString('en')}</text>`,
    );
  const every = Math.ceil(days.length / 6);
  const labels = days
    .filter((_, index) => index % every === 0)
    .map(
      ({ day }) =>
        html`<text class="axis" x="${round((x(day) ?? 0) + x.bandwidth() / 2)}" y="${HEIGHT + 18}" text-anchor="middle">${day.slice(5)}</text>`,
    );
  const drawing = svg(caption, HEIGHT + 26, [gaps(days, x), grid, bars, labels]);
  const hatched = { name: 'not recorded, or in part: unknown, not zero', colour: 'gap' };
  return figure(html`${drawing}${legend([...series, hatched])}`, numbers(caption, days));
}

type Band = (day: string) => number | undefined;

/** A day that is not recorded, or in part, is hatched from top to bottom: behind its bar is what may be missing. */
function gaps(days: readonly Day[], x: Band & { bandwidth(): number }): Content {
  return days
    .filter(({ recorded }) => recorded !== 'whole')
    .map(({ day }) => {
      const left = round(x(day) ?? 0);
      const width = round(x.bandwidth());
      return html`<rect class="gap" x="${left}" y="${TOP}" width="${width}" height="${HEIGHT - TOP}"/><line class="hatch" x1="${left}" x2="${round(
        left + width,
      )}" y1="${HEIGHT}" y2="${TOP}"/>`;
    });
}

function topNames(days: readonly Day[]): string[] {
  const totals = new Map<string, number>();
  for (const { counts } of days) {
    for (const [name, count] of counts) totals.set(name, (totals.get(name) ?? 0) + count);
  }
  const sorted = [...totals].sort(([a, m], [b, n]) => n - m || (a < b ? -1 : 1)).map(([name]) => name);
  return sorted.length <= COLOURS ? sorted : [...sorted.slice(0, COLOURS - 1), OTHERS];
}

const RECORDED = { whole: 'yes', part: 'in part', none: 'no: not known' } as const;

function numbers(caption: string, days: readonly Day[]): Markup {
  const columns = [{ name: 'Day (UTC)' }, { name: 'Recorded' }, { name: 'Role' }, { name: 'Logins', numeric: true }];
  const rows = days.flatMap(({ day, recorded, counts }) => {
    const some = [...counts].sort(([a], [b]) => (a < b ? -1 : 1));
    if (some.length === 0) return [[day, RECORDED[recorded], '', recorded === 'none' ? 'not known' : 0]];
    return some.map(([name, count]) => [day, RECORDED[recorded], name, count]);
  });
  return table(caption, columns, rows);
}
