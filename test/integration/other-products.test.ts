// Servers that speak PostgreSQL's protocol and cannot be audited: named for what they are, asked once.

import { beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority, type IssuedCertificate } from '../../lab/certificates.ts';
import { audit } from '../../lab/collector.ts';
import { type Reply, type ScriptedServer, scriptedPostgres } from '../../lab/scripted-postgres.ts';
import type { FailureCause } from '../../lambda/model/failure.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import type { Target } from '../../lambda/model/target.ts';

let authority: Authority;
let certificate: IssuedCertificate;

beforeAll(async () => {
  authority = await createAuthority();
  certificate = await authority.issue();
});

const REFUSED: Reply = { error: { code: '0A000', message: 'unimplemented: this syntax' } };

async function auditAt(server: ScriptedServer, target: Partial<Target> = {}): Promise<Snapshot['failure']> {
  const db = JSON.stringify({ host: server.host, port: server.port, username: 'tls_auditor', password: 'x' });
  const { snapshot } = await audit({ timeoutMs: 8_000, ...target }, { db, ca: authority.rootPem });
  expect(snapshot.sessions.known).toBe(false);
  return snapshot.failure;
}

/** Answers only the question of what it is. */
const saysOfItself =
  (version: string, otherwise: Reply = REFUSED) =>
  (query: string): Reply =>
    query === 'SELECT version()' ? { rows: [version] } : otherwise;

/** The texts are those of each product's documentation of version(), and for consoles of their sources. */
describe('a product that is not PostgreSQL', () => {
  test.each<[name: string, announced: string, version: string]>([
    [
      'Amazon Redshift',
      '8.0.2',
      'PostgreSQL 8.0.2 on i686-pc-linux-gnu, compiled by GCC gcc (GCC) 3.4.2 20041017 (Red Hat 3.4.2-6.fc3), Redshift 1.0.58558',
    ],
    ['Materialize', '9.5.0', 'PostgreSQL 9.5 on x86_64-unknown-linux-gnu (Materialize 0.27.0)'],
    [
      'Greenplum',
      '9.4.26',
      'PostgreSQL 9.4.26 (Greenplum Database 6.20.3 build commit:24b949d2585cdbe8a157062fb756013e7c2874ab) on x86_64',
    ],
    ['CockroachDB', '13.0.0', 'CockroachDB CCL v23.1.11 (x86_64-pc-linux-gnu, built 2023/09/27 01:53:43, go1.19.10)'],
    ['CrateDB', '14.0', 'CrateDB 5.4.3 (built 1c4c0a0/NA, Linux 5.15 amd64, OpenJDK 64-Bit Server VM 21)'],
    ['QuestDB', '11.3', 'PostgreSQL 12.3, compiled by Visual C++ build 1914, 64-bit, QuestDB'],
    ['RisingWave', '13.14.0', 'PostgreSQL 13.14.0-RisingWave-2.0.0 (abcdef)'],
    ['YugabyteDB', '11.2-YB-2.18.0.0-b0', 'PostgreSQL 11.2-YB-2.18.0.0-b0 on x86_64-pc-linux-gnu'],
    ['the admin console of Odyssey', '1.4.1 (git 3d2bbdc)', 'no matter'],
  ])('is named: %s', async (name, announced, version) => {
    await using server = await scriptedPostgres({
      certificate,
      announces: { server_version: announced },
      answer: saysOfItself(version),
    });
    const failure = await auditAt(server);
    expect(failure).toMatchObject({ cause: 'product-unsupported', phase: 'query' });
    expect(failure?.message).toBe(`127.0.0.1:${server.port} is ${name}, which the auditor cannot see into`);
    expect(failure?.remedy).toMatch(/targets|host/);
    expect(server.sessions()).toBe(1);
  });

  test('is named also where it answers in part: PgCat’s console says so to SHOW VERSION alone', async () => {
    await using server = await scriptedPostgres({
      certificate,
      announces: { server_version: '1.2.0' },
      answer: (query) => (query === 'SHOW VERSION' ? { rows: ['PgCat 1.2.0'] } : REFUSED),
    });
    expect(await auditAt(server)).toMatchObject({
      cause: 'product-unsupported',
      message: expect.stringContaining('the admin console of PgCat'),
    });
    expect(await auditAt(server, { kind: 'pgbouncer' })).toMatchObject({
      cause: 'wrong-kind',
      message: expect.stringContaining('is the admin console of PgCat, and the target is of the kind "pgbouncer"'),
    });
  });
});

