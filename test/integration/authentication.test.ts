// What a server may ask the auditor for, and what counts as a login: real servers, and something in between that
// relays.

import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import net from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority, selfSigned } from '../../lab/certificates.ts';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { hostilePostgres, int32 } from '../../lab/hostile-postgres.ts';
import { knownValue } from '../../lab/known-value.ts';
import { AUDITOR, majorsUnderTest, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { parseConfig } from '../../lambda/config/index.ts';

const [major = 18] = majorsUnderTest().toReversed();
const run = promisify(execFile);
const { policy, targets } = parseConfig(
  {
    targets: [
      { name: 'a', secret: 'a' },
      { name: 'b', secret: 'b', authentication: 'password', minScramIterations: 1 },
    ],
  },
  { use: 'deployment' },
);

test('what is allowed by default: SCRAM of 4,096 iterations or more, MD5, or nothing asked for', () => {
  expect(targets[0]).toMatchObject({ authentication: ['scram-sha-256', 'md5', 'none'], minScramIterations: 4096 });
  expect(targets[1]).toMatchObject({ authentication: ['password'], minScramIterations: 1 });
});

describe('a real server', () => {
  let server: PostgresServer;
  beforeAll(async () => {
    server = await startPostgres({
      major,
      hba: [
        'hostssl all by_md5 all md5',
        'hostssl all by_password all password',
        'hostssl all by_trust all trust',
        'hostssl all all all scram-sha-256',
      ],
      roles: [AUDITOR, ...['by_md5', 'by_password', 'by_trust', 'slow', 'quick'].map((name) => ({ name }))],
    });
    const setPasswords = async (role: string, settings: readonly string[]): Promise<void> => {
      const { password } = server.connectionConfig(role);
      await server.adminQuery(`${settings.join('; ')}; ALTER ROLE ${role} PASSWORD '${password}'`);
    };
    await setPasswords('by_md5', ["SET password_encryption = 'md5'"]);
    if (major >= 16) {
      await setPasswords('slow', ["SET password_encryption = 'scram-sha-256'", 'SET scram_iterations = 600000']);
      await setPasswords('quick', ["SET password_encryption = 'scram-sha-256'", 'SET scram_iterations = 1']);
    }
  });
  afterAll(() => server[Symbol.asyncDispose]());

  const auditAs = async (role: string, target: Parameters<typeof audit>[0] = {}) =>
    (await audit({ timeoutMs: 30_000, ...target }, { db: rdsSecret(server, role), ca: server.ca ?? '' })).snapshot;

  test('that asks for an MD5 hash is audited, and that is a finding', async () => {
    const snapshot = await auditAs('by_md5');
    expect(knownValue(snapshot.link).authentication).toBe('md5');
    const { findings } = evaluate(snapshot, policy);
    expect(findings.filter(({ check }) => check === 'weak-password-authentication')).toContainEqual(
      expect.objectContaining({
        severity: 'medium',
        role: 'by_md5',
        evidence: expect.objectContaining({ authentication: 'md5' }),
      }),
    );
    expect((await auditAs('by_md5', { authentication: ['scram-sha-256'] })).failure).toMatchObject({
      cause: 'authentication-not-allowed',
      phase: 'login',
    });
  });

  test('that asks for nothing is not audited where the target wants SCRAM', async () => {
    expect((await auditAs('by_trust')).failure).toBeUndefined();
    expect((await auditAs('by_trust', { authentication: ['scram-sha-256'] })).failure).toMatchObject({
      cause: 'authentication-not-allowed',
    });
  });

  test('that asks for the password in clear gets it only where the target allows that', async () => {
    const { failure } = await auditAs('by_password');
    expect(failure).toMatchObject({ cause: 'authentication-not-allowed', phase: 'login' });
    expect(failure?.message).toMatch(/asks for the password in clear, .*; nothing was answered$/);
    expect(failure?.remedy).toMatch(/"authentication" of the target to \["password"\]/);
    expect((await auditAs('by_password', { authentication: ['password'] })).failure).toBeUndefined();
  });

  test.runIf(major >= 16)('with 600,000 iterations, as OWASP advises, is audited', async () => {
    const snapshot = await auditAs('slow');
    expect(snapshot.failure).toBeUndefined();
    expect(knownValue(snapshot.link)).toMatchObject({ authentication: 'scram-sha-256-plus', attempts: 1 });
  });

  test.runIf(major >= 16)('with one iteration is answered only where the target allows as few', async () => {
    const { failure } = await auditAs('quick');
    expect(failure).toMatchObject({ cause: 'authentication-not-allowed' });
    expect(failure?.message).toContain('asks for SCRAM with 1 iterations');
    expect((await auditAs('quick', { minScramIterations: 1 })).failure).toBeUndefined();
  });

  describe('behind something that relays TLS to TLS, with a certificate that the auditor trusts', () => {
    let authority: Authority;
    beforeAll(async () => {
      authority = await createAuthority();
    });

    /** @param change what it makes of the server's first words after login began */
    async function interceptor(change: (bytes: Buffer) => Buffer = (bytes) => bytes) {
      const certificate = await authority.issue({ dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] });
      return await hostilePostgres(certificate, async ({ secure, receive, gone }) => {
        const { body: startup } = await receive();
        const raw = net.connect(server.connectionConfig(AUDITOR.name).port, '127.0.0.1');
        raw.on('error', () => secure.destroy());
        raw.write(Buffer.from([0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f]));
        await once(raw, 'data');
        const behind = tls.connect({ socket: raw, ca: server.ca, servername: 'localhost' });
        behind.on('error', () => secure.destroy());
        await once(behind, 'secureConnect');
        behind.write(Buffer.concat([int32(startup.length + 4), startup]));
        secure.on('data', (chunk: Buffer) => behind.write(chunk));
        behind.on('data', (chunk: Buffer) => secure.write(change(chunk)));
        behind.on('close', () => secure.end());
        await gone;
        behind.destroy();
      });
    }

    const through = async (relay: Awaited<ReturnType<typeof interceptor>>) => {
      const db = rdsSecret(server, AUDITOR.name, { host: relay.host, port: relay.port });
      return (await audit({}, { db, ca: authority.certificatePem })).snapshot;
    };

    test('is detected by the channel binding, as critical', async () => {
      await using relay = await interceptor();
      const snapshot = await through(relay);
      expect(snapshot.failure).toMatchObject({ cause: 'channel-binding-failed', phase: 'login' });
      expect(evaluate(snapshot, policy).findings).toContainEqual(
        expect.objectContaining({ check: 'target-not-audited', severity: 'critical' }),
      );
    });

    test('is detected also where it hides that the server offers the binding', async () => {
      const plus = Buffer.from('SCRAM-SHA-256-PLUS\0');
      await using relay = await interceptor((bytes) => {
        const at = bytes.indexOf(plus);
        if (at === -1) return bytes;
        const rest = Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + plus.length)]);
        rest.writeUInt32BE(rest.length - 1, 1);
        return rest;
      });
      expect((await through(relay)).failure).toMatchObject({ cause: 'channel-binding-failed' });
    });
  });
});

