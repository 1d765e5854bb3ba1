// Discovery of RDS with the real clients: pages, throttling, accounts, regions, and what fails in one of them.

import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type AwsEndpoint, startAwsEndpoint } from '../../lab/aws.ts';
import { rdsCluster, rdsInstance } from '../../lab/aws-rds.ts';
import { type ConfigInput, parseConfig } from '../../lambda/config/index.ts';
import type { CloudPlace } from '../../lambda/model/cloud.ts';
import type { KeptInventory } from '../../lambda/model/inventory.ts';
import { known } from '../../lambda/model/observed.ts';
import { systemClock } from '../../lambda/model/time.ts';
import { listTargets, type SourceContext, TARGET_SOURCES, type TargetList } from '../../lambda/targets/index.ts';

const HERE = { account: '123456789012', region: 'eu-west-1' };
const US = { account: '123456789012', region: 'us-east-1' };
const SHOP = { account: '111122223333', region: 'eu-west-1' };
const READER = 'arn:aws:iam::111122223333:role/pg-tls-auditor-reader';

let aws: AwsEndpoint;
beforeEach(async () => {
  aws = await startAwsEndpoint();
  for (const [name, value] of Object.entries(aws.environment())) vi.stubEnv(name, value);
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await aws[Symbol.asyncDispose]();
});

type Rule = NonNullable<ConfigInput['discovery']>[number];

function configOf(rule: Partial<Omit<Rule, 'rds'>> & { readonly rds?: Partial<Rule['rds']> } = {}, more: object = {}) {
  const { rds, ...settings } = rule;
  const document = {
    discovery: [{ credentials: 'iam', role: 'tls_auditor', ...settings, rds: { regions: ['eu-west-1'], ...rds } }],
    ...more,
  };
  return parseConfig(document, { use: 'deployment' });
}

const discover = async (
  config: ReturnType<typeof configOf>,
  kept?: Map<string, KeptInventory>,
  more: Partial<SourceContext> = {},
): Promise<TargetList> =>
  await listTargets(TARGET_SOURCES, config, undefined, {
    folder: '.',
    clock: systemClock,
    inventory: kept && {
      read: async (place) => kept.get(place),
      save: async (place, entry) => void kept.set(place, entry),
    },
    ...more,
  });

const placeOf = ({ cloud }: TargetList, name = 'rds:eu-west-1'): CloudPlace => {
  const place = cloud.places.find((each) => each.name === name);
  if (place === undefined) throw new Error(`no place ${name}`);
  return place.facts;
};
const names = (entries: readonly { readonly name: string }[]): string[] => entries.map(({ name }) => name);
const reasons = ({ choices }: TargetList): Record<string, string> =>
  Object.fromEntries(choices.map(({ name, taken, reason }) => [name, `${taken ? 'taken' : 'left out'}: ${reason}`]));

