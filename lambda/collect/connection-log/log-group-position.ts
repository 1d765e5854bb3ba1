// Computes how far a log group was read, and from when on a later run has to ask.

import * as z from 'zod';
import { DAY_MS, HOUR_MS } from '../../model/time.ts';

/**
 * What was counted of a log group, JSON. An event is known by two times: its own, and the one at which the service took
 * it in, which is set once. All events before `steps[0].before` that were taken in up to `steps[0].ingestedTo` are
 * counted, then those before `steps[1].before`, and so on; later ones as far as they were taken in up to `ingestedTo`.
 * A listing that was read to its end leaves no steps.
 */
export interface LogGroupPosition {
  /** The group's name and the streams' prefix: of another group nothing was counted. */
  readonly log: string;
  /** Milliseconds since 1970, as all times here. */
  readonly ingestedTo: number;
  /** Ascending. */
  readonly steps: readonly PositionStep[];
  /** The time of the latest event that was seen. */
  readonly newest?: number | undefined;
  /** The length of a range of time that could be held at once. */
  readonly range?: number | undefined;
}

export interface PositionStep {
  readonly before: number;
  readonly ingestedTo: number;
}

/** How long after its own time the service may take in an event, so that it is still counted. */
const OVERLAP_MS = HOUR_MS;

/** What is read again where a listing goes on, so that entries of one connection are seen together. */
const CONTEXT_MS = 60_000;

/** Beyond it, a run asks for nothing newer before the steps are fewer. */
export const MOST_STEPS = 8;

/** How far a stored time may be ahead of the clock: clocks differ. */
const AHEAD_MS = HOUR_MS;

const time = z.int().min(0).max(8.64e15);
const schema = z.strictObject({
  log: z.string().max(1_100),
  ingestedTo: time,
  steps: z.array(z.strictObject({ before: time, ingestedTo: time })).max(MOST_STEPS + 1),
  newest: time.optional(),
  range: z.int().min(0).max(DAY_MS).optional(),
});

/** @returns undefined for what this version does not write, or writes at another time than now */
export function parsePosition(stored: unknown, now: number): LogGroupPosition | undefined {
  const { success, data } = schema.safeParse(stored);
  if (!success) return undefined;
  const { ingestedTo, steps, newest = 0 } = data;
  const isAscending = steps.every(({ before }, index) => index === 0 || before > (steps[index - 1]?.before ?? 0));
  const counted = Math.max(ingestedTo, newest, ...steps.map((step) => step.ingestedTo));
  return isAscending && counted <= now + AHEAD_MS ? data : undefined;
}

/** The position of a first run: what is older than `from` need not be counted. */
export function firstPosition(log: string, from: number, bound: number): LogGroupPosition {
  return { log, ingestedTo: 0, steps: [{ before: from, ingestedTo: bound }] };
}

/** Up to which time of intake events with this time of their own are counted. */
export function countedTo({ steps, ingestedTo }: LogGroupPosition, timestamp: number): number {
  return steps.find(({ before }) => timestamp < before)?.ingestedTo ?? ingestedTo;
}

/** The position once everything before a time was read that was taken in up to `bound`. */
export function advanced(position: LogGroupPosition, before: number, bound: number): LogGroupPosition {
  const raised: PositionStep[] = [];
  const push = (step: PositionStep): void => {
    if (raised.at(-1)?.ingestedTo === step.ingestedTo) raised.pop();
    raised.push(step);
  };
  let from = Number.NEGATIVE_INFINITY;
  for (const step of segments(position)) {
    const counted = { ...step, ingestedTo: Math.max(step.ingestedTo, bound) };
    if (step.before <= before) push(counted);
    else {
      if (from < before) push({ ...counted, before });
      push(step);
    }
    from = step.before;
  }
  const ingestedTo = raised.pop()?.ingestedTo ?? bound;
  return { ...position, steps: raised, ingestedTo };
}

export interface Start {
  /** The first time that is asked for. */
  readonly at: number;
  /** Before it everything is counted; what is read of it is context. */
  readonly newFrom: number;
  /** Events may have come too late for the time that is asked for. */
  readonly mayMissLate: boolean;
}

/**
 * From when on to ask, so that every event is seen that came at most an hour late, and after a time in which none came
 * at all, every one since then.
 *
 * @param from - Beyond which no time without events is bridged.
 * @returns undefined where nothing can be new
 */
export function startOf(position: LogGroupPosition, from: number, bound: number): Start | undefined {
  const reached = Math.max(position.newest ?? from, from);
  let start: Start | undefined;
  let since = Number.NEGATIVE_INFINITY;
  for (const { before, ingestedTo } of segments(position)) {
    if (ingestedTo < bound) {
      const late = Math.min(ingestedTo, reached) - OVERLAP_MS;
      const newFrom = Math.max(0, since, late);
      if (newFrom < before && (start === undefined || newFrom < start.newFrom)) {
        const isLate = late >= since;
        start = { newFrom, at: Math.max(0, isLate ? newFrom : newFrom - CONTEXT_MS), mayMissLate: isLate };
      }
    }
    since = before;
  }
  return start;
}

function segments({ steps, ingestedTo }: LogGroupPosition): readonly PositionStep[] {
  return [...steps, { before: Number.POSITIVE_INFINITY, ingestedTo }];
}
