// What the audit cannot vouch for: TLS that ends before the server, links of the server's own, replicas nobody looks at.

import { describe, expect, test } from 'vitest';
import { knownValue } from '../../lab/known-value.ts';
import { shownRemedy } from '../../lab/remedies.ts';
import * as make from '../../lab/snapshots.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { evaluateFleet } from '../../lambda/checks/evaluate-fleet.ts';
import { type FleetMember, fleetOf } from '../../lambda/checks/fleet.ts';
import { insecureOutboundLink } from '../../lambda/checks/insecure-outbound-link.ts';
import { replicaNotCovered } from '../../lambda/checks/replica-not-covered.ts';
import { tlsTerminatedByProxy } from '../../lambda/checks/tls-terminated-by-proxy.ts';
import { auroraQuery } from '../../lambda/collect/postgres/aurora-query.ts';
import type { Outcome } from '../../lambda/model/finding.ts';
import { known, type Observed, unknown } from '../../lambda/model/observed.ts';
import type { Outbound, OutboundLink } from '../../lambda/model/posture.ts';
import type { AuditConnection, AuroraCluster, NetworkPath, Session } from '../../lambda/model/snapshot.ts';

describe('tls-terminated-by-proxy', () => {
  const SAME = known({ tlsVersion: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' });

  function seeing(facts: Partial<AuditConnection>, networkPath?: NetworkPath): Outcome {
    const link = knownValue(make.healthySnapshot().link);
    return tlsTerminatedByProxy.evaluate(
      make.healthySnapshot([], { link: known({ ...link, ...facts }), networkPath }),
      make.POLICY,
    );
  }
  const networkPath = (isDirect: boolean): NetworkPath => ({ remoteAddress: '10.0.1.5', isDirect });

  test.each<[string, Partial<AuditConnection>, NetworkPath | undefined]>([
    ['channel binding', { channelBinding: true, serverView: SAME }, networkPath(false)],
    ['channel binding, where the server shows no row', { channelBinding: true, serverView: unknown('x') }, undefined],
    ['a server that sees our very socket', { channelBinding: false, serverView: SAME }, networkPath(true)],
  ])('passes with %s', (_what, facts, way) => {
    expect(seeing(facts, way)).toEqual({ status: 'pass' });
  });

  test.each<[string, AuditConnection['serverView'], string]>([
    ['no TLS', known('not-tls'), 'no TLS'],
    ['another version', known({ tlsVersion: 'TLSv1.2', cipher: 'TLS_AES_256_GCM_SHA384' }), 'TLSv1.2 with '],
    ['another cipher suite', known({ tlsVersion: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256' }), '_128_'],
  ])('finds a server that sees %s, whatever else speaks for one leg', (_what, serverView, shown) => {
    for (const channelBinding of [true, false]) {
      for (const way of [undefined, networkPath(false), networkPath(true)]) {
        expect(seeing({ serverView, channelBinding }, way)).toMatchObject({
          status: 'fail',
          problems: [{ severity: 'medium', evidence: { serversView: expect.stringContaining(shown), channelBinding } }],
        });
      }
    }
  });

  test.each<[string, AuditConnection['serverView'], NetworkPath | undefined, string]>([
    ['sees the same TLS, from another address', SAME, networkPath(false), 'proxy'],
    ['sees the same TLS, from nobody knows where', SAME, undefined, 'proxy'],
    ['shows no row', unknown('no row'), networkPath(false), 'no row'],
  ])('does not know without channel binding, where the server %s', (_what, serverView, way, reason) => {
    expect(seeing({ channelBinding: false, serverView }, way)).toEqual({
      status: 'unknown',
      reason: expect.stringContaining(reason),
    });
  });

  test('finds a pooler by the process that it announces, whatever TLS it has to the server', () => {
    const backendPid = { announced: -1_234_567_890, own: 4711 };
    for (const channelBinding of [true, false]) {
      expect(seeing({ channelBinding, serverView: SAME, backendPid }, networkPath(false))).toMatchObject({
        status: 'fail',
        problems: [{ evidence: { announcedAtLogin: 'process -1234567890', serversView: 'process 4711' } }],
      });
    }
  });

  test('takes the same process for no proof that nothing passes messages on', () => {
    const same = { channelBinding: false, serverView: SAME, backendPid: { announced: 4711, own: 4711 } };
    expect(seeing(same, networkPath(false)).status).toBe('unknown');
    expect(seeing(same, networkPath(true))).toEqual({ status: 'pass' });
  });

  test('does not know of a target that was not audited', () => {
    expect(tlsTerminatedByProxy.evaluate(make.failedSnapshot(), make.POLICY).status).toBe('unknown');
  });
});

describe('insecure-outbound-link', () => {
  function link(facts: Partial<OutboundLink> = {}): OutboundLink {
    return {
      kind: 'foreign-server',
      name: 'shop',
      database: 'orders',
      local: false,
      serviceFile: false,
      gssEncrypted: false,
      ...facts,
    };
  }

  function outcomeFor(links: readonly OutboundLink[], unreadable: Outbound['unreadable'] = []): Outcome {
    const snapshot = make.healthySnapshot([], { outbound: known({ links, unreadable }) });
    return insecureOutboundLink.evaluate(snapshot, make.POLICY);
  }

  test('takes loopback for a network where the policy does, and a Unix socket never', () => {
    const outbound = known({
      links: [
        link({ name: 'tunnel', local: true, loopback: true, sslmode: 'disable' }),
        link({ kind: 'primary', name: undefined, local: true, loopback: true }),
        link({ name: 'socket', local: true, sslmode: 'disable' }),
      ],
      unreadable: [],
    });
    const snapshot = make.healthySnapshot([], { outbound });
    expect(insecureOutboundLink.evaluate(snapshot, make.POLICY)).toEqual({ status: 'pass' });
    expect(insecureOutboundLink.evaluate(snapshot, { ...make.POLICY, loopback: 'network' })).toMatchObject({
      status: 'fail',
      problems: [
        { severity: 'high', subject: 'foreign-server tunnel' },
        { severity: 'high', subject: 'primary' },
      ],
    });
  });

  test.each<[string, readonly OutboundLink[]]>([
    ['none at all', []],
    ['verify-full', [link({ sslmode: 'verify-full' })]],
    ['a local one in plaintext', [link({ local: true, sslmode: 'disable' }), link({ kind: 'primary', local: true })]],
    ['one that GSSAPI encrypts', [link({ gssEncrypted: true, sslmode: 'disable' })]],
    ['a service file that verify-full wins over', [link({ serviceFile: true, sslmode: 'verify-full' })]],
  ])('passes %s', (_what, links) => {
    expect(outcomeFor(links)).toEqual({ status: 'pass' });
  });

  test.each([
    ['disable', 'high', 'disable'],
    ['allow', 'high', 'allow'],
    ['prefer', 'high', 'prefer'],
    [undefined, 'high', '(not set: prefer)'],
    ['require', 'medium', 'require'],
    ['verify-ca', 'medium', 'verify-ca'],
    ['hunter2', 'high', '(not a known mode)'],
    ['VERIFY-FULL', 'high', '(not a known mode)'],
    ['constructor', 'high', '(not a known mode)'],
  ] as const)('finds sslmode %s as %s', (sslmode, severity, shown) => {
    const outcome = outcomeFor([link({ sslmode })]);
    expect(outcome).toMatchObject({ status: 'fail', problems: [{ severity, evidence: { sslmode: shown } }] });
    expect(JSON.stringify(outcome)).not.toContain('hunter2');
  });

  test('says for each kind what mends it, with names as SQL wants them', () => {
    const remedies = (outcome: Outcome) =>
      outcome.status === 'fail' ? outcome.problems.map((problem) => shownRemedy(problem)) : [];
    const links = [
      link({ kind: 'subscription', name: 'From "Shop"' }),
      link({ sslmode: 'require' }),
      link(),
      link({ kind: 'primary', name: undefined, database: undefined }),
    ];
    const outcome = outcomeFor(links);
    expect(remedies(outcome)).toEqual([
      expect.stringMatching(/^In database orders: ALTER SUBSCRIPTION "From ""Shop""" CONNECTION .*sslmode=verify-full/),
      expect.stringMatching(/^In database orders: ALTER SERVER shop OPTIONS \(SET sslmode 'verify-full'/),
      expect.stringMatching(/^In database orders: ALTER SERVER shop OPTIONS \(ADD sslmode 'verify-full'/),
      expect.stringMatching(/^On this standby: ALTER SYSTEM SET primary_conninfo = /),
    ]);
    expect(outcome).toMatchObject({
      problems: [{ subject: 'subscription From "Shop"' }, {}, {}, { subject: 'primary' }],
    });
  });

  test.each<[Partial<OutboundLink>, string]>([
    [{}, "(ADD sslmode 'verify-full', ADD sslrootcert "],
    [{ sslrootcert: 'other' }, "(ADD sslmode 'verify-full', SET sslrootcert "],
    [{ emptySslmode: true }, "(SET sslmode 'verify-full', ADD sslrootcert "],
    [{ sslmode: 'require', sslrootcert: 'other' }, "(SET sslmode 'verify-full', SET sslrootcert "],
  ])('sets what a foreign server of %j has, and adds what it has not', (facts, options) => {
    const outcome = outcomeFor([link(facts)]);
    expect(outcome.status === 'fail' ? shownRemedy(outcome.problems[0]) : '').toContain(options);
  });

  describe('sslrootcert=system', () => {
    const judgeOn = (version: string, facts: Partial<OutboundLink>): Outcome =>
      insecureOutboundLink.evaluate(
        make.healthySnapshot([], {
          server: known({ version, inRecovery: false }),
          outbound: known({ links: [link({ sslrootcert: 'system', ...facts })], unreadable: [] }),
        }),
        make.POLICY,
      );

    test.each<Partial<OutboundLink>>([{}, { sslmode: 'require' }, { serviceFile: true }])(
      'is verify-full to libpq as of 16, or no connection: %j',
      (facts) => {
        expect(judgeOn('16.0', facts)).toEqual({ status: 'pass' });
        expect(judgeOn('15.9', facts).status).not.toBe('pass');
        expect(judgeOn('unknown', facts).status).not.toBe('pass');
      },
    );

    test('is not what another file is', () => {
      expect(judgeOn('18.4', { sslrootcert: 'other' }).status).toBe('fail');
    });
  });

  test.each([
    ['18.4', false, true, /: GRANT pg_monitor TO tls_auditor WITH INHERIT TRUE; \(/],
    ['16.0', true, false, /: on the primary: GRANT pg_monitor TO tls_auditor WITH INHERIT TRUE; \(/],
    ['15.3', true, false, /: on the primary: GRANT pg_monitor TO tls_auditor; ALTER ROLE tls_auditor INHERIT; \(/],
    ['15.3', false, true, /: GRANT pg_monitor TO tls_auditor; \(/],
    ['14.3', false, false, /: GRANT pg_monitor TO tls_auditor; \(/],
  ])(
    'on %s (standby: %s, inherits: %s) advises the GRANT that takes effect there',
    (version, inRecovery, inherits, reason) => {
      const snapshot = make.healthySnapshot([], {
        server: known({ version, inRecovery }),
        visibility: known({ role: 'tls_auditor', seesAllSessions: false, inherits }),
        outbound: known({ links: [], unreadable: [{ kind: 'primary', count: 1 }] }),
      });
      expect(insecureOutboundLink.evaluate(snapshot, make.POLICY)).toEqual({
        status: 'unknown',
        reason: expect.stringMatching(reason),
      });
    },
  );

  test.each<[string, readonly OutboundLink[], Outbound['unreadable'], RegExp]>([
    [
      'a subscription',
      [],
      [{ kind: 'subscription', count: 2 }],
      /2 subscriptions .*GRANT SELECT \(subconninfo\) ON pg_catalog\.pg_subscription TO tls_auditor;/,
    ],
    ['the primary', [], [{ kind: 'primary', count: 1 }], /GRANT pg_monitor TO tls_auditor WITH INHERIT TRUE;/],
    ['what a service file says', [link({ serviceFile: true })], [], /service file .*foreign-server shop/],
    [
      'what the server did not answer',
      [],
      [{ kind: 'subscription', count: 2, refusal: 'could not open file "pg_hba.conf"' }],
      /^(?!.*GRANT)the server did not tell how its subscriptions connect: could not open file/,
    ],
  ])('does not know %s that it may not read, and finds what is beside it', (_what, links, unreadable, reason) => {
    expect(outcomeFor(links, unreadable)).toEqual({ status: 'unknown', reason: expect.stringMatching(reason) });
    expect(outcomeFor([...links, link({ name: 'bad', sslmode: 'disable' })], unreadable)).toMatchObject({
      status: 'fail',
      problems: [{ evidence: { name: 'bad' } }],
      incomplete: expect.stringMatching(reason),
    });
  });

  test('does not know of a target that was not audited', () => {
    expect(insecureOutboundLink.evaluate(make.failedSnapshot(), make.POLICY).status).toBe('unknown');
  });
});

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
