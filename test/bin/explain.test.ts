// One check in full, and what happens to whoever does not remember its name. No server is needed.

import { describe, expect, test } from 'vitest';
import { CHECKS } from '../../lambda/checks/registry.ts';
import { command } from './command.ts';

/** What an explanation that must fail says. */
async function complaint(...args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await command(['explain', ...args]);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: '' });
  return stderr;
}

describe('an explanation', () => {
  test('says all there is to say of the check, and nothing of others', async () => {
    const { exitCode, stdout, stderr } = await command(['explain', 'insufficient-privileges'], {
      env: { COLUMNS: '100' },
    });
    expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: '' });
    expect(stdout).toMatchInlineSnapshot(`
      "insufficient-privileges: high
        The auditor's login cannot see every session
        Why: To a role without pg_read_all_stats, pg_stat_ssl shows only its own session: plaintext
             sessions of others count as none. Such a target is never called clean.
        Fix: As a superuser, or the provider's administrator (rds_superuser, neon_superuser,
             cloudsqlsuperuser, azure_pg_admin): GRANT pg_monitor TO <role>; (pg_read_all_stats is enough
             for sessions).
        See: https://www.postgresql.org/docs/current/predefined-roles.html
             https://www.postgresql.org/docs/current/monitoring-stats.html
             docs/checks/insufficient-privileges.md
      "
    `);
  });

  test('tells what each platform needs under its name, and what holds everywhere before', async () => {
    const { stdout } = await command(['explain', 'plaintext-session'], { env: { COLUMNS: '100' } });
    const headings = stdout.split('\n').filter((line) => /^( {2}[A-Z][a-z]+:| {4}\S.*:$)/.test(line));
    expect(headings.map((line) => line.replace(/: .*/, ':'))).toEqual([
      '  Why:',
      '  Fix:',
      '    Self-managed:',
      '    Amazon RDS and Aurora:',
      '    Neon:',
      '    Cloud SQL:',
      '    Azure Database for PostgreSQL:',
      '    PgBouncer:',
      '  See:',
    ]);
    expect(stdout).toMatch(/from\s+host\s+to\s+hostssl/);
    expect(stdout).toMatch(/^ {7}gcloud sql instances patch <instance> --ssl-mode=ENCRYPTED_ONLY$/m);
    const own = stdout.slice(stdout.indexOf('Self-managed:'), stdout.indexOf('Amazon RDS and Aurora:'));
    expect(own).not.toMatch(/aws |gcloud|az /);
  });

  test('is what the catalogue says of it, for every check', async () => {
    const { stdout: catalogue } = await command(['checks']);
    const entries = catalogue.split('\n\n').map((entry) => entry.trimEnd());
    expect(entries).toHaveLength(CHECKS.length);
    // Each is a process: one in four is enough.
    for (const { id } of CHECKS.filter((_, index) => index % 4 === 0)) {
      const { stdout } = await command(['explain', id]);
      expect(entries).toContain(stdout.trimEnd());
      expect(stdout).toMatch(new RegExp(`^${id}: `));
    }
  });

  test('in JSON is a catalogue of that check alone', async () => {
    const { exitCode, stdout } = await command(['explain', 'insufficient-privileges', '--format', 'json']);
    const wanted = CHECKS.filter(({ id }) => id === 'insufficient-privileges').map(
      ({ pgbouncer: _, remedy, ...entry }) => ({ ...entry, evaluate: undefined, remedy: { everywhere: remedy } }),
    );
    expect(exitCode).toBe(0);
    expect(wanted).toHaveLength(1);
    expect(JSON.parse(stdout)).toEqual({ schemaVersion: 1, checks: wanted });
  });

  test('is found however the name is written', async () => {
    const { exitCode, stdout } = await command(['explain', ' Insufficient-Privileges ']);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/^insufficient-privileges: /);
  });

  test('is in colour only where colours are wanted', async () => {
    const [piped, forced] = await Promise.all([
      command(['explain', 'insufficient-privileges']),
      command(['explain', 'insufficient-privileges'], { env: { FORCE_COLOR: '1' } }),
    ]);
    expect(piped.stdout).not.toContain('\x1b');
    expect(forced.stdout).toMatch(/^\x1b\[1minsufficient-privileges\x1b\[22m: /);
  });
});

describe('a check that does not exist', () => {
  test.each([
    ['a letter wrong', 'plaintxt-session', 'plaintext-session'],
    ['two letters swapped', 'insufficient-privlieges', 'insufficient-privileges'],
    ['underscores', 'insufficient_privileges', 'insufficient-privileges'],
    ['a name it had before', 'blind-role', 'insufficient-privileges'],
    ['a part of the name', 'expiring', 'server-certificate-expiring'],
  ])('is answered with every check and the one meant: %s', async (_, typed, meant) => {
    const [first, ...others] = (await complaint(typed)).trimEnd().split('\n');
    expect(first).toBe(`error: there is no check "${typed}" (Did you mean ${meant}?); there are:`);
    expect(others).toEqual(CHECKS.map(({ id }) => `  ${id}`));
  });

  test.each([
    ['far from all of them', 'certificates-of-clients-and-their-keys'],
    ['empty', ''],
    ['endless', 'x'.repeat(5_000)],
  ])('is answered without a guess: %s', async (_, typed) => {
    const said = await complaint(typed);
    expect(said).toMatch(/^error: there is no check "[^"]{0,64}"; there are:\n/);
    expect(said).not.toContain('Did you mean');
  });

  test('is not repeated raw, nor when it is a connection string', async () => {
    expect(await complaint('\x1b[2Jrole')).toContain('there is no check "\\u{1b}[2Jrole"');
    const said = await complaint('postgres://u:hunter2@h/d');
    expect(said).toMatch(/^error: there is no check \(not shown\); there are:/);
    expect(said).not.toContain('hunter2');
  });

  test('is a mistake also when none is named, or two', async () => {
    expect(await complaint()).toMatch(/^error: missing required argument 'check'/);
    expect(await complaint('insufficient-privileges', 'tls-disabled')).toMatch(/^error: too many arguments/);
  });
});

test('the help names the command as it runs in a checkout', async () => {
  const { exitCode, stdout } = await command(['explain', '--help']);
  expect(exitCode).toBe(0);
  expect(stdout).toContain('pg-tls-auditor explain [options] <check>');
  expect(stdout).toContain('npx pg-tls-auditor explain plaintext-session');
});
