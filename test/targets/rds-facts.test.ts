// What RDS says of databases without a login, by the real clients: parameter groups, certificates, and what fails.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type AwsEndpoint, startAwsEndpoint } from '../../lab/aws.ts';
import { type RdsFixtures, rdsAuthority, rdsCluster, rdsInstance, rdsParameter } from '../../lab/aws-rds.ts';
import * as make from '../../lab/snapshots.ts';
import { withCloudFacts } from '../../lambda/analysis/provider/cloud-facts.ts';
import { parseConfig } from '../../lambda/config/index.ts';
import type { CloudDatabase } from '../../lambda/model/cloud.ts';
import type { KeptInventory } from '../../lambda/model/inventory.ts';
import { known, type Observed } from '../../lambda/model/observed.ts';
import { systemClock } from '../../lambda/model/time.ts';
import { listTargets, TARGET_SOURCES, type TargetList } from '../../lambda/targets/index.ts';

const HERE = { account: '123456789012', region: 'eu-west-1' };

let aws: AwsEndpoint;
beforeEach(async () => {
  aws = await startAwsEndpoint();
  for (const [name, value] of Object.entries(aws.environment())) vi.stubEnv(name, value);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await aws[Symbol.asyncDispose]();
});

const config = parseConfig(
  { discovery: [{ rds: { regions: ['eu-west-1'], tags: 'all' }, credentials: 'iam', role: 'tls_auditor' }] },
  { use: 'deployment' },
);

async function list(fixtures: RdsFixtures, kept?: Map<string, KeptInventory>): Promise<TargetList> {
  aws.rds.set(HERE, fixtures);
  return await listTargets(TARGET_SOURCES, config, undefined, {
    folder: '.',
    clock: systemClock,
    inventory: kept && {
      read: async (place) => kept.get(place),
      save: async (place, entry) => void kept.set(place, entry),
    },
  });
}

const factsOf = ({ cloud }: TargetList): Record<string, Observed<CloudDatabase>> =>
  Object.fromEntries(cloud.databases.map(({ name, facts }) => [name, facts]));

const member = (id: string, engine = 'aurora-postgresql', cluster = 'shop') =>
  rdsInstance(id, { DBClusterIdentifier: cluster, Engine: engine, EngineVersion: '16.9' });

