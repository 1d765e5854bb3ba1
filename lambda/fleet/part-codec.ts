// Writes the part of a run that a worker audited, and reads it again within bounds: the worker may be hostile.
//
// The first line holds the targets. What there may be very many of stands behind it, one on a line: titles and
// remedies, then the sessions and the findings of each target. What is wrong in one line costs its reader this line
// only.

import * as z from 'zod';
import { type AuditedTarget, type Run, RunError } from '../model/run.ts';
import { decodeRunDocument, encodeRunDocument } from '../model/run-codec.ts';
import type { Pace } from '../model/run-time.ts';
import { withAllChecks } from './all-checks.ts';
import { condensed } from './condensed.ts';
import {
  countedOutcomes,
  type FindingLimits,
  FindingPacker,
  FindingUnpacker,
  MOST_CHARACTERS,
  MOST_FINDINGS,
} from './packed-findings.ts';
import {
  countedSessions,
  MOST_SESSIONS,
  packSessions,
  type SessionLimits,
  SessionUnpacker,
  sessionsFit,
} from './packed-sessions.ts';
import { countValues, isObject, LineReader, MOST_LINES, MOST_VALUES } from './part-lines.ts';

/**
 * Bytes of a part as JSON. A condensed target takes 5 to 10 KB, and some 200 bytes for each finding; to read a part
 * takes some ten times its bytes for a moment.
 */
export const MOST_PART_BYTES = 8 * 1024 * 1024;

/** What a part may have. */
export interface PartLimits extends FindingLimits, SessionLimits {
  /** Of JSON. */
  readonly bytes: number;
  /** What has the limits, for messages. */
  readonly what: string;
}

export const PART_LIMITS: PartLimits = {
  what: 'the part',
  bytes: MOST_PART_BYTES,
  sessions: MOST_SESSIONS,
  findings: MOST_FINDINGS,
  characters: MOST_CHARACTERS,
};

/** Lambda's longest: no worker has more time. */
const LONGEST_MS = 15 * 60_000;

const milliseconds = z.number().min(0).max(LONGEST_MS);
const paceSchema: z.ZodType<Pace> = z.strictObject({ leftAtLastTurnMs: milliseconds, auditMs: milliseconds });

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
  const findings = new FindingPacker();
  const targets = audited.map((one) => {
    const sessions = packSessions(one.snapshot);
    const { snapshot, verdict, outcomes } = one;
    return {
      document: { snapshot: countedSessions(snapshot, sessions.length), verdict, outcomes: countedOutcomes(outcomes) },
      lines: [...sessions, ...findings.pack(one)],
    };
  });
  const texts = findings.texts();
  const lines = [...texts, ...targets.flatMap((target) => target.lines)];
  const documents = targets.map(({ document }) => document);
  const first = encodeRunDocument({ ...run, pace, texts: texts.length, audited: documents });
  const text = [first, ...lines].join('\n');
  const fits =
    findings.fit() &&
    sessionsFit(audited) &&
    lines.length <= MOST_LINES &&
    countValues(first) <= MOST_VALUES &&
    Buffer.byteLength(text) <= MOST_PART_BYTES;
  return { text, fits };
}

/** @throws RunError for what is not exactly a part, or has more than the limits */
export function decodePart(text: string, limits: PartLimits = PART_LIMITS): Part {
  const [first = '', ...lines] = text.split('\n', MOST_LINES + 2);
  if (lines.length > MOST_LINES) throw new RunError(`the part has more than ${MOST_LINES} lines`);
  if (countValues(first) > MOST_VALUES) throw new RunError(`the part has more than ${MOST_VALUES} values`);
  try {
    return decode(first, new LineReader(lines), limits);
  } catch (error) {
    if (error instanceof RunError) throw error;
    // A document with too much in it that is not as it must be makes the schema fail in ways of its own.
    throw new RunError("the part can't be used: too much in it is not what it must be", { cause: error });
  }
}

function decode(first: string, reader: LineReader, limits: PartLimits): Part {
  const sessions = new SessionUnpacker(limits);
  let pace: Pace | undefined;
  const run = decodeRunDocument(first, (document) => {
    if (!isObject(document) || !Array.isArray(document.audited)) return document;
    const { pace: given, texts, ...rest } = document;
    if (Object.hasOwn(rest, 'listed')) throw new RunError('the part has targets that are listed only');
    pace = paceSchema.optional().safeParse(given).data;
    const findings = new FindingUnpacker(texts, reader, limits);
    const audited = document.audited.map((one: unknown) => findings.unpack(sessions.unpack(one, reader), reader));
    if (!reader.isAtEnd) throw new RunError('the part has more lines than it says');
    return { ...rest, audited };
  });
  const audited = run.audited.map((one, index) =>
    withAllChecks(withoutProblems(condensed(sessions.expand(one, index)))),
  );
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
