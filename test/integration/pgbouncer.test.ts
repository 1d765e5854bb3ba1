// Audits through a real PgBouncer: they come to their end, and say that TLS may have ended before the server.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { describeEachMajor } from '../../lab/each-major.ts';
import { knownValue } from '../../lab/known-value.ts';
import { type PgBouncerOptions, reasonWithoutPgBouncer, startPgBouncer } from '../../lab/pgbouncer.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { openSession } from '../../lab/sessions.ts';
import { POLICY } from '../../lab/snapshots.ts';
import { tlsTerminatedByProxy } from '../../lambda/checks/tls-terminated-by-proxy.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';

const reason = reasonWithoutPgBouncer();

if (reason !== undefined) test(`audits through PgBouncer: ${reason}`, ({ skip }) => skip(reason));

describe.skipIf(reason !== undefined)(`behind PgBouncer${reason === undefined ? '' : ` (${reason})`}`, () => {
  describeEachMajor((major) => {
    let server: PostgresServer;
    beforeAll(async () => {
      server = await startPostgres({ major });
    });
    afterAll(() => server[Symbol.asyncDispose]());

    async function through(options: PgBouncerOptions): Promise<Snapshot> {
      await using bouncer = await startPgBouncer(server, options);
      const db = rdsSecret(server, undefined, { host: bouncer.host, port: bouncer.port });
      return (await audit({}, { db, ca: bouncer.ca })).snapshot;
    }

    test('with TLS to it and plaintext behind, the whole audit is made, and the plaintext leg is found', async () => {
      await using _held = await openSession(server, { kind: 'tlsv1.3', role: 'app' });
      const snapshot = await through({ behind: 'disable' });
      expect(snapshot.failure).toBeUndefined();
      expect(knownValue(snapshot.server).version).toMatch(new RegExp(`^${major}\\.`));
      expect(knownValue(snapshot.link)).toMatchObject({
        tlsVersion: 'TLSv1.3',
        authentication: 'scram-sha-256',
        channelBinding: false,
        serverView: { known: true, value: 'not-tls' },
        roundTrips: 1,
      });
      expect(knownValue(snapshot.sessions)).toMatchObject({ hidden: 0, visible: [{ role: 'app', transport: 'tls' }] });
      expect(knownValue(snapshot.hba).rules.length).toBeGreaterThan(0);
      expect(snapshot.networkPath).toMatchObject({ remoteAddress: '127.0.0.1', isDirect: false });
      expect(tlsTerminatedByProxy.evaluate(snapshot, POLICY)).toMatchObject({
        status: 'fail',
        problems: [{ severity: 'medium', evidence: { serversView: 'no TLS', channelBinding: false } }],
      });
    });

    test('with another TLS version behind, the two sides are distinguished', async () => {
      const snapshot = await through({ behind: 'verify-full', settings: { server_tls_protocols: 'tlsv1.2' } });
      const outcome = tlsTerminatedByProxy.evaluate(snapshot, POLICY);
      expect(outcome).toMatchObject({
        status: 'fail',
        problems: [
          {
            evidence: {
              auditorsSocket: expect.stringMatching(/^TLSv1\.3 /),
              serversView: expect.stringMatching(/^TLSv1\.2 /),
            },
          },
        ],
      });
    });

    test.each(['require', 'verify-full'] as const)(
      'with the same TLS behind (%s), it is known by the process that it announces',
      async (behind) => {
        const snapshot = await through({ behind });
        const { tlsVersion, cipher, serverView, backendPid } = knownValue(snapshot.link);
        // The premise: the server's row alone gives nothing away.
        expect(knownValue(serverView)).toEqual({ tlsVersion, cipher });
        expect(backendPid?.announced).not.toBe(backendPid?.own);
        expect(tlsTerminatedByProxy.evaluate(snapshot, POLICY)).toMatchObject({
          status: 'fail',
          problems: [{ severity: 'medium', evidence: { announcedAtLogin: expect.stringMatching(/^process -?\d+$/) } }],
        });
      },
    );

    test('without it, the same server passes: channel binding, and the server sees our very socket', async () => {
      const { snapshot } = await audit({}, { db: rdsSecret(server), ca: server.ca ?? '' });
      // PostgreSQL 10 knows SCRAM without channel binding only.
      expect(knownValue(snapshot.link).channelBinding).toBe(major >= 11);
      expect(snapshot.networkPath).toMatchObject({ remoteAddress: '127.0.0.1', isDirect: true });
      expect(tlsTerminatedByProxy.evaluate(snapshot, POLICY)).toEqual({ status: 'pass' });
    });
  });
});

test('a server that takes a password without channel binding passes by its view of our socket alone', async () => {
  await using server = await startPostgres({ hba: ['host all all all password'] });
  for (const host of ['127.0.0.1', '::1', 'localhost']) {
    const { snapshot } = await audit(
      { authentication: ['password'] },
      { db: rdsSecret(server, undefined, { host }), ca: server.ca ?? '' },
    );
    expect(knownValue(snapshot.link)).toMatchObject({ authentication: 'password', channelBinding: false });
    expect(snapshot.networkPath).toMatchObject({ isDirect: true });
    expect(tlsTerminatedByProxy.evaluate(snapshot, POLICY)).toEqual({ status: 'pass' });
  }
});
