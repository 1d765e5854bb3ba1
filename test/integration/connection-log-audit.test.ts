// Audits of real servers whose log files are read: every login between two runs is counted, and counted once.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { knownValue } from '../../lab/known-value.ts';
import { type LogFiles, writeLogFiles } from '../../lab/log-collector.ts';
import { AUDITOR, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { openSession } from '../../lab/sessions.ts';
import type { ConnectionLogFacts } from '../../lambda/model/connection-log.ts';
import type { LogStateStore } from '../../lambda/model/log-state.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';

const READS = ['pg_catalog.pg_read_binary_file(text, bigint, bigint)'];
const READER = { name: AUDITOR.name, grants: AUDITOR.grants, executes: [...AUDITOR.executes, ...READS] };

/** What is remembered, in memory. */
function memory(): LogStateStore {
  let stored = { state: undefined as unknown, version: 0 };
  return {
    read: async () => stored,
    save: async (_target, state, version) => {
      if (version !== stored.version) return false;
      stored = { state: JSON.parse(JSON.stringify(state)), version: version + 1 };
      return true;
    },
  };
}

async function run(server: PostgresServer, state: LogStateStore | undefined): Promise<Snapshot> {
  const secrets = { db: rdsSecret(server, AUDITOR.name), ca: server.ca ?? '' };
  const { snapshot } = await audit({ logs: 'server' }, secrets, undefined, { logs: { state } });
  return snapshot;
}

async function facts(server: PostgresServer, state: LogStateStore | undefined): Promise<ConnectionLogFacts> {
  const { connectionLog } = await run(server, state);
  if (connectionLog === undefined) throw new Error('no connection log was read');
  return knownValue(connectionLog);
}

describe('a server with log files', () => {
  let server: PostgresServer;
  let files: LogFiles;

  beforeAll(async () => {
    server = await startPostgres({ roles: [READER, { name: 'app' }], settings: { log_disconnections: false } });
    files = await writeLogFiles(server);
  });
  afterAll(async () => {
    await files?.[Symbol.asyncDispose]();
    await server?.[Symbol.asyncDispose]();
  });

  test('shows a client that was there for a moment between two runs', async () => {
    const state = memory();
    await facts(server, state);
    await (await openSession(server, { kind: 'plaintext', role: 'app', applicationName: 'nightly job' }))[
      Symbol.asyncDispose
    ]();
    const { clients, gaps } = await facts(server, state);
    expect(gaps).toEqual([]);
    expect(clients.filter(({ role }) => role === 'app')).toMatchObject([
      { database: 'postgres', application: 'nightly job', transport: 'loopback', network: '127.0.0.0/24', logins: 1 },
    ]);
  });
});