describe('a server that announces', () => {
  test.each<[string, string | undefined, FailureCause, RegExp]>([
    ['a version of a far future', '99.1', 'version-unknown', /announces the version 99\.1, which no PostgreSQL has/],
    ['a number without end', '18446744073709551616', 'version-unknown', /which no PostgreSQL has/],
    ['words', 'latest and greatest', 'version-unknown', /announces the version latest and greatest, which no/],
    ['a version below none', '-3', 'version-unknown', /which no PostgreSQL has/],
    ['control characters', '\u001b[31m18', 'version-unknown', /\\u\{1b\}\[31m18/],
    ['no version at all', undefined, 'version-unknown', /announces no version of PostgreSQL/],
    ['a version whose views tell too little', '9.6.24', 'version-unsupported', /is PostgreSQL 9\.6\.24, whose views/],
  ])('%s is asked once', async (_what, version, cause, message) => {
    await using server = await scriptedPostgres({
      certificate,
      announces: version === undefined ? {} : { server_version: version },
      answer: saysOfItself('PostgreSQL, or so'),
    });
    const failure = await auditAt(server);
    expect(failure).toMatchObject({ cause, phase: 'query' });
    expect(failure?.message).toMatch(message);
    expect(server.sessions()).toBe(1);
  });

  test('a version that will come is asked what the newest is asked', async () => {
    await using server = await scriptedPostgres({
      certificate,
      announces: { server_version: '21beta1 (Debian 21~beta1-1)' },
      answer: saysOfItself('PostgreSQL 21beta1'),
    });
    expect(await auditAt(server)).toMatchObject({ cause: 'query-failed' });
  });
});

describe('a server that answers', () => {
  test.each<[string, Reply]>([
    ['nothing', { rows: [] }],
    ['only the first statement', { rows: ['18.4'] }],
    ['more than it was asked', { rows: Array.from({ length: 40 }, () => 'x') }],
  ])('%s of a message is not taken for one without sessions, and asked once', async (_what, reply) => {
    await using server = await scriptedPostgres({
      certificate,
      announces: { server_version: '18.4' },
      answer: (query) => (query.includes('BEGIN') ? reply : REFUSED),
    });
    const failure = await auditAt(server);
    expect(failure).toMatchObject({ cause: 'answer-incomplete', phase: 'query' });
    expect(failure?.message).toMatch(/answered \d+ of the \d+ queries of the audit$/);
    expect(server.sessions()).toBe(1);
  });

  test('in part, and then never again, is still recognised by what it did', async () => {
    await using server = await scriptedPostgres({
      certificate,
      announces: { server_version: '18.4' },
      answer: (query) => (query.includes('BEGIN') ? { rows: ['18.4'] } : 'silence'),
    });
    expect(await auditAt(server)).toMatchObject({ cause: 'answer-incomplete' });
  });

  test.each<[string, string, string, FailureCause, RegExp]>([
    // RDS Proxy, PgBouncer and CockroachDB refuse these with such words.
    [
      'SET LOCAL is refused',
      '0A000',
      'SET LOCAL is not supported',
      'query-failed',
      /host and port of PostgreSQL itself/,
    ],
    ['a prepared statement', '26000', 'prepared statement "s1" does not exist', 'query-failed', /PostgreSQL itself/],
    ['a view is missing', '42P01', 'relation "pg_stat_ssl" does not exist', 'query-failed', /PostgreSQL itself/],
    ['statement_timeout', '57014', 'canceling statement due to statement timeout', 'query-canceled', /15 s/],
    ['no disk space', '53100', 'could not extend file', 'server-out-of-resources', /disks/],
    ['a missing file', '58P01', 'could not open file "global/1262"', 'server-fault', /disks, data folder/],
  ])('with an error: %s', async (_what, code, message, cause, remedy) => {
    await using server = await scriptedPostgres({
      certificate,
      announces: { server_version: '18.4' },
      answer: saysOfItself('PostgreSQL 18.4 on x86_64', { error: { code, message } }),
    });
    const failure = await auditAt(server);
    expect(failure).toMatchObject({ cause, phase: 'query' });
    expect(failure?.message).toContain(`${message} (SQLSTATE ${code})`);
    expect(failure?.remedy).toMatch(remedy);
    expect(server.sessions()).toBe(1);
  });

  test.each<[string, string, string, FailureCause]>([
    ['a standby cancels them', '40001', 'canceling statement due to conflict with recovery', 'recovery-conflict'],
    ['a time limit ends the session', '57P05', 'terminating connection due to idle-session timeout', 'session-ended'],
    ['a crash', '57P02', 'terminating connection because of crash of another server process', 'server-not-ready'],
  ])('with what may pass is asked again: %s', async (_what, code, message, cause) => {
    await using server = await scriptedPostgres({
      certificate,
      announces: { server_version: '18.4' },
      answer: () => ({ error: { code, message } }),
    });
    const failure = await auditAt(server, { timeoutMs: 2_000 });
    expect(failure).toMatchObject({ cause, phase: 'query' });
    expect(server.sessions()).toBeGreaterThan(1);
  });
});
