// Defines receivers of messages and which targets are in the scope of each.

import type { Decision } from '../model/lifecycle.ts';
import { namePattern } from '../model/name-pattern.ts';
import type { Severity } from '../model/severity.ts';

/** The route of the default receiver, which gets every target. No route of the configuration may have this name. */
export const DEFAULT_ROUTE = 'all';

/** A receiver of digests: the default receiver, or a route. */
export interface Receiver {
  /** `all`, or the name of a route; unique. */
  readonly route: string;
  /** Findings below this are not sent. */
  readonly minSeverity: Severity;
  /** Patterns of target names; undefined: any. */
  readonly targets?: readonly string[] | undefined;
  /** All of them must be on a target; undefined: none need be. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Hours after which an open finding is sent again; undefined: never. Messages use it to name the next reminder. */
  readonly repeatIntervalHours?: number | undefined;
}

/** The part of the configuration's `alerts` that defines receivers. */
interface AlertSettings {
  readonly minSeverity: Severity;
  /** 0: never. */
  readonly repeatIntervalHours: number;
  readonly routes: readonly {
    readonly name: string;
    readonly minSeverity: Severity;
    readonly targets?: readonly string[] | undefined;
    readonly labels?: Readonly<Record<string, string>> | undefined;
  }[];
}

/** The default receiver, then each route in the order of the configuration. */
export function receiversOf({ minSeverity, repeatIntervalHours, routes }: AlertSettings): Receiver[] {
  const reminder = repeatIntervalHours > 0 ? { repeatIntervalHours } : {};
  return [
    { route: DEFAULT_ROUTE, minSeverity, ...reminder },
    ...routes.map(({ name, targets, labels, ...route }) => ({
      route: name,
      minSeverity: route.minSeverity,
      targets,
      labels,
      ...reminder,
    })),
  ];
}

/** What routes match of a target. */
interface LabelledTarget {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Whether a target matches a receiver: the name one of the patterns, and all of the labels. The default receiver
 * matches every target.
 *
 * @example matchesRoute({ route: 'payments', minSeverity: 'high', targets: ['pay-*'] })({ name: 'pay-eu', labels: {} })
 *   // true
 */
export function matchesRoute({ route, targets, labels }: Receiver): (target: LabelledTarget) => boolean {
  if (route === DEFAULT_ROUTE) return () => true;
  const named = targets === undefined ? () => true : namePattern(targets);
  const wanted = Object.entries(labels ?? {});
  return (target) =>
    named(target.name) &&
    wanted.every(([key, value]) => Object.hasOwn(target.labels, key) && target.labels[key] === value);
}

/**
 * Whether a target of that name is in the receiver's scope. A target that is not among the known ones has no labels.
 *
 * @param known - Every target that the run or the configuration has.
 */
export function scopeOf(receiver: Receiver, known: readonly LabelledTarget[]): (name: string) => boolean {
  const matches = matchesRoute(receiver);
  const answers = new Map(known.map((target) => [target.name, matches(target)]));
  return (name) => answers.get(name) ?? matches({ name, labels: {} });
}

/**
 * The decision with what is in the receiver's scope. Mutes may name any target: a route gets none.
 *
 * @param inScope - See `scopeOf`.
 */
export function scopeDecision(decision: Decision, receiver: Receiver, inScope: (name: string) => boolean): Decision {
  if (receiver.route === DEFAULT_ROUTE) return decision;
  return {
    ...decision,
    findings: decision.findings.filter(({ finding }) => inScope(finding.target)),
    mutes: [],
    droppedRecords: decision.droppedRecords?.filter(({ target }) => inScope(target)),
  };
}
