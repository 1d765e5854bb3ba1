// Fills in what a target leaves to the defaults, and gives it the shape that the audit uses.

import type * as z from 'zod';
import type { CaSource, ClientCertificateSource, CredentialSource, CrlSource, Target } from '../model/target.ts';
import type { configSchema } from './schema.ts';

type Parsed = z.output<typeof configSchema>;
type ParsedTarget = Parsed['targets'][number];

/** The settings of targets that do not set these themselves. */
export type TargetDefaults = Readonly<Parsed['defaults']>;

/** @throws Error for a target that names no credentials: the rules refuse it before */
export function toTarget(target: ParsedTarget, defaults: TargetDefaults): Target {
  return {
    name: target.name,
    kind: target.kind,
    credentials: credentialSource(target),
    ca: caSources(target.ca ?? defaults.ca),
    crl: crlSources(target.crl ?? defaults.crl),
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
    network: target.network,
    labels: target.labels ?? {},
  };
}

/** @param given one source or many; undefined: the public CAs */
export function caSources(given: ParsedTarget['ca']): readonly CaSource[] {
  const sources: CaSource | readonly CaSource[] = given ?? 'system';
  return Array.isArray(sources) ? sources : [sources as CaSource];
}

export function crlSources(given: ParsedTarget['crl']): readonly CrlSource[] {
  const sources: CrlSource | readonly CrlSource[] = given ?? [];
  return Array.isArray(sources) ? sources : [sources as CrlSource];
}

export function listOf<T extends string>(value: T | readonly T[]): readonly T[] {
  return typeof value === 'string' ? [value] : value;
}

function credentialSource(target: ParsedTarget): CredentialSource {
  const { credentials, role, region } = target;
  if (credentials === 'iam' && role !== undefined) return { iam: { role, region } };
  if (credentials !== undefined && credentials !== 'iam') return credentials;
  if (target.secret !== undefined) return { secret: target.secret };
  throw new Error(`target ${target.name} names no credentials`);
}
