// Writes the sessions of a part on lines, each kind once with how many there are, and reads them again.

import * as z from 'zod';
import { known } from '../model/observed.ts';
import { type AuditedTarget, RunError } from '../model/run.ts';
import { sessionSchema } from '../model/run-schema.ts';
import type { Session, Snapshot } from '../model/snapshot.ts';
import { isObject, type LineReader, lineParser } from './part-lines.ts';

/** Sessions of all targets of a part: what its reader expands them to has a bound of its own. */
export const MOST_SESSIONS = 200_000;

const parseLine = lineParser('a session', z.tuple([sessionSchema, z.int().min(1).max(MOST_SESSIONS)]));

/** A line for each kind of sessions of a target. */
export function packSessions({ sessions }: Snapshot): readonly string[] {
  const counts = new Map<Session, number>();
  for (const session of sessionsOf(sessions)) counts.set(session, (counts.get(session) ?? 0) + 1);
  return [...counts].map((pair) => JSON.stringify(pair));
}

function sessionsOf(sessions: Snapshot['sessions']): readonly Session[] {
  return sessions.known ? sessions.value.visible : [];
}

/** Whether they can be read as those of one part. */
export function sessionsFit(audited: readonly AuditedTarget[]): boolean {
  return audited.reduce((sum, { snapshot }) => sum + sessionsOf(snapshot.sessions).length, 0) <= MOST_SESSIONS;
}

/** The snapshot with the number of its lines in place of its sessions. */
export function countedSessions(snapshot: Snapshot, lines: number): object {
  const { sessions } = snapshot;
  if (!sessions.known) return snapshot;
  return { ...snapshot, sessions: known({ ...sessions.value, visible: lines }) };
}

export interface SessionLimits {
  readonly what: string;
  readonly sessions: number;
}

/** Puts sessions back into the targets of a parsed part, of which nothing is known. */
export class SessionUnpacker {
  /** Of each target: how many of its sessions each line stands for. */
  readonly #counts: (readonly number[])[] = [];
  readonly #limits: SessionLimits;
  #all = 0;

  constructor(limits: SessionLimits) {
    this.#limits = limits;
  }

  /** @returns the target with each kind once, as far as it is one: the schema says whether it is @throws RunError */
  unpack(one: unknown, reader: LineReader): unknown {
    const snapshot = isObject(one) ? one.snapshot : undefined;
    const sessions = isObject(snapshot) ? snapshot.sessions : undefined;
    const value = isObject(sessions) ? sessions.value : undefined;
    if (!isObject(one) || !isObject(snapshot) || !isObject(sessions) || !isObject(value)) {
      this.#counts.push([]);
      return one;
    }
    const pairs = reader.take('sessions', value.visible, parseLine);
    this.#all += pairs.reduce((sum, [, count]) => sum + count, 0);
    const { what, sessions: most } = this.#limits;
    if (this.#all > most) throw new RunError(`${what} has more than ${most} sessions`);
    this.#counts.push(pairs.map(([, count]) => count));
    const visible = pairs.map(([session]) => session);
    return { ...one, snapshot: { ...snapshot, sessions: { ...sessions, value: { ...value, visible } } } };
  }

  /** @returns the target with all its sessions @param index of the target in the part */
  expand(one: AuditedTarget, index: number): AuditedTarget {
    const { sessions } = one.snapshot;
    if (!sessions.known) return one;
    const counts = this.#counts[index] ?? [];
    const visible = sessions.value.visible.flatMap((session, line) =>
      Array.from({ length: counts[line] ?? 0 }, () => session),
    );
    return { ...one, snapshot: { ...one.snapshot, sessions: known({ ...sessions.value, visible }) } };
  }
}
