// Whatever order of answers and failures discovery meets, no finding of a database that still exists is resolved.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { parseConfig } from '../../lambda/config/index.ts';
import { decide } from '../../lambda/lifecycle/decide.ts';
import type { KeptInventory, PlaceInventory, RdsInstance } from '../../lambda/model/inventory.ts';
import { type AuditState, EMPTY_STATE } from '../../lambda/model/lifecycle.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import { listTargets } from '../../lambda/targets/index.ts';
import type { Describe } from '../../lambda/targets/rds/describe.ts';
import { keyOf } from '../../lambda/targets/rds/place.ts';
import { listRds } from '../../lambda/targets/rds/source.ts';
import { CATALOGUE, finding, LASTING, scan } from '../lifecycle/scenario.ts';

const REGIONS = ['eu-west-1', 'us-east-1'];
/** The same identifiers in both regions. */
const IDS = ['orders', 'ledger'];
const MEMBERS = ['shop-1', 'shop-2'];

const config = parseConfig(
  {
    discovery: [
      { rds: { regions: REGIONS, tags: 'all' }, credentials: 'iam', role: 'tls_auditor' },
      // A second rule of the same place changes nothing about what the first has taken.
      { rds: { regions: ['us-east-1'], tags: 'all' }, credentials: { secret: 'audit/${name}' } },
    ],
  },
  { use: 'deployment' },
);

const inventoryOf = (region: string, change: DatabaseState): PlaceInventory => {
  const instances = [...IDS, ...MEMBERS].map((id, index): RdsInstance => {
    const isNew = change.status[index] === 'creating';
    return {
      id,
      arn: `arn:aws:rds:${region}:123456789012:db:${id}`,
      ...(MEMBERS.includes(id) ? { cluster: 'shop' } : {}),
      engine: MEMBERS.includes(id) ? 'aurora-postgresql' : 'postgres',
      status: change.status[index] ?? 'available',
      ...(isNew ? {} : { host: `${id}.abc.${region}.rds.amazonaws.com`, port: 5432 }),
      tags: [],
      iamAuthentication: change.iam,
      logExports: [],
    };
  });
  const ordered = change.reversed ? instances.toReversed() : instances;
  return {
    instances: change.repeated ? [...ordered, ...ordered] : ordered,
    clusters: [{ id: 'shop', tags: [], iamAuthentication: change.iam, logExports: [] }],
    proxies: [],
  };
};

interface DatabaseState {
  readonly status: readonly string[];
  readonly iam: boolean;
  readonly reversed: boolean;
  readonly repeated: boolean;
}

const databases = fc.record({
  status: fc.array(
    fc.constantFrom('available', 'available', 'modifying', 'stopped', 'starting', 'creating', 'deleting'),
    { minLength: 4, maxLength: 4 },
  ),
  iam: fc.boolean(),
  reversed: fc.boolean(),
  repeated: fc.boolean(),
});

const answer = fc.oneof(
  { weight: 3, arbitrary: databases },
  { weight: 2, arbitrary: fc.constantFrom('AccessDenied', 'Throttling', 'TypeError') },
);

const step = fc.record({
  hours: fc.integer({ min: 0, max: 60 }),
  answers: fc.tuple(answer, answer),
  /** What becomes of the kept lists before the run. */
  kept: fc.constantFrom('stays', 'stays', 'is lost', 'can not be read', 'can not be saved'),
});

test('no order or repetition of answers and failures resolves a finding of a database that exists', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 8 }), async (steps) => {
      const kept = new Map<string, KeptInventory>();
      let state: AuditState = EMPTY_STATE;
      let now = Date.UTC(2026, 2, 10);
      const run = async (answers: readonly (string | PlaceInventory)[], keeping = 'stays') => {
        if (keeping === 'is lost') kept.clear();
        const failing = (what: string): void => {
          if (keeping === what) throw new Error(what);
        };
        const describe: Describe = async (place) => {
          const given = answers[REGIONS.indexOf(place.region)] ?? '';
          if (typeof given === 'string') throw Object.assign(new Error(given), { name: given });
          return { inventory: given, proxyError: undefined, facts: new Map() };
        };
        const context = {
          folder: '.',
          clock: () => new Date(now),
          inventory: {
            read: async (place: string) => {
              failing('can not be read');
              return kept.get(place);
            },
            save: async (place: string, entry: KeptInventory) => {
              failing('can not be saved');
              kept.set(place, entry);
            },
          },
        };
        const source = () => (signal: AbortSignal) => listRds(config, context, signal, describe);
        const { found, all } = await listTargets([source], config, undefined, context);
        const takenAt = new Date(now).toISOString();
        const decision = decide({
          previous: state,
          now: takenAt,
          // Each database has a finding of its own, known by its endpoint.
          observed: found.map(({ name, host = '' }) =>
            scan([finding({ target: name, check: LASTING, fingerprint: fingerprintOf(host) })], {
              target: name,
              takenAt,
            }),
          ),
          catalogue: CATALOGUE,
          targets: all.known ? known(all.value.map(({ name }) => name)) : unknown(all.reason),
          policy: { resolveAfterHours: 0, repeatIntervalHours: 24, minSeverity: 'low' },
          mutes: [],
        });
        state = decision.next ?? EMPTY_STATE;
        return decision.findings.filter(({ reason }) => reason === 'resolved').map(({ finding: { target } }) => target);
      };

      for (const { hours, answers, kept: keeping } of steps) {
        now += hours * 3_600_000;
        const given = answers.map((each, index) =>
          typeof each === 'string' ? each : inventoryOf(REGIONS[index] ?? '', each),
        );
        expect(await run(given, keeping)).toEqual([]);
      }

      // Once every place answers, what is really gone is closed, and nothing else.
      const all = { status: [], iam: true, reversed: false, repeated: false };
      const [here, there] = REGIONS.map((region) => inventoryOf(region, all));
      if (here === undefined || there === undefined) throw new Error('two regions');
      now += 3_600_000;
      expect(await run([here, there])).toEqual([]);
      now += 3_600_000;
      const without = { ...there, instances: there.instances.filter(({ id }) => id !== 'orders') };
      expect(await run(['AccessDenied', without])).toEqual([]);
      expect(await run([here, without])).toEqual(['us-east-1/orders']);
    }),
    { numRuns: 150 },
  );
});

test('places that differ in account, role or external id never share what is kept', () => {
  const role = (account: string, externalId?: string) => ({
    roleArn: `arn:aws:iam::${account}:role/reader`,
    externalId,
  });
  const roles = [undefined, role('111122223333'), role('111122223333', 'x'), role('444455556666')];
  const keys = roles.flatMap((assumedRole) => REGIONS.map((region) => keyOf({ region, assumedRole })));
  expect(new Set(keys).size).toBe(keys.length);
});

function fingerprintOf(host: string): string {
  return createHash('sha256').update(host).digest('hex').slice(0, 16);
}
