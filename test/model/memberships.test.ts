// Memberships of roles, compared with those that a plain search finds.

import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Memberships } from '../../lambda/model/memberships.ts';

type Pair = readonly [member: string, group: string];

function groupsOf(start: string, pairs: readonly Pair[]): readonly string[] {
  const found = new Set<string>();
  const open = [start];
  for (let role = open.pop(); role !== undefined; role = open.pop()) {
    for (const [member, group] of pairs) {
      if (member !== role || found.has(group)) continue;
      found.add(group);
      open.push(group);
    }
  }
  return [...found].sort();
}

test('memberships are those that are found one by one, circles included', () => {
  const role = fc.nat(20).map(String);
  fc.assert(
    fc.property(fc.array(fc.tuple(role, role), { maxLength: 60 }), (pairs) => {
      const memberships = new Memberships(pairs.map(([member, group]) => ({ member, group })));
      for (const member of new Set(pairs.flat())) {
        const groups = groupsOf(member, pairs);
        expect([...memberships.groupsOf(member)].sort()).toEqual(groups);
        expect([...new Set(pairs.flat())].filter((group) => memberships.isMember(member, group)).sort()).toEqual(
          groups,
        );
        const direct = new Set(pairs.filter(([one]) => one === member).map(([, group]) => group));
        expect([...memberships.directGroupsOf(member)].sort()).toEqual([...direct].sort());
      }
    }),
  );
});

test('a role that nothing is known of is a member of nothing', () => {
  const memberships = new Memberships([{ member: '1', group: '2' }]);
  expect([memberships.isMember('9', '2'), memberships.isMember('1', '9'), [...memberships.groupsOf('9')]]).toEqual([
    false,
    false,
    [],
  ]);
});
