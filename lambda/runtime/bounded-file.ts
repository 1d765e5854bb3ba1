// Reads files that people name: bounded in size and in time, whatever is behind the name (a pipe, a device, a folder).

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

export interface Bounds {
  /** @default 16 MiB */
  readonly maxBytes?: number;
  /** Milliseconds to wait for a pipe or device that gives nothing. @default 5000 */
  readonly patienceMs?: number;
}

const MAX_BYTES = 16 * 1024 * 1024;
const PATIENCE_MS = 5_000;
/** Milliseconds between two looks at a pipe. */
const PAUSE_MS = 10;
const CHUNK_BYTES = 64 * 1024;

/** A file that was not read to its end. `code` stands where the system's own code would, for messages. */
class UnboundedFileError extends Error {
  override readonly name = 'UnboundedFileError';
  readonly code: 'too large' | 'nothing came';

  constructor(code: 'too large' | 'nothing came') {
    super(`file not read to its end: ${code}`);
    this.code = code;
  }
}

/** @throws UnboundedFileError, or the system's error */
export function readBoundedFileSync(path: string, bounds: Bounds = {}): Buffer {
  const reading = read(path, bounds);
  const clock = new Int32Array(new SharedArrayBuffer(4));
  for (let step = reading.next(); ; step = reading.next()) {
    if (step.done === true) return step.value;
    Atomics.wait(clock, 0, 0, PAUSE_MS);
  }
}

/** The same without holding up others while it waits. */
export async function readBoundedFile(path: string, bounds: Bounds = {}): Promise<Buffer> {
  const reading = read(path, bounds);
  for (let step = reading.next(); ; step = reading.next()) {
    if (step.done === true) return step.value;
    await wait(PAUSE_MS);
  }
}

/** Yields where it must wait. Opened without blocking: a pipe without a writer would hold up the process for ever. */
function* read(path: string, { maxBytes = MAX_BYTES, patienceMs = PATIENCE_MS }: Bounds): Generator<void, Buffer> {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const isPipe = fstatSync(file).isFIFO();
    const chunks: Buffer[] = [];
    let [size, giveUpAt] = [0, Date.now() + patienceMs];
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const length = readSome(file, chunk);
      // A pipe that nobody has written to yet looks as if it were at its end.
      if (length === 0 && !(isPipe && size === 0)) return Buffer.concat(chunks);
      if (length === undefined || length === 0) {
        if (Date.now() > giveUpAt) throw new UnboundedFileError('nothing came');
        yield;
      } else {
        size += length;
        if (size > maxBytes) throw new UnboundedFileError('too large');
        chunks.push(chunk.subarray(0, length));
        giveUpAt = Date.now() + patienceMs;
      }
    }
  } finally {
    closeSync(file);
  }
}

/** Undefined where nothing is there yet. */
function readSome(file: number, into: Buffer): number | undefined {
  try {
    return readSync(file, into);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw error;
  }
}