describe('the parameter group in effect', () => {
  test('is of an instance its own, with where each value comes from', async () => {
    const instances = [
      rdsInstance('orders', {
        PubliclyAccessible: true,
        DBParameterGroups: [{ DBParameterGroupName: 'strict', ParameterApplyStatus: 'pending-reboot' }],
      }),
    ];
    const parameters = {
      strict: [
        rdsParameter('rds.force_ssl', '0'),
        rdsParameter('ssl_min_protocol_version', 'TLSv1.2', { Source: 'engine-default' }),
        rdsParameter('work_mem', '4MB'),
      ],
    };
    expect(factsOf(await list({ instances, parameters })).orders).toEqual(
      known({
        is: 'database',
        platform: 'rds',
        publiclyAccessible: true,
        internetGateway: false,
        parameterGroup: { name: 'strict', ofCluster: false, status: 'pending-reboot' },
        parameters: known({
          'rds.force_ssl': { value: '0', source: 'user', applyType: 'dynamic' },
          ssl_min_protocol_version: { value: 'TLSv1.2', source: 'engine-default', applyType: 'dynamic' },
        }),
        certificateValidTill: known('2027-05-21T00:00:00.000Z'),
        authority: known({ id: 'rds-ca-rsa2048-g1', validTill: '2061-05-18T23:59:59.000Z' }),
        logExports: ['postgresql', 'upgrade'],
      }),
    );
  });

  test.each([
    ['aurora-postgresql', 'aurora'],
    ['postgres', 'cluster'],
  ])('is of a member of %s the one of its cluster, with the status of the member', async (engine, platform) => {
    const DBClusterMembers = [
      { DBInstanceIdentifier: 'shop-1', IsClusterWriter: true, DBClusterParameterGroupStatus: 'in-sync' },
      { DBInstanceIdentifier: 'shop-2', IsClusterWriter: false, DBClusterParameterGroupStatus: 'pending-reboot' },
    ];
    const cluster = rdsCluster('shop', { Engine: engine, DBClusterParameterGroup: 'shop-cluster', DBClusterMembers });
    const facts = factsOf(
      await list({
        instances: [member('shop-1', engine), member('shop-2', engine)],
        clusters: [cluster],
        parameters: { 'default.postgres17': [rdsParameter('rds.force_ssl', '1')] },
        clusterParameters: { 'shop-cluster': [rdsParameter('rds.force_ssl', '0')] },
      }),
    );
    for (const [name, status] of [
      ['shop/shop-1', 'in-sync'],
      ['shop/shop-2', 'pending-reboot'],
    ] as const) {
      expect(facts[name]).toMatchObject({
        value: {
          platform,
          parameterGroup: { name: 'shop-cluster', ofCluster: true, status },
          parameters: { value: { 'rds.force_ssl': { value: '0' } } },
        },
      });
    }
  });

  test.each([
    ['postgres', '14.19', '0'],
    ['postgres', '15.1', '1'],
    ['postgres', '18.0', '1'],
    ['aurora-postgresql', '16.9', '0'],
    ['aurora-postgresql', '17.5', '1'],
    ['aurora-postgresql', '16.6-limitless', '0'],
  ])('of %s %s has rds.force_ssl = %s where it is not set', async (engine, version, value) => {
    const isCluster = engine !== 'postgres';
    const instance = {
      ...(isCluster ? member('orders') : rdsInstance('orders')),
      EngineVersion: version,
    };
    const unset = [rdsParameter('rds.force_ssl', undefined, { Source: 'engine-default' })];
    const groups = { 'default.postgres17': unset, 'default.aurora-postgresql16': unset };
    for (const fixtures of [{}, { parameters: groups, clusterParameters: groups }]) {
      const clusters = isCluster ? [rdsCluster('shop')] : [];
      const facts = factsOf(await list({ instances: [instance], clusters, ...fixtures }));
      expect(facts[isCluster ? 'shop/orders' : 'orders']).toMatchObject({
        value: { parameters: { value: { 'rds.force_ssl': { value, source: 'version-default' } } } },
      });
    }
  });

  test('is not guessed without a version, and not without the cluster', async () => {
    const instances = [rdsInstance('orders', { EngineVersion: 'newest' }), member('shop-1')];
    const facts = factsOf(await list({ instances }));
    expect(facts.orders).toMatchObject({ value: { parameters: { known: false } } });
    expect(facts['shop/shop-1']).toMatchObject({ value: { parameters: { known: false } } });
  });

  test('is read once for all databases that share it, by name and page', async () => {
    aws.rds.pageSize = 1;
    const parameters = {
      'default.postgres17': [
        rdsParameter('rds.force_ssl', '1'),
        rdsParameter('ssl_min_protocol_version', 'TLSv1.2'),
        ...Array.from({ length: 20 }, (_, index) => rdsParameter(`other_${index}`, 'x')),
      ],
    };
    const instances = ['a', 'b', 'c'].map((id) => rdsInstance(id));
    const facts = factsOf(await list({ instances, parameters }));
    expect(aws.count('DescribeDBParameters')).toBe(2);
    expect(aws.count('DescribeCertificates')).toBe(1);
    for (const id of ['a', 'b', 'c']) {
      expect(facts[id]).toMatchObject({ value: { parameters: { value: { ssl_min_protocol_version: {} } } } });
    }
  });
});

