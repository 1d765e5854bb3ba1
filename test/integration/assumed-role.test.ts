// A login whose sessions run as another role: said so, and ended by the statement that the advice gives.

import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { describeEachMajor } from '../../lab/each-major.ts';
import { knownValue } from '../../lab/known-value.ts';
import { AUDITOR, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { POLICY } from '../../lab/snapshots.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import type { Finding } from '../../lambda/model/finding.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';

describeEachMajor((major) => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({
      major,
      roles: [{ name: 'app' }, { ...AUDITOR, grants: ['pg_monitor', 'app'] }],
      databases: ['orders'],
    });
  });

  afterAll(() => server[Symbol.asyncDispose]());

  const observe = async (): Promise<Snapshot> => {
    const { snapshot } = await audit({}, { db: rdsSecret(server, 'tls_auditor'), ca: server.ca ?? '' });
    return snapshot;
  };

  test.each([
    ['of its own', 'ALTER ROLE tls_auditor SET role = app', 'ALTER ROLE tls_auditor RESET role;'],
    [
      'in one database',
      'ALTER ROLE tls_auditor IN DATABASE orders SET role = app',
      'ALTER ROLE tls_auditor IN DATABASE orders RESET role;',
    ],
    ['of the database', 'ALTER DATABASE orders SET role = app', 'ALTER DATABASE orders RESET role;'],
    ['of all roles', 'ALTER ROLE ALL SET role = app', 'ALTER ROLE ALL RESET role;'],
  ])('a setting %s is named, and the statement that ends it makes the login see', async (what, statement, reset) => {
    await server.adminQuery(statement);
    const blind = await observe();
    expect(knownValue(blind.visibility)).toMatchObject({
      role: 'app',
      assumed: { login: 'tls_auditor' },
      seesAllSessions: false,
    });
    const grant = 'GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules() TO tls_auditor;';
    expect(blind.hba).toMatchObject({ known: false, reason: expect.stringContaining(`${reset} ${grant}`) });
    const finding = findingOf(blind);
    expect(finding?.evidence).toMatchObject({ login: 'tls_auditor', runsAs: 'app' });
    expect(finding?.remedy.split('\n')).toContain(reset);
    expect(finding?.remedy).not.toMatch(/TO app\b/);
    expect(finding?.remedy.includes("PGOPTIONS='-c role=none'")).toBe(!what.includes('one') && what !== 'of its own');

    // What PGOPTIONS does for psql.
    await server.adminQuery(`SET ROLE NONE; ${reset}`);
    const seeing = await observe();
    expect(findingOf(seeing)).toBeUndefined();
    expect(knownValue(seeing.visibility)).toMatchObject({ role: 'tls_auditor', seesAllSessions: true });
    expect(knownValue(seeing.visibility).assumed).toBeUndefined();
  });

  /** The joins that the auditor makes by itself, made by the server in a session of the same login. */
  async function joinedByServer(): Promise<{ readonly settings: unknown; readonly assumed: unknown }> {
    const client = new pg.Client({ ...server.connectionConfig('tls_auditor'), ssl: { ca: server.ca ?? '' } });
    await client.connect();
    try {
      const { rows: settings } = await client.query(`
        SELECT d.datname AS database, r.rolname AS role, substr(c.entry, length('password_encryption=') + 1) AS value,
               coalesce((s.setdatabase = 0 OR d.datname = current_database())
                 AND (s.setrole = 0 OR r.rolname = session_user), false) AS "ofLogin"
          FROM pg_db_role_setting s
               CROSS JOIN LATERAL unnest(s.setconfig) c(entry)
               LEFT JOIN pg_database d ON d.oid = s.setdatabase
               LEFT JOIN pg_roles r ON r.oid = s.setrole
         WHERE split_part(c.entry, '=', 1) = 'password_encryption' AND (s.setrole = 0 OR r.rolcanlogin)
         ORDER BY d.datname, r.rolname`);
      const { rows: assumed } = await client.query(`
        SELECT CASE WHEN s.setrole <> 0 THEN session_user END AS role,
               CASE WHEN s.setdatabase <> 0 THEN current_database() END AS database
          FROM pg_db_role_setting s
               CROSS JOIN LATERAL unnest(s.setconfig) c(entry)
               LEFT JOIN pg_database d ON d.oid = s.setdatabase
               LEFT JOIN pg_roles r ON r.oid = s.setrole
         WHERE split_part(c.entry, '=', 1) = 'role'
           AND (s.setdatabase = 0 OR d.datname = current_database()) AND (s.setrole = 0 OR r.rolname = session_user)
         ORDER BY s.setrole <> 0 DESC, s.setdatabase <> 0 DESC LIMIT 1`);
      return { settings, assumed: assumed[0] };
    } finally {
      await client.end();
    }
  }

  const nulled = (fact: object): object =>
    Object.fromEntries(Object.entries(fact).map(([name, value]) => [name, value ?? null]));

  test('settings of roles and databases are the ones that the server joins, in the order in which they count', async () => {
    await server.adminQuery(`
      CREATE ROLE idle NOLOGIN; CREATE ROLE "Älter, =b" LOGIN; CREATE ROLE heir LOGIN NOINHERIT;
      ALTER ROLE idle SET password_encryption = 'md5';
      ALTER ROLE "Älter, =b" SET password_encryption = 'md5';
      ALTER ROLE heir IN DATABASE orders SET password_encryption = 'md5';
      ALTER ROLE heir IN DATABASE orders SET role = app;
      ALTER ROLE app SET search_path = "password_encryption=md5", public;
      ALTER ROLE app SET app.role = 'role=heir';
      ALTER DATABASE template1 SET password_encryption = 'md5';
      ALTER DATABASE template1 SET role = heir`);
    const steps = [
      'ALTER ROLE ALL SET role = app; ALTER ROLE ALL SET password_encryption = md5',
      'ALTER DATABASE orders SET role = app; ALTER DATABASE orders SET password_encryption = md5',
      'ALTER ROLE tls_auditor SET role = app; ALTER ROLE tls_auditor SET password_encryption = md5',
      'ALTER ROLE tls_auditor IN DATABASE orders SET role = app; ALTER ROLE tls_auditor NOINHERIT',
    ];
    for (const step of steps) {
      await server.adminQuery(`SET ROLE NONE; ${step}`);
      const joined = await joinedByServer();
      const { settings, visibility } = await observe();
      expect(knownValue(settings).overrides?.map(({ setting: _, ...override }) => nulled(override))).toEqual(
        joined.settings,
      );
      const { assumed, inherits } = knownValue(visibility);
      expect(assumed?.login).toBe('tls_auditor');
      expect(nulled({ role: undefined, database: undefined, ...assumed?.setting })).toEqual(joined.assumed);
      expect(inherits).toBe(!step.includes('NOINHERIT'));
    }
  });
});

function findingOf(snapshot: Snapshot): Finding | undefined {
  return evaluate(snapshot, POLICY).findings.find(({ check }) => check === 'insufficient-privileges');
}
