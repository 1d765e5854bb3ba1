// Takes the snapshot of one target within its deadline, with retries.

import pRetry from 'p-retry';
import { AuditFailure, type Failure } from '../model/failure.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Target } from '../model/target.ts';
import { endsAfter } from '../model/time.ts';
import { confined, UncaughtError } from '../runtime/confinement.ts';
import { orAfter } from '../runtime/waiting.ts';
import { Attempts, type Collector } from './attempts.ts';
import type { Observer } from './connect/observer.ts';
import { connectionLog } from './connection-log/observer.ts';
import { asFailure } from './defect.ts';
import { sampling } from './postgres/sampling.ts';
import { wireProbe } from './probe/observer.ts';
import { factsOf, runObservers } from './run-observers.ts';
import { SnapshotBuilder } from './snapshot-builder.ts';

const OVER = new Error('the audit of the target is over');

/** The sources of facts besides the audit itself. */
function observersOf({ logs, clock }: Collector): readonly Observer[] {
  return [wireProbe, connectionLog(logs, clock), sampling];
}

/** Back-off between attempts: a quarter of a second, doubling, at most 4 s, with jitter; the deadline ends it. */
const BACK_OFF = { retries: 20, factor: 2, minTimeout: 250, maxTimeout: 4_000, randomize: true } as const;

/** The outcome of one target's turn. */
export interface TakenSnapshot {
  readonly snapshot: Snapshot;
  /** Resolves when the connection of its audit is closed, as soon as the server does its part. Never rejects. */
  readonly closed: Promise<void>;
}

/**
 * Takes a target's snapshot: the audit first, then the observers that the target wants. Never throws: the snapshot
 * says what went wrong. Does not wait for the server to close the connection.
 *
 * @param deadline aborts when the run is out of time, or for the reason it gives when that is an AuditFailure; the
 *   target's own `timeoutMs` applies besides
 * @param observers of which those run that want the target @default all there are
 */
export async function takeSnapshot(
  target: Target,
  collector: Collector,
  deadline: AbortSignal,
  observers: readonly Observer[] = observersOf(collector),
): Promise<TakenSnapshot> {
  return await confined(async (broken) => {
    const builder = builderFor(target, collector, observers);
    const over = new AbortController();
    const sooner = [deadline, broken, over.signal];
    const audit = AbortSignal.any([...sooner, endsAfter(target.timeoutMs)]);
    const longest = target.timeoutMs + target.sampleMs;
    const signal = target.sampleMs === 0 ? audit : AbortSignal.any([...sooner, endsAfter(longest)]);
    const ends = { signal, audit, deadline, broken, endsAt: performance.now() + longest };
    // After an error that no code expected, what the work waits for may never come.
    await orAfter(auditAndObserve(target, collector, builder, observers, ends), ends.signal, () => {
      if (!builder.isAudited) builder.fail(whyEnded(builder, ends));
    });
    // What listens for the end of the target keeps its connection in memory, else until the target's time is up.
    const closed = builder.closed.then(() => over.abort(OVER));
    return { snapshot: withoutSecrets(builder.build(), builder), closed };
  });
}

/** Until they have run, the facts of observers are unknown. */
function builderFor(target: Target, { clock }: Collector, observers: readonly Observer[]): SnapshotBuilder {
  const builder = new SnapshotBuilder(target, clock);
  for (const observer of observers) {
    if (observer.isWanted(target)) builder.setObserverFacts(factsOf(observer, 'the target was not audited'));
  }
  return builder;
}

/** The texts of sessions were redacted when their rows were read, and there may be very many. */
function withoutSecrets({ sessions, ...snapshot }: Snapshot, { redaction }: SnapshotBuilder): Snapshot {
  return { ...redaction.everywhere(snapshot), sessions };
}

/** What ends the audit of a target early, besides the target's own time. */
interface Ends {
  readonly deadline: AbortSignal;
  /** Aborts where an error was thrown on the target's behalf and not caught. */
  readonly broken: AbortSignal;
  /** Aborts with either of them, and when the target's own time is up, without what is for sampling. */
  readonly audit: AbortSignal;
  /** The same, with it. */
  readonly signal: AbortSignal;
  /** By `performance.now()`. */
  readonly endsAt: number;
}

/**
 * The observers run after the audit, so that they do not disturb it. They run also where it failed, if the target
 * could be connected to: a refused login or an expired certificate says nothing of what else the server accepts.
 */
async function auditAndObserve(
  target: Target,
  collector: Collector,
  builder: SnapshotBuilder,
  observers: readonly Observer[],
  ends: Ends,
): Promise<void> {
  await auditTarget(target, collector, builder, ends);
  const wanted = observers.filter((observer) => observer.isWanted(target));
  // For the case that they outlast the target's time, whose end does not wait for them.
  for (const observer of wanted) builder.setObserverFacts(factsOf(observer, `${observer.name} did not end`));
  const end = { signal: ends.signal, timeLeftMs: Math.max(0, ends.endsAt - performance.now()) };
  // A role that may have one connection needs it for them.
  if (wanted.length > 0) await builder.closed;
  await runObservers(wanted, builder.reachable, end, (facts) => builder.setObserverFacts(facts));
}

async function auditTarget(target: Target, collector: Collector, builder: SnapshotBuilder, ends: Ends): Promise<void> {
  const { audit: signal } = ends;
  try {
    const attempts = new Attempts(target, collector, builder, signal);
    const { link, facts } = await pRetry(() => attempts.next(), {
      ...BACK_OFF,
      signal,
      shouldRetry: ({ error }) => error instanceof AuditFailure && error.transient,
    });
    builder.succeed(link, facts);
  } catch (error) {
    builder.fail(signal.aborted ? whyEnded(builder, ends) : asFailure(error, builder.phase));
  }
}

function whyEnded(builder: SnapshotBuilder, { deadline, broken }: Ends): Failure {
  const { reason } = broken as { readonly reason: unknown };
  if (reason instanceof UncaughtError) return asFailure(reason.cause, builder.phase);
  return builder.outOfTime(deadline);
}

/** The snapshot of a target whose turn never came: reported, never dropped. */
export function notStarted(target: Target, collector: Collector, deadline: AbortSignal): Snapshot {
  const builder = builderFor(target, collector, observersOf(collector));
  builder.phase = 'waiting';
  builder.fail(whyNotStarted(builder, deadline));
  return builder.build();
}

function whyNotStarted(builder: SnapshotBuilder, deadline: AbortSignal): Failure {
  if (deadline.reason instanceof AuditFailure) return builder.outOfTime(deadline);
  return {
    cause: 'out-of-time',
    phase: 'waiting',
    message: 'The run was out of time before the turn of this target came',
    remedy: 'raise deployment.timeoutMinutes or concurrency, or lower the timeoutSeconds of targets that do not answer',
  };
}
