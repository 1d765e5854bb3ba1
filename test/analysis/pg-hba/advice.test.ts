// What is advised for rules of pg_hba.conf: the same end state for whichever login asks, and no line that the file may
// not mean.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { hbaRoles, type NamedRole } from '../../../lab/snapshots.ts';
import { acceptance, type Encryption, NETWORK } from '../../../lambda/analysis/pg-hba/acceptance.ts';
import { advise, endState } from '../../../lambda/analysis/pg-hba/advice.ts';
import { decide } from '../../../lambda/analysis/pg-hba/decision.ts';
import { hbaLine } from '../../../lambda/analysis/pg-hba/line.ts';
import { HBA_RULE_TYPES, type HbaFacts, type HbaRule } from '../../../lambda/model/hba.ts';

function rule(overrides: Partial<HbaRule> = {}): HbaRule {
  return {
    lineNumber: 12,
    type: 'host',
    databases: ['all'],
    users: ['all'],
    address: 'all',
    method: 'md5',
    options: [],
    // As if the file were read, with a quote nowhere.
    quotes: UNQUOTED,
    ...overrides,
  };
}

const NO_QUOTES = Array.from({ length: 9 }, () => false);
const UNQUOTED = { databases: NO_QUOTES, users: NO_QUOTES, address: false } as const;

function role(name: string, memberOf: readonly string[] = []): NamedRole {
  return { name, canLogin: true, superuser: false, replication: false, memberOf };
}

function facts(rules: readonly HbaRule[], overrides: Partial<HbaFacts> = {}): HbaFacts {
  return {
    major: 18,
    rules,
    faults: [],
    roles: hbaRoles([role('app', ['staff']), role('staff')]),
    databases: ['shop', 'app'].map((name) => ({ name, allowConnections: true })),
    patterns: [],
    ...overrides,
  };
}

function advice(overrides: Partial<HbaRule>, inFacts: Partial<HbaFacts> = {}, tlsOn = true): string {
  const one = rule(overrides);
  return advise(one, facts([one], inFacts), { tlsOn }).join('\n');
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
        const after = rules.map((one) => (one === chosen ? endState(one, 18) : one));
        expect(admitted(after, 'tls')).toEqual(admitted(rules, 'tls'));
        for (const encryption of ['plaintext', 'gss'] as const) {
          const before = admitted(rules, encryption);
          expect(admitted(after, encryption).filter((connection) => !before.includes(connection))).toEqual([]);
        }
      }),
    );
  });

  test('of all rules that are named keeps plaintext out', () => {
    fc.assert(
      fc.property(files, (rules) => {
        const open = acceptance(facts(rules), 'plaintext', NETWORK);
        if (open.status !== 'open') return;
        const steps = open.permissiveRules.flatMap((opening) => stepsFor(opening.rule, rules));
        expect(acceptance(facts(changedBy(rules, steps)), 'plaintext', NETWORK)).toEqual({ status: 'closed' });
      }),
    );
  });

  test('of a rule, and of those that are named with it, lets nothing in by another method than before', () => {
    fc.assert(
      fc.property(files, (rules) => {
        const open = acceptance(facts(rules), 'plaintext', NETWORK);
        for (const { rule: one } of open.status === 'open' ? open.permissiveRules : []) {
          const after = changedBy(rules, stepsFor(one, rules));
          for (const encryption of ['plaintext', 'gss'] as const) {
            const before = new Map(admittedBy(rules, encryption));
            for (const [connection, method] of admittedBy(after, encryption)) {
              // SCRAM in place of what asks for less is what is advised.
              expect([before.get(connection), 'scram-sha-256'], connection).toContain(method);
            }
          }
        }
      }),
    );
  });

  interface Step {
    readonly line: number;
    /** Whether the line is written again for connections that GSSAPI encrypts. */
    readonly again: boolean;
  }

  /** The lines that the advice for a rule changes. */
  function stepsFor(one: HbaRule, rules: readonly HbaRule[]): readonly Step[] {
    const text = advise(one, facts(rules), { tlsOn: true }).join('\n');
    return [...text.matchAll(/\b(?:Replace|At) line (\d+)(?:(?!\b(?:Replace|At) line).)*/gs)].map(([step, line]) => ({
      line: Number(line),
      again: step.includes('hostgssenc as its first word'),
    }));
  }

  function changedBy(rules: readonly HbaRule[], steps: readonly Step[]): readonly HbaRule[] {
    return rules.flatMap((one) => {
      const step = steps.find(({ line }) => line === one.lineNumber);
      if (step === undefined) return [one];
      const end = endState(one, 18);
      return step.again ? [end, { ...end, type: 'hostgssenc' }] : [end];
    });
  }

  /** Every connection that is let in, and the method that it is asked by. */
  function admittedBy(rules: readonly HbaRule[], encryption: Encryption): readonly (readonly [string, string])[] {
    const given = facts(rules);
    return admitted(rules, encryption).map((connection) => {
      const [name = '', database = '', address = ''] = connection.split(' ');
      const decision = decide(given, { encryption, role: name, database, address });
      return [connection, decision.status === 'accepted' ? decision.rule.method : ''] as const;
    });
  }
});

