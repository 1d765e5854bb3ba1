// Defines a run, the audited targets with their evaluations, and merges the parts of one.

import { isDeepStrictEqual } from 'node:util';
import { type Finding, type Outcome, VERDICTS, type Verdict } from './finding.ts';
import type { Policy } from './policy.ts';
import type { Snapshot } from './snapshot.ts';
import { compareText } from './text-order.ts';
import { compareMoments, earlier, later } from './time.ts';

/** What the checks concluded about one target. */
export interface Evaluation {
  readonly verdict: Verdict;
  /** One for each check, in the registry's order. */
  readonly outcomes: readonly { readonly check: string; readonly outcome: Outcome }[];
  readonly findings: readonly Finding[];
}

/** One target's snapshot with its evaluation. */
export interface AuditedTarget extends Evaluation {
  readonly snapshot: Snapshot;
}

/** What discovery lists and the run did not audit: a place, or a database that is stopped. */
export type ListedTarget = Omit<AuditedTarget, 'verdict'>;

export interface Run {
  /** ISO 8601, UTC. */
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly policy: Policy;
  /** In the order of the configuration; of merged parts by the target's name. */
  readonly audited: readonly AuditedTarget[];
  /** Evaluated by the checks that need no login. @default none */
  readonly listed?: readonly ListedTarget[] | undefined;
}

/** The verdict that follows from a snapshot, the outcomes of its checks and their findings. */
export function verdictOf(
  { failure, link }: Snapshot,
  { outcomes, findings }: Pick<Evaluation, 'outcomes' | 'findings'>,
): Verdict {
  if (failure !== undefined) return 'not-audited';
  // The server that answered was not proven to be the target.
  if (!link.known || !link.value.authorized) return 'not-audited';
  if (!outcomes.every(({ outcome }) => isComplete(outcome))) return 'unknown';
  return findings.length > 0 ? 'findings' : 'clean';
}

function isComplete(outcome: Outcome): boolean {
  return outcome.status === 'fail'
    ? outcome.incomplete === undefined
    : outcome.status === 'pass' || outcome.status === 'not-applicable';
}

/** A run, or a part of one, that can't be used. */
export class RunError extends Error {
  override readonly name = 'RunError';
}

/**
 * One run of several parts, in whatever order they are given: from the earliest start to the latest end, with the
 * targets by name. Of a target in two parts the newer snapshot counts, of two taken at the same moment the one with
 * the worse verdict. Evaluate the fleet checks afterwards (`evaluateFleet`): the parts know only their own targets.
 *
 * @throws RunError without any part, and where parts were evaluated by different policies
 */
export function mergeRuns(parts: readonly Run[]): Run {
  const [first, ...others] = parts;
  if (first === undefined) throw new RunError('there is no part to merge: give at least one');
  const other = others.find(({ policy }) => !isDeepStrictEqual(policy, first.policy));
  if (other !== undefined) {
    const starts = `${first.startedAt} and ${other.startedAt}`;
    throw new RunError(
      `the parts that started at ${starts} have different policies: audit both with the same configuration`,
    );
  }
  const audited = newestOf(
    parts.flatMap((part) => part.audited),
    compareAudits,
  );
  const names = new Set(audited.map(({ snapshot }) => snapshot.target.name));
  const listed = newestOf(
    parts.flatMap((part) => part.listed ?? []),
    compareListed,
  ).filter(({ snapshot }) => !names.has(snapshot.target.name));
  return {
    startedAt: parts.map(({ startedAt }) => startedAt).reduce(earlier),
    finishedAt: parts.map(({ finishedAt }) => finishedAt).reduce(later),
    policy: first.policy,
    audited,
    ...(listed.length === 0 ? {} : { listed }),
  };
}

/** Each target once, by name. */
function newestOf<T extends ListedTarget>(targets: readonly T[], compare: (a: T, b: T) => number): readonly T[] {
  const newest = new Map<string, T>();
  for (const one of targets) {
    const { name } = one.snapshot.target;
    const known = newest.get(name);
    if (known === undefined || compare(one, known) > 0) newest.set(name, one);
  }
  return [...newest.values()].toSorted((a, b) => compareText(a.snapshot.target.name, b.snapshot.target.name));
}

/** As `compareAudits`. */
function compareListed(a: ListedTarget, b: ListedTarget): number {
  return (
    compareMoments(a.snapshot.takenAt, b.snapshot.takenAt) ||
    a.findings.length - b.findings.length ||
    compareValues(a, b)
  );
}

/** 0 only for two audits of which either can be kept. */
function compareAudits(a: AuditedTarget, b: AuditedTarget): number {
  return (
    compareMoments(a.snapshot.takenAt, b.snapshot.takenAt) ||
    VERDICTS.indexOf(a.verdict) - VERDICTS.indexOf(b.verdict) ||
    compareValues(a, b)
  );
}

/**
 * Orders values of JSON by what is in them. Not by their texts: those of two targets with many sessions, of which each
 * is one object that is there very often, are longer than a text can be.
 */
function compareValues(a: unknown, b: unknown): number {
  if (a === b) return 0;
  if (!isObject(a) || !isObject(b)) return compareText(shownValue(a), shownValue(b));
  const [names, others] = [namesOf(a), namesOf(b)];
  const order = compareText(JSON.stringify(names), JSON.stringify(others));
  if (order !== 0) return order;
  for (const name of names) {
    const difference = compareValues(a[name], b[name]);
    if (difference !== 0) return difference;
  }
  return 0;
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}

/** Without what JSON leaves out. */
function namesOf(value: Readonly<Record<string, unknown>>): readonly string[] {
  return Object.keys(value).filter((name) => value[name] !== undefined);
}

function shownValue(value: unknown): string {
  return isObject(value) ? '{}' : `${typeof value} ${String(value)}`;
}
