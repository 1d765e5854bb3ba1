// Reads the parts that the workers of a run wrote, and finds which targets none of them holds.

import { isDeepStrictEqual } from 'node:util';
import pMap from 'p-map';
import { describeDefect } from '../collect/defect.ts';
import { mergeRuns, type Run, RunError } from '../model/run.ts';
import type { FleetPace } from '../model/run-time.ts';
import type { Target } from '../model/target.ts';
import { DocumentError, type Plan, sharesOf } from './documents.ts';
import { partKey, partsPrefix, rangeOfPart } from './object-keys.ts';
import { areOfTargets, isWithin, type RunTime, runTime } from './own-results.ts';
import { decodePart, type Part } from './part-codec.ts';
import { missingRanges, type Range } from './ranges.ts';
import { readWithin } from './read-within.ts';
import { RunObjectError, type RunObjects } from './run-objects.ts';
import { valueSharing } from './shared-values.ts';
import { amountsOf, budgetsOf, type WorkerBudget } from './worker-budget.ts';

/** Parts that are read at the same time: each is in memory as text for a moment. */
const CONCURRENCY = 4;

/** A range whose targets have no result, and why. */
export interface MissingRange extends Range {
  readonly reason: string;
}

export interface ReadParts {
  readonly parts: readonly Part[];
  /** Of those parts. */
  readonly ranges: readonly Range[];
  readonly missing: readonly MissingRange[];
}

/** The ranges of which there is a part, readable or not. @throws RunObjectError */
export async function writtenRanges(plan: Plan, objects: RunObjects): Promise<readonly Range[]> {
  const ranges: Range[] = [];
  for (const share of sharesOf(plan)) {
    // First batches, repairs of repairs, and each target by itself, with clients beside: no honest worker writes more.
    const keys = await objects.list(partsPrefix(plan.run, share.worker), 2 * (2 * share.count + 10));
    ranges.push(...keys.flatMap((key) => rangeOfPart(key, plan.run, share) ?? []));
  }
  return ranges;
}

/**
 * The audited targets of all parts that can be used, and what is in none of them. Of a target in two parts the newer
 * result counts.
 *
 * @param now - ISO 8601, UTC.
 * @throws RunObjectError where the parts can't be listed
 */
export async function readParts(plan: Plan, objects: RunObjects, now: string): Promise<ReadParts> {
  const time = runTime(plan, now);
  const targets = new Map(plan.slices.map((slice) => [slice.worker, slice.targets]));
  const budgets = budgetsOf(plan);
  const share = valueSharing();
  const read: { readonly range: Range; readonly part: Part }[] = [];
  const unusable: MissingRange[] = [];
  await pMap(
    await writtenRanges(plan, objects),
    async (range) => {
      const own = (targets.get(range.worker) ?? []).slice(range.from, range.to);
      const part = await readPart(range, own, { plan, time, objects, budget: budgets(range) });
      if (typeof part === 'string') unusable.push({ ...range, reason: part });
      else read.push({ range, part: { ...part, run: { ...part.run, audited: part.run.audited.map(share) } } });
    },
    { concurrency: CONCURRENCY },
  );
  const missing = missingRanges(
    sharesOf(plan),
    read.map(({ range }) => range),
  );
  return {
    parts: read.map(({ part }) => part),
    ranges: read.map(({ range }) => range),
    missing: missing.flatMap((range) => withReasons(range, unusable)),
  };
}

interface Reading {
  readonly plan: Plan;
  readonly time: RunTime;
  readonly objects: RunObjects;
  readonly budget: WorkerBudget;
}

/** @returns the part, or why it can't be used */
async function readPart(
  range: Range,
  targets: readonly Target[],
  { plan, time, objects, budget }: Reading,
): Promise<Part | string> {
  try {
    const text = await readWithin(budget, { key: partKey(plan.run, range), range }, objects);
    // Only now: other parts were read meanwhile.
    const part = decodePart(text, budget.left(range));
    const { audited } = part.run;
    budget.take(range, amountsOf(audited));
    if (!isDeepStrictEqual(part.run.policy, plan.policy)) return 'it was evaluated by another policy';
    const results = audited.map(({ snapshot }) => snapshot);
    if (!areOfTargets(targets, results)) return 'it is of other targets than its own';
    return isWithin(time, momentsOf(part.run)) ? part : 'it is of another time than the run';
  } catch (error) {
    if (error instanceof RunObjectError || error instanceof DocumentError || error instanceof RunError)
      return error.message;
    return describeDefect(error);
  }
}

function momentsOf({ startedAt, finishedAt, audited }: Run): readonly string[] {
  return [startedAt, finishedAt, ...audited.map(({ snapshot }) => snapshot.takenAt)];
}

const NO_PART = 'no part came back';

/** Splits a missing range where parts of it are missing for reasons of their own. */
function withReasons(range: Range, unusable: readonly MissingRange[]): readonly MissingRange[] {
  const concerned = unusable.filter(
    ({ worker, from, to }) => worker === range.worker && from < range.to && range.from < to,
  );
  const bounds = concerned
    .flatMap(({ from, to }) => [from, to])
    .filter((bound) => range.from < bound && bound < range.to);
  const cuts = [...new Set([range.from, ...bounds, range.to])].sort((a, b) => a - b);
  return cuts.slice(1).map((to, index) => {
    const from = cuts[index] ?? 0;
    // The smallest batch was tried last.
    const [last] = concerned
      .filter((part) => part.from <= from && to <= part.to)
      .sort((a, b) => a.to - a.from - (b.to - b.from));
    return { worker: range.worker, from, to, reason: last?.reason ?? NO_PART };
  });
}

/**
 * How the workers of these parts used their times, and the run its own. The parts of a worker that had too much for
 * one say it once.
 */
export function paceOf({ startedAt, auditUntil }: Plan, parts: readonly Part[]): FleetPace {
  const [start, end] = [Date.parse(startedAt), Date.parse(auditUntil)];
  const lastBegan = parts.reduce((latest, { run }) => Math.max(latest, Date.parse(run.startedAt)), start);
  return {
    workers: parts.flatMap(({ pace }) => pace ?? []),
    run: { leftAtLastTurnMs: Math.max(0, end - lastBegan), auditMs: Math.max(0, end - start) },
  };
}

/** One run of the parts and of the targets that have no result, in the order of the plan. */
export function mergedRun(plan: Plan, parts: readonly Run[], finishedAt: string): Run {
  const { startedAt, policy } = plan;
  const none: Run = { startedAt, finishedAt, policy, audited: [] };
  const { audited } = mergeRuns([none, ...parts]);
  const results = new Map(audited.map((one) => [one.snapshot.target.name, one]));
  const order = [...plan.slices.flatMap(({ targets }) => targets), ...plan.unassigned.map(({ target }) => target)];
  return { ...none, audited: order.flatMap(({ name }) => results.get(name) ?? []) };
}
