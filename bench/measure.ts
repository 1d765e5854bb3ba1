// Measures times in alternated pairs, and formats medians as rows of a table with their limits.

/** One line of the result. */
export interface Row {
  readonly what: string;
  readonly value: string;
  /** What the design asks for; a row without one is information. */
  readonly bar?: { readonly text: string; readonly met: boolean };
}

/** Milliseconds that `run` takes. */
export async function timed(run: () => unknown): Promise<number> {
  const start = performance.now();
  await run();
  return performance.now() - start;
}

export interface Pairs {
  /** Milliseconds, in the order in which they were taken: `ours[i]` and `theirs[i]` one right after the other. */
  readonly ours: readonly number[];
  readonly theirs: readonly number[];
  /** Median of the pairs' ratios: what else the machine does meets both halves of a pair alike. */
  readonly ratio: number;
}

/** Takes both times turn by turn, so that neither has the better moment; the first turns warm up and do not count. */
export async function alternated(
  { pairs, warmUp }: { readonly pairs: number; readonly warmUp: number },
  ours: () => Promise<number>,
  theirs: () => Promise<number>,
): Promise<Pairs> {
  const taken: { readonly ours: number; readonly theirs: number }[] = [];
  for (let turn = 0; turn < warmUp + pairs; turn += 1) {
    const pair = { theirs: await theirs(), ours: await ours() };
    if (turn >= warmUp) taken.push(pair);
  }
  return {
    ours: taken.map((pair) => pair.ours),
    theirs: taken.map((pair) => pair.theirs),
    ratio: median(taken.map((pair) => pair.ours / pair.theirs)),
  };
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

/** A row for a number that must not pass a bound. */
export function atMost(
  what: string,
  value: number,
  bound: number,
  show: (value: number) => string = (number) => number.toFixed(2),
): Row {
  return { what, value: show(value), bar: { text: `<= ${show(bound)}`, met: value <= bound } };
}

/** A row for a number that must reach a bound. */
export function atLeast(what: string, value: number, bound: number): Row {
  return { what, value: value.toFixed(2), bar: { text: `>= ${bound.toFixed(2)}`, met: value >= bound } };
}

export function milliseconds(value: number): string {
  return `${value.toFixed(value < 100 ? 1 : 0)} ms`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 2 : 0)} MB`;
}

const WIDTHS = { what: 46, value: 12, bar: 12 } as const;

/** Lines of at most 80 characters. */
export function renderRows(rows: readonly Row[]): string {
  return rows
    .map(({ what, value, bar }) => {
      const verdict = bar === undefined ? '' : `${bar.text.padStart(WIDTHS.bar)}  ${bar.met ? 'met' : 'MISSED'}`;
      return `  ${what.padEnd(WIDTHS.what)}${value.padStart(WIDTHS.value)}${verdict}`.trimEnd();
    })
    .join('\n');
}
