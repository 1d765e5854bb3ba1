// Recognises databases that speak PostgreSQL's protocol but cannot be audited, and says what to do instead.

import type pg from 'pg';
import type { Endpoint } from '../../model/endpoint.ts';
import { hostPort } from '../../model/endpoint.ts';
import { AuditFailure } from '../../model/failure.ts';

export interface Product {
  readonly name: string;
  /** What to do instead of an audit. */
  readonly instead: string;
}

const VIEWS = 'it does not have the views that PostgreSQL shows its sessions in';

/**
 * By what `server_version` or `version()` says, or a pooler's console to SHOW VERSION. Sources: each product's
 * documentation of version(), and for the consoles PgCat's src/admin.rs and Odyssey's sources/frontend.c.
 */
const PRODUCTS: readonly (Product & { readonly says: RegExp })[] = [
  {
    name: 'Amazon Redshift',
    // No PostgreSQL of that version had TLS settings of its own; Redshift has announced it since 2012.
    says: /\bRedshift\b|^8\.0\.2$/,
    instead:
      'leave it out of the targets: set require_ssl = true in the parameter group of the cluster, and see in sys_connection_log (column ssl_version) who connects without',
  },
  {
    name: 'Materialize',
    says: /\bMaterialize\b/,
    instead: `leave it out of the targets: ${VIEWS}; see mz_internal.mz_sessions there`,
  },
  {
    name: 'Greenplum',
    says: /\bGreenplum\b/,
    instead: 'leave it out of the targets, or upgrade to Greenplum 7, whose coordinator can be audited',
  },
  {
    name: 'Cloudberry',
    says: /\bCloudberry\b/,
    instead: 'leave it out of the targets, and see pg_stat_ssl on its coordinator by hand',
  },
  {
    name: 'CockroachDB',
    says: /\bCockroachDB\b/i,
    instead:
      'leave it out of the targets: it refuses sessions without TLS unless it runs with --insecure or --accept-sql-without-tls; see SHOW CLUSTER SESSIONS there',
  },
  {
    name: 'YugabyteDB',
    says: /-YB-/,
    instead:
      'audit each of its nodes by its own address, or leave it out of the targets and set use_client_to_server_encryption=true there',
  },
  {
    name: 'CrateDB',
    says: /\bCrateDB\b/,
    instead: `leave it out of the targets: ${VIEWS}; set auth.host_based with ssl: on there`,
  },
  {
    name: 'QuestDB',
    says: /\bQuestDB\b/,
    instead: `leave it out of the targets: ${VIEWS}; set pg.tls.enabled=true there`,
  },
  { name: 'RisingWave', says: /\bRisingWave\b/i, instead: `leave it out of the targets: ${VIEWS}` },
  { name: 'openGauss', says: /\bopenGauss\b|\bGaussDB\b/i, instead: `leave it out of the targets: ${VIEWS}` },
  { name: 'Hologres', says: /\bHologres\b/i, instead: `leave it out of the targets: ${VIEWS}` },
  {
    name: 'Amazon Aurora DSQL',
    says: /\bDSQL\b/,
    instead: 'leave it out of the targets: it accepts no connection without TLS',
  },
  { name: 'Cloud Spanner', says: /\bSpanner\b|\bPGAdapter\b/i, instead: `leave it out of the targets: ${VIEWS}` },
  { name: 'YDB', says: /\bYDB\b/, instead: `leave it out of the targets: ${VIEWS}` },
  { name: 'DuckDB', says: /\bDuckDB\b/i, instead: `leave it out of the targets: ${VIEWS}` },
  {
    name: 'the admin console of PgCat',
    says: /^PgCat\b/i,
    instead:
      'give the host, port and a database of the PostgreSQL server behind it; of consoles, only that of PgBouncer can be audited',
  },
  {
    name: 'the admin console of Odyssey',
    says: /\bOdyssey\b|^\d+\.\d+(?:\.\d+)? \(git /i,
    instead:
      'give the host, port and a database of the PostgreSQL server behind it; of consoles, only that of PgBouncer can be audited',
  },
  {
    name: 'Pgpool-II',
    says: /\bpgpool/i,
    instead: 'give the host and port of the PostgreSQL servers behind it, each as a target of its own',
  },
];

/** What a text of a server proves it to be; undefined where it may be PostgreSQL. */
export function productOf(said: string): Product | undefined {
  const start = said.slice(0, 300);
  return PRODUCTS.find(({ says }) => says.test(start));
}

export function unsupportedProduct({ name, instead }: Product, endpoint: Endpoint): AuditFailure {
  return new AuditFailure({
    cause: 'product-unsupported',
    phase: 'query',
    message: `${hostPort(endpoint)} is ${name}, which the auditor cannot see into`,
    remedy: instead,
  });
}

/** Short, because the server answered a login a moment ago. */
const ANSWER_TIMEOUT_MS = 1_000;

/** One message each: what refuses the first may answer the second. Consoles of poolers know the last. */
const VIEW_QUERIES = ['ROLLBACK', 'SELECT version()', 'SHOW VERSION'] as const;

/**
 * Asks a server that answered incompletely what it is. Never throws, and gives up after one second: it only explains.
 */
export async function askProduct(client: pg.Client): Promise<Product | undefined> {
  const { promise: longEnough, resolve } = Promise.withResolvers<undefined>();
  const timer = setTimeout(() => resolve(undefined), ANSWER_TIMEOUT_MS);
  try {
    return await Promise.race([askEach(client), longEnough]);
  } finally {
    clearTimeout(timer);
  }
}

async function askEach(client: pg.Client): Promise<Product | undefined> {
  for (const question of VIEW_QUERIES) {
    const product = (await textsOf(client, question)).flatMap((text) => productOf(text) ?? [])[0];
    if (product !== undefined) return product;
  }
  return undefined;
}

/** Every text that came back; none where the question was refused or the connection is gone. */
async function textsOf(client: pg.Client, text: string): Promise<readonly string[]> {
  try {
    const { rows } = await client.query<unknown[]>({ text, rowMode: 'array' });
    return rows.flat().filter((value) => typeof value === 'string');
  } catch {
    return [];
  }
}
