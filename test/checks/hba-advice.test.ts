// What is advised for rules of pg_hba.conf: the same end state for whoever asks, and no line that the file may not mean.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { advise, endState } from '../../lambda/checks/hba/hba-advice.ts';
import { decide } from '../../lambda/checks/hba/hba-decision.ts';
import { hbaLine } from '../../lambda/checks/hba/hba-line.ts';
import { acceptance, type Encryption, NETWORK } from '../../lambda/checks/hba/hba-match.ts';
import { HBA_RULE_TYPES, type HbaFacts, type HbaRole, type HbaRule } from '../../lambda/model/hba.ts';

function rule(overrides: Partial<HbaRule> = {}): HbaRule {
  return {
    lineNumber: 12,
    type: 'host',
    databases: ['all'],
    users: ['all'],
    address: 'all',
    method: 'md5',
    options: [],
    ...overrides,
  };
}

function role(name: string, memberOf: readonly string[] = []): HbaRole {
  return { name, canLogin: true, superuser: false, replication: false, memberOf: new Set(memberOf) };
}

function facts(rules: readonly HbaRule[], overrides: Partial<HbaFacts> = {}): HbaFacts {
  return {
    major: 18,
    rules,
    faults: [],
    roles: [role('app', ['staff']), role('staff')],
    databases: ['shop', 'app'].map((name) => ({ name, allowConnections: true })),
    patterns: new Map(),
    ...overrides,
  };
}

function advice(overrides: Partial<HbaRule>, inFacts: Partial<HbaFacts> = {}, tlsOn = true): string {
  const one = rule(overrides);
  return advise([one], facts([one], inFacts), { tlsOn }).join('\n');
}

describe('the end state', () => {
  test.each<[string, Partial<HbaRule>, number?]>([
    ['hostssl all all all scram-sha-256', { method: 'md5' }],
    ['hostssl all all all scram-sha-256', { method: 'trust' }],
    ['hostssl all all all scram-sha-256', { method: 'password' }],
    ['hostssl all all all scram-sha-256', { method: 'ident', options: ['map'] }],
    ['hostssl all all all scram-sha-256', { method: 'scram-sha-256' }],
    ['hostssl all all all ldap ldapserver=…', { method: 'ldap', options: ['ldapserver'] }],
    ['hostssl all all all gss', { method: 'gss' }],
    ['hostssl all all all scram-sha-256', { type: 'hostnogssenc' }],
    ['hostssl all all all scram-sha-256', { type: 'hostssl' }],
    ['hostgssenc all all all scram-sha-256', { type: 'hostgssenc' }],
    ['hostnossl all all all reject', { type: 'hostnossl' }],
    ['hostnossl all all all reject', { type: 'hostnossl', method: 'ldap', options: ['ldapserver'] }],
    [
      'hostssl all all all scram-sha-256 clientcert=verify-full',
      { type: 'hostssl', method: 'trust', options: ['clientcert=verify-ca'] },
    ],
    [
      'hostssl all all all trust clientcert=verify-full',
      { type: 'hostssl', method: 'trust', options: ['clientcert=verify-full'] },
    ],
    // The form that PostgreSQL 11 and older can read.
    [
      'hostssl all all all scram-sha-256 clientcert=1',
      { type: 'hostssl', method: 'trust', options: ['clientcert=true'] },
      11,
    ],
  ])('is %s', (line, overrides, major = 18) => {
    expect(hbaLine(endState(rule(overrides), major))).toBe(line);
  });

  const ADDRESSES = ['10.0.0.1', '10.1.0.1', '192.0.2.1', '2001:db8::1'];
  const anyRule = fc.record({
    type: fc.constantFrom(...HBA_RULE_TYPES.filter((type) => type !== 'local')),
    databases: fc.subarray(['all', 'shop', 'app', 'sameuser', 'samerole'], { minLength: 1, maxLength: 2 }),
    users: fc.subarray(['all', 'app', '+staff', 'staff'], { minLength: 1, maxLength: 2 }),
    place: fc.constantFrom(
      { address: 'all' },
      { address: '10.0.0.0', netmask: '255.0.0.0' },
      { address: '10.0.0.0', netmask: '255.255.0.0' },
      { address: '2001:db8::', netmask: 'ffff:ffff::' },
    ),
    method: fc.constantFrom('reject', 'reject', 'trust', 'md5', 'scram-sha-256', 'ident', 'ldap'),
  });
  const files = fc
    .array(anyRule, { minLength: 1, maxLength: 6 })
    .map((rules) => rules.map(({ place, ...one }, index) => rule({ ...one, ...place, lineNumber: index + 1 })));

  /** Every connection that is let in, by name. */
  function admitted(rules: readonly HbaRule[], encryption: Encryption): readonly string[] {
    const given = facts(rules);
    return given.roles.flatMap(({ name }) =>
      given.databases.flatMap(({ name: database }) =>
        ADDRESSES.filter(
          (address) =>
            rules.length > 0 && decide(given, { encryption, role: name, database, address }).status === 'accepted',
        ).map((address) => `${name} ${database} ${address}`),
      ),
    );
  }

  test('of a rule lets nothing in that was refused, and over TLS whatever it did before', () => {
    fc.assert(
      fc.property(files, fc.nat(), (rules, pick) => {
        const chosen = rules[pick % rules.length];
        if (chosen === undefined || chosen.method === 'reject') return;
        const changed = rules.map((one) => (one === chosen ? endState(one, 18) : one));
        const removed = chosen.type === 'hostnossl' ? rules.filter((one) => one !== chosen) : changed;
        for (const after of [changed, removed]) {
          expect(admitted(after, 'tls')).toEqual(admitted(rules, 'tls'));
          for (const encryption of ['plaintext', 'gss'] as const) {
            const before = admitted(rules, encryption);
            expect(admitted(after, encryption).filter((connection) => !before.includes(connection))).toEqual([]);
          }
        }
      }),
    );
  });

  test('of all rules that are named keeps plaintext out', () => {
    fc.assert(
      fc.property(files, (rules) => {
        const open = acceptance(facts(rules), 'plaintext', NETWORK);
        if (open.status !== 'open') return;
        const named = [...open.openings, ...open.next].map((opening) => opening.rule);
        const after = rules.map((one) => (named.includes(one) ? endState(one, 18) : one));
        expect(acceptance(facts(after), 'plaintext', NETWORK)).toEqual({ status: 'closed' });
      }),
    );
  });
});

