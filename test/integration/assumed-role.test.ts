// A login whose sessions run as another role: said so, and ended by the statement that the advice gives.

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
});

function findingOf(snapshot: Snapshot): Finding | undefined {
  return evaluate(snapshot, POLICY).findings.find(({ check }) => check === 'insufficient-privileges');
}
