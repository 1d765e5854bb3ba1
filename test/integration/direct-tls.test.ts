// Direct TLS asked of servers that do not know it, and an SSLRequest sent to a port that knows nothing else.

import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import tls from 'node:tls';
import { beforeAll, describe, expect, test } from 'vitest';
import { type Authority, createAuthority, type IssuedCertificate } from '../../lab/certificates.ts';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { speaksGarbage } from '../../lab/faulty-servers.ts';
import { reasonWithoutPgBouncer, startPgBouncer } from '../../lab/pgbouncer.ts';
import { reasonUnavailable, startPostgres } from '../../lab/postgres.ts';
import type { Failure } from '../../lambda/model/failure.ts';
import type { Target } from '../../lambda/model/target.ts';

let authority: Authority;
let certificate: IssuedCertificate;

beforeAll(async () => {
  authority = await createAuthority();
  certificate = await authority.issue();
});

async function failureAt(place: { readonly port: number }, target: Partial<Target>): Promise<Failure | undefined> {
  const db = JSON.stringify({ host: '127.0.0.1', port: place.port, username: 'tls_auditor', password: 'x' });
  const { snapshot } = await audit({ timeoutMs: 1_000, ...target }, { db, ca: authority.rootPem });
  return snapshot.failure;
}

const noMajor16 = reasonUnavailable(16);
test('a PostgreSQL 16 does not know direct TLS', async ({ skip }) => {
  if (noMajor16 !== undefined) skip(noMajor16);
  await using server = await startPostgres({ major: 16, tls: { certificate } });
  const { snapshot } = await audit(
    { timeoutMs: 1_000, sslNegotiation: 'direct' },
    { db: rdsSecret(server), ca: authority.rootPem },
  );
  expect(snapshot.failure).toMatchObject({ cause: 'direct-tls-refused', phase: 'tls' });
  expect(snapshot.failure?.remedy).toMatch(/^"sslNegotiation": "direct" needs PostgreSQL 17 or newer: leave it out/);
});

const noPgBouncer = reasonWithoutPgBouncer();
test('a PgBouncer before 1.25 does not know it either, and its own advice is given', async ({ skip }) => {
  if (noPgBouncer !== undefined) skip(noPgBouncer);
  await using server = await startPostgres({ tls: { certificate } });
  await using pooler = await startPgBouncer(server, { behind: 'require', certificate });
  const failure = await failureAt(pooler, { kind: 'pgbouncer', sslNegotiation: 'direct' });
  expect(failure).toMatchObject({ cause: 'direct-tls-refused', phase: 'tls' });
  expect(failure?.remedy).toMatch(/needs PgBouncer 1\.25/);
});

describe('a port that knows direct TLS alone', () => {
  test('answers an SSLRequest with an alert, or hangs up, and the advice is to begin with TLS', async () => {
    const server = tls.createServer({
      cert: certificate.chainPem,
      key: certificate.keyPem,
      ALPNProtocols: ['postgresql'],
    });
    server.on('tlsClientError', () => undefined);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    const failure = await failureAt({ port }, {});
    server.close();
    expect(failure?.phase).toBe('tls');
    expect(['direct-tls-required', 'connection-reset', 'timed-out']).toContain(failure?.cause);
    expect(failure?.remedy).toContain('"sslNegotiation": "direct"');
  });

  test('is recognised by the alert', async () => {
    await using server = await speaksGarbage(Buffer.from([21, 3, 1, 0, 2, 2, 70]));
    expect(await failureAt(server, {})).toMatchObject({
      cause: 'direct-tls-required',
      phase: 'tls',
      remedy: 'set "sslNegotiation": "direct" for the target',
    });
  });
});

test.each([
  ['HTTP', 'HTTP/1.1 400 Bad Request\r\n\r\n'],
  ['SSH', 'SSH-2.0-OpenSSH_9.6\r\n'],
])('direct TLS to a port that speaks %s is reported by what answers', async (_what, answer) => {
  await using server = await speaksGarbage(answer);
  const failure = await failureAt(server, { sslNegotiation: 'direct' });
  expect(failure).toMatchObject({ cause: 'direct-tls-refused', phase: 'tls' });
  expect(failure?.message).toMatch(/answered with something that is not TLS/);
  expect(failure?.remedy).toMatch(/^check host and port/);
});
