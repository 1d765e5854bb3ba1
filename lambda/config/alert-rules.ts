// Rules of routes and mutes: who is told must be somebody, of something, and what is muted must be named.

import * as z from 'zod';
import { quoteName, showGiven, showName } from '../model/given-text.ts';
import { namePattern } from '../model/name-pattern.ts';
import { RENAMED_CHECKS } from '../model/renamed.ts';
import type { ConfigProblem } from './wording.ts';

/** The name that stands for the audience of `alerts.email` and `alerts.slack`. */
const DEFAULT_ROUTE = 'all';
const ENDPOINTS = ['email', 'slack', 'https', 'sqs', 'lambda'] as const;
const MUTE_MATCHES = ['fingerprint', 'check', 'target', 'role', 'database', 'application', 'client'] as const;

const text = z.string().optional().catch(undefined);
const given = z.unknown().optional();
/** Undefined where it is no list at all: the schema says so. */
const entries = z.array(z.unknown()).optional().catch(undefined);
const channels = z
  .array(z.object({ channelId: text }).catch({ channelId: undefined }))
  .optional()
  .catch(undefined);
const labels = z.record(z.string(), z.string()).optional().catch(undefined);

/** As in the other rules: what does not fit is undefined here and named by the schema. */
const outline = z.object({
  alerts: z
    .object({
      slack: channels,
      routes: z
        .array(
          z
            .object({
              name: text,
              targets: entries,
              labels,
              email: entries,
              slack: channels,
              https: entries,
              sqs: entries,
              lambda: entries,
            })
            .optional()
            .catch(undefined),
        )
        .catch([]),
    })
    .optional()
    .catch(undefined),
  mutes: z
    .array(
      z
        .object(
          Object.fromEntries(MUTE_MATCHES.map((match) => [match, given])) as Record<
            (typeof MUTE_MATCHES)[number],
            typeof given
          >,
        )
        .optional()
        .catch(undefined),
    )
    .catch([]),
  targets: z
    .array(z.object({ name: z.string(), labels: z.record(z.string(), z.string()).default({}) }))
    .optional()
    .catch(undefined),
});

type Outline = z.output<typeof outline>;
type RouteOutline = NonNullable<NonNullable<NonNullable<Outline['alerts']>['routes']>[number]>;

/** What is wrong with routes and mutes across their settings. */
export function* alertProblems(document: unknown): Iterable<ConfigProblem> {
  const config = outline.safeParse(document).data;
  if (config === undefined) return;
  yield* repeatedChannels(config);
  const names = new Map<string, number>();
  for (const [index, route] of (config.alerts?.routes ?? []).entries()) {
    if (route === undefined) continue;
    const path = `alerts.routes[${index}]`;
    const { name } = route;
    const first = name === undefined ? undefined : names.get(name);
    if (name === DEFAULT_ROUTE) {
      yield {
        path: `${path}.name`,
        message: `must not be "${DEFAULT_ROUTE}": it stands for alerts.email and alerts.slack`,
      };
    } else if (first !== undefined) {
      yield {
        path: `${path}.name`,
        message: `must be unique, but alerts.routes[${first}] is named ${quoteName(name ?? '')} too`,
      };
    } else if (name !== undefined) names.set(name, index);
    if (ENDPOINTS.every((endpoint) => route[endpoint] === undefined || route[endpoint].length === 0)) {
      yield { path, message: `tells nobody: give at least one of ${listed(ENDPOINTS)}` };
    }
    yield* unreachableQueues(route, path);
    yield* unmatchedTargets(route, path, config.targets);
  }
  for (const [index, mute] of config.mutes.entries()) {
    if (mute !== undefined && MUTE_MATCHES.every((match) => mute[match] === undefined)) {
      yield { path: `mutes[${index}]`, message: `would mute everything: give at least one of ${listed(MUTE_MATCHES)}` };
    }
    yield* renamedCheck(mute?.check, `mutes[${index}].check`);
    yield* unmatchedMute(mute?.target, `mutes[${index}].target`, config.targets);
  }
}

