// Sessions that GSSAPI encrypts are encrypted, and those that it only authenticates are not: with a KDC, and a
// PostgreSQL that is built for it.

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { Kerberos, reasonNoKerberos } from '../../lab/kerberos.ts';
import { knownValue } from '../../lab/known-value.ts';
import { AUDITOR, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { POLICY } from '../../lab/snapshots.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { plaintextAllowed } from '../../lambda/checks/plaintext-allowed.ts';
import { plaintextSession } from '../../lambda/checks/plaintext-session.ts';
import type { Session, Snapshot } from '../../lambda/model/snapshot.ts';

const reason = reasonNoKerberos();

describe.skipIf(reason !== undefined)(`GSSAPI${reason === undefined ? '' : ` (${reason})`}`, () => {
  let realm: Kerberos;
  let server: PostgresServer;

  beforeAll(async () => {
    realm = await Kerberos.start(['app', 'boss', 'standby']);
    // Read when the server is looked for. Files of tests are processes of their own.
    process.env.PG_TLS_AUDITOR_MAJORS_DIR = realm.majorsFolder;
    const gss = `gss include_realm=0 krb_realm=${realm.realm}`;
    server = await startPostgres({
      major: realm.major,
      settings: { krb_server_keyfile: realm.serverKeytab },
      hba: [
        'local all all trust',
        'hostssl all tls_auditor all scram-sha-256',
        `hostgssenc all all all ${gss}`,
        `hostgssenc replication standby all ${gss}`,
        `hostssl all all all ${gss}`,
        // Loopback only: this file lets no plaintext in from a network.
        `host all all 127.0.0.1/32 ${gss}`,
        `host all all ::1/128 ${gss}`,
      ],
      roles: [
        AUDITOR,
        { name: 'app' },
        { name: 'boss', attributes: 'SUPERUSER' },
        { name: 'standby', attributes: 'REPLICATION' },
      ],
      databases: ['orders'],
    });
  });

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await realm?.[Symbol.asyncDispose]();
  });

  async function observe(): Promise<Snapshot> {
    const { snapshot } = await audit({}, { db: rdsSecret(server), ca: server.ca ?? '' });
    expect(snapshot.failure).toBeUndefined();
    return snapshot;
  }

  /** The one session there is. */
  function only(snapshot: Snapshot, pid: number): Session | undefined {
    const { visible, hidden } = knownValue(snapshot.sessions);
    expect({ pids: visible.map((session) => session.pid), hidden }).toEqual({ pids: [pid], hidden: 0 });
    return visible[0];
  }

  test.each([
    ['of a client', { role: 'app' }, { kind: 'client', superuser: false, database: 'orders' }],
    ['of a superuser', { role: 'boss' }, { kind: 'client', superuser: true, database: 'orders' }],
    [
      'of a walsender',
      { role: 'standby', replication: 'physical' },
      { kind: 'replication', superuser: false, database: undefined },
    ],
  ] as const)(
    'a session %s that GSSAPI encrypts is never plaintext, also where loopback is a network',
    async (_, options, facts) => {
      await using session = await realm.openSession(server, { ...options, gssencmode: 'require' });
      const [row] = await server.adminQuery('SELECT encrypted FROM pg_stat_gssapi WHERE pid = $1', [session.pid]);
      expect(row).toEqual({ encrypted: true });
      const snapshot = await observe();
      expect(only(snapshot, session.pid)).toMatchObject({
        role: options.role,
        transport: 'gss',
        tls: undefined,
        ...facts,
      });
      const { verdict, findings } = evaluate(snapshot, { ...POLICY, loopback: 'network' }, [plaintextSession]);
      expect({ verdict, findings }).toEqual({ verdict: 'clean', findings: [] });
    },
  );

  test('a session that GSSAPI only authenticates is not encrypted', async () => {
    await using session = await realm.openSession(server, { role: 'app', gssencmode: 'disable' });
    const [row] = await server.adminQuery('SELECT gss_authenticated, encrypted FROM pg_stat_gssapi WHERE pid = $1', [
      session.pid,
    ]);
    expect(row).toEqual({ gss_authenticated: true, encrypted: false });
    const snapshot = await observe();
    expect(only(snapshot, session.pid)).toMatchObject({ transport: 'loopback', tls: undefined });
    const { findings } = evaluate(snapshot, { ...POLICY, loopback: 'network' }, [plaintextSession]);
    expect(findings).toMatchObject([{ check: 'plaintext-session', severity: 'high', role: 'app' }]);
  });

  test('a session that GSSAPI authenticates over TLS is encrypted by TLS', async () => {
    await using session = await realm.openSession(server, { role: 'app', gssencmode: 'disable', sslmode: 'require' });
    expect(only(await observe(), session.pid)).toMatchObject({ transport: 'tls', tls: { version: 'TLSv1.3' } });
  });

  test('rules that ask for encryption by GSSAPI let no plaintext in', async () => {
    const { verdict, findings } = evaluate(await observe(), POLICY, [plaintextAllowed]);
    expect({ verdict, findings }).toEqual({ verdict: 'clean', findings: [] });
  });
});
