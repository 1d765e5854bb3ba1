// What GSSAPI encrypts gets in after the switch as before: the printed edit, on a server with a KDC.

import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openClientNetwork } from '../../lab/client-network.ts';
import { audit, rdsSecret } from '../../lab/collector.ts';
import { loopbackAddresses } from '../../lab/free-port.ts';
import { Kerberos, reasonNoKerberos } from '../../lab/kerberos.ts';
import { AUDITOR, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { rulesOf } from '../../lambda/analysis/pg-hba/rules-of.ts';
import { planRules } from '../../lambda/enforcement/hba/change.ts';
import { fileEdits } from '../../lambda/enforcement/hba/edit.ts';
import type { HbaFacts } from '../../lambda/model/hba.ts';

/** The files were not written after an audit of then. */
const LATER = '2099-01-01T00:00:00.000Z';

const run = promisify(execFile);
const network = openClientNetwork();
const reason = typeof network === 'string' ? network : reasonNoKerberos();
/** Towards itself too, that is no loopback address. */
const address = typeof network === 'string' ? '' : network.server.ipv4;

afterAll(async () => {
  if (typeof network !== 'string') await network[Symbol.asyncDispose]();
});

describe.skipIf(reason !== undefined)(`GSSAPI${reason === undefined ? '' : ` (${reason})`}`, () => {
  let realm: Kerberos;
  let server: PostgresServer;

  beforeAll(async () => {
    realm = await Kerberos.start(['app']);
    process.env.PG_TLS_AUDITOR_MAJORS_DIR = realm.majorsFolder;
    const reader = {
      ...AUDITOR,
      executes: [...AUDITOR.executes, 'pg_catalog.pg_read_binary_file(text, bigint, bigint)'],
    };
    server = await startPostgres({
      major: realm.major,
      settings: {
        krb_server_keyfile: realm.serverKeytab,
        listen_addresses: [...loopbackAddresses(), address].join(','),
      },
      hba: [
        'local all all trust',
        'hostssl all tls_auditor all scram-sha-256',
        `host all app all gss include_realm=0 krb_realm=${realm.realm}`,
        'hostnogssenc all all 10.0.0.0/8 scram-sha-256',
      ],
      roles: [reader, { name: 'app' }],
      databases: ['orders'],
    });
  });

  afterAll(async () => {
    await server?.[Symbol.asyncDispose]();
    await realm?.[Symbol.asyncDispose]();
  });

  async function readFacts(): Promise<HbaFacts> {
    const { snapshot } = await audit({}, { db: rdsSecret(server), ca: server.ca ?? '' });
    const hba = rulesOf(snapshot);
    if (!hba.known) throw new Error(hba.reason);
    return hba.value;
  }

  const WAYS = {
    gss: { gssencmode: 'require', hostAddress: address },
    tls: { gssencmode: 'disable', sslmode: 'require', hostAddress: address },
    plaintext: { gssencmode: 'disable', hostAddress: address },
    'gss over loopback': { gssencmode: 'require' },
    'plaintext over loopback': { gssencmode: 'disable' },
  } as const;

  async function answers(): Promise<Readonly<Record<string, string>>> {
    const found: Record<string, string> = {};
    for (const [way, options] of Object.entries(WAYS)) {
      try {
        await using _session = await realm.openSession(server, { role: 'app', ...options });
        found[way] = 'in';
      } catch (error) {
        found[way] = /no pg_hba.conf entry/.test(String(error)) ? 'refused' : String(error);
      }
    }
    return found;
  }

  test('the plan has a copy for what GSSAPI encrypts, and the way back brings every byte back', async () => {
    const file = join(server.dataFolder, 'pg_hba.conf');
    const before = await readFile(file, 'utf8');
    const all = { gss: 'in', tls: 'in', plaintext: 'in', 'gss over loopback': 'in', 'plaintext over loopback': 'in' };
    expect(await answers()).toEqual(all);
    const facts = await readFacts();
    const plan = planRules(facts);
    if (plan.status !== 'open') throw new Error(plan.status);
    expect(plan.changes.map(({ rule, gss }) => [rule.type, gss])).toEqual([
      ['host', true],
      ['hostnogssenc', false],
    ]);
    const edits = fileEdits(plan.changes, facts.major, LATER);
    for (const { command } of edits) await run('bash', ['-euc', command]);
    await server.reload();
    expect(await answers()).toEqual({ ...all, plaintext: 'refused' });
    const then = await readFacts();
    expect(then.faults).toEqual([]);
    expect(planRules(then).status).toBe('closed');
    for (const { rollback } of edits) await run('bash', ['-euc', rollback]);
    expect(await readFile(file, 'utf8')).toBe(before);
  });
});
