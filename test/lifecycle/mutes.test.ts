// Which findings a mute means, and since when it means none.

import fc from 'fast-check';
import ipaddr from 'ipaddr.js';
import { describe, expect, test } from 'vitest';
import { decide } from '../../lambda/lifecycle/decide.ts';
import { muteKey, muteMatcher } from '../../lambda/lifecycle/mutes.ts';
import type { Finding } from '../../lambda/model/finding.ts';
import type { MuteRecord } from '../../lambda/model/lifecycle.ts';
import type { Mute, MuteMatch } from '../../lambda/model/mute.ts';
import { ago, finding, input, mute, NOW, record, SECOND, scan, state } from './scenario.ts';

describe('a mute', () => {
  const ROLELESS = { role: undefined, database: undefined, application: undefined };
  test.each<{ about: string; match: MuteMatch; of?: Partial<Finding>; means: boolean }>([
    { about: 'one finding', match: { fingerprint: '00000000000000aa' }, means: true },
    { about: 'another finding', match: { fingerprint: '00000000000000ab' }, means: false },
    { about: 'a fingerprint is no pattern', match: { fingerprint: '*' }, means: false },
    {
      about: 'all that is given',
      match: {
        check: 'plaintext-session',
        target: 'orders',
        role: 'app',
        database: 'shop',
        application: 'worker-#',
        client: '10.0.0.0/8',
      },
      means: true,
    },
    { about: 'all but the role', match: { check: 'plaintext-session', role: 'apps' }, means: false },
    { about: 'all but the target', match: { target: 'billing', role: 'app' }, means: false },
    { about: 'any characters', match: { check: '*-session', target: 'o*s' }, means: true },
    { about: 'none of them', match: { target: 'orders*' }, means: true },
    { about: 'a part', match: { target: 'order' }, means: false },
    { about: 'another case', match: { target: 'Orders' }, means: false },
    { about: 'a dot as a dot', match: { role: 'a.p' }, means: false },
    { about: 'brackets as brackets', match: { role: '[a-z]*' }, of: { role: '[a-z]pp' }, means: true },
    { about: 'any role, of what has one', match: { role: '*' }, means: true },
    { about: 'any role, of what has none', match: { role: '*' }, of: ROLELESS, means: false },
    { about: 'any role, of an empty name', match: { role: '*' }, of: { role: '' }, means: true },
    { about: 'any database, of what has none', match: { check: '*', database: '*' }, of: ROLELESS, means: false },
    { about: 'any application, of what has none', match: { application: '*' }, of: ROLELESS, means: false },
    { about: 'nothing given', match: {}, means: false },
  ])('by $about: $means', ({ match, of, means }) => {
    expect(muteMatcher(match)(finding(of))).toBe(means);
  });

  test.each<{ client: string; clients: readonly string[] | undefined; means: boolean }>([
    { client: '10.1.0.0/16', clients: ['10.1.2.3'], means: true },
    { client: '10.1.2.3', clients: ['10.1.2.3'], means: true },
    { client: '10.1.2.3', clients: ['10.1.2.4'], means: false },
    // Every one of them, and at least one
    { client: '10.1.0.0/16', clients: ['10.1.2.3', '10.1.255.255'], means: true },
    { client: '10.1.0.0/16', clients: ['10.1.2.3', '10.2.0.0'], means: false },
    { client: '0.0.0.0/0', clients: [], means: false },
    { client: '0.0.0.0/0', clients: undefined, means: false },
    // Networks, which stand for many clients
    { client: '10.1.0.0/16', clients: ['10.1.2.0/24'], means: true },
    { client: '10.1.0.0/16', clients: ['10.1.0.0/16'], means: true },
    { client: '10.1.0.0/16', clients: ['10.0.0.0/8'], means: false },
    { client: '10.1.2.3', clients: ['10.1.2.0/24'], means: false },
    { client: '10.1.2.3/16', clients: ['10.1.9.9'], means: true },
    // IPv6, and IPv4 in its clothes
    { client: '2001:db8::/32', clients: ['2001:db8:1::5', '2001:db8:2::/64'], means: true },
    { client: '2001:db8::/32', clients: ['2001:db9::5'], means: false },
    { client: '10.0.0.0/8', clients: ['::ffff:10.1.2.3'], means: true },
    { client: '::ffff:10.0.0.0/104', clients: ['10.1.2.3', '10.2.0.0/16'], means: true },
    { client: '::ffff:10.1.2.3', clients: ['10.1.2.3'], means: true },
    { client: '::ffff:10.0.0.0/104', clients: ['11.1.2.3'], means: false },
    { client: '10.0.0.0/8', clients: ['::ffff:10.1.0.0/112'], means: true },
    // Families have nothing in common
    { client: '::/0', clients: ['10.1.2.3'], means: false },
    { client: '0.0.0.0/0', clients: ['2001:db8::1'], means: false },
    { client: '::/0', clients: ['2001:db8::1'], means: true },
    // What is no address lies in no network
    { client: '0.0.0.0/0', clients: ['10.1.2.3', '…'], means: false },
    { client: '0.0.0.0/0', clients: ['10.1.2.3/33'], means: false },
    { client: 'everywhere', clients: ['10.1.2.3'], means: false },
  ])('of client $client means those from $clients: $means', ({ client, clients, means }) => {
    expect(muteMatcher({ client })(finding({ clients }))).toBe(means);
  });

  test('of a network means exactly the clients whose first bits are its own', () => {
    const seen = { inside: 0, outside: 0 };
    const bytes = fc.array(fc.nat(3), { minLength: 4, maxLength: 4 });
    fc.assert(
      fc.property(bytes, bytes, fc.nat(32), fc.nat(32), (network, client, outer, inner) => {
        const bits = (each: readonly number[]) => each.map((byte) => byte.toString(2).padStart(8, '0')).join('');
        const expected = inner >= outer && bits(network).slice(0, outer) === bits(client).slice(0, outer);
        seen[expected ? 'inside' : 'outside'] += 1;
        const matches = muteMatcher({ client: `${network.join('.')}/${outer}` });
        expect(matches(finding({ clients: [`${client.join('.')}/${inner}`] }))).toBe(expected);
        const mapped = new ipaddr.IPv4([...client]).toIPv4MappedAddress();
        expect(matches(finding({ clients: [`${mapped}/${inner + 96}`] }))).toBe(expected);
      }),
      { numRuns: 500 },
    );
    expect(Math.min(seen.inside, seen.outside), JSON.stringify(seen)).toBeGreaterThan(20);
  });

  test('is the same one with another reason, owner or end, and another one with anything else to match', () => {
    const matches: readonly MuteMatch[] = [
      { check: 'a' },
      { target: 'a' },
      { role: 'a' },
      { database: 'a' },
      { application: 'a' },
      { client: '10.0.0.1' },
      { fingerprint: '00000000000000aa' },
      { check: 'a', target: 'a' },
    ];
    const keys = matches.map(muteKey);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keys[0]).toMatch(/^[0-9a-f]{16}$/);
    expect(muteKey({ target: 'b', check: 'a', role: undefined })).toBe(muteKey({ check: 'a', target: 'b' }));
  });
});

