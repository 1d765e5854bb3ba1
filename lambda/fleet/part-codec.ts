// Writes the part of a run that a worker audited, and reads it again within bounds: the worker may be hostile.

import * as z from 'zod';
import { known } from '../model/observed.ts';
import { type AuditedTarget, type Run, RunError } from '../model/run.ts';
import { decodeRunDocument, encodeRunDocument } from '../model/run-codec.ts';
import type { Pace } from '../model/run-time.ts';
import type { Session, Snapshot } from '../model/snapshot.ts';
import { condensed } from './condensed.ts';
import { countedOutcomes, MOST_FINDINGS, packFindings, unpackFindings } from './packed-findings.ts';
import { countValues, isObject, MOST_VALUES } from './untrusted-json.ts';

/**
 * Bytes of a part as JSON. A condensed target takes 5 to 10 KB, and some 300 bytes for each finding; to read a part
 * takes some ten times its bytes for a moment.
 */
export const MOST_PART_BYTES = 8 * 1024 * 1024;

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

/** The part as a text, with condensed targets: a line of all targets, and one for each finding. */
export function encodePart({ run, pace }: Part): EncodedPart {
  const audited = run.audited.map(condensed);
  const { lines, texts, fit } = packFindings(audited);
  const first = encodeRunDocument({ ...run, pace, texts, audited: audited.map(packed) });
  const text = [first, ...lines].join('\n');
  const sessions = audited.reduce((sum, { snapshot }) => sum + sessionsOf(snapshot).length, 0);
  const fits =
    fit && Buffer.byteLength(text) <= MOST_PART_BYTES && countValues(first) <= MOST_VALUES && sessions <= MOST_SESSIONS;
  return { text, fits };
}

/** @throws RunError for what is not exactly a part */
export function decodePart(text: string): Part {
  const [first = '', ...lines] = text.split('\n', MOST_FINDINGS + 2);
  if (lines.length > MOST_FINDINGS) throw new RunError(`the part has more than ${MOST_FINDINGS} findings`);
  if (countValues(first) > MOST_VALUES) throw new RunError(`the part has more than ${MOST_VALUES} values`);
  const counts: Counts[] = [];
  const { run, pace } = decodeWith(first, lines, counts);
  if (counts.flat().reduce((sum, count) => sum + count, 0) > MOST_SESSIONS) {
    throw new RunError(`the part has more than ${MOST_SESSIONS} sessions`);
  }
  const audited = run.audited.map((one, index) => withoutProblems(condensed(expanded(one, counts[index] ?? []))));
  return { run: { ...run, audited }, pace };
}

/** What a problem says is in its finding. */
function withoutProblems(one: AuditedTarget): AuditedTarget {
  const outcomes = one.outcomes.map(({ check, outcome }) => ({
    check,
    outcome: outcome.status === 'fail' ? { ...outcome, problems: [] } : outcome,
  }));
  return { ...one, outcomes };
}

/** A document with too much in it that is not as it must be makes the schema fail in ways of its own. */
function decodeWith(first: string, lines: readonly string[], counts: Counts[]): Part {
  try {
    let pace: Pace | undefined;
    const run = decodeRunDocument(first, (document) => {
      if (!isObject(document) || !Array.isArray(document.audited)) return document;
      const { pace: given, texts, ...rest } = document;
      pace = paceSchema.optional().safeParse(given).data;
      const audited = document.audited.map((one: unknown) => unpacked(one, counts));
      return { ...rest, audited: unpackFindings(audited, { lines, texts }) };
    });
    return { run, pace };
  } catch (error) {
    if (error instanceof RunError) throw error;
    throw new RunError("the part can't be used: too much in it is not what it must be", { cause: error });
  }
}

function sessionsOf({ sessions }: Snapshot): readonly Session[] {
  return sessions.known ? sessions.value.visible : [];
}

function packed({ snapshot, verdict, outcomes }: AuditedTarget): unknown {
  const one = { snapshot, verdict, outcomes: countedOutcomes(outcomes) };
  const { sessions } = snapshot;
  if (!sessions.known) return one;
  const counts = new Map<Session, number>();
  for (const session of sessions.value.visible) counts.set(session, (counts.get(session) ?? 0) + 1);
  return withVisible(one, sessions.value, [...counts] satisfies Packed);
}

/** How often each session of one target is there. */
type Counts = readonly number[];

/** The target with each session once, as far as it is one: the schema says whether it is. Adds to `counts`. */
function unpacked(one: unknown, counts: Counts[]): unknown {
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
