// Runs that die between publishing and saving, and runs that overlap: a notice may come twice, and is never lost.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decide } from '../../lambda/lifecycle/decide.ts';
import { mergeState } from '../../lambda/lifecycle/merge.ts';
import { type AuditState, type Decision, EMPTY_STATE, type Reason } from '../../lambda/model/lifecycle.ts';
import { isAtLeast, type Severity } from '../../lambda/model/severity.ts';
import { type Given, isAboveThreshold, isMuted, runsOf, type Step, steps } from './generated-histories.ts';

/** Where a run dies; `saved twice`: it repeats what it saved, as one does that had no answer. */
const FAULTS = ['none', 'before publishing', 'before saving', 'saved twice'] as const;
type Fault = (typeof FAULTS)[number];

/** One run, or two that begin with the same memory: which decides and which saves first. */
interface Turn {
  readonly step: Step;
  readonly fault: Fault;
  readonly overtakenBy?:
    | { readonly step: Step; readonly fault: Fault; readonly decidesFirst: boolean; readonly savesFirst: boolean }
    | undefined;
}

const step = steps(1, 1).map(([only]) => only as Step);
const fault = fc.constantFrom(...FAULTS);
const turn: fc.Arbitrary<Turn> = fc.record({
  step,
  fault,
  overtakenBy: fc.option(fc.record({ step, fault, decidesFirst: fc.boolean(), savesFirst: fc.boolean() }), {
    nil: undefined,
  }),
});

/** A message that went out. */
interface Message {
  readonly fingerprint: string;
  readonly reason: Reason;
  readonly severity: Severity;
  readonly at: string;
  /** Whether the run lived to remember it. */
  readonly saved: boolean;
}

/** What people were sent, and what is remembered: all there is of the outside. */
class Outside {
  state: AuditState = EMPTY_STATE;
  readonly messages: Message[] = [];

  publish({ findings }: Decision, { now }: Given, fault: Fault): void {
    if (fault === 'before publishing') return;
    for (const { notify, finding, reason } of findings) {
      if (!notify) continue;
      const { fingerprint, severity } = finding;
      this.messages.push({ fingerprint, reason, severity, at: now, saved: fault !== 'before saving' });
    }
  }

  save({ next = EMPTY_STATE }: Decision, fault: Fault): void {
    if (fault === 'before publishing' || fault === 'before saving') return;
    for (const _ of fault === 'saved twice' ? [1, 2] : [1]) this.state = mergeState(this.state, next);
  }
}

/** A run that takes longer from its looks to its decision. */
function decidedLater(given: Given, seconds: number): Given {
  return { ...given, now: new Date(Date.parse(given.now) + seconds * 1000).toISOString() };
}

/** The turns, with what they draw as one line of time; the looks of an overtaken run are the older ones. */
function live(turns: readonly Turn[], tail: readonly Step[]): { outside: Outside; rest: readonly Given[] } {
  const drawn = turns.flatMap((each) =>
    each.overtakenBy === undefined ? [each.step] : [each.step, { ...each.overtakenBy.step, gap: 0.01 }],
  );
  const runs = [...runsOf([...drawn, ...tail])];
  const outside = new Outside();
  for (const { fault: mine, overtakenBy } of turns) {
    const given = runs.shift();
    if (given === undefined) throw new Error('a turn without a run');
    if (overtakenBy === undefined) {
      const decision = decide({ ...given, previous: outside.state });
      outside.publish(decision, given, mine);
      outside.save(decision, mine);
      continue;
    }
    const other = runs.shift();
    if (other === undefined) throw new Error('a turn without a second run');
    overlap(outside, given, mine, other, overtakenBy);
  }
  return { outside, rest: runs };
}

function overlap(
  outside: Outside,
  given: Given,
  mine: Fault,
  other: Given,
  { fault: others, decidesFirst, savesFirst }: NonNullable<Turn['overtakenBy']>,
): void {
  const previous = outside.state;
  // Both end after the second has looked.
  const slow = decidedLater(given, decidesFirst ? 200 : 40);
  const fast = decidedLater(other, decidesFirst ? 10 : 100);
  const first = { decision: decide({ ...slow, previous }), given: slow, fault: mine };
  const second = { decision: decide({ ...fast, previous }), given: fast, fault: others };
  for (const each of decidesFirst ? [second, first] : [first, second]) {
    outside.publish(each.decision, each.given, each.fault);
  }
  for (const each of savesFirst ? [second, first] : [first, second]) outside.save(each.decision, each.fault);
}

