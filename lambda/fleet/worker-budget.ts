// Bounds what Digest takes from all parts of one worker together: what one worker writes keeps no other from being
// read.

import type { AuditedTarget } from '../model/run.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { type Plan, sharesOf } from './documents.ts';
import { PART_LIMITS, type PartLimits } from './part-codec.ts';
import type { Range } from './ranges.ts';

type Amounts = Omit<PartLimits, 'what'>;

interface Share {
  /** Of the worker, whatever it has to audit. */
  readonly worker: number;
  /** Of each target, for all targets of the worker; at most `most` in all. */
  readonly target: number;
  readonly most: number;
  /** Of each target besides, which no other target may take. */
  readonly own: number;
}

/**
 * Targets with very many sessions or findings are some of many: the average is far lower. One without very many
 * findings has 5 to 10 KB.
 */
const SHARES: Readonly<Record<keyof Amounts, Share>> = {
  bytes: { worker: 2 * PART_LIMITS.bytes, target: 48 * 1024, most: Infinity, own: 16 * 1024 },
  sessions: { worker: 2 * PART_LIMITS.sessions, target: 9_000, most: 10_000_000, own: 1_000 },
  findings: { worker: 2 * PART_LIMITS.findings, target: 40, most: 120_000, own: 10 },
  characters: {
    worker: 2 * PART_LIMITS.characters,
    target: 32 * 1024,
    most: 4 * PART_LIMITS.characters,
    own: 16 * 1024,
  },
};

const MEASURES = Object.keys(SHARES) as (keyof Amounts)[];

/** @returns gives the budget of the worker of a range */
export function budgetsOf(plan: Pick<Plan, 'slices'>): (range: Range) => WorkerBudget {
  const budgets = new Map(sharesOf(plan).map(({ worker, count }) => [worker, new WorkerBudget(count)]));
  return ({ worker }) => budgets.get(worker) ?? new WorkerBudget(0);
}

/** What a worker may still have Digest read. */
export class WorkerBudget {
  readonly #measures: Readonly<Record<keyof Amounts, Measure>>;

  constructor(targets: number) {
    this.#measures = eachMeasure((name) => new Measure(SHARES[name], targets));
  }

  /** @returns what a part of the range may have */
  left(range: Range): PartLimits {
    const left = eachMeasure((name) => Math.min(PART_LIMITS[name], this.#measures[name].left(range)));
    const isLess = MEASURES.some((name) => left[name] < PART_LIMITS[name]);
    return { ...left, what: isLess ? 'the part, beside the others of its worker,' : PART_LIMITS.what };
  }

  take(range: Range, amounts: Partial<Amounts>): void {
    for (const name of MEASURES) this.#measures[name].take(range, amounts[name] ?? 0);
  }
}

function eachMeasure<T>(of: (name: keyof Amounts) => T): Record<keyof Amounts, T> {
  return Object.fromEntries(MEASURES.map((name) => [name, of(name)])) as Record<keyof Amounts, T>;
}

/** What these targets of a part take. */
export function amountsOf(audited: readonly AuditedTarget[]): Omit<Amounts, 'bytes'> {
  const findings = audited.flatMap((one) => one.findings);
  return {
    sessions: audited.reduce((sum, { snapshot: { sessions } }) => sum + countOf(sessions), 0),
    findings: findings.length,
    characters: findings.reduce((sum, { title, remedy }) => sum + title.length + remedy.length, 0),
  };
}

function countOf(sessions: Snapshot['sessions']): number {
  return sessions.known ? sessions.value.visible.length : 0;
}

class Measure {
  #shared: number;
  /** Of each target. */
  readonly #own: number[];

  constructor({ worker, target, most, own }: Share, targets: number) {
    this.#shared = Math.min(worker + targets * target, Math.max(worker, most));
    this.#own = Array.from({ length: targets }, () => own);
  }

  left({ from, to }: Range): number {
    const own = this.#own.slice(from, to).reduce((sum, left) => sum + left, 0);
    return Math.floor(Math.max(0, this.#shared) + own);
  }

  take({ from, to }: Range, amount: number): void {
    const each = amount / (to - from);
    this.#shared -= amount;
    for (let index = from; index < to; index += 1) {
      const own = Math.min(this.#own[index] ?? 0, each);
      this.#own[index] = (this.#own[index] ?? 0) - own;
      this.#shared += own;
    }
  }
}
