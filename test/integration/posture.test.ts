// What the posture checks say of a server's settings and rules is what the server then does.

import { Client, type ClientConfig } from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { describeEachMajor } from '../../lab/each-major.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { shownRemedy } from '../../lab/remedies.ts';
import { POLICY } from '../../lab/snapshots.ts';
import type { Check } from '../../lambda/checks/check.ts';
import { deprecatedTlsAllowed } from '../../lambda/checks/deprecated-tls-allowed.ts';
import { plaintextAllowed } from '../../lambda/checks/plaintext-allowed.ts';
import { tlsDisabled } from '../../lambda/checks/tls-disabled.ts';
import { weakCiphersAllowed } from '../../lambda/checks/weak-ciphers-allowed.ts';
import { weakPasswordAuthentication } from '../../lambda/checks/weak-password-authentication.ts';
import { hbaGrant } from '../../lambda/collect/postgres/hba-queries.ts';
import type { Outcome } from '../../lambda/model/finding.ts';
import type { Policy } from '../../lambda/model/policy.ts';

const STRICT = ['local all all trust', 'hostssl all all all scram-sha-256'];
const SOUND = "'ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20'";

describeEachMajor((major) => {
  let server: PostgresServer;

  beforeAll(async () => {
    server = await startPostgres({
      major,
      roles: [{ name: 'tls_auditor', grants: ['pg_monitor'] }, { name: 'blind' }, { name: 'app' }],
    });
    await server.adminQuery(hbaGrant('tls_auditor'));
  });

  beforeEach(async () => {
    await server.setHba(STRICT);
    await server.adminQuery('ALTER SYSTEM RESET ALL');
    await server.reload();
  });

  afterAll(() => server?.[Symbol.asyncDispose]());

  async function outcome(
    check: Check,
    { role, ...policy }: Partial<Policy> & { readonly role?: string } = {},
  ): Promise<Outcome> {
    const { snapshot } = await audit({}, { db: rdsSecret(server, role), ca: server.ca ?? '' });
    expect(snapshot.failure).toBeUndefined();
    return check.evaluate(snapshot, { ...POLICY, ...policy });
  }

  async function set(settings: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, value] of Object.entries(settings))
      await server.adminQuery(`ALTER SYSTEM SET ${name} = ${value}`);
    await server.reload();
  }

  /** Whether a client with these TLS options gets in. */
  async function connects(ssl: ClientConfig['ssl']): Promise<boolean> {
    const offer = typeof ssl === 'object' ? { ca: server.ca ?? '', ...ssl } : ssl;
    const client = new Client({ ...server.connectionConfig('app'), ssl: offer ?? false });
    client.on('error', () => undefined);
    try {
      await client.connect();
      return true;
    } catch {
      return false;
    } finally {
      await client.end().catch(() => undefined);
    }
  }

  test('of the defaults, the list of ciphers is to be mended, and before 14 the storage of passwords', async () => {
    expect(await outcome(tlsDisabled)).toEqual({ status: 'pass' });
    expect(await outcome(plaintextAllowed)).toEqual({ status: 'pass' });
    expect(await outcome(weakCiphersAllowed)).toMatchObject({
      status: 'fail',
      problems: [{ severity: 'low', evidence: { ssl_ciphers: 'HIGH:MEDIUM:+3DES:!aNULL' } }],
    });
    expect(
      await connects({ ciphers: 'ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0', maxVersion: 'TLSv1.2' }),
      'as the finding says',
    ).toBe(true);
    const [setting] = await server.adminQuery<{ boot_val: string }>(
      "SELECT boot_val FROM pg_settings WHERE name = 'password_encryption'",
    );
    await set({ password_encryption: `'${setting?.boot_val}'` });
    expect((await outcome(weakPasswordAuthentication)).status).toBe(major >= 14 ? 'pass' : 'fail');
  });

  describe('once its remedy is applied, a finding is gone', () => {
    test('for cipher suites, and the server refuses them', async () => {
      await set({ ssl_ciphers: SOUND });
      expect(await outcome(weakCiphersAllowed)).toEqual({ status: 'pass' });
      expect(await connects({ ciphers: 'ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0', maxVersion: 'TLSv1.2' })).toBe(false);
      expect(await connects({ ciphers: 'ECDHE+AESGCM', maxVersion: 'TLSv1.2' })).toBe(true);
    });

    test('for stored passwords', async () => {
      await set({ password_encryption: "'md5'" });
      expect(await outcome(weakPasswordAuthentication)).toMatchObject({
        status: 'fail',
        problems: [{ evidence: { password_encryption: 'md5' } }],
      });
      await set({ password_encryption: "'scram-sha-256'" });
      expect(await outcome(weakPasswordAuthentication)).toEqual({ status: 'pass' });
    });

    test('for rules, by the change that the remedy names', async () => {
      await set({ password_encryption: "'scram-sha-256'" });
      await server.setHba([...STRICT, 'hostnossl all app all trust']);
      expect(await connects(false), 'without a password').toBe(true);
      for (const check of [weakPasswordAuthentication, plaintextAllowed]) {
        const found = await outcome(check);
        expect(found).toMatchObject({ status: 'fail', problems: [{ severity: 'critical' }] });
        const remedy = found.status === 'fail' ? shownRemedy(found.problems[0]) : '';
        // In words: the auditor does not see whether a word of the line is quoted.
        const [, from = 'nothing', to = 'nothing'] = /change the method .* from (\S+) to (\w+),/.exec(remedy) ?? [];
        await server.setHba([...STRICT, 'hostnossl all app all trust'.replace(from, to)]);
        expect(await outcome(check)).toEqual({ status: 'pass' });
        await server.setHba([...STRICT, 'hostnossl all app all trust']);
      }
    });
  });

  test.runIf(major >= 12)('deprecated TLS is found while the server speaks it (PostgreSQL 12 and newer)', async () => {
    expect((await outcome(deprecatedTlsAllowed)).status, 'by default').toBe(major >= 13 ? 'pass' : 'fail');
    await set({ ssl_min_protocol_version: "'TLSv1'", ssl_ciphers: "'ALL:@SECLEVEL=0'" });
    const legacy = { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' } as const;
    expect(await connects(legacy)).toBe(true);
    expect(await outcome(deprecatedTlsAllowed)).toMatchObject({
      status: 'fail',
      problems: [{ severity: 'medium', evidence: { ssl_min_protocol_version: 'TLSv1' } }],
    });
    await set({ ssl_min_protocol_version: "'TLSv1.2'" });
    expect(await outcome(deprecatedTlsAllowed)).toEqual({ status: 'pass' });
    expect(await connects(legacy)).toBe(false);
  });

  test.runIf(major < 12)(
    'deprecated TLS is found where nothing can refuse it, which the server does not (PostgreSQL 11 and older)',
    async () => {
      await set({ ssl_ciphers: "'ALL:@SECLEVEL=0'" });
      expect(await connects({ minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' })).toBe(true);
      for (const role of ['tls_auditor', 'blind']) {
        expect(await outcome(deprecatedTlsAllowed, { role })).toMatchObject({
          status: 'fail',
          problems: [{ title: 'Nothing on the server refuses TLS versions below TLSv1.2' }],
        });
      }
    },
  );

  test.runIf(major >= 12)(
    'with TLSv1.3 as the minimum, no list of older suites matters (PostgreSQL 12 and newer)',
    async () => {
      await set({ ssl_min_protocol_version: "'TLSv1.3'" });
      expect(await outcome(weakCiphersAllowed)).toEqual({ status: 'pass' });
      expect(await outcome(deprecatedTlsAllowed, { minTlsVersion: 'TLSv1.3' })).toEqual({ status: 'pass' });
    },
  );

  test.runIf(major >= 18)('suites of TLSv1.3 outside the profile are found (PostgreSQL 18 and newer)', async () => {
    await set({ ssl_ciphers: SOUND, ssl_tls13_ciphers: "'TLS_AES_256_GCM_SHA384:TLS_AES_128_CCM_SHA256'" });
    expect(await outcome(weakCiphersAllowed)).toMatchObject({
      status: 'fail',
      problems: [{ subject: 'ssl_tls13_ciphers' }],
    });
  });

  test('a login that sees neither settings nor rules passes nothing that it would have to see for that', async () => {
    const ciphers = await outcome(weakCiphersAllowed, { role: 'blind' });
    const grant = expect.stringContaining(
      `GRANT pg_read_all_settings TO blind${major >= 16 ? ' WITH INHERIT TRUE' : ''};`,
    );
    expect(ciphers).toMatchObject({ status: 'unknown', reason: grant });
    if (major >= 12) {
      expect(await outcome(deprecatedTlsAllowed, { role: 'blind' })).toMatchObject({
        status: 'unknown',
        reason: grant,
      });
    }
    expect(await outcome(plaintextAllowed, { role: 'blind' })).toMatchObject({
      status: 'unknown',
      reason: expect.stringContaining('GRANT EXECUTE ON FUNCTION pg_catalog.pg_hba_file_rules() TO blind;'),
    });
    await set({ password_encryption: "'scram-sha-256'" });
    expect(await outcome(weakPasswordAuthentication, { role: 'blind' })).toMatchObject({ status: 'unknown' });
  });

  describe("a password_encryption that sessions are given in place of the server's", () => {
    test.each([
      ['DATABASE postgres', 'md5', 'scram-sha-256'],
      ['ROLE tls_auditor', 'md5', 'scram-sha-256'],
      ['ROLE tls_auditor IN DATABASE postgres', 'md5', 'scram-sha-256'],
    ])('makes nobody believe that the server has it: %s', async (whose, system, own) => {
      await set({ password_encryption: `'${system}'` });
      await server.adminQuery(`ALTER ${whose} SET password_encryption = '${own}'`);
      try {
        expect(await outcome(weakPasswordAuthentication)).toEqual({
          status: 'unknown',
          reason: expect.stringContaining(`ALTER ${whose} SET`),
        });
      } finally {
        await server.adminQuery(`ALTER ${whose} RESET password_encryption`);
      }
      expect(await outcome(weakPasswordAuthentication)).toMatchObject({
        status: 'fail',
        problems: [{ evidence: { password_encryption: system } }],
      });
    });

    test.each([
      'DATABASE postgres',
      'DATABASE template1',
      'ROLE app',
      'ROLE ALL',
      'ROLE "app" IN DATABASE template1',
      'ROLE tls_auditor',
    ])('is found where it is MD5, and gone after the very statement that is advised: %s', async (whose) => {
      await set({ password_encryption: "'scram-sha-256'" });
      await server.adminQuery(`ALTER ${whose} SET password_encryption = 'md5'`);
      try {
        for (const role of ['tls_auditor', 'blind']) {
          const found = await outcome(weakPasswordAuthentication, { role });
          expect(found).toMatchObject({ status: 'fail', problems: [{ evidence: { password_encryption: 'md5' } }] });
          const remedy = found.status === 'fail' ? shownRemedy(found.problems[0]) : '';
          expect(remedy).not.toContain('ALTER SYSTEM');
          if (role === 'blind') await server.adminQuery(/^ALTER .*;$/m.exec(remedy)?.[0] ?? 'no statement');
        }
        expect(await outcome(weakPasswordAuthentication)).toEqual({ status: 'pass' });
      } finally {
        await server.adminQuery(`ALTER ${whose} RESET password_encryption`);
      }
    });

    test('comes into effect for no role that cannot log in', async () => {
      await set({ password_encryption: "'scram-sha-256'" });
      await server.adminQuery("CREATE ROLE idle NOLOGIN; ALTER ROLE idle SET password_encryption = 'md5'");
      try {
        expect(await outcome(weakPasswordAuthentication)).toEqual({ status: 'pass' });
      } finally {
        await server.adminQuery('DROP ROLE idle');
      }
    });
  });

  test('a setting called rds.force_ssl does not make the server count as RDS', async () => {
    await server.setHba([...STRICT, 'host all all all scram-sha-256']);
    await server.adminQuery('ALTER DATABASE postgres SET rds.force_ssl = 1');
    try {
      expect(await outcome(plaintextAllowed, { role: 'blind' })).toMatchObject({
        status: 'unknown',
        reason: expect.stringContaining('nothing proves'),
      });
      expect(await outcome(plaintextAllowed)).toMatchObject({ status: 'fail', problems: [{ severity: 'medium' }] });
    } finally {
      await server.adminQuery('ALTER DATABASE postgres RESET rds.force_ssl');
    }
  });
});
