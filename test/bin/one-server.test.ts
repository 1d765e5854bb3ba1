// `audit --url`: one real server, audited by the real program.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startAwsEndpoint } from '../../lab/aws.ts';
import { createAuthority } from '../../lab/certificates.ts';
import { compileCache } from '../../lab/compile-cache.ts';
import { closedPort } from '../../lab/faulty-servers.ts';
import { healthyServer, LOOPBACK_PLAINTEXT_HBA } from '../../lab/healthy-server.ts';
import { AUDITOR, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { openSession } from '../../lab/sessions.ts';
import { type Report, reportSchema } from '../../lambda/report/schema.ts';
import { type CommandOptions, command, type Outcome } from './command.ts';

const ESCAPE = '\x1b';

let server: PostgresServer;
let folder: string;
let ca: string;
let otherCa: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-url-'));
  server = await startPostgres(
    healthyServer({ hba: LOOPBACK_PLAINTEXT_HBA, roles: [AUDITOR, { name: 'app' }, { name: 'blind' }] }),
  );
  ca = join(folder, 'ca.pem');
  otherCa = join(folder, 'stranger.pem');
  await writeFile(ca, server.ca ?? '');
  await writeFile(otherCa, (await (await createAuthority({ name: 'Stranger' })).issue()).rootPem);
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** Without a password, as it should be. */
function url(role = 'tls_auditor', parameters = ''): string {
  return `postgres://${role}@${server.host}:${server.port}/postgres${parameters}`;
}

function auditWith(args: readonly string[], env: CommandOptions['env'] = {}): Promise<Outcome> {
  return command(['audit', ...args], {
    env: { PGPASSWORD: server.connectionConfig('tls_auditor').password, ...env },
    cwd: folder,
  });
}

async function auditToJson(
  args: readonly string[],
  env?: CommandOptions['env'],
): Promise<Outcome & { report: Report }> {
  const outcome = await auditWith([...args, '--format', 'json'], env);
  return { ...outcome, report: reportSchema.strict().parse(JSON.parse(outcome.stdout)) };
}

describe('the exit code', () => {
  test('is 0 when all was seen and nothing is wrong, and the table says so', async () => {
    const { exitCode, stdout, stderr } = await auditWith(['--url', url(), '--ca', ca]);
    expect(exitCode).toBe(0);
    expect(stdout).toContain('+ clean');
    expect(stdout).toMatch(/Verdict: all clear\.\n$/);
    expect(stderr).toBe('');
  });

  test('is 1 when a client is in plaintext and loopback is judged like a network, with its remedy in the table', async () => {
    await using _client = await openSession(server, { kind: 'plaintext', role: 'app', applicationName: 'checkout' });
    const { exitCode, stdout } = await auditWith(['--url', url(), '--ca', ca, '--loopback', 'network']);
    expect(exitCode).toBe(1);
    expect(stdout).toContain('HIGH: Unencrypted session over the network (plaintext-session)');
    expect(stdout).toContain('application "checkout"');
    expect(stdout).toContain('policy.loopback is "network"');
  });

  test('follows --fail-on: a finding of information fails only who asks for it', async () => {
    await using _client = await openSession(server, { kind: 'plaintext', role: 'app' });
    const args = ['--url', url(), '--ca', ca];
    const [usual, strict] = await Promise.all([auditWith(args), auditWith([...args, '--fail-on', 'info'])]);
    expect(usual.stdout).toContain('(loopback-plaintext-session)');
    expect([usual.exitCode, strict.exitCode]).toEqual([0, 1]);
  });

  test('is 2 when the server proves to be another, whatever --fail-on says', async () => {
    const { exitCode, report, stderr } = await auditToJson(['--url', url(), '--ca', otherCa]);
    expect(exitCode).toBe(2);
    expect(report.targets[0]).toMatchObject({ verdict: 'not-audited', error: { cause: 'certificate-untrusted' } });
    expect(report.targets[0]?.error?.remedy).toMatch(/^set --ca to /);
    expect(report.findings[0]?.remedy).toMatch(/^Set --ca to /);
    expect(stderr).toBe('');
  });

  test('is 2 when nothing listens there', async () => {
    const { host, port } = await closedPort();
    const { exitCode, stdout } = await auditWith(['--url', `postgres://tls_auditor@${host}:${port}`, '--ca', ca]);
    expect(exitCode).toBe(2);
    expect(stdout).toContain('cause: connection-refused');
    expect(stdout).toMatch(/Verdict: incomplete/);
  });

  test('is 2 when the CA file does not exist: nothing is trusted in its place', async () => {
    const { exitCode, report } = await auditToJson(['--url', url(), '--ca', 'missing.pem']);
    expect(exitCode).toBe(2);
    expect(report.targets[0]?.error?.message).toBe('The CA bundle in file missing.pem cannot be read (ENOENT)');
  });

  test('is 2 when the role may not see the sessions of others, even if nothing above the threshold was found', async () => {
    await using _client = await openSession(server, { kind: 'tlsv1.3', role: 'app' });
    const { exitCode, report } = await auditToJson(['--url', url('blind'), '--ca', ca, '--fail-on', 'critical'], {
      PGPASSWORD: server.connectionConfig('blind').password,
    });
    expect(exitCode).toBe(2);
    expect(report.targets[0]?.verdict).toBe('unknown');
    expect(report.findings.map(({ check }) => check)).toEqual(['insufficient-privileges']);
  });
});

describe('the password', () => {
  test('in the URL wins over PGPASSWORD, with a warning', async () => {
    const { exitCode, stderr } = await auditWith(['--url', server.connectionString('tls_auditor'), '--ca', ca], {
      PGPASSWORD: 'wrong',
    });
    expect(exitCode).toBe(0);
    expect(stderr).toMatchInlineSnapshot(`
      "warning: the password in --url can be read in the process list and the history of the shell: leave it out of the URL and set PGPASSWORD
      "
    `);
  });

  test('that is not there is reported beside the failed login', async () => {
    const { exitCode, stderr, report } = await auditToJson(['--url', url(), '--ca', ca], { PGPASSWORD: '' });
    expect(exitCode).toBe(2);
    expect(report.targets[0]?.error?.cause).toBe('password-rejected');
    expect(report.targets[0]?.error?.remedy).toMatch(/^set PGPASSWORD to the password of tls_auditor/);
    expect(stderr).toMatchInlineSnapshot(`
      "note: there is no password: PGPASSWORD is not set
      "
    `);
  });

  test('is never shown, however the audit ends', async () => {
    const secret = 'C4n4ry/%';
    const inUrl = (rest: string) => `postgres://tls_auditor:${encodeURIComponent(secret)}@${rest}`;
    const here = `${server.host}:${server.port}/postgres`;
    const runs = await Promise.all([
      auditWith(['--url', url(), '--ca', ca], { PGPASSWORD: secret }),
      auditWith(['--url', inUrl(here), '--ca', ca, '--format', 'json']),
      auditWith(['--url', inUrl(`${here}?sslmode=require`), '--ca', otherCa]),
      auditWith(['--url', `postgres://tls_auditor:${secret}@${here}`]),
      auditWith([`--urll=${inUrl(here)}`]),
      auditWith([inUrl(here)]),
      auditWith(['--url', `host=h user=u password=${secret} port=x`]),
      auditWith(['--uri', `host=h user=u password=${secret}`]),
    ]);
    expect(runs.map(({ exitCode }) => exitCode)).toEqual(runs.map(() => 2));
    for (const { stdout, stderr } of runs) {
      expect(stdout + stderr).not.toMatch(/C4n4ry/i);
    }
  });
});

describe('what to trust', () => {
  test.each([
    ['a file that PGSSLROOTCERT names', [], () => ({ PGSSLROOTCERT: ca }), 0],
    ['--ca rather than PGSSLROOTCERT', ['--ca', 'ca.pem'], () => ({ PGSSLROOTCERT: otherCa }), 0],
    ['every --ca together', ['--ca', 'stranger.pem', '--ca', 'ca.pem'], () => ({}), 0],
    ['no private CA, when nothing is said', [], () => ({}), 2],
  ] as const)('is %s', async (_, args, env, expected) => {
    const { exitCode, stdout } = await auditWith(['--url', url(), ...args], env());
    expect(exitCode, stdout).toBe(expected);
  });

  test.each([
    ['by PGSSLROOTCERT', [], { PGSSLROOTCERT: 'system' }],
    ['by --ca', ['--ca', 'system'], {}],
    ['when nothing is said', [], {}],
  ] as const)(
    'is the CAs of the system %s, and no file that SSL_CERT_FILE puts in their place',
    async (_, args, env) => {
      const { exitCode, report } = await auditToJson(['--url', url(), ...args], { ...env, SSL_CERT_FILE: ca });
      expect(exitCode).toBe(2);
      expect(report.targets[0]?.error).toMatchObject({
        cause: 'certificate-untrusted',
        message: expect.stringMatching(/Node's bundled roots.*SSL_CERT_FILE replaces it/),
      });
    },
  );

  test('is checked for revocation where --crl names a list, and for nothing else', async () => {
    const { exitCode, report, stderr } = await auditToJson(['--url', url(), '--ca', ca, '--crl', ca]);
    expect(exitCode).toBe(2);
    expect(report.targets[0]?.error).toMatchObject({
      cause: 'crl-unusable',
      message: expect.stringContaining('holds no certificate revocation list'),
    });
    expect(stderr).not.toContain('crash');
  });

  test('is not weakened by what the URL says, and that is said', async () => {
    const weak = url('tls_auditor', '?sslmode=disable&sslrootcert=other.pem');
    const { exitCode, report, stderr } = await auditToJson(['--url', weak, '--ca', ca]);
    expect(exitCode).toBe(0);
    expect(report.targets[0]?.link).toMatchObject({ tlsVersion: 'TLSv1.3', authorized: true });
    expect(stderr).toMatchInlineSnapshot(`
      "note: sslmode=disable in --url has no effect: the audit uses TLS and verifies the server's certificate
      note: sslrootcert in --url has no effect: use --ca FILE
      "
    `);
  });

  test('can be a certificate that carries another name than the host, if it is given', async () => {
    const args = ['--url', url(), '--ca', ca, '--tls-server-name'];
    const [right, wrong] = await Promise.all([
      auditToJson([...args, 'localhost']),
      auditToJson([...args, 'db.example.com']),
    ]);
    expect(right.report.targets[0]?.link?.verifiedName).toBe('localhost');
    expect(wrong.report.targets[0]?.error?.cause).toBe('certificate-wrong-host');
  });
});

describe('the output', () => {
  test('in JSON is the report and nothing else, named after the host and its port', async () => {
    const { report, stderr } = await auditToJson(['--url', url(), '--ca', ca]);
    expect(report).toMatchObject({
      schemaVersion: 1,
      policy: { minTlsVersion: 'TLSv1.2', loopback: 'info' },
      targets: [{ name: `127.0.0.1:${server.port}`, port: server.port, verdict: 'clean' }],
      findings: [],
    });
    expect(stderr).toBe('');
  });

  test('has colours only where they can be shown or are asked for, and never in JSON', async () => {
    const args = ['--url', url(), '--ca', ca];
    const [piped, forced, refused, json] = await Promise.all([
      auditWith(args),
      auditWith(args, { FORCE_COLOR: '1' }),
      auditWith(args, { FORCE_COLOR: '0', NO_COLOR: '1' }),
      auditWith([...args, '--format', 'json'], { FORCE_COLOR: '1' }),
    ]);
    expect(forced.stdout).toContain(ESCAPE);
    for (const { stdout } of [piped, refused, json]) expect(stdout).not.toContain(ESCAPE);
  });

  test('comes from npm run in a checkout as from the program', async () => {
    const { stdout } = await promisify(execFile)(
      'npm',
      ['run', '--silent', 'audit', '--', '--url', url(), '--ca', ca, '--format', 'json'],
      {
        cwd: join(import.meta.dirname, '..', '..'),
        env: { PATH: process.env.PATH, ...compileCache(), PGPASSWORD: server.connectionConfig('tls_auditor').password },
      },
    );
    expect(reportSchema.parse(JSON.parse(stdout)).targets[0]?.verdict).toBe('clean');
  });

  test('costs AWS nothing: no request goes there', async () => {
    await using aws = await startAwsEndpoint();
    const { exitCode } = await auditWith(['--url', url(), '--ca', ca], aws.environment());
    expect(exitCode).toBe(0);
    expect(aws.requests).toEqual([]);
  });
});

describe('--probe', () => {
  test('puts what the server accepts on the wire into the report', async () => {
    const { report } = await auditToJson(['--url', url(), '--ca', ca, '--probe']);
    const [target] = report.targets;
    expect(target?.probe).toMatchObject({
      role: 'tls_auditor',
      plaintext: { answer: 'accepted', authentication: 'sasl' },
      tlsVersions: { 'TLSv1.3': { answer: 'accepted' } },
    });
    expect(report.findings.map(({ check }) => check)).toContain('plaintext-accepted');
  });

  test('is off without it', async () => {
    const { report } = await auditToJson(['--url', url(), '--ca', ca]);
    expect(report.targets[0]?.probe).toBeNull();
    expect(report.findings.map(({ check }) => check)).not.toContain('plaintext-accepted');
  });
});

describe('--logs', () => {
  test('reads the connection log of the server, and keeps what it read beside the state', async () => {
    const state = join(folder, 'logs-state.json');
    const { exitCode, stderr } = await auditWith(['--url', url(), '--ca', ca, '--logs', 'server', '--state', state]);
    // This server writes no log files: a log that is not there is never silence.
    expect([exitCode, stderr]).toEqual([2, '']);
    const [file = ''] = await readdir(`${state}.connection-logs`);
    const saved = JSON.parse(await readFile(join(`${state}.connection-logs`, file), 'utf8'));
    expect(saved).toMatchObject({ version: 1, target: expect.stringContaining('127.0.0.1') });
    expect(saved.state).toContain('logging_collector');
  });

  test.each([
    [['--logs', 'no group!'], '--logs must be'],
    [['--kind', 'pgbouncer', '--logs', 'server'], '--logs'],
    [['--sample', '601'], '--sample'],
    [['--sample', 'long'], 'It must be a whole number of seconds.'],
  ])('refuses %j', async (args, message) => {
    const { exitCode, stderr } = await auditWith(['--url', url(), '--ca', ca, ...args]);
    expect(exitCode).toBe(2);
    expect(stderr).toContain(message);
  });
});
