// Reads a file that a person named, bounded in size and time: the name may lead to a pipe, a device or a folder.

import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';

export interface Bounds {
  /** @default 16 MiB */
  readonly maxBytes?: number;
  /** Milliseconds to wait for a pipe or device that yields nothing. @default 5000 */
  readonly timeoutMs?: number;
}

const MAX_BYTES = 16 * 1024 * 1024;
const TIMEOUT_MS = 5_000;
/** Milliseconds between two reads of a pipe. */
const PAUSE_MS = 10;
const CHUNK_BYTES = 64 * 1024;

/** A file that was not read to its end. `code` takes the place of the system's error code in messages. */
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

/** The same, without blocking the process while it waits. */
export async function readBoundedFile(path: string, bounds: Bounds = {}): Promise<Buffer> {
  const reading = read(path, bounds);
  for (let step = reading.next(); ; step = reading.next()) {
    if (step.done === true) return step.value;
    await wait(PAUSE_MS);
  }
}

/** Yields where it must wait. It opens without blocking: a pipe without a writer would block the process for ever. */
function* read(path: string, { maxBytes = MAX_BYTES, timeoutMs = TIMEOUT_MS }: Bounds): Generator<void, Buffer> {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const isPipe = fstatSync(file).isFIFO();
    const chunks: Buffer[] = [];
    let [size, giveUpAt] = [0, Date.now() + timeoutMs];
    for (;;) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const length = readSome(file, chunk);
      // A pipe without a writer reads as if it were at its end.
      if (length === 0 && !(isPipe && size === 0)) return Buffer.concat(chunks);
      if (length === undefined || length === 0) {
        if (Date.now() > giveUpAt) throw new UnboundedFileError('nothing came');
        yield;
      } else {
        size += length;
        if (size > maxBytes) throw new UnboundedFileError('too large');
        chunks.push(chunk.subarray(0, length));
        giveUpAt = Date.now() + timeoutMs;
      }
    }
  } finally {
    closeSync(file);
  }
}

/** @returns the number of bytes; undefined where no data has arrived yet */
function readSome(file: number, into: Buffer): number | undefined {
  try {
    return readSync(file, into);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return undefined;
    throw error;
  }
}
