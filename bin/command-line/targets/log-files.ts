// Opens log files, plain or compressed with gzip, and standard input, as bounded pieces.

import { constants, createReadStream } from 'node:fs';
import { access, stat } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { showPath } from '../../../lambda/model/given-text.ts';
import { UsageError } from '../grammar/usage-error.ts';

/** Stands for standard input. */
export const STANDARD_INPUT = '-';

const PIECE = 256 * 1024;
/** Logs compress well; what unpacks to more than this many times its size, beyond the first part, is no log. */
const MOST_TIMES_LARGER = 250;
const ALWAYS_UNPACKED = 256 * 1024 * 1024;

/** A file that was not read to its end. The message is safe to show. */
export class LogFileError extends Error {
  override readonly name = 'LogFileError';
}

export interface LogFile {
  /** As messages name it. */
  readonly shownAs: string;
  /** Bytes as they are stored, for progress; undefined where that is not known. */
  readonly size: number | undefined;
  /** Bytes read of it so far, as they are stored. */
  readonly done: () => number;
  /** The log's bytes, unpacked. @throws LogFileError */
  readonly pieces: () => AsyncIterable<Uint8Array>;
}

/** @throws UsageError where a file cannot be opened, or is named twice: its logins would count twice */
export async function openLogs(files: readonly string[]): Promise<LogFile[]> {
  const names = new Map<string, string>();
  const opened: LogFile[] = [];
  for (const file of files) {
    const { identity, ...log } = await openLog(file);
    const before = names.get(identity);
    if (before !== undefined) {
      throw new UsageError(
        before === log.shownAs
          ? `${before} is named twice: name each log once`
          : `${before} and ${log.shownAs} are the same file: name each log once`,
      );
    }
    names.set(identity, log.shownAs);
    opened.push(log);
  }
  return opened;
}

async function openLog(file: string): Promise<LogFile & { readonly identity: string }> {
  if (file === STANDARD_INPUT) {
    return { ...logOf('standard input', undefined, () => process.stdin), identity: STANDARD_INPUT };
  }
  const shownAs = showPath(file);
  try {
    const facts = await stat(file);
    if (facts.isDirectory()) throw new UsageError(`${shownAs} is a folder: name the log files in it`);
    await access(file, constants.R_OK);
    const size = facts.isFile() ? facts.size : undefined;
    const log = logOf(shownAs, size, () => createReadStream(file, { highWaterMark: PIECE }));
    return { ...log, identity: `${facts.dev} ${facts.ino}` };
  } catch (cause) {
    if (cause instanceof UsageError) throw cause;
    const code = (cause as NodeJS.ErrnoException).code ?? 'unknown cause';
    throw new UsageError(`${shownAs} can't be read (${code}): it must be a log file that this user may read`, {
      cause,
    });
  }
}

function logOf(shownAs: string, size: number | undefined, open: () => Readable): LogFile {
  let done = 0;
  async function* pieces(): AsyncIterable<Uint8Array> {
    const source = counted(open(), (length) => {
      done += length;
    });
    try {
      const { value: first, done: isEmpty } = await source.next();
      if (isEmpty === true) return;
      const all = from(first, source);
      if (first[0] === 0x1f && first[1] === 0x8b) {
        yield* unpacked(all, () => done);
        return;
      }
      yield* all;
      if (size !== undefined && done < size) throw new LogFileError('became shorter while it was read');
    } catch (cause) {
      if (cause instanceof LogFileError) throw new LogFileError(`${shownAs} ${cause.message}`, { cause });
      const code = (cause as NodeJS.ErrnoException).code ?? 'unknown cause';
      const what =
        code === 'Z_BUF_ERROR' ? 'ends in the middle of its compressed data' : `was not read to its end (${code})`;
      throw new LogFileError(`${shownAs} ${what}`, { cause });
    }
  }
  return { shownAs, size, done: () => done, pieces };
}

async function* counted(source: Readable, onPiece: (length: number) => void): AsyncGenerator<Uint8Array, void> {
  for await (const piece of source as AsyncIterable<Buffer>) {
    onPiece(piece.length);
    if (piece.length > 0) yield piece;
  }
}

async function* from(first: Uint8Array, rest: AsyncGenerator<Uint8Array, void>): AsyncGenerator<Uint8Array, void> {
  yield first;
  yield* rest;
}

/** @param packed how many compressed bytes were taken so far */
async function* unpacked(source: AsyncIterable<Uint8Array>, packed: () => number): AsyncIterable<Uint8Array> {
  const gunzip = createGunzip({ chunkSize: 256 * 1024 });
  const feeding = feed(source, gunzip);
  let size = 0;
  for await (const piece of gunzip as AsyncIterable<Buffer>) {
    size += piece.length;
    if (size > ALWAYS_UNPACKED && size > packed() * MOST_TIMES_LARGER) {
      throw new LogFileError(
        `unpacks to more than ${MOST_TIMES_LARGER} times its size, and was not read further: no log does`,
      );
    }
    yield piece;
  }
  await feeding;
}

async function feed(source: AsyncIterable<Uint8Array>, into: ReturnType<typeof createGunzip>): Promise<void> {
  try {
    for await (const piece of source) {
      if (into.destroyed) return;
      if (!into.write(piece)) await drained(into);
    }
    into.end();
  } catch (error) {
    into.destroy(error as Error);
  }
}

function drained(stream: ReturnType<typeof createGunzip>): Promise<void> {
  return new Promise((resolve) => {
    stream.once('drain', resolve);
    stream.once('close', resolve);
  });
}
