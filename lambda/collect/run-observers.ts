// Runs observers side by side, each within its own time and at its own cost only.

import { unknown } from '../model/observed.ts';
import { endsAfter } from '../model/time.ts';
import { orAfter } from '../runtime/waiting.ts';
import type { AuditedTarget, Observer, ObserverFacts } from './connect/observer.ts';
import { describeDefect } from './defect.ts';

/** When the time of a target is up. */
export interface TargetEnd {
  readonly signal: AbortSignal;
  /** Milliseconds until then, unless the run ends before. */
  readonly timeLeftMs: number;
}

/**
 * Runs the observers and gives the facts of each as soon as they are known. Never throws.
 *
 * @param target undefined where the target could not be connected to
 */
export async function runObservers(
  observers: readonly Observer[],
  target: AuditedTarget | undefined,
  ends: TargetEnd,
  onFacts: (facts: ObserverFacts) => void,
): Promise<void> {
  await Promise.all(observers.map(async (observer) => onFacts(await factsFrom(observer, target, ends))));
}

/** All facts of an observer, unknown for one reason. */
export function factsOf({ facts }: Observer, reason: string): ObserverFacts {
  return Object.fromEntries(facts.map((fact) => [fact, unknown(reason)]));
}

async function factsFrom(
  observer: Observer,
  target: AuditedTarget | undefined,
  end: TargetEnd,
): Promise<ObserverFacts> {
  const { name, timeoutMs } = observer;
  const { signal } = end;
  if (target === undefined) return factsOf(observer, 'no connection to the target came about');
  if (signal.aborted) return factsOf(observer, `the audit left no time for ${name}`);
  const ends = AbortSignal.any([signal, endsAfter(timeoutMs)]);
  const late = (): ObserverFacts =>
    factsOf(
      observer,
      `${name} did not end within ${signal.aborted ? 'the time of the target' : `${timeoutMs / 1_000} s`}`,
    );
  try {
    const work = Promise.resolve(
      observer.observe({ ...target, signal: ends, timeLeftMs: Math.min(timeoutMs, end.timeLeftMs) }),
    );
    return usable(observer, await orAfter(work, ends, late));
  } catch (error) {
    return factsOf(observer, `${name} failed: ${describeDefect(error)}`);
  }
}

/** The facts that the observer owns; one that is not there, or no fact, is unknown. */
function usable(observer: Observer, given: unknown): ObserverFacts {
  const { name, facts } = observer;
  const answer = typeof given === 'object' && given !== null ? (given as Readonly<Record<string, unknown>>) : {};
  return Object.fromEntries(
    facts.map((fact) => {
      const observed = Object.hasOwn(answer, fact) ? answer[fact] : undefined;
      return [fact, isObserved(observed) ? observed : unknown(`${name} gave no usable answer`)];
    }),
  );
}

function isObserved(fact: unknown): boolean {
  if (typeof fact !== 'object' || fact === null || !('known' in fact)) return false;
  if (fact.known === true) return 'value' in fact && typeof fact.value === 'object' && fact.value !== null;
  return fact.known === false && 'reason' in fact && typeof fact.reason === 'string' && fact.reason !== '';
}
