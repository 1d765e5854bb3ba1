// Writes what a worker saw of the clients of its targets beside its part, and reads it again within bounds.
//
// A part holds what the report and the decisions need. Plans of later days need the clients themselves: Digest reads
// them after everyone is notified, one object after the other.

import * as z from 'zod';
import { describeDefect } from '../collect/defect.ts';
import { listOf } from '../model/bounded-schema.ts';
import { unknown } from '../model/observed.ts';
import type { Run } from '../model/run.ts';
import { snapshotSchema } from '../model/run-schema.ts';
import type { Session, Snapshot } from '../model/snapshot.ts';
import type { Target } from '../model/target.ts';
import { DocumentError, pack } from './documents.ts';
import { clientsKey } from './object-keys.ts';
import { areOfTargets, isWithin, type RunTime } from './own-results.ts';
import { MOST_PART_BYTES } from './part-codec.ts';
import type { Range } from './ranges.ts';
import { readWithin } from './read-within.ts';
import { RunObjectError, type RunObjects } from './run-objects.ts';
import type { WorkerBudget } from './worker-budget.ts';

const documentSchema = z.object({
  schemaVersion: z.literal(1),
  /** In the order of the targets; null where a target has nothing to keep, or too much. */
  snapshots: listOf(snapshotSchema.nullable(), { most: 10_000 }),
});

/** Stores the clients of a range. Those of targets that show too much for one object are left out: `plan` says so. */
export async function putClients(run: string, range: Range, audited: Run, objects: RunObjects): Promise<void> {
  let left = MOST_PART_BYTES;
  const snapshots = audited.audited.map(({ snapshot }) => {
    if (snapshot.failure !== undefined || !snapshot.sessions.known) return 'null';
    const text = JSON.stringify(clientFacts(snapshot));
    if (text.length > left) return 'null';
    left -= text.length;
    return text;
  });
  const text = `{"schemaVersion":1,"snapshots":[${snapshots.join(',')}]}`;
  await objects.put(clientsKey(run, range), await pack(text));
}

/** What plans are made of: sessions that differ in nothing but their start count once. */
function clientFacts(snapshot: Snapshot): Snapshot {
  const { sessions } = snapshot;
  const apart = unknown('not kept');
  const facts: Snapshot = { ...snapshot, outbound: apart, serverChain: apart, trust: apart };
  return sessions.known
    ? { ...facts, sessions: { known: true, value: { ...sessions.value, visible: distinct(sessions.value.visible) } } }
    : facts;
}

function distinct(sessions: readonly Session[]): readonly Session[] {
  const first = new Map<string, Session>();
  for (const { pid: _, tls, ...session } of sessions) {
    const { startedAt, ...client } = session;
    const key = JSON.stringify({ ...client, tls });
    const known = first.get(key);
    if (known === undefined || startedAt < known.startedAt) first.set(key, { ...session, tls });
  }
  return [...first.values()];
}

interface ClientsOfRange {
  readonly range: Range;
  /** Of the range: a worker speaks for no others. */
  readonly targets: readonly Target[];
  readonly time: RunTime;
  /** For the clients of all ranges of the worker. */
  readonly budget: WorkerBudget;
}

/**
 * The snapshots of a range, as far as they were stored.
 *
 * @returns or why there are none that can be used
 */
export async function readClients(
  run: string,
  { range, targets, time, budget }: ClientsOfRange,
  objects: RunObjects,
): Promise<readonly Snapshot[] | string> {
  try {
    const text = await readWithin(budget, { key: clientsKey(run, range), range, what: 'the clients' }, objects);
    const { data } = documentSchema.safeParse(JSON.parse(text));
    if (data === undefined) return 'the clients are not what a worker of this version writes';
    const { snapshots } = data;
    if (!areOfTargets(targets, snapshots)) return 'the clients are of other targets than its own';
    const own = snapshots.filter((snapshot) => snapshot !== null);
    const moments = own.map(({ takenAt }) => takenAt);
    return isWithin(time, moments) ? own : 'the clients are of another time than the run';
  } catch (error) {
    if (error instanceof RunObjectError || error instanceof DocumentError) return error.message;
    // The parser's message quotes the text.
    if (error instanceof SyntaxError) return 'the clients are not JSON';
    return describeDefect(error);
  }
}
