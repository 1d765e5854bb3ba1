// What kind a target is, from the configuration and the command line to what is dialled.

import { describe, expect, test } from 'vitest';
import type { AuditOptions } from '../bin/command-line/grammar/options.ts';
import { UsageError } from '../bin/command-line/grammar/usage-error.ts';
import { auditRequest } from '../bin/command-line/targets/request.ts';
import { targetOf } from '../lab/collector.ts';
import { failedSnapshot, healthyPooler } from '../lab/snapshots.ts';
import { fleetOf } from '../lambda/checks/fleet.ts';
import { parseCredentials } from '../lambda/collect/secrets/credentials.ts';
import { parseConfig } from '../lambda/config/index.ts';
import type { Target } from '../lambda/model/target.ts';

function targetFrom(settings: object): Target | undefined {
  const targets = [{ name: 'orders', secret: 'prod/orders', ...settings }];
  return parseConfig({ targets }, { use: 'deployment' }).targets[0];
}

describe('in a configuration', () => {
  test('is a PostgreSQL server, if nothing else is said', () => {
    expect(targetFrom({})?.kind).toBe('postgresql');
    expect(targetFrom({ kind: 'pgbouncer' })?.kind).toBe('pgbouncer');
  });

  test('is nothing else', () => {
    expect(() => targetFrom({ kind: 'pgpool' })).toThrow(/targets\[0\]\.kind: .*"postgresql".*"pgbouncer".*"pgpool"/);
  });

  test.each([{ kind: 'pgbouncer', database: 'pgbouncer' }, { database: 'shop' }])('takes %j', (settings) => {
    expect(targetFrom(settings)).toMatchObject(settings);
  });

  test('leaves no choice of the database of a PgBouncer', () => {
    expect(() => targetFrom({ kind: 'pgbouncer', database: 'shop' })).toThrow(
      /targets\[0\]\.database: must be "pgbouncer" or left out where kind is "pgbouncer", got "shop"/,
    );
  });
});

describe('on the command line', () => {
  const options = { format: 'table', failOn: 'medium' } as const;

  test('is said beside the server', async () => {
    const url = 'postgres://tls_auditor@pooler.example.com:6432';
    const kindOf = async (given: AuditOptions) => (await auditRequest(given, {}, [])).targets[0]?.kind;
    expect(await kindOf({ ...options, url, kind: 'pgbouncer' })).toBe('pgbouncer');
    expect(await kindOf({ ...options, url })).toBe('postgresql');
  });

  test('is not said of the targets of a configuration, which have their own', async () => {
    await expect(auditRequest({ ...options, kind: 'pgbouncer' }, {}, [])).rejects.toThrow(UsageError);
  });
});

describe('the database', () => {
  const secret = JSON.stringify({ host: 'db', username: 'tls_auditor', password: 'x', dbname: 'shop' });

  test('of a PgBouncer is its console, whatever the secret is for besides', () => {
    expect(parseCredentials(secret, 'secret db', targetOf({ kind: 'pgbouncer' })).database).toBe('pgbouncer');
  });

  test('of a PostgreSQL server is that of the secret', () => {
    expect(parseCredentials(secret, 'secret db', targetOf()).database).toBe('shop');
  });
});

test('a PgBouncer never stands for a standby on its host, not even where it could not be audited', () => {
  const { target } = healthyPooler();
  const fleet = fleetOf([healthyPooler(), { ...failedSnapshot(), target }, failedSnapshot()]);
  expect(fleet.map(({ inRecovery }) => inRecovery)).toEqual([false, false, undefined]);
});
