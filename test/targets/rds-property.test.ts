// Whatever order of answers and failures discovery meets, no finding of a database that still exists is resolved.

import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { listedSnapshots, withCloudFacts } from '../../lambda/analysis/provider/cloud-facts.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { evaluateListed } from '../../lambda/checks/evaluate-listed.ts';
import { CHECKS } from '../../lambda/checks/registry.ts';
import { parseConfig } from '../../lambda/config/index.ts';
import { decide } from '../../lambda/lifecycle/decide.ts';
import type { CloudDatabase } from '../../lambda/model/cloud.ts';
import type { KeptInventory, PlaceInventory, RdsInstance } from '../../lambda/model/inventory.ts';
import { type AuditState, EMPTY_STATE } from '../../lambda/model/lifecycle.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import type { Target } from '../../lambda/model/target.ts';
import { listTargets } from '../../lambda/targets/index.ts';
import type { Describe, PlaceAnswer } from '../../lambda/targets/rds/describe.ts';
import { keyOf } from '../../lambda/targets/rds/place.ts';
import { listRds } from '../../lambda/targets/rds/source.ts';
import { CATALOGUE, finding, LASTING, scan } from '../lifecycle/scenario.ts';

const REGIONS = ['eu-west-1', 'us-east-1'];
/** The same identifiers in both regions. */
const IDS = ['orders', 'ledger'];
const MEMBERS = ['shop-1', 'shop-2'];
const TAKEN = [...IDS, 'shop-*'];

/** The checks that evaluate what the API says, save the one whose findings end when the API answers again. */
const BY_API = CHECKS.filter(({ id, needsNoLogin = false }) => needsNoLogin && id !== 'discovery-failed');

const START = Date.UTC(2026, 2, 10);
/** When everything ends that can: soon, at every moment of the test. */
const EXPIRES = START + 3 * 86_400_000;

