// Tests the check insecure-outbound-link.

import { describe, expect, test } from 'vitest';
import { shownRemedy } from '../../lab/remedies.ts';
import * as make from '../../lab/snapshots.ts';
import { insecureOutboundLink } from '../../lambda/checks/insecure-outbound-link.ts';
import type { Outcome } from '../../lambda/model/finding.ts';
import { known } from '../../lambda/model/observed.ts';
import type { Outbound, OutboundLink } from '../../lambda/model/posture.ts';

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
    const evaluateOn = (version: string, facts: Partial<OutboundLink>): Outcome =>
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
        expect(evaluateOn('16.0', facts)).toEqual({ status: 'pass' });
        expect(evaluateOn('15.9', facts).status).not.toBe('pass');
        expect(evaluateOn('unknown', facts).status).not.toBe('pass');
      },
    );

    test('is not what another file is', () => {
      expect(evaluateOn('18.4', { sslrootcert: 'other' }).status).toBe('fail');
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
