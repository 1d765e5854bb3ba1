// Sessions that open while the auditor goes on reading which are open, and further sessions of observers in general.

import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { audit, rdsSecret, targetOf } from '../../lab/collector.ts';
import { flakyRelay } from '../../lab/flaky-relay.ts';
import { knownValue } from '../../lab/known-value.ts';
import { AUDITOR, newestMajor, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { openSession } from '../../lab/sessions.ts';
import { POLICY } from '../../lab/snapshots.ts';
import { auditTargets } from '../../lambda/audit.ts';
import { createTrustStore } from '../../lambda/collect/connect/trust.ts';
import { sampling } from '../../lambda/collect/postgres/sampling.ts';
import { createSourceReader } from '../../lambda/collect/secrets/sources.ts';
import type { SecretStore } from '../../lambda/collect/secrets/store.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import { systemClock } from '../../lambda/model/time.ts';

let server: PostgresServer;
beforeAll(async () => {
  server = await startPostgres({ major: newestMajor() });
});
afterAll(() => server?.[Symbol.asyncDispose]());

function sampled(sampleMs: number, deadline?: AbortSignal, target: object = {}): Promise<{ snapshot: Snapshot }> {
  const secrets = { db: rdsSecret(server, AUDITOR.name), ca: server.ca ?? '' };
  return audit({ sampleMs, ...target }, secrets, deadline);
}

test('a session that opens and closes after the first look is found, once, and no other', async () => {
  await using _ = await openSession(server, { kind: 'plaintext', role: 'app', applicationName: 'there before' });
  const auditing = sampled(2_500);
  await server.waitForLog(/application_name=pg-tls-auditor SSL.*\n?/);
  await wait(300);
  const brief = await openSession(server, { kind: 'plaintext', role: 'app', applicationName: 'brief' });
  await wait(1_300);
  await brief[Symbol.asyncDispose]();
  const { snapshot } = await auditing;
  const { samples, sessions, from, to } = knownValue(snapshot.sampled ?? { known: false, reason: 'not sampled' });
  expect(samples).toBeGreaterThanOrEqual(2);
  expect(Date.parse(to)).toBeGreaterThan(Date.parse(from));
  expect(sessions).toMatchObject([{ role: 'app', database: 'postgres', application: 'brief', transport: 'loopback' }]);
  expect(knownValue(snapshot.sessions).visible.map(({ application }) => application)).toEqual(['there before']);
});

test('what was seen until the run is out of time is kept, and its session is closed', async () => {
  const from = server.log().length;
  const { snapshot } = await sampled(60_000, AbortSignal.timeout(1_500));
  expect(snapshot.failure).toBeUndefined();
  expect(knownValue(snapshot.sampled ?? { known: false, reason: 'not sampled' }).samples).toBeGreaterThan(0);
  await expect.poll(() => ends(from)).toBe(2);
});

test('sampling goes on beyond the time of the audit', async () => {
  const { snapshot } = await sampled(1_500, undefined, { timeoutMs: 1_000 });
  expect(knownValue(snapshot.sampled ?? { known: false, reason: 'not sampled' }).samples).toBe(2);
});

test('where the login of the audit is refused, no further session is tried', async () => {
  const from = server.log().length;
  const secrets = { db: rdsSecret(server, AUDITOR.name, { password: 'wrong' }), ca: server.ca ?? '' };
  const { snapshot } = await audit({ sampleMs: 1_000, logs: 'server' }, secrets);
  const unknown = { known: false, reason: 'the login of the audit did not succeed' };
  expect(snapshot).toMatchObject({ sampled: unknown, connectionLog: unknown });
  expect(
    server
      .log()
      .slice(from)
      .match(/connection received/g),
  ).toHaveLength(1);
});

test('no connection is opened in the place of one that is not closed yet, for sampling or for another target', async () => {
  await using relay = await flakyRelay({ upstream: { host: '127.0.0.1', port: server.port }, hangsUpAfterMs: 250 });
  const values = new Map([
    ['db', rdsSecret(server, AUDITOR.name, { port: relay.port })],
    ['ca', server.ca ?? ''],
  ]);
  const get: SecretStore['get'] = async (id) => values.get(id) ?? '';
  const sources = createSourceReader({ get, refresh: get }, {});
  const { audited } = await auditTargets(
    { targets: [targetOf({ sampleMs: 200 }), targetOf(), targetOf()], concurrency: 1, policy: POLICY },
    {
      collector: { sources, trust: createTrustStore(sources), clock: systemClock },
      deadline: new AbortController().signal,
    },
  );
  expect(audited.map(({ snapshot }) => snapshot.failure)).toEqual([undefined, undefined, undefined]);
  expect(audited[0]?.snapshot.sampled).toMatchObject({ known: true });
  expect([relay.connections, relay.mostAtOnce]).toEqual([4, 1]);
});

test('a PgBouncer is not sampled, and says so', async () => {
  const context = { target: targetOf({ kind: 'pgbouncer', sampleMs: 1_000 }) };
  const facts = await sampling.observe(context as Parameters<typeof sampling.observe>[0]);
  expect(facts.sampled).toEqual({ known: false, reason: expect.stringContaining('set sampleSeconds to 0') });
});

const ends = (from: number): number =>
  server
    .log()
    .slice(from)
    .match(new RegExp(`disconnection: .* user=${AUDITOR.name}`, 'g'))?.length ?? 0;
