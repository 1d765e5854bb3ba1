// Defines a benchmark, and the context that every benchmark gets.

import pg from 'pg';
import type { PostgresServer } from '../lab/postgres.ts';
import type { Collector } from '../lambda/collect/attempts.ts';
import { createTrustStore } from '../lambda/collect/connect/trust.ts';
import { createSourceReader } from '../lambda/collect/secrets/sources.ts';
import type { SecretStore } from '../lambda/collect/secrets/store.ts';
import { systemClock } from '../lambda/model/time.ts';
import type { Row } from './measure.ts';

export interface Benchmark {
  /** For `--only`. */
  readonly name: string;
  /** What is compared with what. */
  readonly title: string;
  readonly run: (server: PostgresServer) => Promise<readonly Row[]>;
}

/** The baseline that a script has: a verified connection, a query where one is given, and Terminate. */
export async function bareConnection(server: PostgresServer, query?: string): Promise<void> {
  const client = new pg.Client({ ...server.connectionConfig(), ssl: { ca: caOf(server) } });
  await client.connect();
  if (query !== undefined) await client.query(query);
  await client.end();
}

export function caOf({ ca }: PostgresServer): string {
  if (ca === undefined) throw new Error('the server has no TLS');
  return ca;
}

/** What the audits of one run share, new as in every run. */
export function newCollector(secrets: SecretStore): Collector {
  const sources = createSourceReader(secrets, {});
  return { sources, trust: createTrustStore(sources), clock: systemClock };
}
