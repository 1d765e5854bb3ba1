// Prints and parses the record of a target's connection log, bounded in size.

import * as z from 'zod';
import type { StoredLogState } from '../../model/log-state.ts';
import { describeIssue } from './issue.ts';
import { STATE_SCHEMA_VERSION } from './records.ts';
import { StateError } from './store.ts';

/** Bytes as JSON. An item of DynamoDB has 400 KB at most ("Quotas": item size), its keys included. */
const MAX_BYTES = 300_000;

/** Days after which it is of no use: a log that was not read for so long is read from one day back. */
export const UNUSED_DAYS = 30;

/** Days after which the clients of a target that is not audited any more are deleted. */
export const DAYS_KEPT = 120;

export const NOTHING_STORED: StoredLogState = { state: undefined, version: 0 };

const recordSchema = z.object({
  schemaVersion: z.int().positive(),
  target: z.string(),
  version: z.int().positive(),
  /** JSON of its own: DynamoDB would change numbers and leave out what it does not know. */
  state: z.string().max(MAX_BYTES),
});
export type LogRecord = z.output<typeof recordSchema>;

/**
 * @param version that it has from now on
 * @throws StateError for a state that is too large
 */
export function logRecord(target: string, state: unknown, version: number): LogRecord {
  const text = JSON.stringify(state) ?? 'null';
  const size = Buffer.byteLength(text);
  if (size > MAX_BYTES) {
    throw new StateError(
      `What is remembered of the target has ${size} bytes, more than the ${MAX_BYTES} that are saved.`,
    );
  }
  return { schemaVersion: STATE_SCHEMA_VERSION, target, version, state: text };
}

/**
 * @param place where it is, for messages that quote nothing of it
 * @throws StateError
 */
export function parseLogRecord(place: string, target: string, record: unknown): StoredLogState {
  const read = recordSchema.safeParse(record);
  if (!read.success) throw foreign(place, describeIssue(read.error));
  const { schemaVersion, version, state } = read.data;
  if (schemaVersion > STATE_SCHEMA_VERSION) {
    throw new StateError(
      `${place} was written by a newer version of the auditor (schemaVersion ${schemaVersion}, this one knows ${STATE_SCHEMA_VERSION}): run the newer version, or name another place for the state.`,
    );
  }
  if (read.data.target !== target) throw foreign(place, 'it is of another target');
  try {
    return { state: JSON.parse(state), version };
  } catch {
    throw foreign(place, 'it holds no JSON');
  }
}

export function foreign(place: string, reason: string): StateError {
  return new StateError(
    `${place} was not written by the auditor (${reason}). Nothing was changed: remove it, and the log is read from one day back.`,
  );
}
