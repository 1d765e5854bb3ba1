// Notifies one receiver of what changed since its last notification: decide, publish, then save. Each receiver has a state
// of its own, so that a receiver that cannot be reached costs the others neither a message nor a repetition.

import { CHECKS } from '../checks/registry.ts';
import type { Config } from '../config/index.ts';
import { StateError, type StateLease, type StateStore } from '../deliver/state/store.ts';
import { decide } from '../lifecycle/decide.ts';
import { type AuditState, type Decision, EMPTY_STATE } from '../model/lifecycle.ts';
import { buildDecidedReport, buildReport, type DecidedReport, type Run } from '../report/build-report.ts';
import { buildDigest } from '../report/digest.ts';
import type { RenderedAlert } from '../report/messages/sns-message.ts';
import { DEFAULT_ROUTE, type Receiver, receiversOf, scopeDecision, scopeOf } from '../report/receiver.ts';
import type { Report, ReportWarning } from '../report/schema.ts';
import { clockWarning, stateWarning } from '../report/warnings.ts';
import type { Integration } from './integrations.ts';

/** What a notification is decided from, besides the state. */
export interface NotifyContext {
  readonly run: Run;
  readonly config: Pick<Config, 'alerts' | 'mutes' | 'targets'>;
  /**
   * Whether `config` is all that runs with this memory go by: else what is remembered of other targets and mutes is
   * theirs, and stays.
   *
   * @default true
   */
  readonly coversAllTargets?: boolean;
  /** ISO 8601, UTC. */
  readonly now: string;
}

/** The part of a run and configuration in the scope of a receiver. */
export function scopeToReceiver(receiver: Receiver, { run, config, ...rest }: NotifyContext): ReceiverContext {
  const inScope = scopeOf(receiver, [...config.targets, ...run.audited.map(({ snapshot }) => snapshot.target)]);
  return {
    ...rest,
    run: { ...run, audited: run.audited.filter(({ snapshot }) => inScope(snapshot.target.name)) },
    config: { ...config, targets: config.targets.filter(({ name }) => inScope(name)) },
    inScope,
  };
}

export interface ReceiverContext extends NotifyContext {
  /** By the name of a target; the state may hold findings of targets that the configuration no longer has. */
  readonly inScope: (name: string) => boolean;
}

/** What is decided for a receiver, within its scope. */
function decisionFor(receiver: Receiver, previous: AuditState | undefined, context: ReceiverContext): Decision {
  return scopeDecision(decideAll(receiver, previous, context), receiver, context.inScope);
}

function decideAll(
  receiver: Receiver,
  previous: AuditState | undefined,
  { run, config, coversAllTargets = true, now }: NotifyContext,
): Decision {
  const { resolveAfterHours, repeatIntervalHours } = config.alerts;
  const others = coversAllTargets || previous === undefined ? undefined : previous;
  const decision = decide({
    previous,
    now,
    observed: run.audited.map(({ snapshot, outcomes, findings }) => ({
      target: snapshot.target.name,
      takenAt: snapshot.takenAt,
      outcomes,
      findings,
    })),
    catalogue: CHECKS.map(({ id, transient = false }) => ({ id, transient })),
    targets: [
      ...config.targets.map(({ name }) => name),
      ...[...(others?.findings.values() ?? [])].map(({ finding }) => finding.target),
    ],
    policy: {
      resolveAfterHours,
      minSeverity: receiver.minSeverity,
      ...(repeatIntervalHours > 0 ? { repeatIntervalHours } : {}),
    },
    mutes: config.mutes,
  });
  if (others === undefined) return decision;
  const withOthers = (state: AuditState | undefined): AuditState | undefined =>
    state === undefined ? undefined : { ...state, mutes: new Map([...others.mutes, ...state.mutes]) };
  return { ...decision, next: withOthers(decision.next), unnotified: withOthers(decision.unnotified) };
}

/** One run's turn with what is remembered. */
export interface LeaseOptions {
  /** Undefined where no state is kept: the run stands alone. */
  readonly store: StateStore | undefined;
  /** Ends the wait for other runs. */
  readonly signal: AbortSignal;
}

/**
 * Saves that the messages about these targets were sent, before the others are.
 *
 * @throws StateError
 */
type Checkpoint = (targets: readonly string[]) => Promise<void>;

type Notify<T> = (decided: DecidedReport, checkpoint: Checkpoint) => Promise<T>;

/**
 * Decides for one audience, has it told, and remembers that it was.
 *
 * @param notify is given the report with its decisions, and the function that saves a part of the state
 * @returns what `notify` returned
 * @throws whatever `notify` throws: nothing but the parts is remembered as told then, and the next run tells; StateError
 */
export async function withStateLease<T>(
  receiver: Receiver,
  context: NotifyContext,
  { store, signal }: LeaseOptions,
  notify: Notify<T>,
): Promise<T> {
  await using lease = await store?.acquire(signal);
  return await decideWithLease(receiver, context, { lease, hasSubscriber: true, warnings: [] }, notify);
}

interface HeldLease {
  /** Undefined where no state is kept. */
  readonly lease: StateLease | undefined;
  /** Whether what is published reaches someone: else it is remembered as still to be told. */
  readonly hasSubscriber: boolean;
  /** For this audience's messages and report. */
  readonly warnings: readonly ReportWarning[];
}

