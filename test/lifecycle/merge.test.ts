// Two memories made one: the same whichever comes first, and nothing that matters forgotten.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { mergeRecords, mergeState } from '../../lambda/lifecycle/merge.ts';
import {
  type AuditState,
  EMPTY_STATE,
  type FindingRecord,
  type MuteRecord,
  REASONS,
  RESOLUTIONS,
} from '../../lambda/model/lifecycle.ts';
import { SEVERITIES } from '../../lambda/model/severity.ts';
import { ago, decideOne, finding, mute, NOW, record, scan, state } from './scenario.ts';

/** Few enough that two often are the same. */
const moment = fc.constantFrom(ago(5), ago(4), ago(3), ago(2), ago(1));
const optional = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
const severity = fc.constantFrom(...SEVERITIES);

const anyRecord: fc.Arbitrary<FindingRecord> = fc
  .record({
    severity,
    title: fc.constantFrom('a', 'b'),
    moments: fc.array(moment, { minLength: 3, maxLength: 3 }),
    lastNotified: optional(fc.record({ at: moment, severity, reason: fc.constantFrom(...REASONS) })),
    mute: optional(fc.constantFrom(mute({ role: 'app' }), mute({ role: 'etl' }))),
    resolved: optional(fc.record({ at: moment, resolution: fc.constantFrom(...RESOLUTIONS) })),
  })
  .map(({ moments, resolved, lastNotified, mute: silencedBy, ...changes }) => {
    const [firstSeen = NOW, openedAt = NOW, lastSeen = NOW] = moments.toSorted();
    const isOver = resolved !== undefined && resolved.at >= lastSeen;
    return {
      finding: finding(changes),
      status: isOver ? 'resolved' : 'open',
      firstSeen,
      openedAt,
      lastSeen,
      ...(lastNotified === undefined ? {} : { lastNotified }),
      ...(silencedBy === undefined ? {} : { mute: silencedBy }),
      ...(isOver ? { resolved } : {}),
    };
  });

const anyMute: fc.Arbitrary<MuteRecord> = fc
  .record({ firstSeen: moment, lastMatched: optional(moment), unusedNotifiedAt: optional(moment) })
  .map((each) => JSON.parse(JSON.stringify({ key: 'k', ...each })));

const anyState: fc.Arbitrary<AuditState> = fc
  .record({
    findings: fc.dictionary(fc.constantFrom('x', 'y'), anyRecord),
    targets: fc.dictionary(fc.constantFrom('orders', 'billing'), moment),
    mutes: fc.dictionary(fc.constantFrom('k', 'l'), anyMute),
  })
  .map(({ findings, targets, mutes }) => ({
    findings: new Map(Object.entries(findings)),
    targets: new Map(Object.entries(targets).map(([name, takenAt]) => [name, { name, takenAt }])),
    mutes: new Map(Object.entries(mutes).map(([key, each]) => [key, { ...each, key }])),
  }));

const MANY = { numRuns: 1000 };

describe('a merge', () => {
  test('is the same whichever comes first', () => {
    fc.assert(
      fc.property(anyState, anyState, (a, b) => {
        expect(mergeState(a, b)).toEqual(mergeState(b, a));
      }),
      MANY,
    );
  });

  test('is the same in whatever order three are merged', () => {
    fc.assert(
      fc.property(anyState, anyState, anyState, (a, b, c) => {
        expect(mergeState(mergeState(a, b), c)).toEqual(mergeState(a, mergeState(b, c)));
      }),
      MANY,
    );
  });

  test('changes nothing when it is repeated', () => {
    fc.assert(
      fc.property(anyState, anyState, (a, b) => {
        expect(mergeState(a, a)).toEqual(a);
        expect(mergeState(EMPTY_STATE, a)).toEqual(a);
        const both = mergeState(a, b);
        expect(mergeState(both, b)).toEqual(both);
        expect(mergeState(a, both)).toEqual(both);
      }),
      MANY,
    );
  });

  test('forgets no message, no sighting, and nothing that is open', () => {
    const seen = { open: 0, resolved: 0 };
    fc.assert(
      fc.property(anyRecord, anyRecord, (a, b) => {
        const merged = mergeRecords(a, b);
        for (const { firstSeen, lastSeen, lastNotified, resolved } of [a, b]) {
          expect(merged.firstSeen <= firstSeen).toBe(true);
          expect(merged.lastSeen >= lastSeen).toBe(true);
          expect((merged.lastNotified?.at ?? '') >= (lastNotified?.at ?? '')).toBe(true);
          if (resolved !== undefined && resolved.at >= merged.lastSeen) expect(merged.status).toBe('resolved');
        }
        const isOpen = [a, b].some(
          (one) => one.status === 'open' && [a, b].every(({ resolved }) => (resolved?.at ?? '') < one.lastSeen),
        );
        if (isOpen) expect(merged.status).toBe('open');
        expect(merged.status === 'open').toBe(merged.resolved === undefined);
        expect([a, b].map((one) => one.finding)).toContainEqual(merged.finding);
        seen[merged.status] += 1;
      }),
      MANY,
    );
    expect(Math.min(seen.open, seen.resolved), JSON.stringify(seen)).toBeGreaterThan(20);
  });

  test('compares moments, however they are spelled', () => {
    const second = '2026-03-10T11:00:00Z';
    const half = '2026-03-10T11:00:00.500Z';
    const merged = mergeRecords(
      record({ firstSeen: second, lastSeen: second }),
      record({ firstSeen: half, lastSeen: half }),
    );
    expect(merged).toMatchObject({ firstSeen: second, lastSeen: half });
  });
});

describe('two runs at once, merged,', () => {
  const lastNotified = { at: ago(0.1), severity: 'high', reason: 'resolved' } as const;
  const found = record({ lastSeen: ago(0.2) });
  const gone = record({
    status: 'resolved',
    lastSeen: ago(24),
    resolved: { at: ago(0.3), resolution: 'gone' },
    lastNotified,
  });

  test('leave open what was seen after it was found gone, and the next run tells that it is there', () => {
    const merged = mergeRecords(gone, found);
    expect(merged).toMatchObject({ status: 'open', lastSeen: ago(0.2), lastNotified });
    const previous = state({ records: [merged], scannedAt: ago(0.2) });
    expect(decideOne({ previous, observed: [scan([finding()])] })).toMatchObject({ reason: 'new', notify: true });
    // And when it is not there any more, people know already.
    const absent = decideOne({
      previous: state({ records: [{ ...merged, lastSeen: ago(30) }] }),
      observed: [scan([])],
    });
    expect(absent).toMatchObject({ reason: 'resolved', notify: false });
  });

  test('leave resolved what was found gone after it was seen', () => {
    const before = { ...found, lastSeen: ago(0.4) };
    expect(mergeRecords(before, gone)).toMatchObject({ status: 'resolved', resolved: gone.resolved, lastNotified });
  });

  test('know of a mute what it matched in either', () => {
    const key = 'k';
    const of = (changes: Partial<MuteRecord>) => state({ mutes: [{ key, firstSeen: ago(9), ...changes }] });
    const merged = mergeState(
      of({ lastMatched: ago(1), unusedNotifiedAt: ago(5) }),
      of({ firstSeen: ago(8), lastMatched: ago(2), unusedNotifiedAt: ago(4) }),
    );
    expect([...merged.mutes.values()]).toEqual([
      { key, firstSeen: ago(9), lastMatched: ago(1), unusedNotifiedAt: ago(4) },
    ]);
  });
});