describe('a certificate whose signature pg cannot hash', () => {
  // As openssl req takes them. The lab's own certificates are made by a library that has none of these.
  test.for([
    ['SHA-224', ['-newkey', 'rsa:2048', '-sha224']],
    ['SHA-3', ['-newkey', 'rsa:2048', '-sha3-256']],
    ['PSS with SHA-224', ['-newkey', 'rsa:2048', '-sha224', '-sigopt', 'rsa_padding_mode:pss']],
  ] as const)('%s: the login goes without channel binding, as SCRAM', async ([, options], { skip }) => {
    const certificate = await selfSignedBy(options);
    if (certificate === undefined) return skip('no openssl here that makes such a certificate');
    await using server = await startPostgres({ tls: { certificate } });
    const { snapshot } = await audit({}, { db: rdsSecret(server, AUDITOR.name), ca: certificate.rootPem });
    expect(snapshot.failure).toBeUndefined();
    expect(knownValue(snapshot.link)).toMatchObject({ authentication: 'scram-sha-256', channelBinding: false });
  });

  async function selfSignedBy(options: readonly string[]) {
    const folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-hash-'));
    const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
    const names = 'subjectAltName=DNS:localhost,IP:127.0.0.1';
    const rest = ['-subj', '/CN=localhost', '-addext', names, '-days', '90', '-out', cert, '-keyout', key];
    try {
      await run('openssl', ['req', '-x509', '-nodes', ...options, ...rest]);
      const [certificatePem, keyPem] = await Promise.all([cert, key].map((file) => readFile(file, 'utf8')));
      if (certificatePem === undefined || keyPem === undefined) return undefined;
      return { ...(await selfSigned()), certificatePem, keyPem, chainPem: certificatePem, rootPem: certificatePem };
    } catch {
      return undefined;
    } finally {
      await rm(folder, { recursive: true });
    }
  }
});
