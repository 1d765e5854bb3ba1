// What every store promises: a memory that is whole, one run at a time, and nothing lost where runs overlap all the
// same.

import { describe, expect, test } from 'vitest';
import { StateError } from '../../../lambda/deliver/state/store.ts';
import { mergeState } from '../../../lambda/lifecycle/merge.ts';
import { displayText } from '../../../lambda/model/display.ts';
import { EMPTY_STATE } from '../../../lambda/model/lifecycle.ts';
import { HOSTILE_NAMES } from '../../report/hostile.ts';
import { daysBefore, fingerprint, NOW, openFinding, resolvedFinding, stateWith, waitLimit } from './states.ts';
import { STORES } from './stores.ts';

const MUTE = {
  match: { check: 'plaintext-*', role: 'app_*' },
  reason: 'moves to TLS in May: “läuft”',
  owner: 'team-data',
  expires: '2024-05-01T00:00:00.000Z',
};

describe.each(STORES)('the state in $kind', ({ open }) => {
  test('is empty at first', async () => {
    await using place = await open();
    expect(await place.store().read()).toEqual(EMPTY_STATE);
    await using lease = await place.store().acquire(waitLimit());
    expect(lease.state).toEqual(EMPTY_STATE);
  });

  test('comes back as it was saved, every kind of record and every part of it', async () => {
    await using place = await open();
    const saved = stateWith({
      findings: [
        openFinding(1, { database: 'shop', application: 'psql' }, { mute: MUTE }),
        {
          ...resolvedFinding(2, daysBefore(1)),
          resolved: { at: daysBefore(1), resolution: 'not-applicable', detail: 'no certificate is asked for' },
        },
        openFinding(3, { clients: [], count: 0, evidence: {}, title: '', remedy: '' }, { lastNotified: undefined }),
      ],
      targets: [{ name: 'orders', takenAt: daysBefore(0) }],
      mutes: [
        {
          key: '{"check":"plaintext-*"}',
          firstSeen: daysBefore(40),
          lastMatched: daysBefore(35),
          unusedNotifiedAt: daysBefore(2),
        },
        { key: 'x'.repeat(1500), firstSeen: daysBefore(1) },
        { key: `${'x'.repeat(1500)}y`, firstSeen: daysBefore(2) },
      ],
    });
    {
      await using lease = await place.store().acquire(waitLimit());
      await lease.save(saved);
    }
    expect(await place.store().read()).toEqual(saved);
  });

  test('keeps names that clients chose to do harm', async () => {
    await using place = await open();
    const names = HOSTILE_NAMES.map(([, name]) => displayText(name));
    const saved = stateWith({
      findings: names.map((name, index) =>
        openFinding(index, {
          role: name,
          database: name,
          application: name,
          title: `role ${name} connects`,
          evidence: { name, names: [name], constructor: name, 'a key': name },
        }),
      ),
      mutes: ['__proto__', 'constructor', 'zürich–東京 🔒', 'dots.and/slashes#'].map((key) => ({
        key,
        firstSeen: daysBefore(1),
      })),
    });
    await using lease = await place.store().acquire(waitLimit());
    await lease.save(saved);
    expect(await place.store().read()).toEqual(saved);
  });

  test('is what the run before has saved', async () => {
    await using place = await open();
    const first = stateWith({
      findings: [openFinding(1), openFinding(2)],
      mutes: [{ key: 'a', firstSeen: daysBefore(1) }],
    });
    const second = stateWith({ findings: [resolvedFinding(1, daysBefore(0)), openFinding(2), openFinding(3)] });
    {
      await using lease = await place.store().acquire(waitLimit());
      await lease.save(first);
    }
    {
      await using lease = await place.store().acquire(waitLimit());
      expect(lease.state).toEqual(first);
      await lease.save(second);
    }
    expect(await place.store().read(), 'what the second run forgot is gone').toEqual(second);
  });

  test('stays as it was when a run ends before it saves', async () => {
    await using place = await open();
    const saved = stateWith({ findings: [openFinding(1)] });
    {
      await using lease = await place.store().acquire(waitLimit());
      await lease.save(saved);
    }
    {
      await using _ = await place.store().acquire(waitLimit());
    }
    await using lease = await place.store().acquire(waitLimit());
    expect(lease.state).toEqual(saved);
  });

  test('is the last one that a turn saved, however often', async () => {
    await using place = await open();
    await using lease = await place.store().acquire(waitLimit());
    for (const findings of [
      [openFinding(1)],
      [openFinding(1), openFinding(2)],
      [],
      [openFinding(2)],
      [openFinding(2)],
    ]) {
      await lease.save(stateWith({ findings }));
      expect(await place.store().read()).toEqual(stateWith({ findings }));
    }
  });

  test('forgets what was resolved 90 days ago, and targets and mutes not seen for 400, and no open finding', async () => {
    await using place = await open();
    const second = 1000 / 86_400_000;
    const kept = stateWith({
      findings: [resolvedFinding(1, daysBefore(90 - second)), openFinding(2, {}, { lastSeen: daysBefore(2000) })],
      targets: [{ name: 'orders', takenAt: daysBefore(400 - second) }],
      mutes: [{ key: 'used', firstSeen: daysBefore(2000), lastMatched: daysBefore(399) }],
    });
    const old = stateWith({
      findings: [resolvedFinding(3, daysBefore(90))],
      targets: [{ name: 'gone', takenAt: daysBefore(400) }],
      mutes: [
        { key: 'gone', firstSeen: daysBefore(2000), lastMatched: daysBefore(401), unusedNotifiedAt: daysBefore(400) },
      ],
    });
    {
      await using lease = await place.store().acquire(waitLimit());
      await lease.save(mergeState(kept, old));
    }
    expect(await place.store().read()).toEqual(kept);
    {
      // What is there but expired is no obstacle to the same thing happening anew, nor merged with it.
      await using lease = await place.store().acquire(waitLimit());
      expect(lease.state).toEqual(kept);
      await lease.save(stateWith({ findings: [openFinding(3)], targets: [{ name: 'gone', takenAt: daysBefore(0) }] }));
    }
    expect(await place.store().read()).toEqual(
      stateWith({ findings: [openFinding(3)], targets: [{ name: 'gone', takenAt: daysBefore(0) }] }),
    );
    expect((await place.store({ now: new Date('2034-01-01T00:00:00Z') }).read()).findings.size).toBe(1);
  });

  test('keeps thousands of findings', async () => {
    await using place = await open();
    const findings = Array.from({ length: 1_500 }, (_, index) => openFinding(index));
    {
      await using lease = await place.store().acquire(waitLimit());
      await lease.save(stateWith({ findings }));
    }
    expect(await place.store().read()).toEqual(stateWith({ findings }));
  });

  test('keeps a finding with more evidence than an item may hold, as far as it goes', async () => {
    await using place = await open();
    const lists = Array.from(
      { length: 50 },
      (_, index) => [`list ${index}`, Array(5_000).fill('ü'.repeat(500))] as const,
    );
    const huge = openFinding(1, {
      title: 'ä'.repeat(50_000),
      remedy: '\u0001'.repeat(500_000),
      clients: Array(100_000).fill('10.0.0.1'),
      evidence: { big: '🔒'.repeat(100_000), far: 1e300, ...Object.fromEntries(lists) },
    });
    {
      await using lease = await place.store().acquire(waitLimit());
      await lease.save(stateWith({ findings: [huge, openFinding(2)] }));
    }
    const { findings } = await place.store().read();
    expect(findings.get(fingerprint(2))).toEqual(openFinding(2));
    const kept = findings.get(fingerprint(1));
    expect(kept).toEqual({ ...huge, finding: expect.objectContaining({ fingerprint: fingerprint(1), role: 'app_1' }) });
    expect(kept?.finding.clients?.at(-1), 'a mute of those addresses does not match a list that was cut').toBe('…');
    expect(kept?.finding.evidence).not.toHaveProperty('list 0');
    expect(kept?.finding.evidence.far).toBe('1e+300');
    expect(JSON.stringify(kept).isWellFormed()).toBe(true);
    expect(Buffer.byteLength(JSON.stringify(kept))).toBeLessThan(250_000);
  });
});