describe('one rule', () => {
  test('takes the tagged databases of RDS, each with endpoint, region, login and log', async () => {
    aws.rds.set(HERE, { instances: [rdsInstance('orders', { tags: { team: 'shop' } })] });
    const { found, all, warnings } = await discover(
      configOf({ ca: { secret: 'shared/rds-ca-${region}' }, labels: { team: '${tag:team}' }, logs: 'auto' }),
    );
    expect(found).toMatchObject([
      {
        name: 'orders',
        host: 'orders.abcdefghijkl.eu-west-1.rds.amazonaws.com',
        port: 5432,
        credentials: { iam: { role: 'tls_auditor', region: 'eu-west-1' } },
        authentication: ['password'],
        ca: [{ secret: 'shared/rds-ca-eu-west-1' }],
        labels: { team: 'shop' },
        logs: { logGroup: 'arn:aws:logs:eu-west-1:123456789012:log-group:/aws/rds/instance/orders/postgresql' },
      },
    ]);
    expect(all.known && names(all.value)).toEqual(['orders', 'rds:eu-west-1', 'discovery:all']);
    expect(warnings).toEqual([]);
  });

  test('takes the members of a cluster by the endpoint of each instance, and by no other endpoint', async () => {
    const member = (id: string, cluster: string, engine: string) =>
      rdsInstance(id, { DBClusterIdentifier: cluster, Engine: engine, EnabledCloudwatchLogsExports: undefined });
    aws.rds.set(HERE, {
      instances: [
        member('shop-1', 'shop', 'aurora-postgresql'),
        member('shop-2', 'shop', 'aurora-postgresql'),
        member('ledger-instance-1', 'ledger', 'postgres'),
      ],
      clusters: [rdsCluster('shop', { tags: { team: 'web' } }), rdsCluster('ledger', { Engine: 'postgres' })],
    });
    const { found } = await discover(
      configOf({ logs: 'auto', labels: { team: '${tag:team}', cluster: '${cluster}' } }),
    );
    expect(names(found)).toEqual(['shop/shop-1', 'shop/shop-2', 'ledger/ledger-instance-1']);
    expect(found.map(({ host }) => host)).not.toContainEqual(expect.stringContaining('cluster'));
    expect(found[0]).toMatchObject({
      labels: { team: 'web', cluster: 'shop' },
      logs: {
        logGroup: 'arn:aws:logs:eu-west-1:123456789012:log-group:/aws/rds/cluster/shop/postgresql',
        logStreamPrefix: 'shop-1',
      },
    });
  });

  test('takes no member for untagged while its cluster, whose tags count, is not listed', async () => {
    const member = rdsInstance('shop-1', { DBClusterIdentifier: 'shop', TagList: [] });
    aws.rds.set(HERE, { instances: [member], clusters: [rdsCluster('shop', { tags: { 'pg-tls-auditor': 'on' } })] });
    expect(names((await discover(configOf())).found)).toEqual(['shop/shop-1']);
    aws.rds.set(HERE, { instances: [member] });
    const { found, all } = await discover(configOf());
    expect(found).toEqual([]);
    expect(all.known && names(all.value)).toEqual(['shop/shop-1', 'rds:eu-west-1', 'discovery:all']);
  });

  test('leaves out what it does not take, and says why of each', async () => {
    aws.rds.set(HERE, {
      instances: [
        rdsInstance('orders', { tags: { 'pg-tls-auditor': 'off' } }),
        rdsInstance('untagged', { TagList: [] }),
        rdsInstance('orders-restore-7'),
        rdsInstance('staging'),
        rdsInstance('prod-explicit'),
        rdsInstance('prod-stopped', { DBInstanceStatus: 'stopped' }),
        rdsInstance('prod-new', { DBInstanceStatus: 'creating', Endpoint: undefined }),
        rdsInstance('prod-passwords', { IAMDatabaseAuthenticationEnabled: false }),
        rdsInstance('prod-admin', { tags: { 'pg-tls-auditor:role': 'postgres' } }),
        rdsInstance('prod-other', { tags: { 'pg-tls-auditor:secret': 'audit/x' } }),
        rdsInstance('prod-fine'),
        rdsInstance('graph', { Engine: 'neptune' }),
        rdsInstance('documents', { Engine: 'docdb' }),
        rdsInstance('prod-mysql', { Engine: 'mysql' }),
      ],
      proxies: [
        { DBProxyName: 'pool', EngineFamily: 'POSTGRESQL', RequireTLS: false, Endpoint: 'pool.proxy.example.com' },
        { DBProxyName: 'mysql-pool', EngineFamily: 'MYSQL', RequireTLS: false },
      ],
    });
    const list = await discover(
      configOf(
        { rds: { include: ['prod-*', 'orders*', 'untagged'], exclude: ['*-restore-*'] } },
        { targets: [{ name: 'mine', secret: 'x', host: 'prod-explicit.abcdefghijkl.eu-west-1.rds.amazonaws.com' }] },
      ),
    );
    expect(names(list.found)).toEqual(['mine', 'prod-fine']);
    expect(reasons(list)).toEqual({
      mine: 'taken: the configuration names it',
      orders: 'left out: its tag pg-tls-auditor is off',
      'orders-restore-7': 'left out: a pattern of "exclude" matches it',
      pool: 'left out: it is an RDS Proxy, and does not require TLS: set RequireTLS',
      'prod-admin': 'left out: its tag pg-tls-auditor:role names a role that "tagRoles" of the rule does not allow',
      'prod-explicit': 'left out: the target mine of the configuration has this endpoint',
      'prod-fine': 'taken: it has the tag pg-tls-auditor=on',
      'prod-new': 'left out: it is creating; its findings stay open',
      'prod-other':
        'left out: its tag pg-tls-auditor:secret names a secret, which the rule does not allow: set "tagSecrets", or remove the tag',
      'prod-passwords':
        'left out: IAM database authentication is off: turn it on, or name a secret by the tag pg-tls-auditor:secret and set "tagSecrets"',
      'prod-stopped': 'left out: it is stopped; its findings stay open',
      staging: 'left out: no pattern of "include" matches it',
      untagged: 'left out: it lacks the tag pg-tls-auditor=on',
    });
    // Nothing says of these that they are to be left out.
    expect(placeOf(list).uncovered).toEqual(
      known([
        { name: 'staging', why: 'no pattern of "include" matches it' },
        { name: 'untagged', why: 'it lacks the tag pg-tls-auditor=on' },
      ]),
    );
    expect(placeOf(list).proxies).toEqual(known([{ name: 'pool', requireTls: false }]));
    // They exist: nothing about them is resolved. People should know of those that a setting keeps out.
    expect(list.all).toMatchObject({ known: true });
    expect(list.all.known && names(list.all.value).toSorted()).toEqual(
      [
        'mine',
        'prod-admin',
        'prod-fine',
        'prod-new',
        'prod-other',
        'prod-passwords',
        'prod-stopped',
        'rds:eu-west-1',
        'discovery:all',
      ].toSorted(),
    );
    expect(list.warnings).toHaveLength(3);
    expect(list.warnings.join()).toMatch(/prod-passwords is not audited: IAM.*prod-admin is not audited: its tag/);
  });

  test.each<[string, Partial<Rule>, Record<string, string>, unknown]>([
    ['a secret by a template', { credentials: { secret: 'audit/${name}' } }, {}, { secret: 'audit/orders' }],
    ['a secret by a tag of its own', { credentials: { secretTag: 'dba' } }, { dba: 'a/b' }, { secret: 'a/b' }],
    ['the tag for a secret', { tagSecrets: true }, { 'pg-tls-auditor:secret': 'a/b' }, { secret: 'a/b' }],
    [
      'a role that tags may name',
      { tagRoles: ['auditor'] },
      { 'pg-tls-auditor:role': 'auditor' },
      { iam: { role: 'auditor', region: 'eu-west-1' } },
    ],
  ])('logs in with %s', async (_what, rule, tags, credentials) => {
    aws.rds.set(HERE, { instances: [rdsInstance('orders', { tags })] });
    const { role, ...settings } = { role: 'tls_auditor', ...rule };
    const iam = rule.credentials === undefined;
    const config = configOf({ ...settings, ...(iam ? { role } : { role: undefined }) } as Partial<Rule>);
    const { found } = await discover(config);
    expect(found).toMatchObject([
      { credentials, authentication: 'iam' in (credentials as object) ? ['password'] : expect.anything() },
    ]);
  });

  test('takes nothing from hostile tags: no name of a secret, no label, no other database', async () => {
    const hostile = ['postgres://u:p@h/d', '../../x?y', 'a\u0000b', '\u202egnirts', '<!channel>'];
    aws.rds.set(HERE, {
      instances: hostile.map((value, index) =>
        rdsInstance(`db-${index}`, { tags: { 'pg-tls-auditor:secret': value, team: value } }),
      ),
    });
    const list = await discover(configOf({ tagSecrets: true, labels: { team: '${tag:team}' } }));
    expect(list.found).toEqual([]);
    expect(JSON.stringify(list)).not.toMatch(/u:p@|gnirts|\\u0000/);
  });

  test('that takes nothing is reported, and so is a label whose tag no database has', async () => {
    aws.rds.set(HERE, { instances: [rdsInstance('orders', { TagList: [] })] });
    const nothing = await discover(configOf());
    expect(nothing.warnings).toEqual([
      'the rule of discovery for eu-west-1 takes no database with the tag pg-tls-auditor=on: 1 is left out; pg-tls-auditor discover says why',
    ]);
    const unlabelled = await discover(configOf({ rds: { tags: 'all' }, labels: { team: '${tag:team}' } }));
    expect(unlabelled.warnings).toEqual(['no database has tag:team, from which discovery makes the label team']);
  });

  test.each([
    ['a tag of 256 letters that each take two UTF-16 units', { 'pg-tls-auditor': 'on', x: '\u{20000}'.repeat(256) }],
    ['a key of 128 of them', { ['\u{20000}'.repeat(128)]: 'x' }],
    ['placeholders and patterns in a value', { team: '${name}$&$1%s{}*' }],
    ['an empty value', { team: '' }],
  ])('takes a database with %s', async (_what, tags) => {
    aws.rds.set(HERE, { instances: [rdsInstance('orders', { tags })] });
    const { found, all } = await discover(configOf({ labels: { team: 'of-${tag:team}', where: '${region}' } }));
    expect(names(found)).toEqual(['orders']);
    expect(all.known).toBe(true);
    const { team } = tags as { team?: string };
    expect(found[0]?.labels).toEqual({ ...(team === undefined ? {} : { team: `of-${team}` }), where: 'eu-west-1' });
  });

  test('says which value a tag has in place of the wanted one', async () => {
    aws.rds.set(HERE, { instances: [rdsInstance('orders', { tags: { 'pg-tls-auditor': 'On' } })] });
    expect(reasons(await discover(configOf()))).toEqual({
      orders: 'left out: its tag pg-tls-auditor is "On", not "on"',
    });
  });

  test('takes the tags of the instance before those of its cluster', async () => {
    const member = (id: string, tags: Record<string, string>) =>
      rdsInstance(id, { DBClusterIdentifier: 'shop', Engine: 'aurora-postgresql', tags });
    aws.rds.set(HERE, {
      instances: [
        member('shop-1', { 'pg-tls-auditor': 'on' }),
        rdsInstance('shop-2', { DBClusterIdentifier: 'shop', Engine: 'aurora-postgresql', TagList: [] }),
      ],
      clusters: [rdsCluster('shop', { tags: { 'pg-tls-auditor': 'off', 'pg-tls-auditor:team': 'web' } })],
    });
    const list = await discover(configOf());
    expect(list.found).toMatchObject([{ name: 'shop/shop-1', labels: { team: 'web' } }]);
    expect(reasons(list)['shop/shop-2']).toBe('left out: its tag pg-tls-auditor is off');
    expect(placeOf(list).uncovered).toEqual(known([]));
  });

  test('that is not alone: the first that takes a database decides, and each reason is said', async () => {
    aws.rds.set(HERE, { instances: [rdsInstance('orders'), rdsInstance('ledger', { TagList: [] })] });
    const rds = { regions: ['eu-west-1'] };
    const list = await discover(
      parseConfig(
        {
          discovery: [
            { rds, credentials: { secret: 'audit/${name}' } },
            { rds: { ...rds, tags: 'all', include: ['orders'] }, credentials: 'iam', role: 'tls_auditor' },
          ],
        },
        { use: 'deployment' },
      ),
    );
    expect(list.found).toMatchObject([{ name: 'orders', credentials: { secret: 'audit/orders' } }]);
    expect(reasons(list)).toEqual({
      ledger: 'left out: it lacks the tag pg-tls-auditor=on; by another rule, no pattern of "include" matches it',
      orders: 'taken: it has the tag pg-tls-auditor=on (the first of 2 rules that take it decides)',
    });
  });

  test('reports a pattern of include that matches nothing', async () => {
    aws.rds.set(HERE, { instances: [rdsInstance('prod-orders')] });
    const { warnings } = await discover(configOf({ rds: { include: ['prod-*', 'Prod-ledger'] } }));
    expect(warnings).toEqual([
      'the pattern "Prod-ledger" of "include" in a rule of discovery matches no database in eu-west-1',
    ]);
  });

  test('leaves clusters without instances out, and reports the one that answers all the same', async () => {
    aws.rds.set(HERE, {
      clusters: [
        rdsCluster('headless'),
        rdsCluster('limitless', { ClusterScalabilityType: 'limitless' }),
        rdsCluster('limitless-off', { ClusterScalabilityType: 'limitless', tags: { 'pg-tls-auditor': 'off' } }),
        rdsCluster('limitless-mine', { ClusterScalabilityType: 'limitless' }),
        rdsCluster('graph', { Engine: 'neptune' }),
      ],
    });
    const host = 'limitless-mine.cluster-abcdefghijkl.eu-west-1.rds.amazonaws.com';
    const list = await discover(configOf({}, { targets: [{ name: 'mine', secret: 'x', host }] }));
    expect(names(list.found)).toEqual(['mine']);
    expect(reasons(list)).toMatchObject({
      headless: 'left out: it is a cluster without instances, so nothing answers there',
      limitless:
        'left out: it is an Aurora Limitless Database, which has no instances: name its endpoint under "targets"',
      'limitless-mine': 'left out: the target mine of the configuration has this endpoint',
      'limitless-off': 'left out: its tag pg-tls-auditor is off',
    });
    expect(Object.keys(reasons(list))).not.toContain('graph');
    expect(placeOf(list).uncovered).toMatchObject({ known: true, value: [{ name: 'limitless' }] });
  });

  test('with an entry that is not as documented costs that one, and counts as incomplete', async () => {
    aws.rds.set(HERE, {
      instances: [rdsInstance('orders'), rdsInstance('odd', { DBInstanceArn: 'no ARN' }), rdsInstance('ledger')],
    });
    const { found, all } = await discover(configOf());
    expect(names(found)).toEqual(['orders', 'ledger']);
    expect(all).toMatchObject({
      known: false,
      reason: "of eu-west-1, RDS listed what can't be used: an instance odd has no usable arn; the others are audited",
    });
  });

  test.each([{}, { Address: '', Port: 0 }])(
    'keeps the findings of an instance whose endpoint is %j',
    async (Endpoint) => {
      aws.rds.set(HERE, { instances: [rdsInstance('orders', { Endpoint, DBInstanceStatus: 'backing-up' })] });
      const { found, all } = await discover(configOf());
      expect(found).toEqual([]);
      expect(all.known && all.value).toContainEqual(expect.objectContaining({ name: 'orders' }));
    },
  );

  test('reads every page', async () => {
    aws.rds.pageSize = 2;
    aws.rds.set(HERE, { instances: ['a', 'b', 'c', 'd', 'e'].map((id) => rdsInstance(id)) });
    const { found } = await discover(configOf());
    expect(names(found)).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(aws.count('DescribeDBInstances')).toBe(3);
  });

  test('tries again where RDS asks for fewer requests', async () => {
    aws.rds.set(HERE, { instances: [rdsInstance('orders')] });
    aws.failNext('DescribeDBInstances', { code: 'Throttling' });
    const { found, all } = await discover(configOf());
    expect(names(found)).toEqual(['orders']);
    expect(all.known).toBe(true);
  });
});

