// Reads the parts that the workers of a run wrote, and finds which targets none of them holds.

import { isDeepStrictEqual } from 'node:util';
import pMap from 'p-map';
import { describeDefect } from '../collect/defect.ts';
import type { AuditedTarget } from '../model/run.ts';
import { mergeRuns, type Run, RunError } from '../model/run.ts';
import type { FleetPace } from '../model/run-time.ts';
import type { Target } from '../model/target.ts';
import { DocumentError, type Plan, sharesOf, unpackText } from './documents.ts';
import { partKey, partsPrefix, rangeOfPart } from './object-keys.ts';
import { decodePart, MOST_PART_BYTES, type Part } from './part-codec.ts';
import { missingRanges, type Range } from './ranges.ts';
import { RunObjectError, type RunObjects } from './run-objects.ts';
import { valueSharing } from './shared-values.ts';

/** Parts that are read at the same time: each is in memory as text for a moment. */
const CONCURRENCY = 4;

/**
 * Bytes of JSON that all parts of a worker may have: what one worker writes keeps no other from being read. Each target
 * has some of them for itself, so that neither do those of databases with very many findings.
 */
const BYTES_OF_WORKER = 2 * MOST_PART_BYTES;
const BYTES_OF_TARGET = 64 * 1024;
/** Of these, what no other target may take: one without very many findings has 5 to 10 KB. */
const OWN_BYTES_OF_TARGET = 16 * 1024;

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
 * @throws RunObjectError where the parts can't be listed
 */
export async function readParts(plan: Plan, objects: RunObjects): Promise<ReadParts> {
  const targets = new Map(plan.slices.map((slice) => [slice.worker, slice.targets]));
  const budgets = new Map(sharesOf(plan).map(({ worker, count }) => [worker, new ByteBudget(count)]));
  const share = valueSharing();
  const read: { readonly range: Range; readonly part: Part }[] = [];
  const unusable: MissingRange[] = [];
  await pMap(
    await writtenRanges(plan, objects),
    async (range) => {
      const own = (targets.get(range.worker) ?? []).slice(range.from, range.to);
      const budget = budgets.get(range.worker) ?? new ByteBudget(0);
      const part = await readPart(range, own, { plan, objects, budget });
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

/** What a worker may still have Digest read. */
class ByteBudget {
  #shared: number;
  /** Of each target. */
  readonly #own: number[];

  constructor(targets: number) {
    this.#shared = BYTES_OF_WORKER + targets * (BYTES_OF_TARGET - OWN_BYTES_OF_TARGET);
    this.#own = Array.from({ length: targets }, () => OWN_BYTES_OF_TARGET);
  }

  /** @returns bytes that a part of the range may have */
  left({ from, to }: Range): number {
    const own = this.#own.slice(from, to).reduce((sum, bytes) => sum + bytes, 0);
    return Math.floor(Math.max(0, this.#shared) + own);
  }

  take({ from, to }: Range, bytes: number): void {
    const each = bytes / (to - from);
    this.#shared -= bytes;
    for (let index = from; index < to; index += 1) {
      const own = Math.min(this.#own[index] ?? 0, each);
      this.#own[index] = (this.#own[index] ?? 0) - own;
      this.#shared += own;
    }
  }
}

interface Reading {
  readonly plan: Plan;
  readonly objects: RunObjects;
  readonly budget: ByteBudget;
}

/** @returns the part, or why it can't be used */
async function readPart(
  range: Range,
  targets: readonly Target[],
  { plan: { run, policy }, objects, budget }: Reading,
): Promise<Part | string> {
  try {
    const left = budget.left(range);
    const [what, most] =
      left < MOST_PART_BYTES ? ['the part, beside the others of its worker,', left] : ['the part', MOST_PART_BYTES];
    const body = await objects.get(partKey(run, range), most);
    const text = await unpackText(what, body, most).catch((error: unknown) => {
      // What turns out to be too large has cost as much.
      budget.take(range, most);
      throw error;
    });
    budget.take(range, text.length);
    const part = decodePart(text);
    if (!isDeepStrictEqual(part.run.policy, policy)) return 'it was evaluated by another policy';
    return isOf(targets, part.run.audited) ? part : 'it is of other targets than its own';
  } catch (error) {
    if (error instanceof RunObjectError || error instanceof DocumentError || error instanceof RunError)
      return error.message;
    return describeDefect(error);
  }
}

/** A worker speaks for the targets of its range only, and under the names and labels that they have in the plan. */
function isOf(targets: readonly Target[], audited: readonly AuditedTarget[]): boolean {
  return (
    audited.length === targets.length &&
    targets.every(({ name, labels, kind }, index) => {
      const of = audited[index]?.snapshot.target;
      return (
        of?.name === name &&
        of.kind === kind &&
        of.fromOption !== true &&
        isDeepStrictEqual({ ...of.labels }, { ...labels })
      );
    })
  );
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
