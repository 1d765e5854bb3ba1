// How often an audit waits for the server after login: on a long way to a database, that is what it costs.

import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { audit, rdsSecret } from '../support/collector.ts';
import { majorsUnderTest, type PostgresServer, startPostgres } from '../support/postgres.ts';
import { countRoundTrips } from '../support/round-trip-counter.ts';

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
