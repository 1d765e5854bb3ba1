// Prints the progress of a long run on standard error: one line in place on a terminal, a line now and then elsewhere.

import type { Failure } from '../../../lambda/model/failure.ts';

/** A shorter run prints no progress. */
const FIRST_LINE_DELAY_MS = 1_000;
const REDRAW_MS = 100;
/** Milliseconds between the lines of a log. */
const LOG_INTERVAL_MS = 10_000;
const CLEAR_LINE = '\r\x1b[K';

export interface Progress extends Disposable {
  /** To be called for each target as it is done. */
  readonly onTarget: (done: { readonly snapshot: { readonly failure?: Failure | undefined } }) => void;
}

/** Disposing of it clears the line: nothing of it stays beside the report. */
export function startProgress(total: number, stream: Pick<NodeJS.WriteStream, 'isTTY' | 'write'>): Progress {
  const count = { audited: 0, missed: 0 };
  const text = (): string =>
    `${count.audited}/${total} audited${count.missed === 0 ? '' : `, ${count.missed} not audited`}`;

  const start = Date.now();
  let drawn = '';
  const draw = (): void => {
    const now = text();
    if (now === drawn || Date.now() - start < FIRST_LINE_DELAY_MS) return;
    stream.write(CLEAR_LINE + now);
    drawn = now;
  };
  const timer = stream.isTTY
    ? setInterval(draw, REDRAW_MS)
    : setInterval(() => stream.write(`${text()}\n`), LOG_INTERVAL_MS);
  return {
    onTarget: ({ snapshot: { failure } }) => {
      if (failure !== undefined) count.missed += 1;
      else count.audited += 1;
    },
    [Symbol.dispose]: () => {
      clearInterval(timer);
      if (drawn !== '') stream.write(CLEAR_LINE);
    },
  };
}
