// Tests the steps on each platform: exact commands, with the real names where discovery knows them.

import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { refusesPlaintext } from '../../lambda/enforcement/refuses-plaintext.ts';
import { type Steps, stepsFor } from '../../lambda/enforcement/steps.ts';
import type { CloudDatabase } from '../../lambda/model/cloud.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';

const INSTANCE = 'orders.abc123.eu-west-1.rds.amazonaws.com';
const CLUSTER = 'orders.cluster-abc123.eu-west-1.rds.amazonaws.com';

/** A server whose certificate was verified for that name. */
function served(host: string, overrides: Partial<Snapshot> = {}): Snapshot {
  const healthy = make.healthySnapshot();
  const link = healthy.link.known ? known({ ...healthy.link.value, verifiedName: host }) : healthy.link;
  const target = { name: 'orders', host, port: 5432, labels: {} };
  return make.healthySnapshot([], { target, link, hba: unknown('the service shows no rules'), ...overrides });
}

interface Listed extends Partial<Omit<CloudDatabase, 'parameterGroup'>> {
  readonly group?: string;
  readonly ofCluster?: boolean;
  readonly status?: string;
  readonly applyType?: 'static' | 'dynamic' | undefined;
  readonly value?: string;
}

function listed({
  group = 'shop-pg14',
  ofCluster = false,
  status = 'in-sync',
  applyType,
  value = '0',
  ...rest
}: Listed) {
  const database: CloudDatabase = {
    ...{ is: 'database', platform: 'rds', publiclyAccessible: false, internetGateway: false, logExports: [] },
    certificateValidTill: unknown('not asked'),
    authority: unknown('not asked'),
    parameterGroup: { name: group, ofCluster, status },
    parameters: known({ 'rds.force_ssl': { value, source: 'system', applyType } }),
    ...rest,
  };
  return { cloud: known(database) };
}

function commandsOf({ steps }: Steps): readonly string[] {
  return steps.flatMap(({ commands }) => commands);
}

function switchOf(snapshot: Snapshot): Steps {
  const steps = stepsFor(snapshot, { gssSeen: false });
  // What follows the switch is the same everywhere.
  return { ...steps, steps: steps.steps.slice(0, -2) };
}

