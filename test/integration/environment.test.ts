// Nothing from the environment weakens an audit: the command line and the function, each in a process of its own,
// against an impostor, a server with another name's certificate, and a healthy server.

import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AwsEndpoint, startAwsEndpoint } from '../../lab/aws.ts';
import { selfSigned } from '../../lab/certificates.ts';
import { rdsSecret } from '../../lab/collector.ts';
import { compileCache } from '../../lab/compile-cache.ts';
import { healthyServer } from '../../lab/healthy-server.ts';
import { auth, type HostileServer, hostilePostgres } from '../../lab/hostile-postgres.ts';
import { AUDITOR, labAuthority, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import type { Report } from '../../lambda/report/schema.ts';
import { command } from '../bin/command.ts';

const PASSWORD = 'canary-environment-4f1d';

let folder: string;
let healthy: PostgresServer;
let misnamed: PostgresServer;
let impostor: HostileServer;
let aws: AwsEndpoint;
const path = (name: string): string => join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-environment-'));
  const unrelated = await selfSigned({ dnsNames: ['localhost'], ipAddresses: ['127.0.0.1'] });
  const elsewhere = await (await labAuthority()).issue({ dnsNames: ['other.example.com'], ipAddresses: [] });
  const roles = [{ ...AUDITOR, password: PASSWORD }];
  [healthy, misnamed, impostor, aws] = await Promise.all([
    startPostgres(healthyServer({ roles })),
    startPostgres(healthyServer({ roles, tls: { certificate: elsewhere } })),
    // It would take the password in clear, and let in.
    hostilePostgres(unrelated, async (peer) => {
      await peer.receive();
      await peer.send(auth.code(3));
      await peer.receive();
    }),
    startAwsEndpoint(),
  ]);
  const secrets: Readonly<Record<string, string>> = {
    healthy: rdsSecret(healthy, AUDITOR.name),
    misnamed: rdsSecret(misnamed, AUDITOR.name),
    impostor: JSON.stringify({ host: '127.0.0.1', port: impostor.port, username: AUDITOR.name, password: PASSWORD }),
  };
  const names = Object.keys(secrets);
  for (const name of names) aws.setSecret(name, secrets[name] ?? '');
  aws.setSecret('ca', healthy.ca ?? '');
  const targets = (extra: (name: string) => object): object[] =>
    names.map((name) => ({ name, timeoutSeconds: 5, ...extra(name) }));
  const local = (name: string): object => ({ credentials: { file: `${name}.json` } });
  await Promise.all([
    ...names.map((name) => writeFile(path(`${name}.json`), secrets[name] ?? '', { mode: 0o600 })),
    writeFile(path('ca.pem'), healthy.ca ?? ''),
    writeFile(path('unrelated.pem'), unrelated.certificatePem),
    writeFile(path('bundle.json'), JSON.stringify({ defaults: { ca: { file: 'ca.pem' } }, targets: targets(local) })),
    writeFile(path('system.json'), JSON.stringify({ defaults: { ca: 'system' }, targets: targets(local) })),
    writeFile(
      path('function.json'),
      JSON.stringify({ defaults: { ca: { secret: 'ca' } }, targets: targets((name) => ({ secret: name })) }),
    ),
    // OpenSSL's own way to lower what certificates and protocols must be.
    writeFile(
      path('openssl.cnf'),
      `nodejs_conf = nodejs_init
openssl_conf = nodejs_init
[nodejs_init]
ssl_conf = ssl_sect
[ssl_sect]
system_default = system_default_sect
[system_default_sect]
MinProtocol = TLSv1
CipherString = ALL:@SECLEVEL=0
VerifyCAFile = ${path('unrelated.pem')}
`,
    ),
  ]);
});

afterAll(async () => {
  await Promise.all([healthy, misnamed, impostor, aws].map((server) => server[Symbol.asyncDispose]()));
  await rm(folder, { recursive: true });
});

interface Row {
  readonly variables: Readonly<Record<string, () => string>>;
  /** What must stand in the message where nothing is audited at all; false where it is audited as ever. */
  readonly refused: { readonly commandLine: string | false; readonly function: string | false };
}

