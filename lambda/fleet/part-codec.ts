// Writes the part of a run that a worker audited, and reads it again within bounds: the worker may be hostile.

import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import { fingerprint } from '../checks/fingerprint.ts';
import { known } from '../model/observed.ts';
import { type AuditedTarget, type Run, RunError } from '../model/run.ts';
import { decodeRunDocument, encodeRunDocument } from '../model/run-codec.ts';
import type { Pace } from '../model/run-time.ts';
import type { Session, Snapshot } from '../model/snapshot.ts';
import { condensed } from './condensed.ts';

/**
 * Bytes of a part as JSON. A condensed target takes 5 to 10 KB, and 2 KB for each finding; to read a part takes some
 * ten times its bytes for a moment.
 */
export const MOST_PART_BYTES = 8 * 1024 * 1024;

/**
 * Values in a part: a condensed target has some 250, and 15 for each finding. Each that is not as it must be costs its
 * reader a record of its own before the part is refused.
 */
const MOST_VALUES = 100_000;

/** Sessions of all targets of a part: what its reader expands them to has a bound of its own. */
const MOST_SESSIONS = 200_000;

/** Lambda's longest: no worker has more time. */
const LONGEST_MS = 15 * 60_000;

const milliseconds = z.number().min(0).max(LONGEST_MS);
const paceSchema: z.ZodType<Pace> = z.strictObject({ leftAtLastTurnMs: milliseconds, auditMs: milliseconds });

/** Sessions that are equal, and how many. */
type Packed = readonly (readonly [session: Session, count: number])[];

export interface Part {
  readonly run: Run;
  /** How the worker used its time: in one of the parts that it wrote. */
  readonly pace?: Pace | undefined;
}

export interface EncodedPart {
  readonly text: string;
  /** Whether it can be read as one part; else it has to be several. */
  readonly fits: boolean;
}

/** The part as a text, with condensed targets. */
export function encodePart({ run, pace }: Part): EncodedPart {
  const audited = run.audited.map(condensed);
  const text = encodeRunDocument({ ...run, pace, audited: audited.map(packed) });
  const sessions = audited.reduce((sum, { snapshot }) => sum + sessionsOf(snapshot).length, 0);
  const fits =
    Buffer.byteLength(text) <= MOST_PART_BYTES && countValues(text) <= MOST_VALUES && sessions <= MOST_SESSIONS;
  return { text, fits };
}

/** @throws RunError for what is not exactly a part */
export function decodePart(text: string): Part {
  if (countValues(text) > MOST_VALUES) throw new RunError(`the part has more than ${MOST_VALUES} values`);
  const counts: Counts[] = [];
  const { run, pace } = decodeWith(text, counts);
  if (counts.flat().reduce((sum, count) => sum + count, 0) > MOST_SESSIONS) {
    throw new RunError(`the part has more than ${MOST_SESSIONS} sessions`);
  }
  const audited = run.audited.map((one, index) => withoutProblems(condensed(expanded(one, counts[index] ?? []))));
  return { run: { ...run, audited }, pace };
}

/**
 * The target without what only proves that its findings are its own: a fingerprint of another target's finding would
 * stand for that one in the state of every receiver.
 *
 * @throws RunError
 */
function withoutProblems(one: AuditedTarget): AuditedTarget {
  const { name } = one.snapshot.target;
  const expected = one.outcomes.flatMap(({ check, outcome }) =>
    outcome.status === 'fail' ? outcome.problems.map((problem) => fingerprint(check, name, problem)) : [],
  );
  const given = one.findings.map((finding) => finding.fingerprint);
  if (!isDeepStrictEqual(given.toSorted(), expected.toSorted())) {
    throw new RunError('the part has findings with the fingerprints of others');
  }
  const outcomes = one.outcomes.map(({ check, outcome }) => ({
    check,
    outcome: outcome.status === 'fail' ? { ...outcome, problems: [] } : outcome,
  }));
  return { ...one, outcomes };
}

/** A document with too much in it that is not as it must be makes the schema fail in ways of its own. */
function decodeWith(text: string, counts: Counts[]): Part {
  try {
    let pace: Pace | undefined;
    const run = decodeRunDocument(text, (document) => {
      if (!isObject(document)) return document;
      const { pace: given, ...rest } = document;
      pace = paceSchema.optional().safeParse(given).data;
      return unpacked(rest, counts);
    });
    return { run, pace };
  } catch (error) {
    if (error instanceof RunError) throw error;
    throw new RunError("the part can't be used: too much in it is not what it must be", { cause: error });
  }
}

/** At least the values that are in the text: what separates or holds them, also within strings. */
function countValues(text: string): number {
  let count = 0;
  for (let index = 0; index < text.length; index += 1) {
    const code = text.charCodeAt(index);
    if (code === COMMA || code === BRACKET || code === BRACE) count += 1;
  }
  return count;
}

const [COMMA, BRACKET, BRACE] = [',', '[', '{'].map((character) => character.charCodeAt(0));

function sessionsOf({ sessions }: Snapshot): readonly Session[] {
  return sessions.known ? sessions.value.visible : [];
}

function packed(one: AuditedTarget): unknown {
  const { sessions } = one.snapshot;
  if (!sessions.known) return one;
  const counts = new Map<Session, number>();
  for (const session of sessions.value.visible) counts.set(session, (counts.get(session) ?? 0) + 1);
  return withVisible(one, sessions.value, [...counts] satisfies Packed);
}

/** How often each session of one target is there. */
type Counts = readonly number[];

/** The document with each session once, as far as it is one: the schema says whether it is. Adds to `counts`. */
function unpacked(document: unknown, counts: Counts[]): unknown {
  if (!isObject(document) || !Array.isArray(document.audited)) return document;
  const audited = document.audited.map((one: unknown) => {
    const snapshot = isObject(one) ? one.snapshot : undefined;
    const sessions = isObject(snapshot) ? snapshot.sessions : undefined;
    const value = isObject(sessions) ? sessions.value : undefined;
    const entries: readonly unknown[] = isObject(value) && Array.isArray(value.visible) ? value.visible : [];
    const pairs = entries.map((entry) => (Array.isArray(entry) ? (entry as readonly unknown[]) : []));
    counts.push(pairs.map((pair) => countOf(pair[1])));
    if (!isObject(one) || !isObject(value) || !Array.isArray(value.visible)) return one;
    return withVisible(
      one as { readonly snapshot: Readonly<Record<string, unknown>> },
      value,
      pairs.map(([session]) => session),
    );
  });
  return { ...document, audited };
}

function countOf(count: unknown): number {
  if (typeof count === 'number' && Number.isSafeInteger(count) && count > 0) return count;
  throw new RunError('the part has sessions without their number');
}

function expanded(one: AuditedTarget, counts: Counts): AuditedTarget {
  const { sessions } = one.snapshot;
  if (!sessions.known) return one;
  const visible = sessions.value.visible.flatMap((session, index) =>
    Array.from({ length: counts[index] ?? 0 }, () => session),
  );
  return { ...one, snapshot: { ...one.snapshot, sessions: known({ ...sessions.value, visible }) } };
}

function withVisible(one: { readonly snapshot: object }, value: object, visible: readonly unknown[]): unknown {
  return { ...one, snapshot: { ...one.snapshot, sessions: { known: true, value: { ...value, visible } } } };
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
