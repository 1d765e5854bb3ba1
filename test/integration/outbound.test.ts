// How a server connects to others, read from real subscriptions, foreign servers and standbys; passwords stay there.

import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { describeEachMajor } from '../../lab/each-major.ts';
import { knownValue } from '../../lab/known-value.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { shownRemedy } from '../../lab/remedies.ts';
import { POLICY } from '../../lab/snapshots.ts';
import { startStandby } from '../../lab/standby.ts';
import { insecureOutboundLink } from '../../lambda/checks/insecure-outbound-link.ts';
import { plaintextAllowed } from '../../lambda/checks/plaintext-allowed.ts';
import type { Outbound, OutboundLink } from '../../lambda/model/posture.ts';

const CANARY = 'canary-Xq7';

/** With what every answer of the server to the audit holds, as text. */
async function outboundOf(server: PostgresServer, role?: string): Promise<{ outbound: Outbound; rows: string }> {
  const answers: unknown[] = [];
  const { query } = pg.Client.prototype;
  // biome-ignore lint/suspicious/noExplicitAny: one of many overloads, passed on as it is
  pg.Client.prototype.query = async function (this: pg.Client, ...args: any) {
    const result: unknown = await Reflect.apply(query, this, args);
    answers.push(result);
    return result;
  } as typeof query;
  try {
    const { snapshot } = await audit({}, { db: rdsSecret(server, role), ca: server.ca ?? '' });
    return { outbound: knownValue(snapshot.outbound), rows: JSON.stringify(answers) };
  } finally {
    pg.Client.prototype.query = query;
  }
}

function link(kind: OutboundLink['kind'], name: string | undefined, facts: Partial<OutboundLink>): OutboundLink {
  return {
    kind,
    name,
    database: 'postgres',
    sslmode: undefined,
    local: false,
    serviceFile: false,
    gssEncrypted: false,
    ...facts,
  };
}

const REMOTE = 'host=db.example.com';

/** Connection strings that libpq takes, and what is to be read from them. */
const CONNECTIONS: readonly (readonly [string, Partial<OutboundLink>])[] = [
  [`${REMOTE} password=${CANARY}`, {}],
  [`${REMOTE} sslmode=disable`, { sslmode: 'disable' }],
  [`sslmode=verify-full password=${CANARY} ${REMOTE}`, { sslmode: 'verify-full' }],
  [`  sslmode  =  require   host = db.example.com `, { sslmode: 'require' }],
  [`sslmode='verify-ca' ${REMOTE}`, { sslmode: 'verify-ca' }],
  [`password='it\\'s sslmode=verify-full ${CANARY}' ${REMOTE} sslmode=prefer`, { sslmode: 'prefer' }],
  [`password='${CANARY} host=localhost sslmode=verify-full' ${REMOTE}`, {}],
  [`password=a\\ sslmode=verify-full ${REMOTE}`, {}],
  [`${REMOTE} sslmode=verify-full sslmode=disable`, { sslmode: 'disable' }],
  [`application_name=xsslmode=verify-full ${REMOTE}`, {}],
  [`${REMOTE} sslmode=''`, { emptySslmode: true }],
  [`${REMOTE} sslrootcert=system`, { sslrootcert: 'system' }],
  [`${REMOTE} sslrootcert=/etc/${CANARY}.pem`, { sslrootcert: 'other' }],
  [`postgresql://db.example.com/?sslrootcert=system`, { sslrootcert: 'system' }],
  ['host=/var/run/postgresql', { local: true }],
  ['dbname=x', { local: true }],
  ['host=localhost', { local: true, loopback: true }],
  ['host=127.0.0.1 port=5433', { local: true, loopback: true }],
  ['host=::1', { local: true, loopback: true }],
  ['host=127.evil.example.com', {}],
  ['host=localhost.example.com', {}],
  ['host=localhost,db.example.com', {}],
  ['host=localhost,127.0.0.1', { local: true, loopback: true }],
  ['host=localhost hostaddr=10.0.0.1', {}],
  ['host=db.example.com hostaddr=127.0.0.1', { local: true, loopback: true }],
  [`${REMOTE} gssencmode=require`, { gssEncrypted: true }],
  [`${REMOTE} gssencmode=prefer sslmode=allow`, { sslmode: 'allow' }],
  [`postgres://u:${CANARY}@db.example.com/x?sslmode=require`, { sslmode: 'require' }],
  [`postgresql://u:a?sslmode=verify-full@db.example.com:5433/x`, {}],
  [`postgresql://db.example.com:1,localhost/x?application_name=y&sslmode=verify%2Dfull`, { sslmode: 'verify-full' }],
  [`postgresql://db.example.com/?ssl=true`, { sslmode: 'require' }],
  [`postgresql://u:${CANARY}@localhost:5432/x`, { local: true, loopback: true }],
  [`postgresql://[::1]:5432/x`, { local: true, loopback: true }],
  [`postgresql://[2001:db8::1]:5432/x`, {}],
  [`postgresql:///x?host=%2Ftmp`, { local: true }],
  [`postgresql:///x?host=db.example.com&sslmode=disable`, { sslmode: 'disable' }],
  [`postgresql://localhost,127.0.0.1:5433/x`, { local: true, loopback: true }],
];