describe('Amazon RDS', () => {
  test('the name of a custom endpoint is no name of a cluster: it may be that of another', () => {
    const custom = 'reports.cluster-custom-abc123.eu-west-1.rds.amazonaws.com';
    const commands = commandsOf(switchOf(served(custom))).join('\n');
    expect(commands).toContain('--db-cluster-identifier <cluster>');
    expect(commands).not.toContain('reports');
    const reader = 'orders.cluster-ro-abc123.eu-west-1.rds.amazonaws.com';
    expect(commandsOf(switchOf(served(reader))).join('\n')).toContain('--db-cluster-identifier orders');
  });

  test('a dynamic parameter of a group that discovery knows is set at once', () => {
    const found = switchOf(served(INSTANCE, listed({ applyType: 'dynamic' })));
    expect(found.platform).toBe('Amazon RDS');
    expect(commandsOf(found)).toEqual([
      `aws rds describe-db-instances --region eu-west-1 --query "DBInstances[?DBParameterGroups[?DBParameterGroupName=='shop-pg14']].DBInstanceIdentifier" --output text`,
      'aws rds modify-db-parameter-group --region eu-west-1 --db-parameter-group-name shop-pg14 --parameters "ParameterName=rds.force_ssl,ParameterValue=1,ApplyMethod=immediate"',
      "aws rds describe-db-instances --region eu-west-1 --db-instance-identifier orders --query 'DBInstances[0].DBParameterGroups'",
    ]);
    expect(found.steps.at(-1)).toMatchObject({
      needsReboot: false,
      rollback: [
        'aws rds modify-db-parameter-group --region eu-west-1 --db-parameter-group-name shop-pg14 --parameters "ParameterName=rds.force_ssl,ParameterValue=0,ApplyMethod=immediate"',
      ],
    });
  });

  test('a static one takes a reboot, there and back, and says where one is due already', () => {
    const found = switchOf(served(INSTANCE, listed({ applyType: 'static', status: 'pending-reboot' })));
    const [, set] = found.steps;
    expect(set?.needsReboot).toBe(true);
    expect(set?.title).toContain('a reboot is due already');
    const reboot = 'aws rds reboot-db-instance --region eu-west-1 --db-instance-identifier orders';
    expect([set?.commands, set?.rollback].map((all) => all?.includes(reboot))).toEqual([true, true]);
    expect(set?.commands[0]).toContain('ApplyMethod=pending-reboot');
  });

  test('a default group is replaced by one of its family', () => {
    const found = switchOf(served(INSTANCE, listed({ group: 'default.postgres14', applyType: 'dynamic' })));
    expect(commandsOf(found)).toEqual([
      'aws rds create-db-parameter-group --region eu-west-1 --db-parameter-group-name orders-tls --db-parameter-group-family postgres14 --description "TLS is required" &&\n  aws rds modify-db-parameter-group --region eu-west-1 --db-parameter-group-name orders-tls --parameters "ParameterName=rds.force_ssl,ParameterValue=1,ApplyMethod=pending-reboot"',
      'aws rds modify-db-instance --region eu-west-1 --db-instance-identifier orders --db-parameter-group-name orders-tls --apply-immediately',
      'aws rds reboot-db-instance --region eu-west-1 --db-instance-identifier orders',
      "aws rds describe-db-instances --region eu-west-1 --db-instance-identifier orders --query 'DBInstances[0].DBParameterGroups'",
    ]);
    expect(found.steps.map(({ needsReboot }) => needsReboot)).toEqual([false, true]);
    expect(found.steps[1]?.rollback.join()).toContain('--db-parameter-group-name default.postgres14');
  });

  test('a value that waits for a reboot needs the reboot only', () => {
    const found = switchOf(served(INSTANCE, listed({ value: '1', applyType: 'static', status: 'pending-reboot' })));
    expect(commandsOf(found)[0]).toBe('aws rds reboot-db-instance --region eu-west-1 --db-instance-identifier orders');
    expect(found.steps[0]).toMatchObject({ needsReboot: true, title: expect.stringContaining('pending-reboot') });
  });

  test('of Aurora the group of the cluster counts, also at the endpoint of an instance', () => {
    const aurora = listed({ platform: 'aurora', group: 'shop-aurora', ofCluster: true, applyType: 'dynamic' });
    for (const host of [INSTANCE, CLUSTER]) {
      const found = switchOf(served(host, aurora));
      expect(found.platform).toBe('Amazon Aurora');
      expect(commandsOf(found)).toContain(
        'aws rds modify-db-cluster-parameter-group --region eu-west-1 --db-cluster-parameter-group-name shop-aurora --parameters "ParameterName=rds.force_ssl,ParameterValue=1,ApplyMethod=immediate"',
      );
      expect(commandsOf(found).join('\n')).toContain(
        `--db-cluster-identifier ${host === CLUSTER ? 'orders' : '"$cluster"'} `,
      );
    }
    const multi = listed({ platform: 'cluster', group: 'default.postgres16', ofCluster: true });
    expect(commandsOf(switchOf(served(CLUSTER, multi)))).toContain(
      'aws rds reboot-db-cluster --region eu-west-1 --db-cluster-identifier orders',
    );
  });

  test('without discovery the commands find the group and its ApplyType', () => {
    const found = switchOf(served(INSTANCE));
    expect(found.platform).toBe('Amazon RDS');
    expect(commandsOf(found)[0]).toContain('--db-instance-identifier orders');
    expect(found.steps.at(-1)?.needsReboot).toBeUndefined();
    const cluster = commandsOf(switchOf(served(CLUSTER))).join('\n');
    expect(cluster).toContain('describe-db-cluster-parameters');
    // Aurora says so itself.
    const aurora = switchOf(served(INSTANCE, { aurora: unknown('not asked') }));
    expect(commandsOf(aurora)[0]).toContain('DBClusterIdentifier');
  });

  test.each([
    ['static', 'pending-reboot'],
    ['dynamic', 'immediate'],
  ])('ApplyType %s is applied by %s, where the commands ask for it', (applyType, method) => {
    const aws = `aws() { case "$*" in *ApplyType*) echo ${applyType};; *modify*) echo "$@";; *) echo shop-pg14;; esac; }`;
    const script = [aws, ...commandsOf(switchOf(served(INSTANCE)))].join('\n');
    const printed = execFileSync('bash', ['-euc', script], { encoding: 'utf8' });
    expect(printed).toContain(
      `--db-parameter-group-name shop-pg14 --parameters ParameterName=rds.force_ssl,ParameterValue=1,ApplyMethod=${method}\n`,
    );
  });

  test('names that RDS does not allow are in no command', () => {
    const hostile = listed({ group: '$(id)`id`; rm', applyType: 'dynamic' });
    expect(commandsOf(switchOf(served(INSTANCE, hostile))).join('\n')).not.toMatch(/\$\(id\)|rm\b/);
    const host = 'a$(id).abc123.eu-west-1.rds.amazonaws.com';
    expect(commandsOf(switchOf(served(host))).join('\n')).not.toContain('$(id)');
  });

  test('who takes rds.force_ssl from a server of his own is not believed', () => {
    const settings = known({ values: { ...make.SETTINGS, 'rds.force_ssl': '1' }, seesAll: true });
    expect(refusesPlaintext(served('db.example.com', { settings }))).toBeUndefined();
    expect(refusesPlaintext(served(INSTANCE, { settings }))).toBe(true);
  });
});