const refusedAlways = (variable: string, value: () => string): Row => ({
  variables: { [variable]: value },
  refused: { commandLine: variable, function: variable },
});
const heeded = (variables: Row['variables']): Row => ({ variables, refused: { commandLine: false, function: false } });

/** What libpq takes from the environment. */
const LIBPQ = {
  PGSSLMODE: 'disable',
  PGREQUIRESSL: '0',
  PGSSLNEGOTIATION: 'direct',
  PGSSLMINPROTOCOLVERSION: 'TLSv1',
  PGSSLROOTCERT: 'unrelated.pem',
  PGSSLCERT: 'unrelated.pem',
  PGSSLKEY: 'unrelated.pem',
  PGSSLCRL: 'unrelated.pem',
  PGCHANNELBINDING: 'disable',
  PGGSSENCMODE: 'require',
  PGREQUIREAUTH: 'password',
  PGOPTIONS: '-c default_transaction_read_only=off -c search_path=evil',
  PGHOST: 'elsewhere.example.com',
  PGHOSTADDR: '192.0.2.1',
  PGPORT: '1',
  PGUSER: 'unrelated',
  PGPASSWORD: 'unrelated',
  PGPASSFILE: '/nonexistent',
  PGDATABASE: 'unrelated',
  PGSERVICE: 'unrelated',
  PGSERVICEFILE: '/nonexistent',
  PGAPPNAME: 'unrelated',
  PGCLIENTENCODING: 'SQL_ASCII',
  PGTZ: 'unrelated',
  PGDATESTYLE: 'German',
  PGCONNECT_TIMEOUT: '0',
  PGTARGETSESSIONATTRS: 'any',
  PGREPLICATION: 'true',
} as const;

const ROWS: readonly Row[] = [
  refusedAlways('NODE_TLS_REJECT_UNAUTHORIZED', () => '0'),
  refusedAlways('OPENSSL_CONF', () => path('openssl.cnf')),
  refusedAlways('NODE_OPTIONS', () => '--tls-min-v1.0'),
  refusedAlways('NODE_OPTIONS', () => '--tls-cipher-list=ALL:@SECLEVEL=0'),
  refusedAlways('NODE_OPTIONS', () => `--tls-keylog=${path('keys.log')}`),
  refusedAlways('NODE_OPTIONS', () => '--use-openssl-ca'),
  refusedAlways('NODE_OPTIONS', () => `--openssl-config=${path('openssl.cnf')}`),
  refusedAlways('NODE_DEBUG', () => 'http,tls'),
  heeded({ NODE_EXTRA_CA_CERTS: () => path('unrelated.pem') }),
  heeded({ SSL_CERT_FILE: () => path('unrelated.pem'), SSL_CERT_DIR: () => folder }),
  heeded({ NODE_USE_SYSTEM_CA: () => '1', NODE_OPTIONS: () => '--use-system-ca', OPENSSL_CONF: () => '/dev/null' }),
  heeded({ NODE_PG_FORCE_NATIVE: () => '1' }),
  heeded(Object.fromEntries(Object.entries(LIBPQ).map(([variable, value]) => [variable, () => value]))),
];

/** Without their values, which are made in a folder that is not there yet. */
const titleOf = ({ variables }: Row): string => Object.keys(variables).slice(0, 3).join(', ');
const titled = (rows: readonly Row[]) => rows.map((row, index) => ({ title: `${titleOf(row)} (${index + 1})`, row }));
const environmentOf = ({ variables }: Row): Record<string, string> =>
  Object.fromEntries(Object.entries(variables).map(([variable, value]) => [variable, value()]));

/** The verified server is audited as ever, and the others are refused before anything of the login was sent. */
function expectUnweakened(report: Report, refusals: Readonly<Record<string, RegExp>>): void {
  const causes = Object.fromEntries(report.targets.map(({ name, error }) => [name, error?.cause]));
  for (const [name, cause] of Object.entries(refusals)) expect(causes[name]).toMatch(cause);
  expect(impostor.decrypted().length).toBe(0);
}

