// A server behind a container's network, as most are: its clients are not on its loopback, and the real collector
// tells those that are encrypted from those that are not.

import { isIP } from 'node:net';
import pg from 'pg';
import { GenericContainer, getContainerRuntimeClient, type StartedTestContainer, Wait } from 'testcontainers';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createAuthority, type IssuedCertificate } from '../../lab/certificates.ts';
import { audit } from '../../lab/collector.ts';
import { reasonWithoutContainer } from '../../lab/docker.ts';
import { backendPid } from '../../lab/postgres.ts';

const image = process.env.PG_TLS_AUDITOR_TEST_IMAGE ?? 'postgres:18';
const reason = await reasonWithoutContainer(image);
const title = `PostgreSQL in a container of ${image}`;

// In the output of a run, not only in its report: who reads "skipped" wants to know why.
if (reason !== undefined) process.stderr.write(`skipped: ${title}: ${reason}\n`);

const PASSWORD = 'of-the-lab';

/** Runs as the image's user `postgres`, which may not be able to read a key that only root can. */
const START = `
set -e
umask 077
data=/tmp/data
initdb -D "$data" -U postgres --pwfile=/lab/password --auth=scram-sha-256 -E UTF8 --locale=C -N
cat /lab/server.key > "$data/server.key"
echo 'host all all all scram-sha-256' >> "$data/pg_hba.conf"
exec postgres -D "$data" -c 'listen_addresses=*' -c fsync=off -c unix_socket_directories=/tmp \\
  -c ssl=on -c ssl_cert_file=/lab/server.crt -c ssl_key_file=server.key
`;

describe.skipIf(reason !== undefined)(reason === undefined ? title : `${title} (${reason})`, () => {
  let certificate: IssuedCertificate;
  let container: StartedTestContainer | undefined;
  let server: { readonly host: string; readonly port: number };

  beforeAll(async () => {
    // Where mapped ports are reached; the certificate has to name it before the container starts.
    const { host } = (await getContainerRuntimeClient()).info.containerRuntime;
    certificate = await (await createAuthority()).issue({
      dnsNames: isIP(host) === 0 ? [host] : [],
      ipAddresses: isIP(host) === 0 ? [] : [host],
    });
    container = await new GenericContainer(image)
      .withUser('postgres')
      .withEntrypoint(['sh', '/lab/start.sh'])
      .withCopyContentToContainer([
        { target: '/lab/start.sh', content: START },
        { target: '/lab/password', content: PASSWORD },
        { target: '/lab/server.crt', content: certificate.chainPem },
        { target: '/lab/server.key', content: certificate.keyPem },
      ])
      .withExposedPorts(5432)
      .withWaitStrategy(Wait.forLogMessage(/database system is ready to accept connections/))
      // Sooner than the hook's own: then the container is removed, and its log's silence is what is reported.
      .withStartupTimeout(45_000)
      .start();
    server = { host: container.getHost(), port: container.getMappedPort(5432) };
    await using superuser = await connect('postgres', 'tls');
    await superuser.client.query(`CREATE ROLE tls_auditor LOGIN PASSWORD '${PASSWORD}' IN ROLE pg_monitor`);
    await superuser.client.query(`CREATE ROLE app LOGIN PASSWORD '${PASSWORD}'`);
  });

  afterAll(async () => {
    await container?.stop();
  });

  async function connect(user: string, transport: 'tls' | 'plaintext') {
    const client = new pg.Client({
      ...server,
      user,
      password: PASSWORD,
      database: 'postgres',
      ssl: transport === 'tls' && { ca: certificate.rootPem },
    });
    await client.connect();
    return { client, pid: backendPid(client), [Symbol.asyncDispose]: () => client.end() };
  }

  /** The collector's snapshot, with the lab's credentials. */
  async function snapshot() {
    const secret = { ...server, engine: 'postgres', username: 'tls_auditor', password: PASSWORD, dbname: 'postgres' };
    return (await audit({}, { db: JSON.stringify(secret), ca: certificate.rootPem })).snapshot;
  }

  test("the auditor's own leg is verified, and the server confirms it", async () => {
    const { failure, link } = await snapshot();
    expect(failure).toBeUndefined();
    expect(link).toMatchObject({
      known: true,
      value: {
        authorized: true,
        verifiedName: server.host,
        tlsVersion: 'TLSv1.3',
        channelBinding: true,
        serverView: { known: true, value: { tlsVersion: 'TLSv1.3' } },
      },
    });
  });

  test.each([
    ['plaintext', undefined],
    ['tls', { version: 'TLSv1.3' }],
  ] as const)('a %s session from outside the container is seen as one', async (transport, tls) => {
    await using session = await connect('app', transport);
    const { sessions } = await snapshot();
    if (!sessions.known) expect.fail(sessions.reason);
    expect(sessions.value.visible.find(({ pid }) => pid === session.pid)).toMatchObject({
      role: 'app',
      transport,
      clientAddress: expect.not.stringMatching(/^(127\.|::1$)/),
      ...(tls && { tls }),
    });
  });
});
