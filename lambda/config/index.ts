// Validates a configuration document, reports every problem at once and fills in defaults.

import * as z from 'zod';
import type { Mute } from '../model/mute.ts';
import type { Policy } from '../model/policy.ts';
import type { Severity } from '../model/severity.ts';
import type { NamedTarget, Target } from '../model/target.ts';
import { DAY_MS } from '../model/time.ts';
import { unmatchedPatterns } from './alert-rules.ts';
import { type DiscoveryRule, toDiscoveryRule } from './discovery.ts';
import { crossFieldProblems } from './rules.ts';
import { configSchema } from './schema.ts';
import { soundParts } from './sound.ts';
import { toTarget } from './to-target.ts';
import type { ConfigProblem } from './wording.ts';
import { describeIssue, formatPath } from './wording.ts';

export type { DiscoveryRule, FileRule, RdsRule } from './discovery.ts';
export { DEFAULT_NETWORK, MOST_TARGETS, TARGET_NAME } from './schema.ts';
export type { ConfigProblem } from './wording.ts';

/** The configuration as people write it. */
export type ConfigInput = z.input<typeof configSchema>;

type Parsed = z.output<typeof configSchema>;

/** The configuration with every default filled in. Plain, readonly, serialisable. */
export interface Config {
  readonly schedule: string;
  readonly timezone: string;
  readonly alerts: {
    readonly email: readonly string[];
    readonly slack: readonly { readonly workspaceId: string; readonly channelId: string }[];
    /** Findings below this send no alert. */
    readonly minSeverity: Severity;
    /** 0: an open finding is notified once. */
    readonly repeatIntervalHours: number;
    readonly resolveAfterHours: number;
    readonly routes: readonly Route[];
  };
  readonly mutes: readonly Mute[];
  readonly policy: Policy;
  readonly concurrency: number;
  readonly deployment: Readonly<Parsed['deployment']>;
  /** By name: each has a worker in the deployment's account. */
  readonly networks: Readonly<Parsed['networks']>;
  /** By name: each has a worker in another account or region. */
  readonly satellites: Readonly<Parsed['satellites']>;
  readonly targets: readonly Target[];
  /** Where more targets are found, in each run. */
  readonly discovery: readonly DiscoveryRule[];
}

/** A receiver, and the targets that it is notified of. */
export interface Route {
  /** Unique in the configuration. */
  readonly name: string;
  /** Patterns of target names; undefined: any. */
  readonly targets?: readonly string[] | undefined;
  /** All of them must be on a target; undefined: none need be. */
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly minSeverity: Severity;
  readonly email: readonly string[];
  readonly slack: readonly { readonly workspaceId: string; readonly channelId: string }[];
  readonly https: readonly string[];
  /** ARNs. */
  readonly sqs: readonly string[];
  readonly lambda: readonly string[];
}

/** A configuration that can't be used. `message` lists every problem, one a line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];
  /** How messages call the document. */
  readonly source: string;

  constructor(source: string, problems: readonly ConfigProblem[]) {
    const list = problems.map(({ path, message }) => `  ${path === '' ? '(document)' : path}: ${message}`).join('\n');
    super(`${source} has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${list}`);
    this.problems = problems;
    this.source = source;
  }
}

export interface ParseConfigOptions {
  /** How messages call the document. @default 'the configuration' */
  readonly source?: string;
  /** `deployment` refuses what only the command line can reach: files and environment variables. */
  readonly use: 'deployment' | 'command-line';
  /** Whether another document may name the targets, so that this one need not. @default false */
  readonly targetsElsewhere?: boolean;
}

/**
 * Validates a configuration document and fills in its defaults.
 *
 * @throws ConfigError naming every problem at once, each with its path, the value given and what is allowed.
 */
export function parseConfig(document: unknown, options: ParseConfigOptions): Config {
  return toConfig(parseDocument(document, options));
}

