// A server whose clients have other names in every run: what is remembered of it stays within a limit, and nothing of
// another target is lost to it.

import { describe, expect, test } from 'vitest';
import { decide } from '../../lambda/lifecycle/decide.ts';
import { MOST_UNOBSERVED } from '../../lambda/lifecycle/record-limit.ts';
import type { Finding } from '../../lambda/model/finding.ts';
import type { AuditState, Decision, FindingRecord } from '../../lambda/model/lifecycle.ts';
import { known } from '../../lambda/model/observed.ts';
import { droppedRecordsWarning } from '../../lambda/report/warnings.ts';
import { ago, finding, input, LASTING, record, scan, scanWith, state } from './scenario.ts';

/** Findings of one run of a server that never shows the same twice. */
function flood(run: number, count: number, target = 'orders'): readonly Finding[] {
  return Array.from({ length: count }, (_, index) =>
    finding({
      target,
      fingerprint: `${target} ${run} ${String(index).padStart(6, '0')}`,
      application: `${run} ${index}`,
    }),
  );
}

function recordsOf(findings: readonly Finding[], changes: Partial<FindingRecord> = {}): readonly FindingRecord[] {
  return findings.map((each) => record({ finding: each, ...changes }));
}

function run(previous: AuditState, findings: readonly Finding[]): Decision {
  return decide(input({ previous, observed: [scan(findings)], targets: known(['orders', 'invoices']) }));
}

function kept({ next }: Decision, fingerprintStart: string): number {
  return [...(next?.findings.keys() ?? [])].filter((key) => key.startsWith(fingerprintStart)).length;
}

describe('findings that never come twice', () => {
  test('fill up to the limit besides those of the run, however many runs there are', () => {
    const size = MOST_UNOBSERVED / 2;
    let previous = state();
    const sizes: number[] = [];
    for (let index = 0; index < 5; index += 1) {
      const { next = previous } = run(previous, flood(index, size));
      previous = next;
      sizes.push(next.findings.size);
    }
    expect(sizes.map((each) => each / size)).toEqual([1, 2, 3, 3, 3]);
  });

  test('push out the open ones that were seen longest ago, and it is said how many', () => {
    const early = recordsOf(flood(1, 10), { lastSeen: ago(5) });
    const late = recordsOf(flood(2, MOST_UNOBSERVED - 4), { lastSeen: ago(4) });
    const decision = run(state({ records: [...late, ...early] }), flood(3, 7));
    expect([1, 2, 3].map((each) => kept(decision, `orders ${each}`))).toEqual([4, MOST_UNOBSERVED - 4, 7]);
    expect(decision.droppedRecords).toEqual([{ target: 'orders', open: 6 }]);
    // This run still reports them.
    expect(decision.findings).toHaveLength(MOST_UNOBSERVED + 6 + 7);
    expect(decision.unnotified?.findings.size).toBe(decision.next?.findings.size);
  });

  test('push out resolved ones first, without a word', () => {
    const open = recordsOf(flood(1, MOST_UNOBSERVED - 1), { lastSeen: ago(9) });
    const resolved = recordsOf(flood(2, 3), {
      status: 'resolved',
      lastSeen: ago(2),
      resolved: { at: ago(1), resolution: 'gone' },
      lastNotified: { at: ago(1), severity: 'high', reason: 'resolved' },
    });
    const decision = run(state({ records: [...open, ...resolved] }), []);
    expect([1, 2].map((each) => kept(decision, `orders ${each}`))).toEqual([MOST_UNOBSERVED - 1, 1]);
    expect(decision.droppedRecords).toBeUndefined();
  });

  test('cost another target none of its records', () => {
    const others = recordsOf(flood(0, 20, 'invoices'), { lastSeen: ago(300) });
    const own = recordsOf(flood(1, MOST_UNOBSERVED + 1));
    const decision = run(state({ records: [...own, ...others] }), []);
    expect(kept(decision, 'invoices')).toBe(20);
    expect(kept(decision, 'orders')).toBe(MOST_UNOBSERVED);
  });

  test('are all kept where none is beyond the limit: a target that can not be audited loses nothing', () => {
    const own = recordsOf(flood(1, MOST_UNOBSERVED));
    const reason = 'it was not asked';
    const decision = decide(
      input({ previous: state({ records: own }), observed: [scanWith({ status: 'unknown', reason })] }),
    );
    expect(decision.next?.findings.size).toBe(MOST_UNOBSERVED);
    expect(decision.droppedRecords).toBeUndefined();
  });

  test('never push out what the run itself saw', () => {
    const lasting = finding({ check: LASTING, fingerprint: 'lasting' });
    const decision = run(
      state({
        records: [record({ finding: lasting, lastSeen: ago(400) }), ...recordsOf(flood(1, MOST_UNOBSERVED + 5))],
      }),
      [lasting, ...flood(2, 5)],
    );
    expect(decision.next?.findings.has('lasting')).toBe(true);
    expect(kept(decision, 'orders 2')).toBe(5);
  });
});

describe('the warning', () => {
  test('names the targets with most first, and what it means', () => {
    const dropped = [
      { target: 'orders', open: 6 },
      { target: 'bad\u001b[31m', open: 40_000 },
    ];
    expect(droppedRecordsWarning(dropped)).toEqual([
      {
        id: 'findings-dropped',
        message:
          'Too many open findings, the oldest are no longer recorded: bad\\u{1b}[31m (40,000) and orders (6). They are not ' +
          'resolved, and one that is seen again is sent as new. A database that shows so many shows others in every run, ' +
          'mostly by application names that never repeat.',
      },
    ]);
  });

  test('is not there where nothing was dropped', () => {
    expect(droppedRecordsWarning(undefined)).toEqual([]);
  });
});
