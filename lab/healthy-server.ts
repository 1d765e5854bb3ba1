// Defines a server, and a login that may see everything, on which no check finds anything. For tests, demo and bench.

import type { Settings } from './data-folder.ts';
import { AUDITOR, type PostgresOptions } from './postgres.ts';

/** What no major has by itself: 12 accepts TLSv1, and all of them suites without forward secrecy. */
export const HEALTHY_SETTINGS = {
  ssl_min_protocol_version: 'TLSv1.2',
  ssl_ciphers: 'ECDHE+AESGCM:ECDHE+CHACHA20',
} as const satisfies Settings;

/** Every role may log in over TLS, with SCRAM. */
export const HEALTHY_HBA = [
  'local all all trust',
  'hostssl all all all scram-sha-256',
  'hostssl replication all all scram-sha-256',
] as const;

/** The same, but that this machine gets in without TLS too: nothing is wrong with it unless loopback is a network. */
export const LOOPBACK_PLAINTEXT_HBA = ['host all,replication all 127.0.0.1/32 scram-sha-256', ...HEALTHY_HBA] as const;

/**
 * Options of a healthy server with `AUDITOR` and the role `app`, but for what `options` makes of it. PostgreSQL 12 and
 * newer.
 *
 * @example
 * await using server = await startPostgres(healthyServer({ databases: ['shop'] }));
 */
export function healthyServer(options: PostgresOptions = {}): PostgresOptions {
  return {
    hba: HEALTHY_HBA,
    roles: [AUDITOR, { name: 'app' }],
    ...options,
    settings: { ...HEALTHY_SETTINGS, ...options.settings },
  };
}