describe('the advice', () => {
  function forFirst(...rules: readonly Partial<HbaRule>[]): string {
    const all = rules.map((overrides, index) => rule({ method: 'scram-sha-256', ...overrides, lineNumber: index + 1 }));
    const [first = rule()] = all;
    return advise(first, facts(all), { tlsOn: true }).join('\n');
  }

  test('names the lines by which its connections would get in next, unencrypted', () => {
    expect(forFirst({}, { users: ['app'] }, { type: 'hostssl' }, { method: 'reject' })).toMatch(
      /^Replace line 1 .*\nhostssl all all all scram-sha-256\nThen unencrypted connections meet the next\. Replace line 2 .*\nhostssl all app all scram-sha-256$/,
    );
  });

  test('leaves out lines that none of its connections meets', () => {
    const text = forFirst({ users: ['app'], databases: ['shop'] }, { users: ['staff'] }, { databases: ['app'] });
    expect(text).not.toContain('line 2');
    expect(text).not.toContain('line 3');
    expect(forFirst({}, { databases: ['replication'] })).not.toContain('line 2');
  });

  test('leaves alone lines for loopback, unless they ask for less than the line did', () => {
    const loopback = { address: '127.0.0.1', netmask: '255.255.255.255' };
    expect(forFirst({}, loopback)).not.toContain('line 2');
    expect(forFirst({}, { ...loopback, method: 'trust' })).toContain('line 2');
  });

  test('counts lines that are too many to show', () => {
    const text = forFirst({}, ...Array.from({ length: 13 }, () => ({})));
    expect(text.match(/^hostssl /gm)).toHaveLength(11);
    expect(text).toMatch(/\nAnd so for lines 12, 13, 14\.$/);
  });

  test('keeps connections that GSSAPI encrypts, where the file speaks of them', () => {
    expect(forFirst({ method: 'gss' })).toMatch(/\nhostssl all all all gss\nBelow it, .* hostgssenc as its first word/);
    expect(forFirst({})).not.toContain('hostgssenc');
  });

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
    ['md5', /^First have each role whose password is stored as MD5 set it again/],
    ['password', /^First have each role whose password is stored as MD5 set it again/],
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
    expect(text).toMatch(/^Replace line 12 of pg_hba\.conf .* by:\nhostnossl all all all reject\n/);
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
      'the keyword %s where it may be quoted, and only there',
      (name) => {
        inWords(advice({ databases: [name], quotes: { ...UNQUOTED, databases: undefined } }));
        inWords(advice({ databases: ['shop', name], quotes: { ...UNQUOTED, databases: [false, null] } }));
        expect(advice({ databases: [name] })).toContain(`\nhostssl ${name} all all scram-sha-256`);
        const quoted = advice({ databases: [name], quotes: { ...UNQUOTED, databases: [true] } });
        expect(quoted).toContain(`\nhostssl "${name}" all all scram-sha-256`);
        expect(advice({ databases: ['shop'] })).toContain('\nhostssl shop all');
      },
    );

    test.each(['all', '+staff'])('the user %s where it may be quoted, and only there', (name) => {
      inWords(advice({ users: [name], quotes: { ...UNQUOTED, users: undefined } }));
      expect(advice({ users: [name] })).toContain(`\nhostssl all ${name} all scram-sha-256`);
      const quoted = advice({ users: [name], quotes: { ...UNQUOTED, users: [true] } });
      expect(quoted).toContain(`\nhostssl all "${name}" all scram-sha-256`);
    });

    test.each(['all', 'samehost', 'samenet'])('the address %s where it may be quoted, and only there', (address) => {
      inWords(advice({ address, quotes: { ...UNQUOTED, address: undefined } }));
      expect(advice({ address })).toContain(`\nhostssl all all ${address} scram-sha-256`);
      const quoted = advice({ address, quotes: { ...UNQUOTED, address: true } });
      expect(quoted).toContain(`\nhostssl all all "${address}" scram-sha-256`);
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
      /^At line 12 of pg_hba\.conf, change the method \(.*\) from md5 to reject, and leave/,
    );
  });

  test('shows no character of a file name that could do harm', () => {
    expect(advice({ fileName: '/x\u001b[2J' })).not.toContain('\u001b');
  });
});