/**
 * Validates a list of targets that stands in a file of its own: a JSON array, or an object with `targets`.
 *
 * @returns the targets as the configuration would hold them, before its defaults are filled in
 * @throws ConfigError naming every problem at once
 */
export function parseTargetList(document: unknown, options: ParseConfigOptions): Parsed['targets'] {
  const { source = 'the list of targets' } = options;
  const isObject = typeof document === 'object' && document !== null && !Array.isArray(document);
  const others = isObject ? Object.keys(document).filter((key) => key !== 'targets' && key !== '$schema') : [];
  if (others.length > 0) {
    throw new ConfigError(
      source,
      others.map((key) => ({ path: formatPath([key]), message: 'is not a setting; allowed here: targets' })),
    );
  }
  return parseDocument(isObject ? document : { targets: document }, { ...options, source }).targets;
}

function parseDocument(document: unknown, options: ParseConfigOptions): Parsed {
  const source = options.source ?? 'the configuration';
  const result = configSchema.safeParse(document, { reportInput: true });
  const issues = result.error?.issues ?? [];
  const parts = soundParts(result.data ?? (document as ConfigInput), issues);
  const problems = [
    ...issues.flatMap(describeIssue),
    ...[...(parts === undefined ? [] : crossFieldProblems(parts, options))].map(({ path, message }) => ({
      path: formatPath(path),
      message,
    })),
  ];
  if (result.data === undefined || problems.length > 0) throw new ConfigError(source, problems);
  return result.data;
}

/**
 * What routes and mutes of a configuration with discovery name, and none of these targets has.
 *
 * @param targets every target that there is
 * @returns sentences without their period, each with the path of its setting, and a key that stays the same
 */
export function unmatchedByTargets(
  { alerts, mutes }: Pick<Config, 'alerts' | 'mutes'>,
  targets: readonly NamedTarget[],
): readonly { readonly key: string; readonly message: string }[] {
  // A route that names no targets by name has no key for them.
  const routes = alerts.routes.map((route) =>
    Object.fromEntries(Object.entries(route).filter(([, value]) => value !== undefined)),
  );
  const settings = { alerts: { routes }, mutes: mutes.map(({ match }) => match) };
  return [...unmatchedPatterns(settings, targets)].map(({ path, message }) => ({
    key: `${formatPath(path)} ${JSON.stringify(valueAt(settings, path))}`,
    message: `${formatPath(path)} ${message}`,
  }));
}

function valueAt(document: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce((part, key) => Object(part)[key], document);
}

/** The JSON Schema of the configuration file, for editors. */
export function configJsonSchema(): object {
  return {
    ...z.toJSONSchema(configSchema, { io: 'input', target: 'draft-2020-12' }),
    anyOf: ['targets', 'discovery'].map((list) => ({ required: [list], properties: { [list]: { minItems: 1 } } })),
    title: 'pg-tls-auditor configuration',
  };
}

function toConfig(parsed: Parsed): Config {
  const { schedule, timezone, alerts, defaults, policy, concurrency, deployment } = parsed;
  return {
    schedule,
    timezone,
    alerts: {
      ...alerts,
      routes: alerts.routes.map((route) => ({ ...route, minSeverity: route.minSeverity ?? alerts.minSeverity })),
    },
    mutes: parsed.mutes.map(toMute),
    policy,
    concurrency,
    deployment,
    networks: parsed.networks,
    satellites: parsed.satellites,
    targets: parsed.targets.map((target) => toTarget(target, defaults)),
    discovery: parsed.discovery.map((rule) => toDiscoveryRule(rule, defaults)),
  };
}

function toMute({ reason, owner, expires, ...match }: Parsed['mutes'][number]): Mute {
  // A day is muted to its end.
  const end = /^\d{4}-\d\d-\d\d$/.test(expires) ? Date.parse(expires) + DAY_MS : Date.parse(expires);
  return { match, reason, owner, expires: new Date(end).toISOString() };
}
