// What discovery keeps from run to run: since when something matches nothing, and readers that come and go.

import { expect, test } from 'vitest';
import { parseConfig } from '../../lambda/config/index.ts';
import { decide } from '../../lambda/lifecycle/decide.ts';
import type { DiscoveryMemory } from '../../lambda/model/discovery-memory.ts';
import type { RdsInstance } from '../../lambda/model/inventory.ts';
import { type AuditState, EMPTY_STATE } from '../../lambda/model/lifecycle.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import { HOUR_MS } from '../../lambda/model/time.ts';
import { listTargets, type TargetList } from '../../lambda/targets/index.ts';
import { listRds } from '../../lambda/targets/rds/source.ts';
import { CATALOGUE, finding, LASTING, scan } from '../lifecycle/scenario.ts';

const START = Date.UTC(2026, 2, 10);

function configOf(alerts: object = {}) {
  const rds = { regions: ['eu-west-1'], tags: 'all' as const, include: ['shop*', 'night-*'] };
  return parseConfig(
    {
      discovery: [{ rds, credentials: 'iam', role: 'tls_auditor', labels: { team: '${tag:team}' } }],
      alerts,
      mutes: [{ target: 'legacy-*', reason: 'old', owner: 'dba', expires: '2027-01-01' }],
    },
    { use: 'deployment' },
  );
}

const instance = (id: string, cluster: string | undefined, tags: RdsInstance['tags'] = []): RdsInstance => ({
  id,
  arn: `arn:aws:rds:eu-west-1:123456789012:db:${id}`,
  ...(cluster === undefined ? {} : { cluster }),
  engine: 'aurora-postgresql',
  status: 'available',
  host: `${id}.abc.eu-west-1.rds.amazonaws.com`,
  port: 5432,
  tags,
  iamAuthentication: true,
  logExports: [],
});

const ROUTES = { routes: [{ name: 'web', labels: { team: 'web' }, targets: ['shop/*'], email: ['a@example.com'] }] };

/** Lists at an hour, with what is kept from call to call. */
function world({ config = configOf(ROUTES), keeps = true } = {}) {
  let memory: DiscoveryMemory | undefined;
  let isBroken = false;
  return {
    breakMemory: () => {
      isBroken = true;
    },
    async list(hours: number, instances: readonly RdsInstance[] | 'fails', at = config): Promise<TargetList> {
      const clock = () => new Date(START + hours * HOUR_MS);
      const store = {
        read: async () => {
          if (isBroken) throw new Error('no table');
          return memory;
        },
        save: async (next: DiscoveryMemory) => {
          memory = JSON.parse(JSON.stringify(next)) as DiscoveryMemory;
        },
      };
      const context = { folder: '.', clock, ...(keeps ? { memory: store } : {}) };
      const source: Parameters<typeof listTargets>[0][number] = (_config, given) => (signal) =>
        listRds(at, given, signal, async () => {
          if (instances === 'fails') throw new Error('down');
          const inventory = { instances: [...instances], clusters: [], proxies: [] };
          return { inventory, proxyError: undefined, facts: new Map() };
        });
      return await listTargets([source], at, undefined, context);
    },
  };
}

const SHOP = [instance('shop-1', 'shop')];
const MISSED = [
  /^the pattern "night-\*" of "include" .* matches no database/,
  /^no database has tag:team, from which discovery makes the label team/,
  /^alerts\.routes\[0\]\.labels\.team is on no target/,
  /^mutes\[0\]\.target matches the name of no target/,
].map((sentence) => expect.stringMatching(sentence));

test('what matches nothing is reported once it has done so for a day, rule by rule', async () => {
  const { list } = world();
  for (const hours of [0, 1, 23]) expect((await list(hours, SHOP)).warnings).toEqual([]);
  expect((await list(24, SHOP)).warnings).toEqual(MISSED);
  // What matches again is forgotten: its day begins again.
  const web = [instance('shop-1', 'shop', [['team', 'web']])];
  expect((await list(25, web)).warnings).toEqual([MISSED[0], MISSED[3]]);
  expect((await list(26, SHOP)).warnings).toEqual([MISSED[0], MISSED[3]]);
  expect((await list(50, SHOP)).warnings).toEqual(MISSED);
});

test('a rule that is changed has a day of its own', async () => {
  const { list } = world();
  await list(0, SHOP);
  const [route] = ROUTES.routes;
  const changed = configOf({ routes: [{ ...route, labels: { team: 'wbe' } }] });
  expect((await list(24, SHOP, changed)).warnings).not.toContainEqual(MISSED[2]);
  expect((await list(48, SHOP, changed)).warnings).toContainEqual(MISSED[2]);
});

