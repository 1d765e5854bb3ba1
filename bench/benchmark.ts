// Defines a benchmark, and the context that every benchmark gets.

import { createRequire } from 'node:module';
import type pg from 'pg';
import type { ConnectionConfig, PostgresServer } from '../lab/postgres.ts';
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

/** pg as a script has it: the auditor gives the one that it loads faster hash functions. */
const driver = ((): typeof pg => {
  const require = createRequire(import.meta.url);
  const loaded = Object.keys(require.cache).filter((path) => /node_modules[\\/]pg[\\/]/.test(path));
  for (const path of loaded) delete require.cache[path];
  return require('pg') as typeof pg;
})();

/** What a script has to log in with. */
export type BareLogin = ConnectionConfig & { readonly ssl: { readonly ca: string } };

export function bareLogin(server: PostgresServer): BareLogin {
  return { ...server.connectionConfig(), ssl: { ca: caOf(server) } };
}

/** The baseline that a script has: a verified connection, a query where one is given, and Terminate. */
export async function bareConnection(login: BareLogin, query?: string): Promise<void> {
  const client = new driver.Client(login);
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