describeEachMajor((major) => {
  describe('connection strings', () => {
    // Older servers refuse what their libpq does not know.
    const connections = CONNECTIONS.filter(([conninfo]) => major >= 12 || !conninfo.includes('gssencmode'));
    let server: PostgresServer;
    beforeAll(async () => {
      server = await startPostgres({
        major,
        settings: { max_logical_replication_workers: 0 },
        roles: [
          { name: 'tls_auditor', grants: ['pg_monitor'] },
          { name: 'reader', grants: ['pg_monitor'] },
        ],
      });
      await server.adminQuery('GRANT SELECT (subconninfo) ON pg_catalog.pg_subscription TO reader');
      for (const [index, [conninfo]] of connections.entries()) {
        const literal = pg.escapeLiteral(conninfo);
        await server.adminQuery(
          `CREATE SUBSCRIPTION s${index} CONNECTION ${literal} PUBLICATION p WITH (connect = false, slot_name = 's${index}')`,
        );
      }
      // Switched on as CREATE SUBSCRIPTION does with a connection, and without workers to use it.
      await server.adminQuery('UPDATE pg_subscription SET subenabled = true');
    });
    afterAll(() => server[Symbol.asyncDispose]());

    test('are read as libpq reads them, by a login that may, and no password leaves the server', async () => {
      const { outbound, rows } = await outboundOf(server, 'reader');
      const byName = new Map(outbound.links.map((each) => [each.name, each]));
      expect(connections.map(([conninfo], index) => [conninfo, byName.get(`s${index}`)])).toEqual(
        connections.map(([conninfo, facts], index) => [conninfo, link('subscription', `s${index}`, facts)]),
      );
      expect(outbound).toMatchObject({ unreadable: [] });
      expect(byName.size).toBe(connections.length);
      expect(rows).toContain('"s1"');
      expect(rows).not.toContain(CANARY);
      expect(rows).not.toContain('example.com');
    });

    test('are read the same where a role has backslashes escape in plain strings', async () => {
      const { outbound } = await outboundOf(server, 'reader');
      await server.adminQuery('ALTER ROLE reader SET standard_conforming_strings = off');
      await using _reset = {
        [Symbol.asyncDispose]: () => server.adminQuery('ALTER ROLE reader RESET ALL').then(() => {}),
      };
      expect((await outboundOf(server, 'reader')).outbound).toEqual(outbound);
    });

    test('are counted for a login that may not read them', async () => {
      const { outbound } = await outboundOf(server);
      expect(outbound).toEqual({ links: [], unreadable: [{ kind: 'subscription', count: connections.length }] });
    });
  });

  test('foreign servers are read whatever their wrapper is called, and those of other kinds are not', async () => {
    await using server = await startPostgres({ major });
    await server.adminQuery(`
      CREATE EXTENSION postgres_fdw;
      CREATE EXTENSION dblink;
      CREATE EXTENSION file_fdw;
      CREATE FOREIGN DATA WRAPPER renamed HANDLER postgres_fdw_handler VALIDATOR postgres_fdw_validator;
      CREATE FOREIGN DATA WRAPPER old_style VALIDATOR postgresql_fdw_validator;
      CREATE SERVER plain FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'db.example.com');
      CREATE SERVER "Strict One" FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'db.example.com', sslmode 'verify-full');
      CREATE SERVER linked FOREIGN DATA WRAPPER dblink_fdw OPTIONS (host 'db.example.com', sslmode 'require');
      CREATE SERVER other FOREIGN DATA WRAPPER renamed OPTIONS (hostaddr '10.0.0.1', sslmode 'disable');
      CREATE SERVER old FOREIGN DATA WRAPPER old_style OPTIONS (host 'db.example.com', sslmode 'allow');
      CREATE SERVER here FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host '/tmp');
      CREATE SERVER served FOREIGN DATA WRAPPER postgres_fdw OPTIONS (service 'far');
      CREATE SERVER files FOREIGN DATA WRAPPER file_fdw;
      CREATE USER MAPPING FOR PUBLIC SERVER plain OPTIONS (user 'u', password '${CANARY}')`);
    const { outbound, rows } = await outboundOf(server);
    const expected = [
      link('foreign-server', 'Strict One', { sslmode: 'verify-full' }),
      link('foreign-server', 'here', { local: true }),
      link('foreign-server', 'linked', { sslmode: 'require' }),
      link('foreign-server', 'old', { sslmode: 'allow' }),
      link('foreign-server', 'other', { sslmode: 'disable' }),
      link('foreign-server', 'plain', {}),
      link('foreign-server', 'served', { serviceFile: true }),
    ];
    expect(outbound.links.toSorted((a, b) => ((a.name ?? '') < (b.name ?? '') ? -1 : 1))).toEqual(expected);
    expect(rows).not.toContain(CANARY);
  });

  test('the statement advised for a foreign server fixes it, whichever options it has', async () => {
    await using server = await startPostgres({ major });
    const options = ['', ", sslmode 'require'", ", sslrootcert '/ca.pem'", ", sslmode 'prefer', sslrootcert '/ca.pem'"];
    await server.adminQuery(
      [
        'CREATE EXTENSION postgres_fdw',
        ...options.map(
          (each, index) => `CREATE SERVER s${index} FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'db'${each})`,
        ),
      ].join('; '),
    );
    const linkOutcomes = async () => {
      const { snapshot } = await audit({}, { db: rdsSecret(server), ca: server.ca ?? '' });
      return insecureOutboundLink.evaluate(snapshot, POLICY);
    };
    const found = await linkOutcomes();
    const problems = found.status === 'fail' ? found.problems : [];
    expect(problems).toHaveLength(options.length);
    for (const problem of problems) {
      const statement = /ALTER SERVER .*;/.exec(shownRemedy(problem))?.[0] ?? 'no statement';
      await server.adminQuery(statement.replace('<CA file on this server>', '/new-ca.pem'));
    }
    expect(await linkOutcomes()).toEqual({ status: 'pass' });
  });

  test('that pg_hba.conf cannot be opened is reported as that, not as a missing privilege, and costs nothing else', async () => {
    await using server = await startPostgres({ major });
    await server.adminQuery(`
      CREATE EXTENSION postgres_fdw;
      CREATE SERVER plain FOREIGN DATA WRAPPER postgres_fdw OPTIONS (host 'db.example.com');
      GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules() TO tls_auditor`);
    const file = join(server.dataFolder, 'pg_hba.conf');
    await rename(file, `${file}.away`);
    const { snapshot } = await audit({}, { db: rdsSecret(server), ca: server.ca ?? '' });
    expect(snapshot.failure).toBeUndefined();
    const allowed = plaintextAllowed.evaluate(snapshot, POLICY);
    expect(allowed).toMatchObject({ status: 'unknown', reason: expect.stringContaining('could not open') });
    expect(JSON.stringify(allowed)).not.toContain('GRANT');
    expect(insecureOutboundLink.evaluate(snapshot, POLICY)).toMatchObject({
      status: 'fail',
      problems: [{ evidence: { name: 'plain' } }],
    });
    expect(snapshot.settings.known && snapshot.settings.value.values.ssl).toBe('on');
    expect(snapshot.sessions.known).toBe(true);
    expect(snapshot.link.known && snapshot.link.value.roundTrips).toBe(2);
    await rename(`${file}.away`, file);
    expect((await outboundOf(server)).outbound.links).toHaveLength(1);
  });

  test('a subscription that replicates in plaintext is found once the login may read it, and not when it is mended', async () => {
    await using publisher = await startPostgres({ major, settings: { wal_level: 'logical' } });
    await using subscriber = await startPostgres({ major });
    const [name, subscription] = ['tls-auditor.invalid', 'Orders From Shop'];
    // Only the address leads there: to the server's libpq the name is what it verifies, to us what is not local.
    const conninfo = `host=${name} hostaddr=127.0.0.1 port=${publisher.port} user=app password=${publisher.connectionConfig('app').password} dbname=postgres`;
    await publisher.adminQuery('ALTER ROLE app REPLICATION; CREATE TABLE t (a int); GRANT SELECT ON t TO app');
    await publisher.adminQuery('CREATE PUBLICATION p FOR TABLE t');
    await subscriber.adminQuery('CREATE TABLE t (a int)');
    await subscriber.adminQuery(
      `CREATE SUBSCRIPTION "${subscription}" CONNECTION '${conninfo} sslmode=disable' PUBLICATION p WITH (slot_name = 'orders')`,
    );
    await publisher.waitForLog(/connection authorized: user=app/);
    const linkOutcomes = async () => {
      const { snapshot } = await audit({}, { db: rdsSecret(subscriber), ca: subscriber.ca ?? '' });
      return { snapshot, outcome: insecureOutboundLink.evaluate(snapshot, POLICY) };
    };

    const blind = await linkOutcomes();
    expect(blind.outcome).toMatchObject({
      status: 'unknown',
      reason: expect.stringContaining('GRANT SELECT (subconninfo)'),
    });
    const grant = /GRANT SELECT.*?;/.exec(blind.outcome.status === 'unknown' ? blind.outcome.reason : '')?.[0] ?? '';
    await subscriber.adminQuery(grant);

    // It goes over this machine's loopback, and is judged as what is written.
    expect((await linkOutcomes()).outcome).toEqual({ status: 'pass' });
    await subscriber.adminQuery(`ALTER SUBSCRIPTION "${subscription}" CONNECTION 'host=${name} sslmode=disable'`);
    expect((await linkOutcomes()).outcome).toMatchObject({
      status: 'fail',
      problems: [{ severity: 'high', evidence: { sslmode: 'disable', name: subscription } }],
    });
    await subscriber.adminQuery(`ALTER SUBSCRIPTION "${subscription}" CONNECTION 'host=${name} sslmode=verify-full'`);
    expect((await linkOutcomes()).outcome).toEqual({ status: 'pass' });
    await subscriber.adminQuery(`ALTER SUBSCRIPTION "${subscription}" CONNECTION 'host=${name} sslmode=disable'`);
    await subscriber.adminQuery(`ALTER SUBSCRIPTION "${subscription}" DISABLE`);
    expect((await linkOutcomes()).outcome).toEqual({ status: 'pass' });
    await subscriber.adminQuery(`ALTER SUBSCRIPTION "${subscription}" SET (slot_name = NONE)`);
    await subscriber.adminQuery(`DROP SUBSCRIPTION "${subscription}"`);
  });

  describe('a standby', () => {
    test.each([
      ['', 'prefer'],
      ['sslmode=disable', 'disable'],
      ['sslmode=require', 'require'],
    ])('that streams with "%s" is reported with sslmode %s, and its password is not', async (setting, sslmode) => {
      await using primary = await startPostgres({
        major,
        roles: [
          { name: 'tls_auditor', grants: ['pg_monitor'] },
          { name: 'replicator', password: CANARY, attributes: 'REPLICATION' },
        ],
      });
      await using standby = await startStandby(primary, { role: 'replicator', settings: setting });
      const { outbound, rows } = await outboundOf(standby);
      expect(outbound).toEqual({
        links: [link('primary', undefined, { database: undefined, sslmode, local: true, loopback: true })],
        unreadable: [],
      });
      expect(rows).not.toContain(CANARY);

      // Without a primary to stream from, what counts is what it will use.
      await primary.stop('immediate');
      await standby.waitForLog(
        /could not connect to the primary|could not receive data|terminating walreceiver|replication terminated/i,
      );
      const { outbound: alone, rows: moreRows } = await outboundOf(standby);
      expect(alone).toEqual(
        major >= 12
          ? {
              links: [
                link('primary', undefined, {
                  database: undefined,
                  sslmode: setting === '' ? undefined : sslmode,
                  local: true,
                  loopback: true,
                }),
              ],
              unreadable: [],
            }
          : { links: [], unreadable: [{ kind: 'primary', count: 1 }] },
      );
      expect(moreRows).not.toContain(CANARY);
    });

    test('does not show how it streams to a login without pg_monitor: that is not known, and not fine', async () => {
      await using primary = await startPostgres({
        major,
        roles: [{ name: 'stranger' }, { name: 'replicator', attributes: 'REPLICATION' }],
      });
      await using standby = await startStandby(primary, { role: 'replicator', settings: 'sslmode=disable' });
      const { outbound } = await outboundOf(standby);
      expect(outbound).toEqual({ links: [], unreadable: [{ kind: 'primary', count: 1 }] });
    });
  });
});
