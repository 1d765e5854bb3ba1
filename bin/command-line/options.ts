// What may be said on the command line, as it comes out of the parser, and what is to be done as it goes into the audit.

import type { Config } from '../../lambda/config.ts';
import type { LoopbackPolicy } from '../../lambda/model/policy.ts';
import type { Severity } from '../../lambda/model/severity.ts';
import type { SslNegotiation, TargetKind } from '../../lambda/model/target.ts';

export const FORMATS = ['table', 'json'] as const;
export type Format = (typeof FORMATS)[number];

export interface AuditOptions {
  readonly config?: string;
  /** Names of targets in the configuration. */
  readonly target?: readonly string[];
  /** Instead of a configuration: one server's connection string. */
  readonly url?: string;
  /** This and what follows up to `probe` goes with `url` only. */
  readonly kind?: TargetKind;
  /** Files, or `system`. */
  readonly ca?: readonly string[];
  readonly tlsServerName?: string;
  readonly sslNegotiation?: SslNegotiation;
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  /** Seconds. */
  readonly timeout?: number;
  readonly probe?: boolean;
  readonly loopback?: LoopbackPolicy;
  readonly format: Format;
  /** Findings of this severity or worse make the exit code 1. */
  readonly failOn: Severity;
}

export interface ChecksOptions {
  readonly format: Format;
}

export interface AuditRequest extends Pick<Config, 'targets' | 'concurrency' | 'policy'> {
  /** What credential sources named by an option hold. */
  readonly optionContents: Readonly<Record<string, string>>;
  /** What whoever typed the command should know. */
  readonly notes: readonly string[];
}

export type Environment = Readonly<Record<string, string | undefined>>;