describe('the advice', () => {
  test('is the line, in place of all that the rule goes on over', () => {
    expect(advice({ method: 'scram-sha-256' })).toBe(
      'Replace line 12 of pg_hba.conf (and the lines it goes on over, where it ends in \\) by:\nhostssl all all all scram-sha-256',
    );
  });

  test('says nothing of lines that go on where PostgreSQL has none', () => {
    expect(advice({ method: 'scram-sha-256' }, { major: 13 })).toBe(
      'Replace line 12 of pg_hba.conf by:\nhostssl all all all scram-sha-256',
    );
  });

  test.each([
    ['md5', /^First have each role whose password is stored as MD5 set it anew/],
    ['password', /^First have each role whose password is stored as MD5 set it anew/],
    ['trust', /^First see that each role that needs it has a password/],
    ['ident', /^First see that each role that needs it has a password/],
    ['scram-sha-256', /^Replace /],
    ['ldap', /^Replace /],
  ])('in place of %s says first what roles need, if anything', (method, start) => {
    expect(advice({ method })).toMatch(start);
  });

  test('has TLS switched on first where it is off, and then the line for it', () => {
    expect(advice({}, {}, false)).toMatch(
      /^First set ssl = on, with a certificate: .*\nThen have each role .*\nReplace .*\nhostssl all all all scram-sha-256$/,
    );
    expect(advice({ type: 'hostgssenc' }, {}, false)).not.toContain('ssl = on');
  });

  test('for a line that never spoke of TLS opens nothing over TLS', () => {
    const text = advice({ type: 'hostnossl' });
    expect(text).toMatch(/^Remove line 12 of pg_hba\.conf .*, or write in its place:\nhostnossl all all all reject\n/);
    expect(text).not.toMatch(/hostssl|MD5/);
  });

  describe('is in words where a line could mean something else than the file:', () => {
    const inWords = (text: string) => {
      expect(text).toContain(
        'At line 12 of pg_hba.conf, change the first word from host to hostssl and the method (the word after the address) from md5 to scram-sha-256, and leave the rest as it is.',
      );
      expect(text).not.toMatch(/^host/m);
    };

    test.each<[string, Partial<HbaRule>]>([
      ['names too long to show', { databases: ['x'.repeat(63)], users: ['y', 'z', 'w'].map((one) => one.repeat(90)) }],
      ['names with characters that are shown escaped', { users: ['a\u200bb'] }],
      ['names with a link', { databases: ['postgres://x'] }],
      ['more databases than people write in a line', { databases: ['a', 'b', 'c', 'd'] }],
      ['more users than people write in a line', { users: ['a', 'b', 'c', 'd'] }],
    ])('%s', (_, overrides) => {
      inWords(advice(overrides));
    });

    test.each(['all', 'sameuser', 'samerole', 'samegroup', 'replication'])(
      'the keyword %s where a database has that name, and only there',
      (name) => {
        const databases = [{ name, allowConnections: true }];
        inWords(advice({ databases: [name] }, { databases }));
        inWords(advice({ databases: ['shop', name] }, { databases }));
        expect(advice({ databases: [name] })).toContain(`\nhostssl ${name} all all scram-sha-256`);
        expect(advice({ databases: ['shop'] }, { databases })).toContain('\nhostssl shop all');
      },
    );

    test.each(['all', '+staff'])('the user %s where a role has that name, and only there', (name) => {
      inWords(advice({ users: [name] }, { roles: [role(name)] }));
      expect(advice({ users: [name] })).toContain(`\nhostssl all ${name} all scram-sha-256`);
    });

    test('options whose values are not known', () => {
      expect(advice({ method: 'ldap', options: ['ldapserver', 'ldapbindpasswd'] })).toBe(
        'At line 12 of pg_hba.conf, change the first word from host to hostssl, and leave the rest as it is.',
      );
    });
  });

  test('in words takes away what the new method does not know', () => {
    const many = ['a', 'b', 'c', 'd'];
    expect(advice({ users: many, method: 'ident', options: ['map'] })).toMatch(
      /from ident to scram-sha-256, take away what follows it, and leave the rest as it is\.$/,
    );
    expect(advice({ users: many, type: 'hostssl', method: 'trust', options: ['clientcert=verify-ca'] })).toMatch(
      /, change the method \(.*\) from trust to scram-sha-256, write clientcert=verify-full in place of what follows it, and/,
    );
    expect(advice({ users: many, type: 'hostnossl' })).toMatch(
      /^At line 12 of pg_hba\.conf, remove the line, or change the method \(.*\) from md5 to reject, and leave/,
    );
  });

  test('shows no character of a file name that could do harm', () => {
    expect(advice({ fileName: '/x\u001b[2J' })).not.toContain('\u001b');
  });
});