describe('a call that fails', () => {
  const instances = [
    rdsInstance('orders'),
    rdsInstance('ledger', { DBParameterGroups: [{ DBParameterGroupName: 'own', ParameterApplyStatus: 'in-sync' }] }),
  ];

  test.each([
    [
      'DescribeDBParameters',
      'parameters',
      /^the parameters of eu-west-1 .* \(AccessDenied\): allow rds:DescribeDBPara/,
    ],
    ['DescribeCertificates', 'authority', /^the certificate authorities of eu-west-1 .*: allow rds:DescribeCertific/],
  ] as const)('%s makes its facts unknown with the reason, and nothing else', async (operation, fact, reason) => {
    aws.failNext(operation, { code: 'AccessDenied', status: 403, times: 10 });
    const found = await list({ instances });
    expect(found.all.known).toBe(true);
    expect(found.warnings).toEqual([]);
    for (const facts of Object.values(factsOf(found))) {
      if (!facts.known) throw new Error(facts.reason);
      const { [fact]: failed, ...others } = facts.value;
      expect(failed).toEqual({ known: false, reason: expect.stringMatching(reason) });
      expect(JSON.stringify(others)).not.toContain('"known":false');
    }
  });

  test('for one group costs no other group', async () => {
    aws.failNext('DescribeDBParameters', { code: 'AccessDenied', status: 403 });
    const facts = Object.values(factsOf(await list({ instances })));
    const parameters = facts.map((each) => each.known && each.value.parameters.known);
    expect(parameters.toSorted()).toEqual([false, true]);
  });

  test('for the whole place keeps the databases of before, without what an earlier run knew of them', async () => {
    const kept = new Map<string, KeptInventory>();
    await list({ instances }, kept);
    aws.rds.refuse(HERE, { code: 'Throttled', status: 400 });
    const found = await list({ instances }, kept);
    expect(found.found.map(({ name }) => name)).toEqual(['orders', 'ledger']);
    for (const facts of Object.values(factsOf(found))) {
      expect(facts).toMatchObject({ known: false, reason: expect.stringContaining('could not be listed') });
    }
    expect(found.cloud.places).toMatchObject([
      { name: 'rds:eu-west-1', facts: { failures: [expect.any(String)], uncovered: { known: false } } },
      { name: 'discovery:all', facts: { failures: [] } },
    ]);
  });
});

test('an express configuration is public, and behind the gateway', async () => {
  const clusters = [rdsCluster('shop', { InternetAccessGatewayEnabled: true, VPCNetworkingEnabled: false })];
  const facts = factsOf(await list({ instances: [member('shop-1')], clusters }));
  expect(facts['shop/shop-1']).toMatchObject({ value: { internetGateway: true, publiclyAccessible: true } });
});

test('an authority that RDS does not list is unknown, and one that ends is known by its end', async () => {
  const instances = [rdsInstance('old', { CACertificateIdentifier: 'rds-ca-2019' }), rdsInstance('new')];
  const certificates = [rdsAuthority('rds-ca-2019', '2024-08-22T17:08:50Z')];
  const facts = factsOf(await list({ instances, certificates }));
  expect(facts.old).toMatchObject({ value: { authority: { value: { validTill: '2024-08-22T17:08:50.000Z' } } } });
  expect(facts.new).toMatchObject({ value: { authority: { known: false } } });
});

describe('the facts of a target', () => {
  const HOST = 'orders.abcdefghijkl.eu-west-1.rds.amazonaws.com';
  const reached = (host?: string, port?: number) => {
    const { target, ...rest } = make.healthySnapshot();
    return { ...rest, target: { ...target, host, port } };
  };

  test('are those of its endpoint, by whatever name the configuration has it', async () => {
    const { cloud } = await list({ instances: [rdsInstance('orders')] });
    const attach = withCloudFacts(cloud);
    expect(attach(reached(HOST, 5432)).cloud).toMatchObject({ known: true, value: { is: 'database' } });
    expect(attach(reached(HOST.toUpperCase())).cloud).toMatchObject({ known: true });
    for (const [host, port] of [
      [HOST, 6432],
      ['other.abcdefghijkl.eu-west-1.rds.amazonaws.com', 5432],
      ['db.example.com', 5432],
    ] as const) {
      expect(attach(reached(host, port)).cloud).toBeUndefined();
    }
  });

  test('are unknown while a place fails that it may be in, and not of a server that is none of RDS', async () => {
    aws.rds.refuse(HERE, { code: 'AccessDenied', status: 403 });
    const attach = withCloudFacts((await list({ instances: [rdsInstance('orders')] })).cloud);
    for (const host of [HOST, undefined]) expect(attach(reached(host)).cloud).toMatchObject({ known: false });
    expect(attach(reached('db.example.com')).cloud).toBeUndefined();
  });
});
