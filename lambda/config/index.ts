// Validates a configuration document, reports every problem at once and fills in defaults.

import * as z from 'zod';
import type { Mute } from '../model/mute.ts';
import type { Policy } from '../model/policy.ts';
import type { Severity } from '../model/severity.ts';
import type { CaSource, ClientCertificateSource, CredentialSource, CrlSource, Target } from '../model/target.ts';
import { DAY_MS } from '../model/time.ts';
import { crossFieldProblems } from './rules.ts';
import { configSchema } from './schema.ts';
import { soundParts } from './sound.ts';
import type { ConfigProblem } from './wording.ts';
import { describeIssue, formatPath } from './wording.ts';

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
  readonly targets: readonly Target[];
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

  constructor(source: string, problems: readonly ConfigProblem[]) {
    const list = problems.map(({ path, message }) => `  ${path === '' ? '(document)' : path}: ${message}`).join('\n');
    super(`${source} has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${list}`);
    this.problems = problems;
  }
}

export interface ParseConfigOptions {
  /** How messages call the document. @default 'the configuration' */
  readonly source?: string;
  /** `deployment` refuses what only the command line can reach: files and environment variables. */
  readonly use: 'deployment' | 'command-line';
}

/**
 * Validates a configuration document and fills in its defaults.
 *
 * @throws ConfigError naming every problem at once, each with its path, the value given and what is allowed.
 */
export function parseConfig(document: unknown, options: ParseConfigOptions): Config {
  const source = options.source ?? 'the configuration';
  const result = configSchema.safeParse(document, { reportInput: true });
  const issues = result.error?.issues ?? [];
  const parts = soundParts(result.data ?? (document as ConfigInput), issues);
  const problems = [
    ...issues.flatMap(describeIssue),
    ...[...(parts === undefined ? [] : crossFieldProblems(parts, options.use))].map(({ path, message }) => ({
      path: formatPath(path),
      message,
    })),
  ];
  if (result.data === undefined || problems.length > 0) throw new ConfigError(source, problems);
  return toConfig(result.data);
}

/** The JSON Schema of the configuration file, for editors. */
export function configJsonSchema(): object {
  return {
    ...z.toJSONSchema(configSchema, { io: 'input', target: 'draft-2020-12' }),
    title: 'pg-tls-auditor configuration',
  };
}

function toConfig(parsed: Parsed): Config {
  const { schedule, timezone, alerts, defaults, policy, concurrency, deployment } = parsed;
  const targets = parsed.targets.map((target): Target => {
    const sources: CaSource | readonly CaSource[] = target.ca ?? defaults.ca ?? 'system';
    const lists: CrlSource | readonly CrlSource[] = target.crl ?? defaults.crl ?? [];
    return {
      name: target.name,
      kind: target.kind,
      credentials: credentialSource(target),
      ca: Array.isArray(sources) ? sources : [sources as CaSource],
      crl: Array.isArray(lists) ? lists : [lists as CrlSource],
      host: target.host,
      port: target.port,
      database: target.database,
      tlsServerName: target.tlsServerName,
      sslNegotiation: target.sslNegotiation ?? defaults.sslNegotiation,
      clientCertificate: target.clientCertificate as ClientCertificateSource | undefined,
      // RDS asks for a token as for a password in clear, and what answers any other request would not be a token.
      authentication:
        target.credentials === 'iam' ? ['password'] : listOf(target.authentication ?? defaults.authentication),
      minScramIterations: target.minScramIterations ?? defaults.minScramIterations,
      timeoutMs: (target.timeoutSeconds ?? defaults.timeoutSeconds) * 1000,
      probe: target.probe ?? defaults.probe,
      logs: target.logs ?? defaults.logs,
      sampleMs: (target.sampleSeconds ?? defaults.sampleSeconds) * 1000,
      labels: target.labels ?? {},
    };
  });
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
    targets,
  };
}

function listOf<T extends string>(value: T | readonly T[]): readonly T[] {
  return typeof value === 'string' ? [value] : value;
}

function toMute({ reason, owner, expires, ...match }: Parsed['mutes'][number]): Mute {
  // A day is muted to its end.
  const end = /^\d{4}-\d\d-\d\d$/.test(expires) ? Date.parse(expires) + DAY_MS : Date.parse(expires);
  return { match, reason, owner, expires: new Date(end).toISOString() };
}

function credentialSource(target: Parsed['targets'][number]): CredentialSource {
  const { credentials, role, region } = target;
  if (credentials === 'iam' && role !== undefined) return { iam: { role, region } };
  if (credentials !== undefined && credentials !== 'iam') return credentials;
  if (target.secret !== undefined) return { secret: target.secret };
  throw new Error(`target ${target.name} names no credentials`);
}
