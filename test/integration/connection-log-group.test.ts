// The connection log of a real server as a log group gives it: later, and with the auditor's login of an earlier run.

import { afterAll, beforeAll, expect, test } from 'vitest';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { knownValue } from '../../lab/known-value.ts';
import { AUDITOR, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { openSession } from '../../lab/sessions.ts';
import type { LogReader } from '../../lambda/collect/connection-log/source.ts';
import type { ConnectionLogFacts } from '../../lambda/model/connection-log.ts';
import type { LogStateStore, StoredLogState } from '../../lambda/model/log-state.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server?.[Symbol.asyncDispose]());

const GROUP = { logGroup: '/aws/rds/instance/orders/postgresql' };

/** What the server wrote before the run began: the auditor's login of the run itself comes too late. */
function logGroup(lines: () => readonly string[], isDead = false): LogReader {
  return {
    async read({ position, sink }) {
      const from = typeof position === 'number' ? position : 0;
      const all = lines();
      if (isDead) return { position: all.length, gaps: [] };
      all.slice(0, from).forEach((line) => void sink.push('orders.0', Buffer.from(`${line}\n`), true));
      all.slice(from).forEach((line) => void sink.push('orders.0', Buffer.from(`${line}\n`), false));
      return { position: all.length, gaps: [] };
    },
  };
}

function memory(): LogStateStore {
  let stored: StoredLogState = { state: undefined, version: 0 };
  return {
    read: async () => stored,
    async save(_target, state, version) {
      if (version !== stored.version) return false;
      stored = { state: JSON.parse(JSON.stringify(state)), version: version + 1 };
      return true;
    },
  };
}

async function facts(
  state: LogStateStore | undefined,
  {
    isDead = false,
    minutes = 0,
    logs = GROUP,
  }: { readonly isDead?: boolean; readonly minutes?: number; readonly logs?: typeof GROUP } = {},
): Promise<ConnectionLogFacts> {
  const before = server.log().split('\n').slice(0, -1);
  const secrets = { db: rdsSecret(server, AUDITOR.name), ca: server.ca ?? '' };
  const { snapshot } = await audit({ logs }, secrets, undefined, {
    logs: { state, logGroup: async () => logGroup(() => before, isDead) },
    clock: () => new Date(Date.now() + minutes * 60_000),
  });
  return knownValue(snapshot.connectionLog ?? { known: false, reason: 'no log was read' });
}

const ofApp = ({ clients }: ConnectionLogFacts) =>
  clients.filter(({ role }) => role === 'app').map(({ application, logins }) => [application, logins]);

test('shows every login from the run on that finds the login of the run before', async () => {
  const state = memory();
  expect((await facts(state)).gaps).toMatchObject([
    { cause: 'own-login-missing', reason: expect.stringContaining('no earlier login of the auditor') },
  ]);
  const session = await openSession(server, { kind: 'plaintext', role: 'app', applicationName: 'brief' });
  await session[Symbol.asyncDispose]();
  const second = await facts(state);
  expect(second).toMatchObject({ source: 'cloudwatch-logs', gaps: [] });
  expect(ofApp(second)).toEqual([['brief', 1]]);
  expect(ofApp(await facts(state))).toEqual([['brief', 1]]);
});

test('takes any login of the auditor for proof where nothing is remembered', async () => {
  await facts(memory());
  expect((await facts(undefined)).gaps.map(({ cause }) => cause)).toEqual(['no-state']);
  const dead = await facts(undefined, { isDead: true });
  expect(dead.gaps.map(({ cause }) => cause)).toEqual(['no-state', 'own-login-missing']);
});

test('is dead where the auditor no longer finds its logins, however quiet it was before', async () => {
  const state = memory();
  await facts(state);
  await facts(state);
  expect((await facts(state, { isDead: true, minutes: 5 })).gaps).toEqual([]);
  const { gaps, continuousSince } = await facts(state, { isDead: true, minutes: 30 });
  expect(gaps).toMatchObject([
    { cause: 'own-login-missing', reason: 'an earlier login of the auditor as "tls_auditor" is not in the log group' },
  ]);
  expect(continuousSince).toBeUndefined();
  expect((await facts(state, { minutes: 31 })).gaps).toEqual([]);
});

test('is not known where the program has no reader for it', async () => {
  const secrets = { db: rdsSecret(server, AUDITOR.name), ca: server.ca ?? '' };
  const { snapshot } = await audit({ logs: GROUP }, secrets);
  expect(snapshot.connectionLog).toEqual({ known: false, reason: expect.stringContaining('left out') });
});
