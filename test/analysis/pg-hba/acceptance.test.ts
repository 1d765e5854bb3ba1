// Which rules let plaintext in from the network, by example. That the server agrees is shown in test/integration.

import { createHash } from 'node:crypto';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import { processorClock } from '../../../lab/processor-time.ts';
import { hbaRoles, type NamedRole } from '../../../lab/snapshots.ts';
import {
  type Acceptance,
  acceptance,
  type Encryption,
  NETWORK_AND_LOOPBACK,
  type Origin,
  type PermissiveRule,
} from '../../../lambda/analysis/pg-hba/acceptance.ts';
import { withQuotes } from '../../../lambda/collect/postgres/hba-file.ts';
import { HBA_RULE_TYPES, type HbaFacts, type HbaPattern, type HbaRule } from '../../../lambda/model/hba.ts';

interface Given {
  /** As the file has them. */
  readonly lines: readonly string[];
  /** `lost` where nothing but the view of the rules is known. @default 'shown' */
  readonly quotes?: 'shown' | 'lost';
  readonly roles?: readonly NamedRole[];
  readonly databases?: readonly string[];
  readonly patterns?: Readonly<Record<string, Omit<HbaPattern, 'token'>>>;
  readonly major?: number;
}

interface Case extends Given {
  readonly name: string;
  /** Numbers of the lines that let plaintext in, from 1; with `?` those that may. Empty when it is closed. */
  readonly opens: readonly (number | `${number}?`)[];
}

const ROLES: readonly NamedRole[] = [
  role('app', { memberOf: ['staff'] }),
  role('boss', { superuser: true }),
  role('courier', { replication: true }),
  role('staff', { canLogin: false }),
];
const DATABASES = ['shop', 'orders', 'app', 'staff'];

