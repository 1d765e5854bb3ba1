// The configuration: parseConfig, which names every problem at once, and what it makes of a document.

import * as z from 'zod';
import type { ConfigProblem } from './config/problem.ts';
import { crossFieldProblems, localSources } from './config/rules.ts';
import { configSchema } from './config/schema.ts';
import { describeIssue } from './config/wording.ts';
import type { Policy } from './model/policy.ts';
import type { Severity } from './model/severity.ts';
import type { CaSource, ClientCertificateSource, CredentialSource, Target } from './model/target.ts';

export type { ConfigProblem } from './config/problem.ts';

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
  };
  readonly policy: Policy;
  readonly concurrency: number;
  readonly deployment: Readonly<Parsed['deployment']>;
  readonly targets: readonly Target[];
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
  const problems = [
    ...(result.error?.issues ?? []).flatMap(describeIssue),
    ...crossFieldProblems(document),
    ...(options.use === 'deployment' ? localSources(document) : []),
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
    return {
      name: target.name,
      kind: target.kind,
      credentials: credentialSource(target),
      ca: Array.isArray(sources) ? sources : [sources as CaSource],
      host: target.host,
      port: target.port,
      database: target.database,
      tlsServerName: target.tlsServerName,
      sslNegotiation: target.sslNegotiation ?? defaults.sslNegotiation,
      clientCertificate: target.clientCertificate as ClientCertificateSource | undefined,
      timeoutMs: (target.timeoutSeconds ?? defaults.timeoutSeconds) * 1000,
      probe: target.probe ?? defaults.probe,
      labels: target.labels ?? {},
    };
  });
  return { schedule, timezone, alerts, policy, concurrency, deployment, targets };
}

function credentialSource(target: Parsed['targets'][number]): CredentialSource {
  if (target.credentials !== undefined) return target.credentials;
  if (target.secret !== undefined) return { secret: target.secret };
  throw new Error(`target ${target.name} names no credentials`);
}
