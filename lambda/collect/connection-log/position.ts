// Defines what is remembered of the log files of a server: how far each was read, and how it is found again.

import { createHash } from 'node:crypto';
import * as z from 'zod';

/** Files that are not read to their end yet. */
export const MOST_UNREAD = 200;
/** Files that are: of them only those are kept that may be found again by another name. */
export const MOST_DONE = 50;

const offset = z.int().min(0);
const digest = z.string().regex(/^[0-9a-f]{32}$/);

const fileSchema = z.strictObject({
  name: z.string().min(1).max(256),
  /** Bytes that were read: a record ends there. */
  offset,
  /** At most 64 KB before it: a record begins there. What is between is read again, and not counted again. */
  context: offset,
  /** Of the first bytes of the file, and how many they are. */
  head: z.strictObject({ length: offset, digest }),
  /** Of the bytes from `context` to `offset`. */
  tail: digest,
  /** Milliseconds since 1970, by the server's clock: when it was written to last. */
  modified: z.number(),
  /** Whether a later file had taken its place, and all of it was read. */
  isDone: z.boolean(),
});

const positionSchema = z
  .strictObject({
    format: z.enum(['stderr', 'csvlog', 'jsonlog']),
    directory: z.string().max(4096),
    /** Milliseconds since 1970, by the server's clock: when the files were listed. */
    at: z.number(),
    files: z.array(fileSchema).max(MOST_UNREAD + MOST_DONE),
  })
  .refine(({ files }) => files.every((file) => file.context <= file.offset));

export type FilesPosition = z.output<typeof positionSchema>;
export type FilePosition = FilesPosition['files'][number];

/** Undefined where nothing is remembered, or something that no run has written. */
export function parsePosition(position: unknown): FilesPosition | undefined {
  return positionSchema.safeParse(position).data;
}

export function digestOf(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex').slice(0, 32);
}