async function decideWithLease<T>(
  receiver: Receiver,
  context: NotifyContext,
  { lease, hasSubscriber, warnings }: HeldLease,
  notify: Notify<T>,
): Promise<T> {
  const scoped = scopeToReceiver(receiver, context);
  const decision = decisionFor(receiver, lease?.state, scoped);
  const next = (hasSubscriber ? decision.next : decision.unnotified) ?? EMPTY_STATE;
  const checkpoint: Checkpoint = async (targets) => {
    if (lease !== undefined) await lease.save(partialState(lease.state, next, new Set(targets)));
  };
  const all = [...warnings, ...clockWarning(decision.clockAheadUntil, context.now)];
  const result = await notify(buildDecidedReport(scoped.run, decision, { warnings: all }), checkpoint);
  if (lease !== undefined) await lease.save(next);
  return result;
}

/** What to remember when an audience was told of some targets, and not yet of the others. */
function partialState(previous: AuditState, next: AuditState, result: ReadonlySet<string>): AuditState {
  const findings = [...next.findings].filter(([, { finding }]) => result.has(finding.target));
  const targets = [...next.targets].filter(([name]) => result.has(name));
  return {
    findings: new Map([...previous.findings, ...findings]),
    targets: new Map([...previous.targets, ...targets]),
    mutes: previous.mutes,
  };
}

export interface NotifyResult {
  /** The report for this receiver: of the targets in its scope. */
  readonly report: Report;
  /** Ids of the messages; none where there was nothing to tell. */
  readonly messageIds: readonly string[];
  /** Why it was told without state: the run has failed all the same. */
  readonly stateError?: StateError | undefined;
}

export interface NotifyOptions extends LeaseOptions {
  readonly publish: (topicArn: string, alert: RenderedAlert) => Promise<string>;
  /** Whether what is published reaches someone: else it is remembered as still to be told. @default true */
  readonly hasSubscriber?: boolean;
  /** For everyone's messages. */
  readonly warnings?: readonly ReportWarning[];
  /**
   * What was told without state, by delivery, while the state could not be read: as long as it lives, the same is not told
   * again at every run.
   */
  readonly notifiedWithoutState: Map<string, AuditState>;
}

/**
 * Decides, publishes and saves for one delivery. Where the state can't be read, it tells without: who is told twice loses
 * less than who is not told.
 *
 * @throws whatever `publish` throws: nothing is remembered as told then, and the next run tells; StateError
 */
export async function notify(
  integration: Integration,
  context: NotifyContext,
  options: NotifyOptions,
): Promise<NotifyResult> {
  const { receiver } = integration;
  const { store, signal, hasSubscriber = true, warnings = [], notifiedWithoutState } = options;
  let lease: StateLease | undefined;
  try {
    lease = await store?.acquire(signal);
  } catch (error) {
    // Another run that has the turn tells, and the next one catches up.
    if (!(error instanceof StateError) || error.isHeld) throw error;
    return await notifyWithoutState(integration, context, options, error);
  }
  await using held = lease;
  notifiedWithoutState.delete(integration.key);
  return await decideWithLease(
    receiver,
    context,
    { lease: held, hasSubscriber, warnings },
    async (decided, checkpoint) => ({
      report: decided.report,
      messageIds: await publishAll(integration, decided, { ...options, checkpoint }),
    }),
  );
}

async function notifyWithoutState(
  integration: Integration,
  context: NotifyContext,
  options: NotifyOptions,
  stateError: StateError,
): Promise<NotifyResult> {
  const { key, receiver } = integration;
  const { hasSubscriber = true, warnings = [], notifiedWithoutState } = options;
  const scoped = scopeToReceiver(receiver, context);
  const before = notifiedWithoutState.get(key);
  const decision = decisionFor(receiver, before, scoped);
  const decided = buildDecidedReport(scoped.run, decision, {
    state: 'unreadable',
    warnings: [stateWarning(), ...warnings],
  });
  const messageIds = await publishAll(integration, decided, options);
  const { next } = before === undefined ? decisionFor(receiver, EMPTY_STATE, scoped) : decision;
  if (hasSubscriber && next !== undefined) notifiedWithoutState.set(key, next);
  return { report: decided.report, messageIds, stateError };
}

/** @returns the ids of the messages @throws whatever `publish` throws */
async function publishAll(
  { receiver, topicArn, render }: Integration,
  decided: DecidedReport,
  { publish, checkpoint }: Pick<NotifyOptions, 'publish'> & { readonly checkpoint?: Checkpoint },
): Promise<readonly string[]> {
  const digest = buildDigest(decided, receiver);
  const messages = digest === undefined ? [] : render(digest, decided.report);
  const messageIds: string[] = [];
  for (const [index, message] of messages.entries()) {
    // Should one of the following not go out, those before it are not told again.
    if (index > 0) await checkpoint?.(messages.slice(0, index).flatMap(({ targets }) => targets));
    messageIds.push(await publish(topicArn, message));
  }
  return messageIds;
}

/** The report that a run would give with the present state. Nothing is sent, and the state is not changed. */
export async function previewReport(context: NotifyContext, store: StateStore | undefined): Promise<Report> {
  const defaultReceiver = defaultReceiverOf(context.config.alerts);
  const scoped = scopeToReceiver(defaultReceiver, context);
  return buildReport(scoped.run, decisionFor(defaultReceiver, await store?.read(), scoped));
}

/** The receiver that gets every target. */
export function defaultReceiverOf(alerts: Config['alerts']): Receiver {
  const [defaultReceiver = { route: DEFAULT_ROUTE, minSeverity: alerts.minSeverity }] = receiversOf(alerts);
  return defaultReceiver;
}