/** Amazon Q Developer takes one configuration for a channel, and a channel is one audience. */
function* repeatedChannels({ alerts }: Outline): Iterable<ConfigProblem> {
  const firstUse = new Map<string, string>();
  const lists = [
    { path: 'alerts.slack', channels: alerts?.slack },
    ...(alerts?.routes ?? []).map((route, index) => ({
      path: `alerts.routes[${index}].slack`,
      channels: route?.slack,
    })),
  ];
  for (const { path: list, channels } of lists) {
    for (const [index, { channelId }] of (channels ?? []).entries()) {
      if (channelId === undefined) continue;
      const path = `${list}[${index}]`;
      const first = firstUse.get(channelId);
      if (first === undefined) firstUse.set(channelId, path);
      else
        yield {
          path: `${path}.channelId`,
          message: `must be unique, but ${quoteName(channelId)} is named before, by ${first}`,
        };
    }
  }
}

/** @see https://docs.aws.amazon.com/sns/latest/dg/fifo-message-delivery.html */
function* unreachableQueues({ sqs }: RouteOutline, path: string): Iterable<ConfigProblem> {
  for (const [index, arn] of (sqs ?? []).entries()) {
    if (typeof arn === 'string' && arn.endsWith('.fifo')) {
      yield {
        path: `${path}.sqs[${index}]`,
        message: `must be a standard queue, got ${showGiven(arn)}: a standard topic does not deliver to FIFO queues`,
      };
    }
  }
}

/** A misspelt pattern would keep a team from hearing of its own databases, and nobody would notice. */
function* unmatchedTargets(
  { targets: patterns, labels }: RouteOutline,
  path: string,
  targets: Outline['targets'],
): Iterable<ConfigProblem> {
  const wanted = Object.entries(labels ?? {});
  if (patterns === undefined && wanted.length === 0) {
    yield {
      path,
      message: 'names no targets: give "targets" (names, in which * stands for any characters), "labels", or both',
    };
    return;
  }
  // Where a target is wrong itself, nobody can say whether it was meant.
  if (targets === undefined) return;
  const isText = (pattern: unknown): pattern is string => typeof pattern === 'string';
  const unmatched = (patterns ?? []).map(
    (pattern) => isText(pattern) && !targets.some(({ name }) => namePattern([pattern])(name)),
  );
  for (const [index, pattern] of (patterns ?? []).entries()) {
    if (unmatched[index]) {
      yield {
        path: `${path}.targets[${index}]`,
        message: `matches the name of no target, got ${showGiven(String(pattern))}`,
      };
    }
  }
  const missing = wanted.filter(([key, value]) => !targets.some((target) => ownLabel(target.labels, key) === value));
  for (const [key, value] of missing) {
    yield {
      path: `${path}.labels.${showName(key)}`,
      message: `is on no target with the value ${quoteName(value)}; ${labelValues(targets, key)}`,
    };
  }
  if (missing.length > 0 || unmatched.includes(true)) return;
  const named = namePattern(patterns === undefined ? ['*'] : patterns.filter(isText));
  const matches = targets.some(
    (target) => named(target.name) && wanted.every(([key, value]) => ownLabel(target.labels, key) === value),
  );
  if (!matches) yield { path, message: 'matches no target: no target has all of what "targets" and "labels" ask for' };
}

/** A misspelt name, or one of a run with `--url`, mutes nothing: who wrote it believes that it does. */
function* unmatchedMute(pattern: unknown, path: string, targets: Outline['targets']): Iterable<ConfigProblem> {
  if (typeof pattern !== 'string' || targets === undefined) return;
  if (targets.some(({ name }) => namePattern([pattern])(name))) return;
  yield {
    path,
    message:
      `matches the name of no target, so it would mute nothing; targets are ${listed(targets.slice(0, 10).map(({ name }) => name))}` +
      `${targets.length > 10 ? ` and ${targets.length - 10} more` : ''}`,
  };
}

function ownLabel(labels: Readonly<Record<string, string>>, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function labelValues(targets: NonNullable<Outline['targets']>, key: string): string {
  const values = [...new Set(targets.flatMap((target) => ownLabel(target.labels, key) ?? []))];
  if (values.length === 0) return 'no target has that label';
  return `targets have ${listed(values.slice(0, 10))}${values.length > 10 ? ` and ${values.length - 10} more` : ''}`;
}

function listed(words: readonly string[]): string {
  return words.map(quoteName).join(', ');
}

function* renamedCheck(check: unknown, path: string): Iterable<ConfigProblem> {
  const name = typeof check === 'string' ? RENAMED_CHECKS.get(check) : undefined;
  if (name !== undefined) yield { path, message: `is the old name of a check: its name is now ${name}` };
}
