// Audits of single targets in tests: sources from memory, everything else as in production.

import { isDeepStrictEqual } from 'node:util';
import type { Collector } from '../lambda/collect/attempts.ts';
import { createTrustStore } from '../lambda/collect/connect/trust.ts';
import { createSourceReader } from '../lambda/collect/secrets/sources.ts';
import type { SecretContent } from '../lambda/collect/secrets/store.ts';
import { takeSnapshot } from '../lambda/collect/snapshot.ts';
import { snapshotSchema } from '../lambda/model/run-schema.ts';
import type { Snapshot } from '../lambda/model/snapshot.ts';
import type { Target } from '../lambda/model/target.ts';
import { systemClock } from '../lambda/model/time.ts';
import type { PostgresServer } from './postgres.ts';

export interface Audit {
  readonly snapshot: Snapshot;
  /** How often each secret was asked for, fresh or not. */
  readonly reads: ReadonlyMap<string, number>;
}

/** Takes a snapshot of a target with secrets from memory: a value, or the values of one read after another. */
export async function audit(
  target: Partial<Target>,
  secrets: Readonly<Record<string, SecretContent | readonly SecretContent[]>>,
  deadline: AbortSignal = new AbortController().signal,
  more: Partial<Collector> = {},
): Promise<Audit> {
  const reads = new Map<string, number>();
  const get = (id: string): Promise<SecretContent> => {
    const count = (reads.get(id) ?? 0) + 1;
    reads.set(id, count);
    const value = secrets[id];
    if (value === undefined) return Promise.reject(new Error(`the test gives no secret ${id}`));
    const values = Array.isArray(value) ? (value as readonly SecretContent[]) : [value as SecretContent];
    return Promise.resolve(values[Math.min(count, values.length) - 1] as SecretContent);
  };
  const sources = createSourceReader({ get, refresh: get }, {});
  const collector: Collector = { sources, trust: createTrustStore(sources), clock: systemClock, ...more };
  const { snapshot, closed } = await takeSnapshot(targetOf(target), collector, deadline);
  await closed;
  return { snapshot: plain(snapshot), reads };
}

/** Every snapshot that a test takes of a real server can be written as JSON and read again. */
function plain(snapshot: Snapshot): Snapshot {
  const copy: unknown = JSON.parse(JSON.stringify(snapshot));
  const { error, data } = snapshotSchema.safeParse(copy);
  if (error !== undefined)
    throw new Error(`the snapshot of ${snapshot.target.name} is no plain JSON: ${error.message}`);
  if (!isDeepStrictEqual(data, copy)) throw new Error(`the snapshot of ${snapshot.target.name} is read otherwise`);
  return snapshot;
}

/** A target with every default: credentials in `db`, CAs in `ca`. */
export function targetOf(target: Partial<Target> = {}): Target {
  return {
    name: 'orders',
    kind: 'postgresql',
    credentials: { secret: 'db' },
    ca: [{ secret: 'ca' }],
    sslNegotiation: 'postgres',
    authentication: ['scram-sha-256', 'md5', 'none'],
    minScramIterations: 4096,
    timeoutMs: 10_000,
    probe: false,
    logs: 'none',
    sampleMs: 0,
    labels: {},
    ...target,
  };
}

/** The JSON that RDS stores. */
export function rdsSecret(server: PostgresServer, role?: string, overrides: object = {}): string {
  const { host, port, user, password, database } = server.connectionConfig(role);
  return JSON.stringify({ engine: 'postgres', host, port, username: user, password, dbname: database, ...overrides });
}