const REFUSALS = { impostor: /^certificate-untrusted$/, misnamed: /^certificate-wrong-host$/ };

describe('the command line', { concurrent: true }, () => {
  test.each(titled(ROWS))('with $title audits as without it, or refuses to start', async ({ row }) => {
    const { exitCode, stdout, stderr } = await command(['audit', '--config', path('bundle.json'), '--format', 'json'], {
      env: environmentOf(row),
      cwd: folder,
    });
    expect(exitCode).toBe(2);
    expect(stdout + stderr).not.toContain(PASSWORD);
    if (row.refused.commandLine !== false) {
      expect(stdout).toBe('');
      expect(stderr).toContain('the environment would weaken the audit');
      expect(stderr).toContain(row.refused.commandLine);
      expect(impostor.decrypted().length).toBe(0);
      return;
    }
    const report = JSON.parse(stdout) as Report;
    expectUnweakened(report, REFUSALS);
    expect(report.targets.find(({ name }) => name === 'healthy')).toMatchObject({
      verdict: 'clean',
      link: { authorized: true, channelBinding: true },
    });
  });

  test("trusts no more than the system's roots, whatever certificates variables name", async () => {
    const names = ['SSL_CERT_FILE', 'NODE_EXTRA_CA_CERTS', 'PGSSLROOTCERT', 'PGSSLCERT'];
    const env = { ...Object.fromEntries(names.map((name) => [name, path('unrelated.pem')])), SSL_CERT_DIR: folder };
    const { exitCode, stdout } = await command(['audit', '--config', path('system.json'), '--format', 'json'], {
      env,
      cwd: folder,
    });
    expect(exitCode).toBe(2);
    const untrusted = /^certificate-untrusted$/;
    expectUnweakened(JSON.parse(stdout) as Report, { impostor: untrusted, misnamed: untrusted, healthy: untrusted });
  });
});

/** Invokes the function in a process of its own. */
function invoke(env: Readonly<Record<string, string>>): Promise<{ readonly stdout: string; readonly stderr: string }> {
  const handler = new URL('../../lambda/handler.ts', import.meta.url).href;
  const script = `
    const { handler } = await import(${JSON.stringify(handler)});
    const context = { awsRequestId: 'r', getRemainingTimeInMillis: () => 30000 };
    const answer = await handler({ notify: false }, context).catch((error) => ({ refused: error.message }));
    console.log('ANSWER' + JSON.stringify(answer));`;
  const own = {
    ...aws.environment(),
    PATH: process.env.PATH ?? '',
    HOME: '/nonexistent',
    ...compileCache(),
    ALERT_TOPIC_ARN: aws.topicArn,
    AUDITOR_CONFIG_FILE: path('function.json'),
    POWERTOOLS_SERVICE_NAME: 'pg-tls-auditor',
    POWERTOOLS_METRICS_NAMESPACE: 'PgTlsAuditor',
  };
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--input-type=module', '-e', script],
      { env: { ...own, ...env }, cwd: folder, maxBuffer: 32 * 1024 * 1024 },
      (_, stdout, stderr) => resolve({ stdout, stderr }),
    );
  });
}

describe('the function', { concurrent: true }, () => {
  // What is refused is reported by one piece of code, which the command line runs too: two of those do.
  const rows = titled(ROWS).filter(({ row }, index) => index < 2 || row.refused.commandLine === false);

  test.each(rows)('with $title audits as without it, or refuses to start', async ({ row }) => {
    const { stdout, stderr } = await invoke(environmentOf(row));
    expect(stdout + stderr).not.toContain(PASSWORD);
    const answer = JSON.parse(/^ANSWER(.*)$/m.exec(stdout)?.[1] ?? 'null') as Report & { readonly refused?: string };
    if (row.refused.function !== false) {
      expect(answer.refused).toContain(row.refused.function);
      expect(impostor.decrypted().length).toBe(0);
      return;
    }
    expect(answer.refused).toBeUndefined();
    expectUnweakened(answer, REFUSALS);
    expect(answer.targets.find(({ name }) => name === 'healthy')).toMatchObject({ verdict: 'clean' });
  });
});