/** What was sent of a finding from the last message on that is remembered. */
function standing(outside: Outside, fingerprint: string): readonly Message[] {
  const all = outside.messages
    .filter((each) => each.fingerprint === fingerprint)
    .sort((a, b) => (a.at < b.at ? -1 : 1));
  const last = all.findLastIndex(({ saved }) => saved);
  return all.slice(Math.max(last, 0));
}

const turns = fc.array(turn, { minLength: 1, maxLength: 8 });
const HISTORIES = { numRuns: 400 };

describe('after any faults', () => {
  test('receivers have been notified of whatever the next run sees, as bad as it is', () => {
    const seen = { 'notified now': 0, 'notified before': 0 };
    fc.assert(
      fc.property(turns, step, (before, last) => {
        const { outside, rest } = live(before, [last]);
        for (const given of rest) {
          const decision = decide({ ...given, previous: outside.state });
          outside.publish(decision, given, 'none');
          for (const { finding, isObserved: isSeen, notify } of decision.findings) {
            if (!isSeen || !isAboveThreshold(finding) || isMuted(given, finding)) continue;
            const lastNotified = standing(outside, finding.fingerprint);
            const enough = lastNotified.some(
              ({ reason, severity }) => reason !== 'resolved' && isAtLeast(severity, finding.severity),
            );
            expect(enough, `${finding.fingerprint}: ${JSON.stringify(lastNotified)}`).toBe(true);
            seen[notify ? 'notified now' : 'notified before'] += 1;
          }
        }
      }),
      HISTORIES,
    );
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(10);
  });

  test('receivers have been notified of whatever has gone since, if they knew of it', () => {
    const seen = { 'notified now': 0, 'notified before': 0 };
    const nothing = [0, 1].map(() => ({ status: 'seen' as const, severities: [] }));
    const gone: Step = {
      gap: 30,
      scans: [nothing, nothing],
      mutes: [],
      targets: ['billing', 'orders'],
      checks: ['plaintext-session', 'plaintext-allowed'],
    };
    // What is muted goes in silence, so that none is here.
    const unmuted = turns.map((each) =>
      each.map(
        (one): Turn => ({
          ...one,
          step: { ...one.step, mutes: [] },
          overtakenBy: one.overtakenBy && { ...one.overtakenBy, step: { ...one.overtakenBy.step, mutes: [] } },
        }),
      ),
    );
    fc.assert(
      fc.property(unmuted, (before) => {
        const { outside, rest } = live(before, [gone]);
        for (const given of rest) {
          const count = outside.messages.length;
          const known = new Set(outside.messages.filter(({ saved }) => saved).map(({ fingerprint }) => fingerprint));
          const decision = decide({ ...given, previous: outside.state });
          outside.publish(decision, given, 'none');
          for (const fingerprint of known) {
            // A run that told of it once more and died leaves nothing by which another could know.
            const reasons = standing(outside, fingerprint).map(({ reason }) => reason);
            expect(reasons, fingerprint).toContain('resolved');
            seen[
              outside.messages.slice(count).some((each) => each.fingerprint === fingerprint)
                ? 'notified now'
                : 'notified before'
            ] += 1;
          }
          expect([...(decision.next?.findings.values() ?? [])].filter(({ status }) => status === 'open')).toEqual([]);
        }
      }),
      HISTORIES,
    );
    expect(Math.min(...Object.values(seen)), JSON.stringify(seen)).toBeGreaterThan(10);
  });

  test('a run that is saved and the next one, which sees the same, tell of nothing twice', () => {
    fc.assert(
      fc.property(turns, step, (before, last) => {
        const { outside, rest } = live(before, [last, { ...last, gap: 0.25 }]);
        const [first, second] = rest;
        if (first === undefined || second === undefined) throw new Error('no tail');
        outside.save(decide({ ...first, previous: outside.state }), 'none');
        const again = decide({ ...second, mutes: first.mutes, now: first.now, previous: outside.state });
        // Reminders and quiet times are of time, which stands still here.
        expect(again.findings.filter(({ notify }) => notify)).toEqual([]);
      }),
      HISTORIES,
    );
  });
});
