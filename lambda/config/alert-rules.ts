// Checks rules of routes and mutes: each route has targets and a receiver, each mute names what it mutes.

import { quoteName, showGiven } from '../model/given-text.ts';
import { namePattern } from '../model/name-pattern.ts';
import { RENAMED_CHECKS } from '../model/renamed.ts';
import type { RuleProblem, SoundConfig } from './sound.ts';

/** The name of the route that `alerts.email` and `alerts.slack` make up. */
const DEFAULT_ROUTE = 'all';
const ENDPOINTS = ['email', 'slack', 'https', 'sqs', 'lambda'] as const;
const MUTE_MATCHES = ['fingerprint', 'check', 'target', 'role', 'database', 'application', 'client'] as const;
/** A message names this many names or values at most. */
const SHOWN = 10;

type Route = NonNullable<NonNullable<NonNullable<SoundConfig['alerts']>['routes']>[number]>;
type Path = RuleProblem['path'];

interface NamedTarget {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** What is wrong with routes and mutes across their settings. */
export function* alertProblems(config: SoundConfig): Iterable<RuleProblem> {
  yield* repeatedChannels(config);
  const targets = namedTargets(config);
  const names = new Map<string, number>();
  for (const [index, route] of (config.alerts?.routes ?? []).entries()) {
    if (route === undefined) continue;
    const path = ['alerts', 'routes', index];
    const { name } = route;
    const first = name === undefined ? undefined : names.get(name);
    if (name === DEFAULT_ROUTE) {
      yield {
        path: [...path, 'name'],
        message: `must not be "${DEFAULT_ROUTE}": it stands for alerts.email and alerts.slack`,
      };
    } else if (first !== undefined) {
      yield {
        path: [...path, 'name'],
        message: `must be unique, but alerts.routes[${first}] is named ${quoteName(name ?? '')} too`,
      };
    } else if (name !== undefined) names.set(name, index);
    if (ENDPOINTS.every((endpoint) => isEmpty(route, endpoint))) {
      yield { path, message: `notifies no receiver: give at least one of ${listed(ENDPOINTS)}` };
    }
    yield* unreachableQueues(route, path);
    yield* unmatchedTargets(route, path, targets);
  }
  for (const [index, mute] of (config.mutes ?? []).entries()) {
    if (mute === undefined) continue;
    const path = ['mutes', index];
    if (MUTE_MATCHES.every((match) => !(match in mute))) {
      yield { path, message: `would mute everything: give at least one of ${listed(MUTE_MATCHES)}` };
    }
    yield* renamedCheck(mute.check, [...path, 'check']);
    yield* unmatchedMute(mute.target, [...path, 'target'], targets);
  }
}

/**
 * What names or labels of routes and mutes match none of these targets: with discovery, only a run knows.
 *
 * @param targets every target that there is
 */
export function* unmatchedPatterns(
  { alerts, mutes }: Pick<SoundConfig, 'alerts' | 'mutes'>,
  targets: readonly NamedTarget[],
): Iterable<RuleProblem> {
  for (const [index, route] of (alerts?.routes ?? []).entries()) {
    if (route !== undefined) yield* unmatchedTargets(route, ['alerts', 'routes', index], targets);
  }
  for (const [index, mute] of (mutes ?? []).entries()) {
    yield* unmatchedMute(mute?.target, ['mutes', index, 'target'], targets);
  }
}

/**
 * Undefined where the name or a label of a target is wrong, and where discovery finds more: then it is not known what a
 * pattern was meant to match. A run reports what matches nothing.
 */
function namedTargets({ targets, discovery }: SoundConfig): readonly NamedTarget[] | undefined {
  if (discovery === undefined ? targets === undefined : discovery.length > 0) return undefined;
  const named = targets?.map((target) => {
    const labels = Object.entries(target?.labels ?? {});
    const areSound = labels.every((label): label is [string, string] => label[1] !== undefined);
    const isSound = target?.name !== undefined && areSound && (target.labels !== undefined || !('labels' in target));
    return isSound ? { name: target.name, labels: Object.fromEntries(labels) as Record<string, string> } : undefined;
  });
  return named?.every((target) => target !== undefined) ? named : undefined;
}

/** An endpoint's setting that is wrong may hold something: it is not empty. */
function isEmpty(route: Route, endpoint: (typeof ENDPOINTS)[number]): boolean {
  return !(endpoint in route) || route[endpoint]?.length === 0;
}

/** Amazon Q Developer takes one configuration for a channel, and a channel is one audience. */
function* repeatedChannels({ alerts }: SoundConfig): Iterable<RuleProblem> {
  const firstUse = new Map<string, string>();
  const lists = [
    { list: 'alerts.slack', path: ['alerts', 'slack'], channels: alerts?.slack },
    ...(alerts?.routes ?? []).map((route, index) => ({
      list: `alerts.routes[${index}].slack`,
      path: ['alerts', 'routes', index, 'slack'],
      channels: route?.slack,
    })),
  ];
  for (const { list, path, channels } of lists) {
    for (const [index, channel] of (channels ?? []).entries()) {
      const channelId = channel?.channelId;
      if (channelId === undefined) continue;
      const first = firstUse.get(channelId);
      if (first === undefined) firstUse.set(channelId, `${list}[${index}]`);
      else {
        yield {
          path: [...path, index, 'channelId'],
          message: `must be unique, but ${quoteName(channelId)} is named before, by ${first}`,
        };
      }
    }
  }
}

/** @see https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html */
function* unreachableQueues({ sqs }: Route, path: Path): Iterable<RuleProblem> {
  for (const [index, arn] of (sqs ?? []).entries()) {
    if (arn?.endsWith('.fifo')) {
      yield {
        path: [...path, 'sqs', index],
        message: `must be a standard queue, got ${showGiven(arn)}: a standard topic does not deliver to FIFO queues`,
      };
    }
  }
}

/** Without this a misspelt pattern would silently leave a team without alerts about its own databases. */
function* unmatchedTargets(
  route: Route,
  path: Path,
  targets: readonly NamedTarget[] | undefined,
): Iterable<RuleProblem> {
  const { targets: patterns, labels = {} } = route;
  const wanted = Object.entries(labels).flatMap(([key, value]) => (value === undefined ? [] : [[key, value] as const]));
  if (!('targets' in route) && Object.keys(labels).length === 0 && !isWrong(route, 'labels')) {
    yield {
      path,
      message: 'names no targets: give "targets" (names, in which * stands for any characters), "labels", or both',
    };
    return;
  }
  if (targets === undefined) return;
  const unmatched = (patterns ?? []).map(
    (pattern) => pattern !== undefined && !targets.some(({ name }) => namePattern([pattern])(name)),
  );
  for (const [index, pattern] of (patterns ?? []).entries()) {
    if (unmatched[index]) {
      yield {
        path: [...path, 'targets', index],
        message: `matches the name of no target, got ${showGiven(String(pattern))}`,
      };
    }
  }
  const missing = wanted.filter(([key, value]) => !targets.some((target) => ownLabel(target.labels, key) === value));
  for (const [key, value] of missing) {
    yield {
      path: [...path, 'labels', key],
      message: `is on no target with the value ${quoteName(value)}; ${labelValues(targets, key)}`,
    };
  }
  if (missing.length > 0 || unmatched.includes(true)) return;
  const named = namePattern(patterns === undefined ? ['*'] : patterns.filter((pattern) => pattern !== undefined));
  const matches = targets.some(
    (target) => named(target.name) && wanted.every(([key, value]) => ownLabel(target.labels, key) === value),
  );
  if (!matches) yield { path, message: 'matches no target: no target has all of what "targets" and "labels" ask for' };
}

/** A mute with a misspelt name, or with the name of a run with `--url`, would mute nothing. */
function* unmatchedMute(
  pattern: string | undefined,
  path: Path,
  targets: readonly NamedTarget[] | undefined,
): Iterable<RuleProblem> {
  if (pattern === undefined || targets === undefined) return;
  if (targets.some(({ name }) => namePattern([pattern])(name))) return;
  yield {
    path,
    message: `matches the name of no target, so it would mute nothing; targets are ${firstFew(targets.map(({ name }) => name))}`,
  };
}

function ownLabel(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function labelValues(targets: readonly NamedTarget[], key: string): string {
  const values = [...new Set(targets.flatMap((target) => ownLabel(target.labels, key) ?? []))];
  if (values.length === 0) return 'no target has that label';
  return `targets have ${firstFew(values)}`;
}

function firstFew(words: readonly string[]): string {
  const more = words.length - SHOWN;
  return `${listed(words.slice(0, SHOWN))}${more > 0 ? ` and ${more} more` : ''}`;
}

function listed(words: readonly string[]): string {
  return words.map(quoteName).join(', ');
}

/** The setting is given and of another type. */
function isWrong(route: Route, setting: keyof Route): boolean {
  return setting in route && route[setting] === undefined;
}

function* renamedCheck(check: string | undefined, path: Path): Iterable<RuleProblem> {
  const name = check === undefined ? undefined : RENAMED_CHECKS.get(check);
  if (name !== undefined) yield { path, message: `is the old name of a check: its name is now ${name}` };
}