const config = parseConfig(
  {
    discovery: [
      { rds: { regions: REGIONS, tags: 'all', include: TAKEN }, credentials: 'iam', role: 'tls_auditor' },
      // A second rule of the same place changes nothing about what the first has taken.
      { rds: { regions: ['us-east-1'], tags: 'all', include: TAKEN }, credentials: { secret: 'audit/${name}' } },
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
  // No rule takes it.
  const [first] = instances;
  if (first !== undefined) instances.push({ ...first, id: 'legacy', arn: `${first.arn}-legacy`, status: 'available' });
  const ordered = change.reversed ? instances.toReversed() : instances;
  return {
    instances: change.repeated ? [...ordered, ...ordered] : ordered,
    clusters: [{ id: 'shop', tags: [], iamAuthentication: change.iam, logExports: [] }],
    proxies: change.proxies ? [{ name: 'pool', requireTls: false }] : [],
  };
};

/** All that the API can find is wrong, of every database; some of it is not known in some runs. */
const factsOf = ({ instances }: PlaceInventory, { parameters, authority }: DatabaseState): PlaceAnswer['facts'] => {
  const facts: CloudDatabase = {
    is: 'database',
    platform: 'rds',
    publiclyAccessible: true,
    internetGateway: true,
    parameterGroup: { name: 'own', ofCluster: false, status: 'pending-reboot' },
    parameters: parameters
      ? known({
          'rds.force_ssl': { value: '0', source: 'user' },
          ssl_min_protocol_version: { value: 'TLSv1.3', source: 'user' },
        })
      : unknown('throttled'),
    certificateValidTill: authority ? known(new Date(EXPIRES).toISOString()) : unknown('not said'),
    authority: authority ? known({ id: 'ca', validTill: new Date(EXPIRES).toISOString() }) : unknown('throttled'),
    logExports: [],
  };
  return new Map(instances.map(({ id }) => [id, facts]));
};

/** What an audit sees of such a database: the same, as far as it gets there. */
const snapshotOf = ({ name, host, port, labels }: Target, isReached: boolean, takenAt: string): Snapshot => {
  const target = { name, host, port, labels };
  if (!isReached) return { ...make.failedSnapshot({ cause: 'connection-refused' }), target, takenAt };
  const healthy = make.healthySnapshot();
  const link = healthy.link.known ? known({ ...healthy.link.value, verifiedName: host ?? '' }) : healthy.link;
  const values = { ...make.SETTINGS, 'rds.force_ssl': '0', ssl_min_protocol_version: 'TLSv1.2' };
  const serverChain = known([make.certificate({ notAfter: new Date(EXPIRES).toISOString() })]);
  const settings = known({ values, seesAll: true });
  return { ...healthy, target, takenAt, link, settings, serverChain, hba: unknown('no role may read the rules') };
};

interface DatabaseState {
  readonly status: readonly string[];
  readonly iam: boolean;
  readonly reversed: boolean;
  readonly repeated: boolean;
  /** Whether they are known: false makes them an error of their calls. */
  readonly proxies: boolean;
  readonly parameters: boolean;
  readonly authority: boolean;
}

const databases = fc.record({
  status: fc.array(
    fc.constantFrom('available', 'available', 'modifying', 'stopped', 'starting', 'creating', 'deleting'),
    { minLength: 4, maxLength: 4 },
  ),
  iam: fc.boolean(),
  reversed: fc.boolean(),
  repeated: fc.boolean(),
  proxies: fc.boolean(),
  parameters: fc.boolean(),
  authority: fc.boolean(),
});

const answer = fc.oneof(
  { weight: 3, arbitrary: databases },
  { weight: 2, arbitrary: fc.constantFrom('AccessDenied', 'Throttling', 'TypeError') },
);

const step = fc.record({
  hours: fc.integer({ min: 0, max: 60 }),
  answers: fc.tuple(answer, answer),
  /** Whether the databases answer. */
  reached: fc.boolean(),
  /** What becomes of the kept lists before the run. */
  kept: fc.constantFrom('stays', 'stays', 'is lost', 'can not be read', 'can not be saved'),
});

test('no order or repetition of answers and failures resolves a finding of a database that exists', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 2, maxLength: 8 }), async (steps) => {
      const kept = new Map<string, KeptInventory>();
      let state: AuditState = EMPTY_STATE;
      let now = START;
      let failing: ReadonlySet<string> = new Set();
      const run = async (answers: readonly (string | PlaceAnswer)[], keeping = 'stays', isReached = true) => {
        if (keeping === 'is lost') kept.clear();
        const fail = (what: string): void => {
          if (keeping === what) throw new Error(what);
        };
        const describe: Describe = async (place) => {
          const given = answers[REGIONS.indexOf(place.region)] ?? '';
          if (typeof given === 'string') throw Object.assign(new Error(given), { name: given });
          return given;
        };
        const context = {
          folder: '.',
          clock: () => new Date(now),
          inventory: {
            read: async (place: string) => {
              fail('can not be read');
              return kept.get(place);
            },
            save: async (place: string, entry: KeptInventory) => {
              fail('can not be saved');
              kept.set(place, entry);
            },
          },
        };
        const source = () => (signal: AbortSignal) => listRds(config, context, signal, describe);
        const { found, all, cloud } = await listTargets([source], config, undefined, context);
        const takenAt = new Date(now).toISOString();
        const decision = decide({
          previous: state,
          now: takenAt,
          // Each database has a finding of its own, known by its endpoint.
          observed: [
            ...found.map((target) => {
              const { name, host = '' } = target;
              const own = finding({ target: name, check: LASTING, fingerprint: fingerprintOf(host) });
              const lasting = scan([own], { target: name, takenAt });
              const snapshot = withCloudFacts(cloud)(snapshotOf(target, isReached, takenAt));
              const byApi = evaluate(snapshot, make.POLICY, BY_API);
              return {
                ...lasting,
                outcomes: [...lasting.outcomes, ...byApi.outcomes],
                findings: [...lasting.findings, ...byApi.findings],
              };
            }),
            ...evaluateListed(listedSnapshots(cloud, takenAt), make.POLICY).map(({ snapshot, outcomes, findings }) => ({
              target: snapshot.target.name,
              takenAt,
              outcomes,
              findings,
            })),
          ],
          catalogue: [...CATALOGUE, ...CHECKS.map(({ id }) => ({ id, transient: false }))],
          targets: all.known ? known(all.value.map(({ name }) => name)) : unknown(all.reason),
          policy: { resolveAfterHours: 0, repeatIntervalHours: 24, minSeverity: 'low' },
          mutes: [],
        });
        state = decision.next ?? EMPTY_STATE;
        const failed = (reasonIs: (reason: string) => boolean) =>
          decision.findings.filter(
            ({ reason, finding: { check } }) => check === 'discovery-failed' && reasonIs(reason),
          );
        failing = new Set(failed((reason) => reason !== 'resolved').map(({ finding: { target } }) => target));
        const over = decision.findings.filter(
          ({ reason, finding: { check } }) => reason === 'resolved' && check !== 'discovery-failed',
        );
        return [...new Set(over.map(({ finding: { target } }) => target))];
      };
      const answered = (region: string, change: DatabaseState): PlaceAnswer => {
        const inventory = inventoryOf(region, change);
        const proxyError = change.proxies ? undefined : new Error('Throttling');
        return { inventory, proxyError, facts: factsOf(inventory, change) };
      };

      for (const { hours, answers, kept: keeping, reached } of steps) {
        now += hours * 3_600_000;
        const given = answers.map((each, index) =>
          typeof each === 'string' ? each : answered(REGIONS[index] ?? '', each),
        );
        expect(await run(given, keeping, reached)).toEqual([]);
        // It is found where a place fails, in that run, and nowhere else.
        const refused = REGIONS.filter((_, index) => typeof given[index] === 'string');
        if (hours > 0) expect([...failing].toSorted()).toEqual(refused.map((region) => `rds:${region}`));
      }

      // Once every place answers, what is really gone is closed, and nothing else.
      const sound = { reversed: false, repeated: false, proxies: true, parameters: true, authority: true };
      const [here, there] = REGIONS.map((region) => answered(region, { status: [], iam: true, ...sound }));
      if (here === undefined || there === undefined) throw new Error('two regions');
      now += 3_600_000;
      expect(await run([here, there])).toEqual([]);
      now += 3_600_000;
      const without = { ...there, inventory: withoutOrders(there.inventory) };
      expect(await run(['AccessDenied', without])).toEqual([]);
      expect(await run([here, without])).toEqual(['us-east-1/orders']);
    }),
    { numRuns: 50 },
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

function withoutOrders(inventory: PlaceInventory): PlaceInventory {
  return { ...inventory, instances: inventory.instances.filter(({ id }) => id !== 'orders') };
}

function fingerprintOf(host: string): string {
  return createHash('sha256').update(host).digest('hex').slice(0, 16);
}
