// Gives the rules of discovery the shape that the sources of targets use.

import type * as z from 'zod';
import type { AssumedRole } from '../model/assumed-role.ts';
import type { CaSource, Target } from '../model/target.ts';
import { parseTemplate, type Template } from '../model/template.ts';
import { CA_PLACEHOLDERS, DATABASE_PLACEHOLDERS, type discoveryRuleSchema } from './schema.ts';
import { caSources, crlSources, listOf, type TargetDefaults } from './to-target.ts';

type ParsedRule = z.output<typeof discoveryRuleSchema>;

/** Where targets are found that the configuration does not name one by one. */
export type DiscoveryRule = FileRule | RdsRule;

/** A file with a list of targets; command line only. */
export interface FileRule {
  readonly source: 'file';
  /** As the configuration writes it: relative to the configuration's folder. */
  readonly file: string;
  /** Of the configuration that names the file. */
  readonly defaults: TargetDefaults;
}

/** PostgreSQL databases of RDS and Aurora, in some accounts and regions. */
export interface RdsRule {
  readonly source: 'rds';
  readonly regions: readonly string[];
  /** Undefined among them: the account of the auditor itself. */
  readonly accounts: readonly (AssumedRole | undefined)[];
  /** All of them must be on an instance or its cluster. */
  readonly tags: 'all' | Readonly<Record<string, string>>;
  /** Patterns of names: a cluster's or an instance's identifier, or both as `cluster/member`. */
  readonly include: readonly string[];
  readonly exclude: readonly string[];
  readonly credentials:
    | { readonly iam: { readonly role: string; readonly tagRoles: readonly string[] } }
    | { readonly secret: Template }
    /** The key of the tag that names the secret. */
    | { readonly secretTag: string };
  /** Whether the tag of a database may name its secret. */
  readonly tagSecrets: boolean;
  readonly ca: readonly (
    | Exclude<CaSource, { secret: string }>
    | { readonly secret: Template; readonly key?: string }
  )[];
  /** The name of the network from which they are audited; undefined: the default one. */
  readonly network: Template | undefined;
  readonly labels: Readonly<Record<string, Template>>;
  readonly logs: 'auto' | Target['logs'];
  /** What every target of this rule has. */
  readonly settings: Pick<
    Target,
    'crl' | 'database' | 'sslNegotiation' | 'authentication' | 'minScramIterations' | 'timeoutMs' | 'probe' | 'sampleMs'
  >;
}

/** @throws Error for a rule that is not complete: the rules across settings refuse it before */
export function toDiscoveryRule(rule: ParsedRule, defaults: TargetDefaults): DiscoveryRule {
  if (rule.file !== undefined) return { source: 'file', file: rule.file, defaults };
  const { rds, credentials } = rule;
  if (rds === undefined || credentials === undefined) throw new Error('a rule of discovery is not complete');
  return {
    source: 'rds',
    regions: [...new Set(rds.regions)],
    accounts: rds.accounts ?? [undefined],
    tags: rds.tags,
    include: rds.include ?? ['*'],
    exclude: rds.exclude ?? [],
    credentials: credentialsOf(rule, credentials),
    tagSecrets: (typeof credentials === 'object' && 'secretTag' in credentials) || (rule.tagSecrets ?? false),
    ca: caSources(rule.ca ?? defaults.ca).map((source) =>
      typeof source === 'object' && 'secret' in source
        ? {
            secret: template(source.secret, CA_PLACEHOLDERS),
            ...(source.key === undefined ? {} : { key: source.key }),
          }
        : source,
    ),
    network: rule.network === undefined ? undefined : template(rule.network, DATABASE_PLACEHOLDERS),
    labels: Object.fromEntries(
      Object.entries(rule.labels ?? {}).map(([key, value]) => [key, template(value, DATABASE_PLACEHOLDERS)]),
    ),
    logs: rule.logs ?? defaults.logs,
    settings: {
      crl: crlSources(defaults.crl),
      database: rule.database,
      sslNegotiation: defaults.sslNegotiation,
      authentication: listOf(defaults.authentication),
      minScramIterations: defaults.minScramIterations,
      timeoutMs: (rule.timeoutSeconds ?? defaults.timeoutSeconds) * 1000,
      probe: rule.probe ?? defaults.probe,
      sampleMs: (rule.sampleSeconds ?? defaults.sampleSeconds) * 1000,
    },
  };
}

function credentialsOf(
  { role, tagRoles = [] }: ParsedRule,
  credentials: NonNullable<ParsedRule['credentials']>,
): RdsRule['credentials'] {
  if (credentials === 'iam') {
    if (role === undefined) throw new Error('a rule of discovery is not complete');
    return { iam: { role, tagRoles } };
  }
  if ('secretTag' in credentials) return credentials;
  return { secret: template(credentials.secret, DATABASE_PLACEHOLDERS) };
}

function template(text: string, allowed: readonly string[]): Template {
  const parsed = parseTemplate(text, allowed);
  // The schema has refused a text with a problem.
  return 'problem' in parsed ? [{ text }] : parsed;
}
