// Tests the check replica-not-covered.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { evaluateFleet } from '../../lambda/checks/evaluate-fleet.ts';
import { type FleetMember, fleetOf } from '../../lambda/checks/fleet.ts';
import { replicaNotCovered } from '../../lambda/checks/replica-not-covered.ts';
import { auroraQuery } from '../../lambda/collect/postgres/aurora-query.ts';
import type { Outcome } from '../../lambda/model/finding.ts';
import type { ListedReplicas } from '../../lambda/model/listed-replicas.ts';
import { known, type Observed, unknown } from '../../lambda/model/observed.ts';
import type { AuroraCluster, Session } from '../../lambda/model/snapshot.ts';

describe('replica-not-covered', () => {
  const PRIMARY: FleetMember = {
    name: 'orders',
    host: 'orders.db.example.com',
    remoteAddress: '10.0.1.5',
    inRecovery: false,
  };

  function standby(overrides: Partial<Session> = {}): Session {
    return make.session({
      kind: 'replication',
      role: 'replicator',
      database: undefined,
      application: 'walreceiver',
      clientAddress: '10.0.1.6',
      ...overrides,
    });
  }

  function member(overrides: Partial<FleetMember> = {}): FleetMember {
    return {
      name: 'orders-reader',
      host: 'reader.db.example.com',
      remoteAddress: '10.0.1.6',
      inRecovery: true,
      ...overrides,
    };
  }

  function outcomeFor(
    sessions: readonly Session[],
    others?: readonly FleetMember[],
    remoteAddress = '10.0.1.5',
  ): Outcome {
    const snapshot = make.healthySnapshot(sessions, { networkPath: { remoteAddress, isDirect: true } });
    return replicaNotCovered.evaluateInFleet(snapshot, others && [{ ...PRIMARY, remoteAddress }, ...others]);
  }

  const FOUND = { status: 'fail', problems: [{ severity: 'low', role: 'replicator', clients: ['10.0.1.6'] }] };

  test.each<[string, readonly Session[]]>([
    ['clients only', [make.session()]],
    ['logical replication', [standby({ database: 'shop', application: 'cdc' })]],
    ...['pg_basebackup', 'pg_receivewal', 'pg_receivexlog', 'pg_recvlogical', 'barman_receive_wal'].map(
      (application): [string, readonly Session[]] => [application, [standby({ application })]],
    ),
  ])('passes where %s is seen, alone or in a fleet', (_what, sessions) => {
    expect(outcomeFor(sessions)).toEqual({ status: 'pass' });
    expect(outcomeFor(sessions, [])).toEqual({ status: 'pass' });
  });

  test.each<[string, FleetMember]>([
    ['at its address', member()],
    ['at its address, written as IPv6 does', member({ remoteAddress: '::ffff:10.0.1.6' })],
    ['at its address, where the audit ended early', member({ inRecovery: undefined })],
    [
      'that names its address and was not reached',
      member({ host: '10.0.1.6', remoteAddress: undefined, inRecovery: undefined }),
    ],
  ])('passes where a target is %s', (_what, other) => {
    expect(outcomeFor([standby()], [other])).toEqual({ status: 'pass' });
  });

  test.each<[string, readonly FleetMember[]]>([
    ['there is no other target', []],
    ['the others are elsewhere', [member({ remoteAddress: '10.0.1.7' })]],
    ['the one at its address is no standby', [member({ inRecovery: false })]],
  ])('finds a standby where %s', (_what, others) => {
    expect(outcomeFor([standby()], others)).toMatchObject(FOUND);
  });

  test('finds the second of two standbys on a host with one target', () => {
    expect(outcomeFor([standby(), standby()], [member()])).toMatchObject(FOUND);
    expect(outcomeFor([standby(), standby()], [member(), member({ name: 'orders-reader-2' })])).toEqual({
      status: 'pass',
    });
  });

  test.each(['127.0.0.1', '::1', undefined])(
    'looks for a standby at %s on the host of its primary',
    (clientAddress) => {
      const local = standby({ clientAddress, transport: clientAddress === undefined ? 'unix-socket' : 'loopback' });
      expect(outcomeFor([local], [member({ remoteAddress: '10.0.1.5' })])).toEqual({ status: 'pass' });
      expect(outcomeFor([local], [member()])).toMatchObject({ status: 'fail' });
      // Ours and theirs are the same loopback only if the primary is on it too.
      expect(outcomeFor([local], [member({ remoteAddress: '127.0.0.1' })])).toMatchObject({ status: 'fail' });
      expect(outcomeFor([local], [member({ remoteAddress: '::1' })], '127.0.0.1')).toEqual({ status: 'pass' });
    },
  );

  test('does not know while a target that may be the standby is out of reach', () => {
    const unreached = member({ remoteAddress: undefined, inRecovery: undefined });
    expect(outcomeFor([standby()], [unreached])).toMatchObject({ status: 'unknown' });
    expect(outcomeFor([make.session()], [unreached])).toEqual({ status: 'pass' });
    expect(outcomeFor([standby()], [unreached, member({ name: 'third' })])).toEqual({ status: 'pass' });
  });

  test('does not apply to a run that looked at some targets only', () => {
    expect(outcomeFor([standby()])).toMatchObject({ status: 'not-applicable', reason: expect.any(String) });
  });

  test('does not know what it was not shown', () => {
    const blind = { visibility: known({ role: 'app', seesAllSessions: false }) };
    const evaluated = (sessions: readonly Session[]) =>
      replicaNotCovered.evaluateInFleet(make.healthySnapshot(sessions, blind), [PRIMARY]);
    expect(evaluated([]).status).toBe('unknown');
    expect(evaluated([standby()])).toMatchObject({ status: 'fail', incomplete: expect.any(String) });
    expect(replicaNotCovered.evaluateInFleet(make.failedSnapshot(), [PRIMARY]).status).toBe('unknown');
  });

  describe('of Aurora', () => {
    const CLUSTER = {
      own: 'orders-1',
      instances: [
        { id: 'orders-1', writer: true },
        { id: 'orders-2', writer: false },
      ],
    };
    const AT = 'abc.eu-west-1.rds.amazonaws.com';

    function evaluateCluster(
      others?: readonly FleetMember[],
      aurora: Observed<AuroraCluster> = known(CLUSTER),
    ): Outcome {
      const fleet = others && [{ ...PRIMARY, instance: 'orders-1' }, ...others];
      return replicaNotCovered.evaluateInFleet(make.healthySnapshot([], { aurora }), fleet);
    }

    test.each<[string, FleetMember]>([
      ['reached the instance', { name: 'r', host: `orders.cluster-ro-${AT}`, instance: 'orders-2', inRecovery: true }],
      ['names its endpoint, and was not audited', { name: 'r', host: `orders-2.${AT}` }],
    ])('passes where a target %s', (_what, other) => {
      expect(evaluateCluster([other])).toEqual({ status: 'pass' });
    });

    test.each<[string, readonly FleetMember[]]>([
      ['there is no other target', []],
      [
        'the reader endpoint led to the same one',
        [{ name: 'r', host: `orders.cluster-ro-${AT}`, instance: 'orders-1', inRecovery: false }],
      ],
      [
        'another is another cluster’s',
        [{ name: 'b', host: `billing-1.${AT}`, instance: 'billing-1', inRecovery: true }],
      ],
      ['another that was not audited is another instance', [{ name: 'b', host: `billing-1.${AT}` }]],
    ])('finds an instance where %s', (_what, others) => {
      expect(evaluateCluster(others)).toMatchObject({
        status: 'fail',
        problems: [{ severity: 'low', subject: 'orders-2', evidence: { instance: 'orders-2', writer: false } }],
      });
    });

    test('does not know, or does not apply, where it can’t tell', () => {
      expect(evaluateCluster([{ name: 'r', host: `orders.cluster-ro-${AT}` }])).toMatchObject({ status: 'unknown' });
      expect(evaluateCluster([{ name: 'r' }])).toMatchObject({ status: 'unknown' });
      expect(evaluateCluster([], unknown('refused'))).toEqual({ status: 'unknown', reason: 'refused' });
      expect(evaluateCluster()).toMatchObject({ status: 'not-applicable' });
    });

    test('passes a cluster of one instance', () => {
      expect(evaluateCluster(undefined, known({ own: 'a', instances: [{ id: 'a', writer: true }] }))).toEqual({
        status: 'pass',
      });
    });

    test('is read from the rows of aurora_replica_status()', () => {
      expect(
        auroraQuery.read([
          [
            ['orders-1', 't', 't'],
            ['orders-2', 'f', 'f'],
            [null, 'f', 'f'],
          ],
        ]),
      ).toEqual(CLUSTER);
      expect(auroraQuery.read([[['orders-2', 'f', null]]])).toEqual({
        own: undefined,
        instances: [{ id: 'orders-2', writer: false }],
      });
    });
  });

  describe('of a database that discovery lists', () => {
    const ABROAD = 'arn:aws:rds:us-east-1:123456789012:db:orders-abroad';
    const HOST = 'Orders.abc.eu-west-1.rds.amazonaws.com';
    const statusWith = (replicas: ListedReplicas, change: Parameters<typeof make.healthySnapshot>[1] = {}) => {
      const target = { name: 'orders', host: HOST, labels: {} };
      const snapshot = make.healthySnapshot([standby()], {
        target,
        networkPath: { remoteAddress: '10.0.1.5', isDirect: true },
        ...change,
      });
      const evaluated = [{ snapshot, ...evaluate(snapshot, make.POLICY, []) }];
      const [result] = evaluateFleet(evaluated, make.POLICY, { coversAllTargets: true, replicas });
      return result?.outcomes[0]?.outcome;
    };

    test('is decided by the list: a standby that is left out, stopped or not yet there is none that is missing', () => {
      expect(statusWith(new Map())).toMatchObject({ status: 'fail' });
      expect(statusWith(new Map([[HOST.toLowerCase(), []]]))).toEqual({ status: 'pass' });
      const aurora = known({
        own: 'orders-1',
        instances: [
          { id: 'orders-1', writer: true },
          { id: 'application-autoscaling-1a2b', writer: false },
        ],
      });
      expect(statusWith(new Map(), { aurora })).toMatchObject({ status: 'fail' });
      expect(statusWith(new Map([[HOST.toLowerCase(), []]]), { aurora })).toEqual({ status: 'pass' });
    });

    test('finds a replica that no rule lists, by its ARN', () => {
      expect(statusWith(new Map([[HOST.toLowerCase(), [ABROAD]]]))).toMatchObject({
        status: 'fail',
        problems: [{ severity: 'low', subject: ABROAD, evidence: { replica: ABROAD } }],
      });
    });
  });

  test('reads each member of a fleet a few times in all, not once for every other target', () => {
    let reads = 0;
    const fleet = Array.from({ length: 2_000 }, (_, index): FleetMember => {
      const address = `10.1.${index >> 8}.${index & 255}`;
      const name = `target-${index}`;
      return {
        name,
        inRecovery: true,
        get remoteAddress() {
          reads += 1;
          return address;
        },
      };
    });
    for (const { name } of fleet) {
      const snapshot = make.healthySnapshot([standby({ clientAddress: '10.1.0.6' })], { target: { name, labels: {} } });
      expect(replicaNotCovered.evaluateInFleet(snapshot, fleet).status).toBe(name === 'target-6' ? 'fail' : 'pass');
    }
    expect(reads).toBeLessThan(10_000);
  });

  test('is evaluated in the fleet, which is made of every snapshot', () => {
    const primary = make.healthySnapshot([standby()], { networkPath: { remoteAddress: '10.0.1.5', isDirect: true } });
    const reader = make.healthySnapshot([], {
      target: { name: 'orders-reader', labels: {} },
      networkPath: { remoteAddress: '10.0.1.6', isDirect: false },
      server: known({ version: '18.4', inRecovery: true }),
    });
    const evaluated = [primary, reader].map((snapshot) => ({ snapshot, ...evaluate(snapshot, make.POLICY, []) }));
    const statusOfPrimary = (count: number, coversAllTargets: boolean) =>
      evaluateFleet(evaluated.slice(0, count), make.POLICY, { coversAllTargets })[0]?.outcomes.map(
        ({ outcome }) => outcome.status,
      );
    expect(fleetOf([primary, reader, make.failedSnapshot()])).toEqual([
      PRIMARY,
      member({ host: undefined }),
      { name: 'orders', host: 'orders.db.example.com', remoteAddress: undefined, inRecovery: undefined },
    ]);
    expect(statusOfPrimary(1, false)).toEqual(['not-applicable']);
    expect(statusOfPrimary(1, true)).toEqual(['fail']);
    expect(statusOfPrimary(2, true)).toEqual(['pass']);
  });
});
