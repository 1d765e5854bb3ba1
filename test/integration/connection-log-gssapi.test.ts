// Logins by GSSAPI, encrypted and not: what a server with GSSAPI writes of them, and what is read from it.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Kerberos, reasonNoKerberos } from '../../lab/kerberos.ts';
import { type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import type { ConnectionEvent } from '../../lambda/analysis/connection-log/events.ts';
import { LoginAggregator } from '../../lambda/analysis/connection-log/logins.ts';
import { ConnectionLogReader } from '../../lambda/analysis/connection-log/reader.ts';

function read(log: string) {
  const events: ConnectionEvent[] = [];
  const aggregator = new LoginAggregator();
  const reader = new ConnectionLogReader({
    onEvent: (event, record) => {
      events.push(event);
      aggregator.add(event, record);
    },
  });
  reader.push(Buffer.from(`${log}\n`));
  reader.end();
  expect(reader.counts).toMatchObject({ unreadable: 0, translated: 0 });
  return { events, logins: aggregator.result() };
}

const reason = reasonNoKerberos();
describe.skipIf(reason !== undefined)(`sessions by GSSAPI${reason === undefined ? '' : ` (${reason})`}`, () => {
  let realm: Kerberos;
  let server: PostgresServer;

  beforeAll(async () => {
    realm = await Kerberos.start(['app', 'standby']);
    // Read when the server is looked for. Files of tests are processes of their own.
    process.env.PG_TLS_AUDITOR_MAJORS_DIR = realm.majorsFolder;
    const gss = `gss include_realm=0 krb_realm=${realm.realm}`;
    server = await startPostgres({
      major: realm.major,
      settings: { krb_server_keyfile: realm.serverKeytab },
      hba: [
        `hostgssenc all app all ${gss}`,
        `hostgssenc replication standby all ${gss}`,
        `hostssl all app all ${gss}`,
        `hostnossl all app all ${gss}`,
      ],
      roles: [{ name: 'app' }, { name: 'standby', attributes: 'REPLICATION' }],
      databases: ['shop'],
    });
  });
  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await realm?.[Symbol.asyncDispose]();
  });

  test.each([
    [
      'encrypted',
      { role: 'app', gssencmode: 'require', applicationName: 'encrypted' },
      { gss: { encrypted: true } },
      'gss',
    ],
    [
      'encrypted, a walsender',
      { role: 'standby', gssencmode: 'require', replication: 'physical', applicationName: 'walsender' },
      { gss: { encrypted: true }, database: undefined, replication: true },
      'gss',
    ],
    [
      'authenticated over TLS',
      { role: 'app', gssencmode: 'disable', sslmode: 'require', applicationName: 'over-tls' },
      { gss: { encrypted: false }, tls: { version: 'TLSv1.3', cipher: expect.any(String), bits: 256 } },
      'tls',
    ],
    [
      'authenticated only',
      { role: 'app', gssencmode: 'disable', applicationName: 'bare' },
      { gss: { encrypted: false } },
      'loopback',
    ],
  ] as const)('%s are what the log says', async (_what, options, fields, transport) => {
    const { role, applicationName } = options;
    const session = await realm.openSession(server, options);
    await session[Symbol.asyncDispose]();
    const { events, logins } = read(server.log());
    const own = events.filter((event) => event.kind === 'authorized' && event.application === applicationName);
    const gss = { ...fields.gss, principal: `${role}@${realm.realm}` };
    const common = { kind: 'authorized', role, database: 'shop', tls: undefined, replication: false, forged: false };
    expect(own).toEqual([{ ...common, application: applicationName, ...fields, gss }]);
    const rows = logins.clients.filter(({ application }) => application === applicationName);
    expect(rows).toMatchObject([{ transport, forged: false, logins: 1 }]);
  });
});