describe.each(STORES)('a turn with the state in $kind', ({ open }) => {
  test('comes to one run after the other, and each sees what those before it have saved', async () => {
    await using place = await open();
    let inside = 0;
    const run = async (number: number): Promise<void> => {
      await using lease = await place.store().acquire(waitLimit());
      inside += 1;
      expect(inside).toBe(1);
      await lease.save(mergeState(lease.state, stateWith({ findings: [openFinding(number)] })));
      expect(inside).toBe(1);
      inside -= 1;
    };
    await Promise.all([1, 2, 3, 4, 5, 6].map(run));
    expect((await place.store().read()).findings.size).toBe(6);
    expect(await place.isHeld()).toBe(false);
  });

  test('does not keep anyone from reading', async () => {
    await using place = await open();
    await using lease = await place.store().acquire(waitLimit());
    await lease.save(stateWith({ findings: [openFinding(1)] }));
    expect(await place.store().read()).toEqual(stateWith({ findings: [openFinding(1)] }));
  });

  test('that does not come is an error that says who has it, since when, and what to do', async () => {
    await using place = await open();
    const store = place.store();
    await using _ = await store.acquire(waitLimit());
    const waiting = store.acquire(AbortSignal.timeout(800));
    await expect(waiting).rejects.toThrow(StateError);
    await expect(waiting).rejects.toThrow(
      /^The lease of the state in .+ was not free in time: (run of a test|process \d+ on .+) has held it since 2\d{3}-\d\d-\d\dT.+Z\. Nothing was decided, notified or saved\. .*start runs less often/,
    );
    await expect(store.acquire(AbortSignal.abort())).rejects.toThrow(StateError);
    expect(await place.isHeld(), 'whoever waited in vain leaves the turn to its holder').toBe(true);
  });

  test('is kept for longer than its lease by a run that lives', async () => {
    await using place = await open();
    const leaseMs = 900;
    const lease = await place.store({ leaseMs }).acquire(waitLimit());
    await expect(place.store({ leaseMs }).acquire(AbortSignal.timeout(3 * leaseMs))).rejects.toThrow(StateError);
    await lease[Symbol.asyncDispose]();
    await using _ = await place.store({ leaseMs }).acquire(waitLimit());
  });

  test('that was lost is not given back in place of the one who has it now', async () => {
    await using place = await open();
    const first = await place.store().acquire(waitLimit());
    await place.releaseLease();
    await using _ = await place.store().acquire(waitLimit());
    await first[Symbol.asyncDispose]();
    expect(await place.isHeld()).toBe(true);
  });

  test('goes by the time of the machine, whatever clock the run is given', async () => {
    await using place = await open();
    await using _ = await place.store({ now: new Date('2020-01-01T00:00:00Z') }).acquire(waitLimit());
    const later = place.store({ now: new Date('2040-01-01T00:00:00Z') });
    await expect(later.acquire(AbortSignal.timeout(800))).rejects.toThrow(StateError);
  });

  const before = stateWith({
    findings: [openFinding(1), openFinding(2), openFinding(3)],
    targets: [{ name: 'orders', takenAt: daysBefore(1) }],
    mutes: [
      { key: 'a', firstSeen: daysBefore(9) },
      { key: 'b', firstSeen: daysBefore(9) },
    ],
  });
  /** Found 1 gone; knows no 4; told of 5; forgot mute a. */
  const one = stateWith({
    findings: [resolvedFinding(1, daysBefore(0)), openFinding(2), openFinding(3), openFinding(5)],
    targets: [{ name: 'orders', takenAt: daysBefore(0.5) }],
    mutes: [{ key: 'b', firstSeen: daysBefore(9), lastMatched: daysBefore(0) }],
  });
  /** Saw 1 and 5 grow worse; told of 4; noted that mute a matched. */
  const other = stateWith({
    findings: [
      openFinding(1, { severity: 'critical' }, { lastSeen: new Date(NOW.getTime() + 1000).toISOString() }),
      openFinding(2, { count: 9 }),
      openFinding(3),
      openFinding(4),
      openFinding(
        5,
        { severity: 'critical' },
        { lastNotified: { at: daysBefore(-1), severity: 'critical', reason: 'new' } },
      ),
    ],
    targets: [{ name: 'orders', takenAt: daysBefore(0) }],
    mutes: [
      { key: 'a', firstSeen: daysBefore(9), lastMatched: daysBefore(0) },
      { key: 'b', firstSeen: daysBefore(9) },
    ],
  });

  test.each([
    ['the one whose turn ran out saves last', false],
    ['the one whose turn ran out saves first', true],
  ])('that ran out loses nothing of either run: %s', async (_, lateFirst) => {
    await using place = await open();
    {
      await using lease = await place.store().acquire(waitLimit());
      await lease.save(before);
    }
    await using late = await place.store().acquire(waitLimit());
    await place.releaseLease();
    await using next = await place.store().acquire(waitLimit());
    expect(next.state).toEqual(before);

    for (const lease of lateFirst ? [late, next] : [next, late]) await lease.save(lease === late ? one : other);
    const merged = await place.store().read();
    expect(merged.findings).toEqual(
      new Map(mergeState(one, other).findings).set(fingerprint(2), openFinding(2, { count: 9 })),
    );
    expect(merged.targets).toEqual(other.targets);
    expect(merged.mutes.get('b')).toEqual(one.mutes.get('b'));
    expect(merged.mutes.get('a')).toEqual(other.mutes.get('a'));

    // And again: what was merged is not undone by who does not know it.
    for (const lease of [late, next, late]) await lease.save(lease === late ? one : other);
    expect(await place.store().read()).toEqual(merged);
  });

  test('that ran out and goes on builds on what was merged', async () => {
    await using place = await open();
    const lastNotified = { at: daysBefore(0), severity: 'critical', reason: 'new' } as const;
    await using late = await place.store().acquire(waitLimit());
    await place.releaseLease();
    await using next = await place.store().acquire(waitLimit());
    await next.save(stateWith({ findings: [openFinding(1, {}, { lastNotified })] }));
    const mine = openFinding(1, {}, { lastNotified: undefined });
    await late.save(stateWith({ findings: [mine] }));
    const lastSeen = daysBefore(-1);
    await late.save(stateWith({ findings: [{ ...mine, lastSeen }] }));
    expect((await place.store().read()).findings.get(fingerprint(1))).toEqual(
      openFinding(1, {}, { lastNotified, lastSeen }),
    );
  });
});
