// Reads and prints the state as one JSON document, for a state file.

import * as z from 'zod';
import { describeIssue } from './issue.ts';
import { KINDS, parseRecord, STATE_SCHEMA_VERSION, type StateRecord } from './records.ts';
import { StateError } from './store.ts';

const headSchema = z.object({ schemaVersion: z.int().positive() });
const documentSchema = z.object({
  findings: z.array(z.unknown()),
  targets: z.array(z.unknown()),
  mutes: z.array(z.unknown()),
});

/**
 * @param path - The file, as messages name it.
 * @throws StateError that quotes nothing of the text: the file may belong to another program
 */
export function parseDocument(path: string, text: string): StateRecord[] {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw foreign(path, 'it is not JSON');
  }
  const head = headSchema.safeParse(document);
  if (!head.success) throw foreign(path, 'it has no schemaVersion');
  const { schemaVersion } = head.data;
  if (schemaVersion > STATE_SCHEMA_VERSION) {
    throw new StateError(
      `${path} was written by a newer version of the auditor (schemaVersion ${schemaVersion}, this one knows ${STATE_SCHEMA_VERSION}): ` +
        'run the newer version, or name another file.',
    );
  }
  const lists = documentSchema.safeParse(document);
  if (!lists.success) throw foreign(path, describeIssue(lists.error));
  return KINDS.flatMap((kind) =>
    lists.data[`${kind}s`].map((record, index) => {
      try {
        return parseRecord(kind, record);
      } catch (error) {
        if (error instanceof z.ZodError) throw foreign(path, describeIssue(error, [`${kind}s`, index]));
        throw error;
      }
    }),
  );
}

export function printDocument(entries: readonly StateRecord[]): string {
  const records = (wanted: StateRecord['kind']): readonly unknown[] =>
    entries.flatMap(({ kind, record }) => (kind === wanted ? [record] : []));
  const lists = Object.fromEntries(KINDS.map((kind) => [`${kind}s`, records(kind)]));
  return `${JSON.stringify({ schemaVersion: STATE_SCHEMA_VERSION, ...lists }, null, 2)}\n`;
}

function foreign(path: string, reason: string): StateError {
  return new StateError(
    `${path} is not a state file of this auditor: ${reason}. It was left as it is: name another file, or remove this one to start with an empty state.`,
  );
}
