// How often an audit waits for the server after login: on a long way to a database, that is what it costs.

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { majorsUnderTest, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { countRoundTrips } from '../../lab/round-trip-counter.ts';

/** What the design allows. */
const MOST_ROUND_TRIPS = 2;

describe.each(majorsUnderTest())('after login to PostgreSQL %i', (major) => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres({ major });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test.each([
    ['plain names', 'hostssl all all all scram-sha-256'],
    ['a regular expression', 'hostssl all /^tls_ all scram-sha-256'],
  ])('an audit takes two round trips at most, and as many as its report says: rules with %s', async (_what, rule) => {
    await server.adminQuery('GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO tls_auditor');
    // Before 16 a name with a slash is a name like any other, and nobody's.
    await server.writeHba(['local all all trust', rule, 'hostssl all all all scram-sha-256']);
    await using counter = await countRoundTrips(server);
    const secret = rdsSecret(server, undefined, { port: counter.port });
    const { snapshot } = await audit({}, { db: secret, ca: server.ca ?? '' });
    if (!snapshot.link.known) throw new Error(snapshot.link.reason);
    expect(snapshot.hba.known).toBe(true);
    expect(counter.counts).toEqual([snapshot.link.value.roundTrips]);
    expect(counter.counts[0]).toBeLessThanOrEqual(MOST_ROUND_TRIPS);
  });

  /** Of an audit, as its report says and as is counted on the wire. */
  async function auditOnce() {
    await using counter = await countRoundTrips(server);
    const secret = rdsSecret(server, undefined, { port: counter.port });
    const { snapshot } = await audit({}, { db: secret, ca: server.ca ?? '' });
    if (!snapshot.link.known) throw new Error(snapshot.link.reason);
    expect(counter.counts).toEqual([snapshot.link.value.roundTrips]);
    return { snapshot, roundTrips: snapshot.link.value.roundTrips };
  }

  test.runIf(major >= 12)(
    'the connection log takes a connection of its own, and one round trip for its settings',
    async () => {
      await server.writeHba(['hostssl all all all scram-sha-256']);
      await using counter = await countRoundTrips(server);
      const secret = rdsSecret(server, undefined, { port: counter.port });
      const { snapshot } = await audit({ logs: 'server' }, { db: secret, ca: server.ca ?? '' });
      // The lab's server writes no log files: there is nothing more to ask for.
      expect(snapshot.connectionLog).toMatchObject({ known: true, value: { clients: [] } });
      expect(counter.counts).toEqual([snapshot.link.known && snapshot.link.value.roundTrips, 1]);
    },
  );

  test('one is enough with the privileges of the README, and for a login without them', async () => {
    await server.writeHba(['hostssl all all all scram-sha-256', 'hostssl all /^tls_ all scram-sha-256']);
    await server.adminQuery('GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO tls_auditor');
    const seeing = await auditOnce();
    expect(seeing.roundTrips).toBe(1);
    expect(seeing.snapshot.hba.known && seeing.snapshot.hba.value.rules.length).toBe(4);
    expect(seeing.snapshot.hba.known && seeing.snapshot.hba.value.patterns.length).toBe(major >= 16 ? 1 : 0);
    await server.adminQuery('REVOKE EXECUTE ON FUNCTION pg_hba_file_rules() FROM tls_auditor');
    const from = server.log().length;
    const blind = await auditOnce();
    expect(blind.roundTrips).toBe(1);
    expect(blind.snapshot.hba).toEqual({ known: false, reason: expect.stringContaining('GRANT EXECUTE') });
    expect(blind.snapshot.sessions.known).toBe(true);
    expect(server.log().slice(from), 'nothing is asked in vain').not.toContain('ERROR');
  });

  test('the second asks plainly for rules that a server refused to give as XML, and costs nothing of the rest', async () => {
    const xml = 'FUNCTION query_to_xml(text, boolean, boolean, text)';
    await server.adminQuery(`REVOKE EXECUTE ON ${xml} FROM PUBLIC`);
    try {
      await server.adminQuery('GRANT EXECUTE ON FUNCTION pg_hba_file_rules() TO tls_auditor');
      const seeing = await auditOnce();
      expect(seeing.roundTrips).toBe(2);
      expect(seeing.snapshot.hba.known && seeing.snapshot.hba.value.rules.length).toBe(4);
      expect(seeing.snapshot.hba.known && seeing.snapshot.hba.value.patterns.length).toBe(major >= 16 ? 1 : 0);
      await server.adminQuery('REVOKE EXECUTE ON FUNCTION pg_hba_file_rules() FROM tls_auditor');
      const blind = await auditOnce();
      expect(blind.roundTrips).toBe(2);
      expect(blind.snapshot.hba).toEqual({ known: false, reason: expect.stringContaining('GRANT EXECUTE') });
      for (const { snapshot } of [seeing, blind]) {
        const { server: facts, visibility, sessions, settings, outbound } = snapshot;
        expect([facts, visibility, sessions, settings, outbound].map(({ known }) => known)).not.toContain(false);
      }
    } finally {
      await server.adminQuery(`GRANT EXECUTE ON ${xml} TO PUBLIC`);
    }
  });

  // What makes the number above one to rely on.
  test.each([
    [0, 'login and goodbye', []],
    [1, 'several statements in one message', ['select 1; select 2; select 3']],
    [1, 'an answer in many pieces', ["select repeat('x', 1000) from generate_series(1, 2000)"]],
    [3, 'three queries, each after the other’s answer', ['select 1', 'select 2', 'select 3']],
  ] as const)('%i are counted for %s', async (expected, _what, queries) => {
    await using counter = await countRoundTrips(server);
    const { host, port } = counter;
    const client = new pg.Client({ ...server.connectionConfig(), host, port, ssl: { ca: server.ca ?? '' } });
    await client.connect();
    for (const query of queries) await client.query(query);
    await client.end();
    expect(counter.counts).toEqual([expected]);
  });
});