test('a run that does not know all targets neither reports nor forgets', async () => {
  const { list } = world();
  await list(0, SHOP);
  expect((await list(30, 'fails')).warnings).toEqual([]);
  expect((await list(31, SHOP)).warnings).toEqual(MISSED);
});

test('nothing has a day of grace where nothing is kept, or what is kept can not be read', async () => {
  expect((await world({ keeps: false }).list(0, SHOP)).warnings).toEqual(MISSED);
  const broken = world();
  broken.breakMemory();
  expect((await broken.list(0, SHOP)).warnings).toEqual(MISSED);
});

test('a clock that was set back gives no further grace', async () => {
  const { list } = world();
  await list(100, SHOP);
  expect((await list(0, SHOP)).warnings).toEqual(MISSED);
});

const reader = (uuid: string) => instance(`application-autoscaling-${uuid}`, 'shop');
const names = ({ found }: TargetList): readonly string[] => found.map(({ name }) => name);
/** Databases, without the places that are listed as a whole. */
const existing = ({ all }: TargetList): readonly string[] =>
  (all.known ? all.value : []).map(({ name }) => name).filter((name) => !/^(rds|discovery):/.test(name));

test('readers by auto scaling are numbered, and expected for a week', async () => {
  const { list } = world();
  const two = [...SHOP, reader('9b3c'), reader('1a2b')];
  const first = await list(0, two);
  const [one, other] = ['shop/application-autoscaling-1', 'shop/application-autoscaling-2'];
  expect(names(first).toSorted()).toEqual([one, other, 'shop/shop-1']);
  expect(first.found.find(({ name }) => name === one)?.host).toMatch(/^application-autoscaling-1a2b\./);

  // Others come, some go: the names are the same.
  expect(names(await list(1, [...SHOP, reader('77aa')])).toSorted()).toEqual([one, 'shop/shop-1']);
  const none = await list(2, SHOP);
  expect(names(none)).toEqual(['shop/shop-1']);
  expect(existing(none).toSorted()).toEqual([one, other, 'shop/shop-1']);
  expect(existing(await list(24 * 7 + 0.5, SHOP)).toSorted()).toEqual([one, 'shop/shop-1']);
  expect(existing(await list(24 * 9, SHOP))).toEqual(['shop/shop-1']);
  // With its cluster, a reader is gone.
  await list(24 * 9, two);
  expect(existing(await list(24 * 9 + 1, [instance('night-1', undefined)]))).toEqual(['night-1']);
});

test('a clock that is some seconds behind loses no reader', async () => {
  const { list } = world();
  await list(1, [...SHOP, reader('1a2b')]);
  expect(existing(await list(0.999, SHOP)).toSorted()).toEqual(['shop/application-autoscaling-1', 'shop/shop-1']);
});

test('a person may name an instance as auto scaling does', async () => {
  const { list } = world();
  const named = instance('application-autoscaling-1', 'shop');
  const list1 = await list(0, [...SHOP, named, reader('ffff')]);
  expect(new Set(names(list1)).size).toBe(3);
  expect(list1.all.known).toBe(true);
});

test('readers that come and go every day open no finding twice, and resolve none', async () => {
  const { list } = world();
  let state: AuditState = EMPTY_STATE;
  const notified: string[] = [];
  for (let day = 0; day < 5; day += 1) {
    for (const [hour, readers] of [
      [8, []],
      [12, [reader(`aaaa${day}`), reader(`bbbb${day}`)]],
      [14, [reader(`bbbb${day}`)]],
      [20, []],
    ] as const) {
      const at = await list(day * 24 + hour, [...SHOP, ...readers]);
      const takenAt = new Date(START + (day * 24 + hour) * HOUR_MS).toISOString();
      const decision = decide({
        previous: state,
        now: takenAt,
        observed: at.found.map(({ name }) =>
          scan([finding({ target: name, check: LASTING, fingerprint: fingerprintOf(name) })], {
            target: name,
            takenAt,
          }),
        ),
        catalogue: CATALOGUE,
        targets: at.all.known ? known(existing(at)) : unknown(at.all.reason),
        policy: { resolveAfterHours: 0, repeatIntervalHours: 10_000, minSeverity: 'low' },
        mutes: [],
      });
      state = decision.next ?? EMPTY_STATE;
      notified.push(
        ...decision.findings
          .filter(({ notify }) => notify)
          .map(({ reason, finding: { target } }) => `${reason} ${target}`),
      );
    }
  }
  expect(notified.toSorted()).toEqual([
    'new shop/application-autoscaling-1',
    'new shop/application-autoscaling-2',
    'new shop/shop-1',
  ]);
});

function fingerprintOf(name: string): string {
  return Buffer.from(name).toString('hex').padEnd(16, '0').slice(-16);
}
