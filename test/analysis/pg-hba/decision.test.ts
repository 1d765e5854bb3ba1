// Which rule decides about one known connection. That the server agrees is shown in test/integration/probe.test.ts.

import { describe, expect, test } from 'vitest';
import { hbaFacts, hbaRoles, type NamedRole } from '../../../lab/snapshots.ts';
import { decide, type KnownConnection } from '../../../lambda/analysis/pg-hba/decision.ts';
import type { HbaFacts, HbaRule } from '../../../lambda/model/hba.ts';

const APP: NamedRole = {
  name: 'app',
  canLogin: true,
  superuser: false,
  replication: false,
  memberOf: ['staff'],
};

function facts(lines: readonly string[], overrides: Partial<HbaFacts> = {}): HbaFacts {
  const rules = lines.map((line, index): HbaRule => {
    const [type = 'host', databases = '', users = '', address = '', method = ''] = line.split(' ');
    const [bare = '', netmask] = address.split('&');
    return {
      lineNumber: index + 1,
      type: type as HbaRule['type'],
      databases: databases.split(','),
      users: users.split(','),
      address: bare,
      netmask,
      method,
      options: [],
      quotes: {
        databases: databases.split(',').map(() => false),
        users: users.split(',').map(() => false),
        address: false,
      },
    };
  });
  return hbaFacts({
    rules,
    roles: hbaRoles([APP]),
    databases: [{ name: 'shop', allowConnections: true }],
    ...overrides,
  });
}

const FROM_OFFICE: KnownConnection = { encryption: 'plaintext', role: 'app', database: 'shop', address: '10.0.0.7' };

/** `accepted 2`: by line 2. */
function shown(given: HbaFacts, connection: Partial<KnownConnection> = {}): string {
  const decision = decide(given, { ...FROM_OFFICE, ...connection });
  if (decision.status === 'unknown') return `unknown: ${decision.reason}`;
  return decision.rule === undefined ? decision.status : `${decision.status} ${decision.rule.lineNumber}`;
}

describe('a plaintext connection is', () => {
  test.each<[string, readonly string[], string]>([
    ['rejected without rules that match', ['hostssl all all all scram-sha-256'], 'rejected'],
    ['accepted by host', ['host all all all scram-sha-256'], 'accepted 1'],
    ['accepted by hostnossl', ['hostssl all all all md5', 'hostnossl all all all md5'], 'accepted 2'],
    ['rejected by the first that matches', ['host all app all reject', 'host all all all md5'], 'rejected 1'],
    ['accepted before a reject', ['host all all all md5', 'host all all all reject'], 'accepted 1'],
    ['not that of another role', ['host all other all md5'], 'rejected'],
    ['not that to another database', ['host orders all all md5'], 'rejected'],
    ['not that from another network', ['host all all 192.168.0.0&255.255.0.0 md5'], 'rejected'],
    ['that from its network', ['host all all 10.0.0.0&255.0.0.0 md5'], 'accepted 1'],
    ['not IPv6', ['host all all ::&:: md5'], 'rejected'],
    ['that of a member of a group', ['host all +staff all md5'], 'accepted 1'],
    ['not replication', ['host replication all all md5'], 'rejected'],
    ['not that of a role named like the database', ['host sameuser all all md5'], 'rejected'],
  ])('%s', (_what, lines, expected) => {
    expect(shown(facts(lines))).toBe(expected);
  });
});

test('a TLS connection meets other rules', () => {
  expect(shown(facts(['hostnossl all all all trust', 'hostssl all all all md5']), { encryption: 'tls' })).toBe(
    'accepted 2',
  );
});

describe('where a rule may match,', () => {
  test.each<[string, readonly string[], string]>([
    [
      'and would accept what is accepted anyhow, it is accepted',
      ['host all all samenet md5', 'host all all all md5'],
      'accepted 1',
    ],
    ['and would reject what is rejected anyhow, it is rejected', ['host all all samenet reject'], 'rejected 1'],
    [
      'and would reject what is accepted, nobody knows',
      ['host all all samenet reject', 'host all all all md5'],
      "unknown: line 1 may decide: the networks of the server's interfaces (samenet) are not known here",
    ],
    [
      'and would accept what is rejected, nobody knows',
      ['host all all app.example.com md5'],
      'unknown: line 1 may decide: the addresses of app.example.com are not known here',
    ],
    [
      'but not to such an address, it does not matter',
      ['host all all localhost reject', 'host all all all md5'],
      'accepted 2',
    ],
  ])('%s', (_what, lines, expected) => {
    expect(shown(facts(lines))).toBe(expected);
  });
});

describe('unknown is the decision', () => {
  test.each<[string, HbaFacts, Partial<KnownConnection>, string]>([
    ['by a file with a fault', facts(['host all all all md5'], { faults: [{ lineNumber: 9 }] }), {}, 'line 9'],
    ['by no rules at all', facts([]), {}, 'has no rules'],
    ['about a role that nobody lists', facts(['host all all all md5']), { role: 'ghost' }, 'not among those'],
    ['about an address that is none', facts(['host all all all md5']), { address: '/tmp' }, 'is no address'],
  ])('%s', (_what, given, connection, reason) => {
    expect(shown(given, connection)).toMatch(new RegExp(`^unknown: .*${reason}`));
  });
});