describe('other services', () => {
  test.each([
    [
      'Google Cloud SQL',
      'abc.def.europe-west1.sql.goog',
      [
        "gcloud sql instances describe <instance> --format='value(settings.ipConfiguration.sslMode)'",
        'gcloud sql instances patch <instance> --ssl-mode=ENCRYPTED_ONLY',
      ],
      ['gcloud sql instances patch <instance> --ssl-mode=ALLOW_UNENCRYPTED_AND_ENCRYPTED'],
      false,
    ],
    [
      'Azure Database for PostgreSQL',
      'Orders-Prod.postgres.database.azure.com',
      [
        'az postgres flexible-server parameter set --resource-group <group> --server-name orders-prod --name require_secure_transport --value on',
      ],
      [
        'az postgres flexible-server parameter set --resource-group <group> --server-name orders-prod --name require_secure_transport --value off',
      ],
      false,
    ],
    [
      'Supabase',
      'db.abcdefghijklmnopqrst.supabase.co',
      [
        'npx supabase --experimental ssl-enforcement update --enable-db-ssl-enforcement --project-ref abcdefghijklmnopqrst',
      ],
      [
        'npx supabase --experimental ssl-enforcement update --disable-db-ssl-enforcement --project-ref abcdefghijklmnopqrst',
      ],
      true,
    ],
    ['Neon', 'ep-cool.eu-central-1.aws.neon.tech', [], [], false],
  ] as const)('%s', (platform, host, commands, rollback, needsReboot) => {
    const found = switchOf(served(host));
    expect(found.platform).toBe(platform);
    expect(commandsOf(found)).toEqual(commands);
    expect(found.steps.flatMap((step) => step.rollback)).toEqual(rollback);
    expect(found.steps.at(-1)?.needsReboot).toBe(needsReboot);
    expect(refusesPlaintext(served(host))).toBe(platform === 'Neon' ? true : undefined);
  });

  test('a service is not what its target calls itself: Neon is believed with its certificate only', () => {
    const target = { name: 'orders', host: 'x.neon.tech', port: 5432, labels: {} };
    const snapshot = served('db.example.com', { target, link: unknown('no connection') });
    expect(refusesPlaintext(snapshot)).toBeUndefined();
  });

  test.each([
    ['prefer', 'prefer', false],
    ['require', 'require', true],
    ['x; DROP', '<what it was>', false],
  ])('PgBouncer with client_tls_sslmode %s', (mode, before, isRefused) => {
    const pooler = known({ version: '1.22.0', values: { client_tls_sslmode: mode }, databases: known([]) });
    const target = { name: 'pool', host: 'pool.example.com', port: 6432, labels: {}, kind: 'pgbouncer' as const };
    const snapshot = served('pool.example.com', { target, pooler });
    expect(refusesPlaintext(snapshot)).toBe(isRefused);
    const found = stepsFor(snapshot, { gssSeen: false });
    expect(found.platform).toBe('PgBouncer');
    expect(commandsOf(found)).toEqual([
      'client_tls_sslmode = require',
      'RELOAD;',
      'SHOW CONFIG;',
      'SHOW CLIENTS;',
      'npx pg-tls-auditor audit --target=pool',
    ]);
    expect(found.steps[0]?.rollback).toEqual([`client_tls_sslmode = ${before}`]);
  });

  test.each([
    [{ name: 'db.example.com', host: 'db.example.com' }, "'postgres://<user>@db.example.com:5432/<database>'"],
    [{ name: '[fd00::1]:6000', host: 'fd00::1', port: 6000 }, "'postgres://<user>@[fd00::1]:6000/<database>'"],
  ])('a target of --url is verified by its URL: no configuration names it (%o)', (target, url) => {
    const found = stepsFor(served('db.example.com', { target: { labels: {}, ...target } }), { gssSeen: false });
    const commands = commandsOf(found).filter((command) => command.startsWith('npx'));
    expect(commands).toEqual([`npx pg-tls-auditor audit --url=${url} --ca='<CA file>' --probe`]);
  });
});