describe('replicas', () => {
  const replicasAt = (list: TargetList, id: string) =>
    list.replicas.get(`${id}.abcdefghijkl.eu-west-1.rds.amazonaws.com`);

  test('are known where a rule lists them, whatever it makes of them, also in another region', async () => {
    const abroad = rdsInstance('orders-abroad', { ...US, TagList: [] });
    aws.rds.set(HERE, {
      instances: [
        rdsInstance('orders', {
          ReadReplicaDBInstanceIdentifiers: [
            'orders-reader',
            'orders-off',
            'orders-untagged',
            'orders-stopped',
            String(abroad.DBInstanceArn),
            'arn:aws:rds:ap-south-1:123456789012:db:orders-far',
            'arn:aws:rds:eu-west-1:111122223333:db:orders-reader',
          ],
        }),
        rdsInstance('orders-reader'),
        rdsInstance('orders-off', { tags: { 'pg-tls-auditor': 'off' } }),
        rdsInstance('orders-untagged', { TagList: [] }),
        rdsInstance('orders-stopped', { DBInstanceStatus: 'stopped' }),
        rdsInstance('shop-1', { DBClusterIdentifier: 'shop', Engine: 'aurora-postgresql' }),
      ],
      clusters: [rdsCluster('shop')],
    });
    aws.rds.set(US, { instances: [abroad] });
    const list = await discover(configOf({ rds: { regions: ['eu-west-1', 'us-east-1'] } }));
    expect(replicasAt(list, 'orders')).toEqual([
      'arn:aws:rds:ap-south-1:123456789012:db:orders-far',
      'arn:aws:rds:eu-west-1:111122223333:db:orders-reader',
    ]);
    for (const id of ['orders-reader', 'shop-1']) expect(replicasAt(list, id)).toEqual([]);
    expect(list.replicas.get('shop.cluster-abcdefghijkl.eu-west-1.rds.amazonaws.com')).toEqual([]);
    const here = await discover(configOf());
    expect(replicasAt(here, 'orders')).toContain(abroad.DBInstanceArn);
  });
});

