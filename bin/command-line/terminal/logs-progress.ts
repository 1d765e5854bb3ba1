// Shows on a terminal how much of the log files is read.

/** Milliseconds before the first line, and between two. */
const FIRST = 1_000;
const REDRAW = 200;
const CLEAR_LINE = '\r\x1b[K';

/** A file with its size in bytes, where that is known, and how many of them are read. */
interface MeasuredFile {
  readonly size: number | undefined;
  readonly done: () => number;
}

export interface LogProgress extends Disposable {
  readonly draw: () => void;
}

/** Disposing of it clears the line. Nothing is shown where the stream is no terminal. */
export function startLogProgress(
  files: readonly MeasuredFile[],
  lines: () => number,
  stream: Pick<NodeJS.WriteStream, 'isTTY' | 'write'>,
): LogProgress {
  const sizes = files.map(({ size }) => size);
  const total = sizes.reduce<number | undefined>(
    (sum, size) => (sum === undefined || size === undefined ? undefined : sum + size),
    0,
  );
  let next = Date.now() + FIRST;
  let drawn = false;
  return {
    draw: () => {
      if (!stream.isTTY || Date.now() < next) return;
      next = Date.now() + REDRAW;
      const done = files.reduce((sum, file) => sum + file.done(), 0);
      const share = total === undefined || total === 0 ? '' : `, ${Math.floor((100 * done) / total)} %`;
      stream.write(`${CLEAR_LINE}${lines()} lines read${share}`);
      drawn = true;
    },
    [Symbol.dispose]: () => {
      if (drawn) stream.write(CLEAR_LINE);
    },
  };
}