describe('plaintext from the network', () => {
  const CASES: readonly Case[] = [
    // Types.
    { name: 'gets in by host', lines: ['host all all all scram-sha-256'], opens: [1] },
    { name: 'gets in by hostnossl', lines: ['hostnossl all all all md5'], opens: [1] },
    { name: 'gets in by hostnogssenc', lines: ['hostnogssenc all all all md5'], opens: [1] },
    { name: 'does not by hostssl', lines: ['hostssl all all all scram-sha-256'], opens: [] },
    { name: 'does not by hostgssenc', lines: ['hostgssenc all all all gss'], opens: [] },
    { name: 'does not by local', lines: ['local all all trust'], opens: [] },
    { name: 'does not by reject', lines: ['host all all all reject'], opens: [] },
    ...['trust', 'password', 'ident', 'ldap', 'gss', 'pam', 'oauth'].map((method) => ({
      name: `gets in with ${method}`,
      lines: [`host all all all ${method}`],
      opens: [1],
    })),

    // Order.
    {
      name: 'is kept out by rejects of both families before the rule',
      lines: ['hostnossl all all 0.0.0.0/0 reject', 'hostnossl all all ::/0 reject', 'host all all all md5'],
      opens: [],
    },
    {
      name: 'gets in over IPv6 where only IPv4 is rejected',
      lines: ['hostnossl all all 0.0.0.0/0 reject', 'host all all all md5'],
      opens: [2],
    },
    {
      name: 'gets in from the networks that a reject leaves',
      lines: ['hostnossl all all 10.0.0.0/8 reject', 'host all all 0.0.0.0/0 md5'],
      opens: [2],
    },
    {
      name: 'is kept out by two halves of a network',
      lines: ['host all all 10.0.0.0/9 reject', 'host all all 10.128.0.0/9 reject', 'host all all 10.0.0.0/8 md5'],
      opens: [],
    },
    {
      name: 'gets in by the one address that rejects leave out',
      lines: ['host all all 10.0.0.0/31 reject', 'host all all 10.0.0.3/32 reject', 'host all all 10.0.0.0/30 md5'],
      opens: [3],
    },
    {
      name: 'is not kept out by a reject that comes later',
      lines: ['host all all all md5', 'hostnossl all all all reject'],
      opens: [1],
    },
    {
      name: 'is not kept out by a reject of TLS',
      lines: ['hostssl all all all reject', 'host all all all md5'],
      opens: [2],
    },
    {
      name: 'is not kept out by a reject of GSS encryption',
      lines: ['hostgssenc all all all reject', 'host all all all md5'],
      opens: [2],
    },
    {
      name: 'is kept out by a reject of whatever is not GSS-encrypted',
      lines: ['hostnogssenc all all all reject', 'host all all all md5'],
      opens: [],
    },
    {
      name: 'never reaches a rule that an earlier one covers, until that is changed',
      lines: ['host all all 10.0.0.0/8 scram-sha-256', 'host all all 10.1.0.0/16 trust'],
      opens: [1],
    },
    {
      name: 'gets in by each rule that decides about some of it',
      lines: ['host all all 10.0.0.0/8 md5', 'host all all all md5'],
      opens: [1, 2],
    },
    {
      name: 'meets the next rule, and the one after it',
      lines: ['host all app all md5', 'host shop app all md5', 'host shop app 10.0.0.0/8 md5'],
      opens: [1],
    },
    {
      name: 'meets no rule behind a reject',
      lines: ['host all all all md5', 'hostnossl all all all reject', 'host all all all trust'],
      opens: [1],
    },

    // Addresses.
    { name: 'is not loopback', lines: ['host all all 127.0.0.1/32 trust', 'host all all ::1/128 trust'], opens: [] },
    { name: 'is not all of 127.0.0.0/8', lines: ['host all all 127.0.0.0/8 trust'], opens: [] },
    { name: 'is not localhost', lines: ['host all all localhost trust'], opens: [] },
    { name: 'is more than loopback in a wider network', lines: ['host all all 126.0.0.0/7 md5'], opens: [1] },
    { name: 'comes from more than one IPv6 address', lines: ['host all all ::/127 md5'], opens: [] },
    { name: 'comes from no address that hosts have not', lines: ['host all all 0.0.0.0/32 md5'], opens: [] },
    { name: 'comes from no multicast group', lines: ['host all all 224.0.0.0/4 md5'], opens: [] },
    { name: 'comes from no IPv4-mapped address', lines: ['host all all ::ffff:10.0.0.1/128 md5'], opens: [] },
    { name: 'comes from a single address', lines: ['host all all 10.0.0.7/32 md5'], opens: [1] },
    { name: 'comes from IPv6 networks', lines: ['host all all 2001:db8::/32 md5'], opens: [1] },
    {
      name: 'comes from an address whose bits outside the mask mean nothing',
      lines: ['host all all 10.9.8.7/8 reject', 'host all all 10.0.0.0/8 md5'],
      opens: [],
    },
    {
      name: 'is held against masks with holes in them',
      lines: [
        'host all all 10.0.0.0 255.0.0.1 reject',
        'host all all 10.0.0.1 255.0.0.1 reject',
        'host all all 10.0.0.0/8 md5',
      ],
      opens: [],
    },
    {
      name: 'gets in where a mask was written inside out',
      lines: ['host all all 10.0.0.0 0.255.255.255 md5'],
      opens: [1],
    },
    { name: 'may get in by samehost', lines: ['host all all samehost md5'], opens: ['1?'] },
    { name: 'may get in by samenet', lines: ['host all all samenet md5'], opens: ['1?'] },
    { name: 'may get in by a host name', lines: ['host all all db.example.com md5'], opens: ['1?'] },
    { name: 'may get in by a domain', lines: ['host all all .example.com md5'], opens: ['1?'] },
    { name: 'may get in by a name in capitals that is no keyword', lines: ['host all all ALL md5'], opens: ['1?'] },
    {
      name: 'does not by a host name behind a reject of everything',
      lines: ['hostnossl all all all reject', 'host all all db.example.com md5'],
      opens: [],
    },
    ...['samehost', 'samenet', 'db.example.com', '.example.com'].map((address) => ({
      name: `is not kept out for certain by a reject of ${address}`,
      lines: [`host all all ${address} reject`, 'host all all 10.0.0.0/8 md5'],
      opens: ['2?' as const],
    })),
    {
      name: 'gets in behind a host name that also lets in',
      lines: ['host all all db.example.com md5', 'host all all 10.0.0.0/8 md5'],
      opens: ['1?', 2],
    },

    // Roles.
    { name: 'gets in for one role', lines: ['host all app all md5'], opens: [1] },
    { name: 'gets in for no role that is not there', lines: ['host all nobody all md5'], opens: [] },
    { name: 'gets in for no role that may not log in', lines: ['host all staff all md5'], opens: [] },
    { name: 'gets in for the members of a group', lines: ['host all +staff all md5'], opens: [1] },
    { name: 'gets in for a role as a group of itself', lines: ['host all +app all md5'], opens: [1] },
    { name: 'gets in for no group that is not there', lines: ['host all +nobody all md5'], opens: [] },
    {
      name: 'gets in for no superuser as a member of what it was not made a member of',
      lines: ['host all app,courier all reject', 'host all +staff all md5'],
      opens: [],
    },
    {
      name: 'gets in for the roles that a reject of a group leaves',
      lines: ['host all +staff all reject', 'host all all all md5'],
      opens: [2],
    },
    {
      name: 'is kept out role by role',
      lines: ['hostnossl all app,boss all reject', 'hostnossl all courier all reject', 'host all all all md5'],
      opens: [],
    },
    { name: 'is told apart by case', lines: ['host all App all md5', 'host SHOP all all md5'], opens: [] },

    // Databases.
    { name: 'gets in to one database', lines: ['host shop all all md5'], opens: [1] },
    { name: 'gets in to no database that is not there', lines: ['host warehouse all all md5'], opens: [] },
    { name: 'gets in to no database that takes no connections', lines: ['host template0 all all md5'], opens: [] },
    {
      name: 'gets in to the databases that rejects leave',
      lines: ['host shop,orders,app all all reject', 'host all all all md5'],
      opens: [2],
    },
    {
      name: 'is kept out database by database',
      lines: ['host shop,orders,app all all reject', 'host staff all all reject', 'host all all all md5'],
      opens: [],
    },
    { name: 'gets in to the database named like the role', lines: ['host sameuser all all md5'], opens: [1] },
    { name: 'gets in to no database of another role', lines: ['host sameuser boss all md5'], opens: [] },
    { name: 'gets in to the database named like a group', lines: ['host samerole app all md5'], opens: [1] },
    { name: 'gets in by the old name of samerole', lines: ['host samegroup app all md5'], opens: [1] },
    { name: 'gets in to no database of a group for others', lines: ['host samerole boss,courier all md5'], opens: [] },
    {
      name: 'gets in to the databases of groups where those of the same name are rejected',
      lines: ['host sameuser all all reject', 'host samerole all all md5'],
      opens: [2],
    },
    {
      name: 'is kept out where a reject covers who is related to the database',
      lines: ['host samerole all all reject', 'host app,staff app all md5'],
      opens: [],
    },

    // Physical replication.
    { name: 'gets in for replication', lines: ['host replication courier all md5'], opens: [1] },
    { name: 'gets in for replication by superusers', lines: ['host replication boss all md5'], opens: [1] },
    { name: 'gets in for replication for no other', lines: ['host replication app all md5'], opens: [] },
    {
      name: 'is kept out of databases and not of replication',
      lines: ['hostnossl all all all reject', 'host replication all all md5'],
      opens: [2],
    },
    {
      name: 'is kept out of replication and not of databases',
      lines: ['hostnossl replication all all reject', 'host all all all md5'],
      opens: [2],
    },
    {
      name: 'is kept out of both',
      lines: ['hostnossl all,replication all all reject', 'host all,replication all all md5'],
      opens: [],
    },

    // Quotes, where the file shows them.
    ...['"all" all all', 'all "all" all', 'all all "all"'].map((names) => ({
      name: `is not kept out for certain by a reject of ${names}`,
      lines: [`hostnossl ${names} reject`, 'host all all all md5'],
      opens: [names.endsWith('"') ? ('2?' as const) : 2],
    })),
    { name: 'gets in by no quoted all that no database is called', lines: ['host "all" all all md5'], opens: [] },
    { name: 'gets in to a database called all', lines: ['host "all" all all md5'], databases: ['all'], opens: [1] },
    { name: 'gets in by no quoted sameuser', lines: ['host "sameuser" all all md5'], opens: [] },
    { name: 'gets in for no quoted group', lines: ['host all "+staff" all md5'], opens: [] },
    { name: 'gets in for a group whose name is quoted', lines: ['host all +"staff" all md5'], opens: [1] },
    { name: 'gets in for a keyword with a quote in its middle', lines: ['host a"l"l all all md5'], opens: [1] },
    { name: 'gets in for no quoted replication', lines: ['host "replication" courier all md5'], opens: [] },
    { name: 'may get in from a host called samehost', lines: ['host all all "samehost" md5'], opens: ['1?'] },
    {
      name: 'is kept out by a quoted name that all databases have',
      lines: ['hostnossl "all" all all reject', 'host all app all md5'],
      databases: ['all'],
      opens: [],
    },

    // What the view has lost.
    ...['all all all', 'shop all all', 'all app all', 'all all 0.0.0.0/0', 'shop app all'].map((names) => ({
      name: `is not kept out for certain by a reject of ${names} whose quotes are not known`,
      lines: [`hostnossl ${names} reject`, 'host shop app 10.0.0.0/8 md5'],
      quotes: 'lost' as const,
      opens: ['2?' as const],
    })),
    {
      name: 'is kept out by names and addresses, quoted or not',
      lines: ['hostnossl shop app 10.0.0.0/8 reject', 'host shop app 10.0.0.0/8 md5'],
      quotes: 'lost',
      opens: [],
    },
    ...['all app 10.0.0.0/8', 'shop all 10.0.0.0/8', 'shop app all', 'shop +staff 10.0.0.0/8'].map((names) => ({
      name: `may get in by ${names} where quotes are not known`,
      lines: [`host ${names} md5`],
      quotes: 'lost' as const,
      opens: ['1?' as const],
    })),
    {
      name: 'may get in for replication where quotes are not known',
      lines: ['host replication courier 10.0.0.0/8 md5'],
      quotes: 'lost',
      opens: ['1?'],
    },
    {
      name: 'gets in for certain to the database that both readings mean',
      lines: ['host all app 10.0.0.0/8 md5'],
      quotes: 'lost',
      databases: ['all'],
      opens: [1],
    },
    {
      name: 'gets in by one name beside a keyword whose quotes are not known',
      lines: ['host shop,all app,+staff 10.0.0.0/8 md5'],
      quotes: 'lost',
      opens: [1],
    },

    // Patterns.
    {
      name: 'gets in where a pattern matches',
      lines: ['host /^sh all all reject', 'host all /^a all md5'],
      patterns: {
        '/^sh': { roles: [], databases: ['shop'] },
        '/^a': { roles: ['app'], databases: ['app'] },
      },
      opens: [2],
    },
    {
      name: 'gets in where no pattern matches before',
      lines: ['host /^sh all all reject', 'host shop all all md5'],
      patterns: { '/^sh': { roles: [], databases: ['shop'] } },
      opens: [],
    },
    {
      name: 'is not kept out for certain by a pattern that the server was not asked about',
      lines: ['host /^sh all all reject', 'host shop all all md5'],
      opens: ['2?'],
    },
    {
      name: 'is not held against patterns before PostgreSQL 16',
      lines: ['host /^sh all all reject', 'host shop all all md5', 'host /^o all all md5'],
      major: 15,
      opens: [2],
    },
  ];

  test.each(CASES)('$name', ({ opens, ...given }) => {
    expect(linesOf(acceptance(facts(given), 'plaintext'))).toEqual(opens);
  });
});