describe('a place that fails', () => {
  const both = { rds: { regions: ['eu-west-1', 'us-east-1'] } };

  test('costs only itself: the other region is audited, and nothing counts as removed', async () => {
    aws.rds.set(HERE, { instances: [rdsInstance('orders')] });
    aws.rds.refuse(US, { code: 'AccessDenied', status: 403 });
    const { found, all, warnings } = await discover(configOf(both));
    expect(names(found)).toEqual(['eu-west-1/orders']);
    expect(all).toMatchObject({
      known: false,
      reason: expect.stringMatching(
        /^the databases of us-east-1 could not be listed \(AccessDenied\): allow rds:DescribeDBInstances and rds:DescribeDBClusters/,
      ),
    });
    expect(warnings).toEqual([]);
  });

  test('with an error of a strange name is named by it, and by nothing else', async () => {
    for (const code of ['constructor', '__proto__', 'SomethingNew']) {
      aws.rds.refuse(HERE, { code, status: 403 });
      const { all } = await discover(configOf());
      expect(all).toMatchObject({
        known: false,
        reason: expect.stringMatching(/ could not be listed \([\w ]+\); none of/),
      });
    }
  });

  test('in the middle of its pages is no half list', async () => {
    aws.rds.pageSize = 1;
    aws.rds.set(HERE, { instances: [rdsInstance('a'), rdsInstance('b')] });
    aws.failNext('DescribeDBClusters', { code: 'InternalFailure', status: 500, times: 10 });
    const { found, all } = await discover(configOf());
    expect(found).toEqual([]);
    expect(all.known).toBe(false);
  });

  test('is audited for a day by what was found before', async () => {
    const kept = new Map<string, KeptInventory>();
    aws.rds.set(HERE, { instances: [rdsInstance('orders')] });
    await discover(configOf(), kept);
    aws.rds.refuse(HERE, { code: 'AccessDenied', status: 403 });
    const before = await discover(configOf(), kept);
    expect(names(before.found)).toEqual(['orders']);
    expect(before.all).toMatchObject({ known: false, reason: expect.stringContaining('are audited') });

    const [[place, { inventory }] = ['', { inventory: { instances: [], clusters: [], proxies: [] } }]] = [...kept];
    for (const hours of [25, -25, Number.NaN]) {
      const at = Number.isNaN(hours) ? 'never' : new Date(Date.now() - hours * 3_600_000).toISOString();
      kept.set(place, { at, inventory });
      const after = await discover(configOf(), kept);
      expect(after.found).toEqual([]);
      expect(after.all).toMatchObject({ known: false, reason: expect.stringContaining('none of them is audited') });
    }
  });

  test('by its proxies alone is a warning: the databases are known', async () => {
    aws.rds.set(HERE, { instances: [rdsInstance('orders')] });
    aws.failNext('DescribeDBProxies', { code: 'AccessDenied', status: 403 });
    const { all, warnings } = await discover(configOf());
    expect(all.known).toBe(true);
    expect(warnings).toEqual([expect.stringMatching(/^the proxies of eu-west-1 could not be listed \(AccessDenied\)/)]);
  });
});

