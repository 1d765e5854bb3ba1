// Types of the parsed command line, and of the request that goes into the audit.

import type { Config } from '../../../lambda/config/index.ts';
import type { CloudListing } from '../../../lambda/model/cloud.ts';
import type { ListedReplicas } from '../../../lambda/model/listed-replicas.ts';
import type { Observed } from '../../../lambda/model/observed.ts';
import type { LoopbackPolicy } from '../../../lambda/model/policy.ts';
import type { Severity } from '../../../lambda/model/severity.ts';
import type { AuthenticationMethod, NamedTarget, SslNegotiation, TargetKind } from '../../../lambda/model/target.ts';
import { EXPORTERS } from '../../../lambda/report/exports/index.ts';

export const FORMATS = ['table', 'json'] as const;
export type Format = (typeof FORMATS)[number];

/** Of a report. */
export const REPORT_FORMATS = ['table', ...exporterNames()] as const;
export type ReportFormat = 'table' | keyof typeof EXPORTERS;

function exporterNames(): readonly (keyof typeof EXPORTERS)[] {
  return Object.keys(EXPORTERS) as (keyof typeof EXPORTERS)[];
}

/** Which configuration, or which databases of an AWS account. */
export interface DiscoveryOptions {
  readonly config?: string;
  /** Every PostgreSQL of the account, instead of a configuration. */
  readonly discover?: boolean;
  /** Regions of AWS; implies `discover`. */
  readonly region?: readonly string[];
  /** The role to log in as, by IAM. */
  readonly role?: string;
  /** Files, or `system`. */
  readonly ca?: readonly string[];
}

export interface DiscoverOptions extends DiscoveryOptions {
  readonly format: Format;
}

export interface AuditOptions extends DiscoveryOptions {
  /** Prints what would be audited, and audits nothing. */
  readonly dryRun?: boolean;
  /** Names of targets in the configuration. */
  readonly target?: readonly string[];
  /** Instead of a configuration: one server's connection string. */
  readonly url?: string;
  /** This and what follows up to `sample` goes with `url` only. */
  readonly kind?: TargetKind;
  /** Files. */
  readonly crl?: readonly string[];
  readonly tlsServerName?: string;
  readonly sslNegotiation?: SslNegotiation;
  readonly authentication?: AuthenticationMethod;
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  /** A file: never the passphrase itself, which the process list would show. */
  readonly clientKeyPassphraseFile?: string;
  /** Seconds. */
  readonly timeout?: number;
  readonly probe?: boolean;
  /** `server`, `none`, or a log group of CloudWatch Logs. */
  readonly logs?: string;
  /** Seconds. */
  readonly sample?: number;
  readonly loopback?: LoopbackPolicy;
  /** Where the run keeps its state: a file, or `dynamodb:TABLE`. */
  readonly state?: string;
  readonly format: ReportFormat;
  /** Goes with the format `asff` only. */
  readonly awsAccount?: string;
  /** Findings of this severity or worse make the exit code 1. */
  readonly failOn: Severity;
}

export interface ChecksOptions {
  readonly format: Format;
}

export interface MuteOptions {
  /** A day or a time, ISO 8601. */
  readonly until?: string;
  readonly reason?: string;
  readonly owner?: string;
  /** The configuration that the entry is for. */
  readonly config?: string;
  /** Where to look the finding up. */
  readonly state?: string;
}

export const HISTORY_FORMATS = [...FORMATS, 'html'] as const;

export interface HistoryOptions {
  readonly state?: string;
  readonly days: number;
  /** Names of targets. */
  readonly target?: readonly string[];
  readonly format: (typeof HISTORY_FORMATS)[number];
}

export const PLAN_FORMATS = ['table', 'markdown', 'json', 'html'] as const;

export interface PlanOptions {
  readonly state?: string;
  readonly days: number;
  /** Names of targets. */
  readonly target?: readonly string[];
  readonly format: (typeof PLAN_FORMATS)[number];
}

/**
 * Not `asff`: Security Hub imports findings of a resource that is known to it, and would not show what is missing. Not
 * `html`: a page answers whether databases are encrypted, and a log convicts clients but acquits none.
 */
export const LOGS_FORMATS = REPORT_FORMATS.filter((format) => format !== 'asff' && format !== 'html');

export interface LogsOptions {
  /** As `SHOW log_line_prefix` shows it. */
  readonly prefix?: string;
  readonly format: Exclude<ReportFormat, 'asff' | 'html'>;
  /** Findings of this severity or worse make the exit code 1. */
  readonly failOn: Severity;
}

export interface AuditRequest extends Pick<Config, 'targets' | 'concurrency' | 'policy' | 'alerts' | 'mutes'> {
  /**
   * Every target of the configuration's sources, audited or not; unknown where a source failed. Undefined without a
   * configuration.
   */
  readonly configured: Observed<readonly NamedTarget[]> | undefined;
  /** What the sources did not find as the configuration means it. */
  readonly targetNotes: readonly string[];
  /** What the sources know without a login. */
  readonly cloud: CloudListing;
  /** What discovery knows of the replicas of the targets. */
  readonly replicas?: ListedReplicas;
  /** What credential sources named by an option hold. */
  readonly optionContents: Readonly<Record<string, string>>;
  /** Printed on standard error before the audit. */
  readonly notes: readonly string[];
}

export type Environment = Readonly<Record<string, string | undefined>>;