describe('an opening', () => {
  test('shows a connection that gets in, from an address that no earlier rule decides about', () => {
    const [opening] = permissiveRules(['host all app 203.0.113.0/24 reject', 'host all app 203.0.112.0/23 md5']);
    expect(opening?.examples).toEqual([{ destination: { database: 'shop' }, role: 'app', address: '203.0.112.1' }]);
  });

  test.each([
    ['all', '203.0.113.1'],
    ['::/0', '2001:db8::1'],
    ['10.0.0.0/8', '10.0.0.1'],
    ['10.1.2.3/32', '10.1.2.3'],
    ['fd00::/8', 'fd00::1'],
  ])('shows a readable address for %s', (address, example) => {
    const [opening] = permissiveRules([`host all all ${address} md5`]);
    expect(opening?.examples[0].address).toBe(example);
  });

  test('shows both a connection to a database and physical replication', () => {
    const [opening] = permissiveRules(['host all,replication courier all md5']);
    expect(opening?.examples).toEqual([
      { destination: { database: 'shop' }, role: 'courier', address: '203.0.113.1' },
      { destination: 'physical-replication', role: 'courier', address: '203.0.113.1' },
    ]);
  });

  test('tells apart what is certain and what is not', () => {
    // The second reads like physical replication, and is a database in quotes.
    const lines = ['host shop,replication courier 10.0.0.0/8 md5'];
    const evaluated = acceptance(facts({ lines, quotes: 'lost', databases: ['replication', 'shop'] }), 'plaintext');
    const examples =
      evaluated.status === 'open' ? evaluated.permissiveRules.flatMap((opening) => opening.examples) : [];
    expect(examples.map(({ destination, doubt }) => [destination, doubt])).toEqual([
      [{ database: 'shop' }, undefined],
      ['physical-replication', expect.stringContaining('is quoted')],
    ]);
  });

  test('shows no address where the rule does not tell, and says why it is in doubt', () => {
    const [opening] = permissiveRules(['host all all .example.com md5']);
    expect(opening?.examples[0].address).toBeUndefined();
    expect(opening?.doubt).toBe('the addresses of .example.com are not known here');
  });

  test('names the reject that may come before it', () => {
    const [opening] = permissiveRules(['host all all samenet reject', 'host all all 10.0.0.0/8 md5']);
    expect(opening?.doubt).toMatch(/^line 1 may reject it before: the networks of the server's interfaces/);
    expect(opening?.examples[0]).toMatchObject({ address: '10.0.0.1' });
  });

  test('is certain by the part of it that is', () => {
    const [opening] = permissiveRules(['host shop all .example.com reject', 'host all all all md5']);
    expect(opening?.doubt).toBeUndefined();
    expect(opening?.examples[0].destination).toEqual({ database: 'orders' });
  });
});

describe('other connections', () => {
  const LINES = ['hostssl a all all md5', 'hostnossl b all all md5', 'hostgssenc c all all md5'];

  test.each<[Encryption, readonly number[]]>([
    ['plaintext', [2, 4, 5]],
    ['tls', [1, 4, 5]],
    ['gss', [2, 3, 5]],
  ])('that are %s meet the rules for them', (encryption, opens) => {
    const lines = [...LINES, 'hostnogssenc d all all md5', 'host e all all md5'];
    const evaluated = acceptance(facts({ lines, databases: ['a', 'b', 'c', 'd', 'e'] }), encryption);
    expect(linesOf(evaluated)).toEqual(opens);
  });

  test.each([
    ['127.0.0.1/32', [1]],
    ['::1/128', [1]],
    ['0.0.0.0/32', []],
  ])('over loopback meet the rule for %s where loopback is a network', (address, opens) => {
    const evaluated = acceptance(
      facts({ lines: [`host all all ${address} trust`] }),
      'plaintext',
      NETWORK_AND_LOOPBACK,
    );
    expect(linesOf(evaluated)).toEqual(opens);
  });

  test.each([
    ['samehost', 1],
    ['samenet', 1],
    ['"samehost"', '1?'],
    ['localhost', '1?'],
  ])('over loopback get in by %s, as far as it is known', (address, opens) => {
    const evaluated = acceptance(
      facts({ lines: [`host all all ${address} trust`] }),
      'plaintext',
      NETWORK_AND_LOOPBACK,
    );
    expect(linesOf(evaluated)).toEqual([opens]);
  });

  test('from nowhere meet no rule', () => {
    const nowhere: Origin = { blocks: [], except: [] };
    expect(acceptance(facts({ lines: ['host all all all trust'] }), 'plaintext', nowhere).status).toBe('closed');
  });
});

describe('the rules tell nothing', () => {
  const given = { lines: ['hostssl all all all md5'] };

  test('where a line keeps the file from being loaded', () => {
    const faults = [{ fileName: '/etc/pg_hba.conf', lineNumber: 7, error: 'invalid authentication method "md6"' }];
    expect(acceptance({ ...facts(given), faults }, 'plaintext')).toEqual({
      status: 'unknown',
      reason:
        'line 7 of /etc/pg_hba.conf keeps the file from being loaded (invalid authentication method "md6"), so the server goes by rules it read earlier',
    });
  });

  test('where PostgreSQL does not say what is wrong with a line', () => {
    const evaluated = acceptance({ ...facts(given), faults: [{ lineNumber: 7 }] }, 'plaintext');
    expect(evaluated).toMatchObject({
      status: 'unknown',
      reason: expect.stringContaining(
        'line 7 of pg_hba.conf keeps the file from being loaded (PostgreSQL does not say',
      ),
    });
  });

  test('where there are none', () => {
    expect(acceptance(facts({ lines: [] }), 'plaintext').status).toBe('unknown');
  });
});

describe('large installations', () => {
  const roles = Array.from({ length: 5000 }, (_, i) => role(`user${i}`, { memberOf: [`group${i % 50}`] }));
  const databases = Array.from({ length: 500 }, (_, i) => `db${i}`);

  test('are judged at once where few rules tell them apart', () => {
    const lines = ['host sameuser all all reject', 'host samerole +group7 10.0.0.0/8 md5', 'host all all all md5'];
    const spent = processorClock();
    expect(linesOf(acceptance(facts({ lines, roles, databases }), 'plaintext'))).toEqual([3]);
    expect(spent()).toBeLessThan(2_000);
  });

  test('are judged with a rule for every client', () => {
    const clients = Array.from({ length: 500 }, (_, i) => `host db${i} user${i} 10.0.${i >> 8}.${i & 255}/32 md5`);
    const spent = processorClock();
    const evaluated = acceptance(
      facts({ lines: [...clients, 'hostssl all all all md5'], roles, databases }),
      'plaintext',
    );
    expect(linesOf(evaluated)).toHaveLength(500);
    expect(spent()).toBeLessThan(5_000);
  });

  test('are given up on, and not called closed, where the masks are a puzzle', () => {
    // Each reject fixes three of 128 bits, and whether they leave an address is a question of 3-SAT.
    const rejects = Array.from({ length: 540 }, (_, line) => {
      const bits = [0, 1, 2].map((nth) => scattered(line * 8 + nth) % 128n);
      const mask = bits.reduce((sum, bit) => sum | (1n << bit), 0n);
      return `host all all ${hexadecimal(mask & scattered(line * 8 + 3))} ${hexadecimal(mask)} reject`;
    });
    const spent = processorClock();
    const evaluated = acceptance(facts({ lines: [...rejects, 'host all all fd00::/8 md5'] }), 'plaintext');
    expect(evaluated).toEqual({
      status: 'unknown',
      reason: 'the rules are too many or too intricate to be evaluated',
    });
    expect(spent()).toBeLessThan(10_000);
  });
});

/** 128 bits without a pattern, the same for the same number. */
function scattered(seed: number): bigint {
  return BigInt(`0x${createHash('md5').update(String(seed)).digest('hex')}`);
}

function hexadecimal(value: bigint): string {
  return (value.toString(16).padStart(32, '0').match(/.{4}/g) ?? []).join(':');
}

function role(name: string, overrides: Partial<NamedRole> = {}): NamedRole {
  return { name, canLogin: true, superuser: false, replication: false, memberOf: [], ...overrides };
}

function facts({ lines, quotes, roles = ROLES, databases = DATABASES, patterns = {}, major = 18 }: Given): HbaFacts {
  const rules = lines.map(ruleOf);
  const file = new Map([['pg_hba.conf', lines.join('\n')]]);
  return {
    major,
    rules: quotes === 'lost' ? rules : withQuotes(rules, file, major),
    faults: [],
    roles: hbaRoles(roles),
    databases: [
      ...databases.map((name) => ({ name, allowConnections: true })),
      { name: 'template0', allowConnections: false },
    ],
    patterns: Object.entries(patterns).map(([token, matches]) => ({ token, ...matches })),
  };
}

/** What the view shows of a line. */
function ruleOf(line: string, index: number): HbaRule {
  const [first = '', databases = '', users = '', ...rest] = line.replaceAll('"', '').split(' ');
  const type = HBA_RULE_TYPES.find((known) => known === first);
  if (type === undefined) throw new Error(`no rule: ${line}`);
  const method = rest.pop() ?? '';
  return {
    lineNumber: index + 1,
    type,
    databases: databases.split(','),
    users: users.split(','),
    ...addressAndMask(rest),
    method,
    options: [],
  };
}

function addressAndMask([text, mask]: readonly string[]): Pick<HbaRule, 'address' | 'netmask'> {
  if (text === undefined || mask !== undefined || !text.includes('/')) return { address: text, netmask: mask };
  const [address, length] = ipaddr.parseCIDR(text);
  const family = address.kind() === 'ipv4' ? ipaddr.IPv4 : ipaddr.IPv6;
  return { address: address.toString(), netmask: family.subnetMaskFromPrefixLength(length).toString() };
}

function permissiveRules(lines: readonly string[]): readonly PermissiveRule[] {
  const evaluated = acceptance(facts({ lines }), 'plaintext');
  return evaluated.status === 'open' ? evaluated.permissiveRules : [];
}

function linesOf(evaluated: Acceptance): readonly (number | string)[] {
  if (evaluated.status === 'unknown') throw new Error(evaluated.reason);
  if (evaluated.status === 'closed') return [];
  return evaluated.permissiveRules.map(({ rule, doubt }) =>
    doubt === undefined ? rule.lineNumber : `${rule.lineNumber}?`,
  );
}