describe('the use of a mute', () => {
  const MUTE = mute({ role: 'app' });
  const key = muteKey(MUTE.match);
  const days = (count: number): string => ago(count * 24);

  function use(known: Partial<MuteRecord> | undefined, findings: readonly Finding[], mutes: readonly Mute[] = [MUTE]) {
    const records = known === undefined ? [] : [{ key, firstSeen: days(365), ...known }];
    const decision = decide(input({ previous: state({ mutes: records }), observed: [scan(findings)], mutes }));
    return { uses: decision.mutes, next: [...(decision.next?.mutes.values() ?? [])] };
  }

  test('counts the findings of the run that it matches, those of other mutes too', () => {
    const others = [
      finding(),
      finding({ fingerprint: 'b'.repeat(16), role: 'other' }),
      finding({ fingerprint: 'c'.repeat(16) }),
    ];
    const { uses, next } = use(undefined, others, [MUTE, mute({ check: '*' })]);
    expect(uses.map(({ matched, expired }) => ({ matched, expired }))).toEqual([
      { matched: 2, expired: false },
      { matched: 3, expired: false },
    ]);
    expect(next[0]).toEqual({ key, firstSeen: NOW, lastMatched: NOW });
  });

  test('of one that has ended tells what it would have matched, and it is not called unused', () => {
    const ended = mute({ role: 'app' }, { expires: NOW });
    expect(use({}, [finding()], [ended]).uses).toMatchObject([{ expired: true, matched: 1, notifyUnused: false }]);
    expect(use({}, [], [ended]).uses).toMatchObject([{ expired: true, matched: 0, notifyUnused: false }]);
  });

  test.each<{ about: string; known: Partial<MuteRecord> | undefined; since: string | undefined; notify: boolean }>([
    { about: 'is new', known: undefined, since: undefined, notify: false },
    {
      about: 'is a second short of 30 days old',
      known: { firstSeen: ago(720 - SECOND) },
      since: undefined,
      notify: false,
    },
    { about: 'is 30 days old', known: { firstSeen: days(30) }, since: days(30), notify: true },
    {
      about: 'matched a second less than 30 days ago',
      known: { lastMatched: ago(720 - SECOND) },
      since: undefined,
      notify: false,
    },
    { about: 'matched 30 days ago', known: { lastMatched: days(30) }, since: days(30), notify: true },
    {
      about: 'was notified of a second less than 30 days ago',
      known: { lastMatched: days(60), unusedNotifiedAt: ago(720 - SECOND) },
      since: days(60),
      notify: false,
    },
    {
      about: 'was notified of 30 days ago',
      known: { lastMatched: days(60), unusedNotifiedAt: days(30) },
      since: days(60),
      notify: true,
    },
    {
      about: 'was notified of, and matched since',
      known: { lastMatched: days(40), unusedNotifiedAt: days(100) },
      since: days(40),
      notify: true,
    },
  ])('that $about and matches nothing: told $notify', ({ known, since, notify }) => {
    const { uses, next } = use(known, []);
    expect(uses).toMatchObject([{ matched: 0, notifyUnused: notify }]);
    expect(uses[0]?.unusedSince).toBe(since);
    expect(next[0]?.unusedNotifiedAt).toBe(notify ? NOW : known?.unusedNotifiedAt);
    // Told once.
    expect(use(next[0], []).uses[0]?.notifyUnused).toBe(false);
  });

  test('is noted when it matches, and ends what it was notified of', () => {
    expect(use({ lastMatched: days(60), unusedNotifiedAt: days(1) }, [finding()])).toMatchObject({
      uses: [{ matched: 1, notifyUnused: false }],
      next: [{ firstSeen: days(365), lastMatched: NOW, unusedNotifiedAt: days(1) }],
    });
  });

  test('goes on while what it silences is open and its target cannot be looked at', () => {
    const previous = state({ records: [record({ mute: MUTE })], mutes: [{ key, firstSeen: days(365) }] });
    const { mutes, next } = decide(input({ previous, mutes: [MUTE] }));
    expect(mutes).toMatchObject([{ matched: 0, notifyUnused: false }]);
    expect(next?.mutes.get(key)?.lastMatched).toBe(NOW);
  });

  test('ends with what it silenced', () => {
    const records = [record({ mute: MUTE, lastSeen: days(31) })];
    const previous = state({ records, mutes: [{ key, firstSeen: days(365), lastMatched: days(31) }] });
    const { mutes } = decide(input({ previous, observed: [scan([])], mutes: [MUTE] }));
    expect(mutes).toMatchObject([{ matched: 0, notifyUnused: true, unusedSince: days(31) }]);
  });

  test('is remembered once for two that match the same, and forgotten with them', () => {
    const both = [mute({ role: 'app' }, { expires: NOW }), MUTE];
    const { uses, next } = use({ firstSeen: days(31) }, [], both);
    expect(uses.map(({ expired, notifyUnused }) => ({ expired, notifyUnused }))).toEqual([
      { expired: true, notifyUnused: false },
      { expired: false, notifyUnused: true },
    ]);
    expect(next).toEqual([{ key, firstSeen: days(31), unusedNotifiedAt: NOW }]);
    expect(use({ firstSeen: days(31) }, [], []).next).toEqual([]);
  });

  test('is not known for how long without state', () => {
    const { mutes } = decide(input({ previous: undefined, observed: [scan([finding()])], mutes: [MUTE] }));
    expect(mutes).toEqual([{ mute: MUTE, key, expired: false, matched: 1, notifyUnused: false }]);
  });
});
