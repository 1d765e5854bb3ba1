// Who hears of which targets: everyone of all of them, a route of those it names.

import { namePattern } from '../model/name-pattern.ts';
import type { Severity } from '../model/severity.ts';
import type { Report } from './schema.ts';

/** The route of everyone: those who hear of every target. No route of the configuration may have this name. */
export const DEFAULT_ROUTE = 'all';

/** Who receives one digest. */
export interface Receiver {
  /** `all`, or the name of a route; unique. */
  readonly route: string;
  /** Findings below this are not told. */
  readonly minSeverity: Severity;
  /** Patterns of target names; undefined: any. */
  readonly targets?: readonly string[] | undefined;
  /** All of them must be on a target; undefined: none need be. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  /** Hours after which an open finding is told again; undefined: never. For the words about the next reminder only. */
  readonly repeatIntervalHours?: number | undefined;
}

/** What of the configuration's `alerts` says who hears of what. */
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

/** Everyone, then each route in the order of the configuration. */
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

/** A target as routes know it. */
interface LabelledTarget {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/**
 * Whether the audience hears of a target. Of a target that the configuration no longer has no labels are known: a route
 * by labels does not hear of it.
 *
 * @example hears({ route: 'payments', minSeverity: 'high', targets: ['pay-*'] })({ name: 'pay-eu', labels: {} }) // true
 */
export function matchesRoute({ route, targets, labels }: Receiver): (target: LabelledTarget) => boolean {
  if (route === DEFAULT_ROUTE) return () => true;
  const named = targets === undefined ? () => true : namePattern(targets);
  const wanted = Object.entries(labels ?? {});
  return (target) =>
    named(target.name) &&
    wanted.every(([key, value]) => Object.hasOwn(target.labels, key) && target.labels[key] === value);
}

/** The same by name alone, for what names a target of the report, or one that it no longer has. */
export function isInScope(receiver: Receiver, report: Report): (name: string) => boolean {
  const matchesTarget = matchesRoute(receiver);
  const known = new Map(report.targets.map((target) => [target.name, matchesTarget(target)]));
  return (name) => {
    const answer = known.get(name) ?? matchesTarget({ name, labels: {} });
    known.set(name, answer);
    return answer;
  };
}

/**
 * The report as the audience may read it: with its own targets, what was found on them, and nothing of the others.
 * Mutes are for everyone only: they may name any target.
 */
export function reportFor(report: Report, receiver: Receiver): Report {
  if (receiver.route === DEFAULT_ROUTE) return report;
  const scoped = isInScope(receiver, report);
  const own = <T extends { readonly target: string }>(findings: readonly T[]): T[] =>
    findings.filter(({ target }) => scoped(target));
  const { targets, findings, carriedOver, resolved, mutes: _, ...rest } = report;
  return {
    ...rest,
    targets: targets.filter(({ name }) => scoped(name)),
    findings: own(findings),
    ...(carriedOver === undefined ? {} : { carriedOver: own(carriedOver) }),
    ...(resolved === undefined ? {} : { resolved: own(resolved) }),
  };
}