describe('another account', () => {
  const rule = (externalId?: string) => ({
    rds: { accounts: [{ roleArn: READER, ...(externalId === undefined ? {} : { externalId }) }] },
  });

  test('is listed with its role, and logs in by IAM with that role', async () => {
    aws.sts.roles = [{ arn: READER, externalId: 'auditor-7' }];
    aws.rds.set(SHOP, { instances: [rdsInstance('orders', SHOP)] });
    const { found } = await discover(configOf(rule('auditor-7')));
    expect(found).toMatchObject([
      { name: 'orders', credentials: { iam: { assumedRole: { roleArn: READER, externalId: 'auditor-7' } } } },
    ]);
    expect(aws.sts.sessions).toEqual([{ roleArn: READER, sessionName: 'pg-tls-auditor' }]);
  });

  test.each<[string, object, Record<string, string>]>([
    ['a template', { credentials: { secret: 'audit/${name}' }, role: undefined }, {}],
    ['a tag', { credentials: { secretTag: 'dba' }, role: undefined }, { dba: 'audit/orders' }],
    ['the tag of the project', { tagSecrets: true }, { 'pg-tls-auditor:secret': 'audit/orders' }],
  ])('has its secrets there, named by %s, and its log groups', async (_what, settings, tags) => {
    aws.sts.roles = [{ arn: READER }];
    aws.rds.set(SHOP, { instances: [rdsInstance('orders', { ...SHOP, tags })] });
    const { found } = await discover(configOf({ ...rule(), ...settings, logs: 'auto', ca: { secret: 'shared/ca' } }));
    const assumedRole = { roleArn: READER };
    expect(found).toMatchObject([
      {
        credentials: { secret: 'audit/orders', place: { region: 'eu-west-1', assumedRole } },
        ca: [{ secret: 'shared/ca' }],
        logs: {
          logGroup: 'arn:aws:logs:eu-west-1:111122223333:log-group:/aws/rds/instance/orders/postgresql',
          assumedRole,
        },
      },
    ]);
    expect(found[0]?.ca).toEqual([{ secret: 'shared/ca' }]);
  });

  test('whose role can not be assumed is named, with what to do', async () => {
    aws.sts.roles = [{ arn: READER, externalId: 'auditor-7' }];
    const { all } = await discover(configOf(rule('another')));
    expect(all).toMatchObject({
      known: false,
      reason: expect.stringMatching(
        /account 111122223333, eu-west-1 could not be listed: the role arn:aws:iam::111122223333:role\/pg-tls-auditor-reader could not be assumed \(AccessDenied\): its trust policy/,
      ),
    });
  });

  test('that two roles list is audited once, also where one of them is of the own account', async () => {
    const roles = ['reader', 'second'].map((name) => `arn:aws:iam::${SHOP.account}:role/${name}`);
    const own = 'arn:aws:iam::123456789012:role/reader';
    aws.sts.roles = [...roles, own].map((arn) => ({ arn }));
    aws.rds.set(HERE, { instances: [rdsInstance('orders')] });
    aws.rds.set(SHOP, { instances: [rdsInstance('orders', SHOP)] });
    const rds = { regions: ['eu-west-1'] };
    const settings = { credentials: 'iam', role: 'tls_auditor' };
    const { found, all, choices } = await discover(
      parseConfig(
        {
          discovery: [
            { ...settings, rds },
            { ...settings, rds: { ...rds, accounts: [...roles, own].map((roleArn) => ({ roleArn })) } },
          ],
        },
        { use: 'deployment' },
      ),
    );
    expect(names(found)).toEqual(['own/orders', '111122223333/orders']);
    expect(all.known).toBe(true);
    expect(choices).toHaveLength(2);
  });

  test('gives each database a name of its own, whatever the other account has', async () => {
    aws.sts.roles = [{ arn: READER }];
    aws.rds.set(HERE, { instances: [rdsInstance('orders')] });
    aws.rds.set(SHOP, { instances: [rdsInstance('orders', SHOP)] });
    const rds = { regions: ['eu-west-1'] };
    const settings = { credentials: 'iam', role: 'tls_auditor' };
    const config = parseConfig(
      {
        discovery: [
          { ...settings, rds },
          { ...settings, rds: { ...rds, accounts: [{ roleArn: READER }] } },
        ],
      },
      { use: 'deployment' },
    );
    expect(names((await discover(config)).found)).toEqual(['own/orders', '111122223333/orders']);
    aws.rds.refuse(HERE, { code: 'AccessDenied', status: 403 });
    expect(names((await discover(config)).found)).toEqual(['111122223333/orders']);
  });
});
