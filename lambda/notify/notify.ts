// Notifies each receiver of what changed since its last notification: decides, publishes, then saves.
//
// Each receiver has a state of its own: a receiver that cannot be reached costs the others neither a message nor a
// repeat.

import { CHECKS } from '../checks/registry.ts';
import type { Config } from '../config/index.ts';
import { StateError, type StateLease, type StateStore } from '../deliver/state/store.ts';
import { decide } from '../lifecycle/decide.ts';
import { type AuditState, type Decision, EMPTY_STATE } from '../model/lifecycle.ts';
import { known, type Observed } from '../model/observed.ts';
import type { ListedTarget, Run } from '../model/run.ts';
import type { FleetPace, Pace } from '../model/run-time.ts';
import type { NamedTarget } from '../model/target.ts';
import { buildDecidedReport, buildReport, type DecidedReport } from '../report/build-report.ts';
import { buildDigest } from '../report/digest.ts';
import type { RenderedAlert } from '../report/messages/sns-message.ts';
import type { PageLink } from '../report/page-link.ts';
import { DEFAULT_ROUTE, type Receiver, receiversOf, scopeDecision, scopeOf } from '../report/receiver.ts';
import type { Report, ReportWarning } from '../report/schema.ts';
import {
  clockWarning,
  discoveryWarning,
  droppedRecordsWarning,
  paceWarning,
  stateWarning,
  targetsWarning,
} from '../report/warnings.ts';
import type { Integration } from './integrations.ts';

/** What a decision is made from, besides the state of the receiver. */
export interface NotifyContext {
  readonly run: Run;
  readonly config: Pick<Config, 'alerts' | 'mutes'>;
  /**
   * Every target that there is, audited by this run or not. Unknown where a source of targets failed: then no finding
   * is resolved because its target is missing, and every report says that not all targets are known.
   */
  readonly targets: Observed<readonly NamedTarget[]>;
  /** What the sources of targets did not find as the configuration means it, as sentences without their period. */
  readonly targetNotes?: readonly string[] | undefined;
  /** How the run used its time. */
  readonly pace?: Pace | FleetPace | undefined;
  /**
   * Whether all runs with this state have these targets and mutes. Otherwise the state holds targets and mutes of other
   * runs, and this run leaves them as they are.
   *
   * @default true
   */
  readonly coversAllTargets?: boolean;
  /** ISO 8601, UTC. */
  readonly now: string;
  /** The page of the run. It shows every target, so that no route but the default one gets it. */
  readonly page?: PageLink | undefined;
}

/** The part of a run and of the targets in the scope of a receiver. */
export function scopeToReceiver(
  receiver: Receiver,
  { run, targets, targetNotes, pace, page, ...rest }: NotifyContext,
): ReceiverContext {
  const inScope = scopeOf(receiver, [
    ...(targets.known ? targets.value : []),
    ...[...run.audited, ...(run.listed ?? [])].map(({ snapshot }) => snapshot.target),
  ]);
  const inRun = ({ snapshot }: ListedTarget): boolean => inScope(snapshot.target.name);
  return {
    ...rest,
    // A team does not read about the databases of other teams.
    ...(receiver.route === DEFAULT_ROUTE ? { targetNotes, pace } : {}),
    page: pageFor(receiver, { page }),
    run: { ...run, audited: run.audited.filter(inRun), listed: run.listed?.filter(inRun) },
    targets: targets.known ? known(targets.value.filter(({ name }) => inScope(name))) : targets,
    inScope,
  };
}

export interface ReceiverContext extends NotifyContext {
  /** By the name of a target; the state may hold findings of targets that no source has any more. */
  readonly inScope: (name: string) => boolean;
}

/** Decides of what a receiver is notified, within its scope. */
function decisionFor(receiver: Receiver, previous: AuditState | undefined, context: ReceiverContext): Decision {
  return scopeDecision(decideAll(receiver, previous, context), receiver, context.inScope);
}

function decideAll(
  receiver: Receiver,
  previous: AuditState | undefined,
  { run, config, targets, coversAllTargets = true, now }: NotifyContext,
): Decision {
  const { resolveAfterHours, repeatIntervalHours } = config.alerts;
  const others = coversAllTargets || previous === undefined ? undefined : previous;
  const decision = decide({
    previous,
    now,
    observed: [...run.audited, ...(run.listed ?? [])].map(({ snapshot, outcomes, findings }) => ({
      target: snapshot.target.name,
      takenAt: snapshot.takenAt,
      outcomes,
      findings,
    })),
    catalogue: CHECKS.map(({ id, transient = false }) => ({ id, transient })),
    targets: targets.known
      ? known([
          ...targets.value.map(({ name }) => name),
          ...[...(others?.findings.values() ?? [])].map(({ finding }) => finding.target),
        ])
      : targets,
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

export interface LeaseOptions {
  /** Undefined where no state is kept: the run then knows of no earlier run. */
  readonly store: StateStore | undefined;
  /** Ends the wait for the lease. */
  readonly signal: AbortSignal;
}

/**
 * Saves that the receiver was notified of everything about these targets, before the next message goes out.
 *
 * @throws StateError
 */
type Checkpoint = (targets: readonly string[]) => Promise<void>;

type Notify<T> = (decided: DecidedReport, checkpoint: Checkpoint) => Promise<T>;

/**
 * Decides for one receiver while the run holds the lease of its state, notifies it, and saves.
 *
 * @param notify is given the report with its decisions, and the function that saves a part of the state
 * @returns what `notify` returned
 * @throws what `notify` throws: only the saved parts count as notified then, and the next run notifies of the rest;
 * StateError
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
  /** Whether a subscriber receives what is published. Otherwise the next run notifies of the same. */
  readonly hasSubscriber: boolean;
  /** For the messages and the report of this receiver. */
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
  const all = [
    ...aboutTargets(scoped),
    ...warnings,
    ...clockWarning(decision.clockAheadUntil, context.now),
    ...droppedRecordsWarning(decision.droppedRecords),
  ];
  const result = await notify(buildDecidedReport(scoped.run, decision, { warnings: all }), checkpoint);
  if (lease !== undefined) await lease.save(next);
  return result;
}

/** The state to save when the receiver was notified of some targets, and not yet of the others. */
function partialState(previous: AuditState, next: AuditState, notified: ReadonlySet<string>): AuditState {
  const findings = [...next.findings].filter(([, { finding }]) => notified.has(finding.target));
  const targets = [...next.targets].filter(([name]) => notified.has(name));
  return {
    findings: new Map([...previous.findings, ...findings]),
    targets: new Map([...previous.targets, ...targets]),
    mutes: previous.mutes,
  };
}

export interface NotifyResult {
  /** The report for this receiver: of the targets in its scope. */
  readonly report: Report;
  /** Ids of the messages; none where no notification was needed. */
  readonly messageIds: readonly string[];
  /** Why the state could not be read. The receiver was notified without it, and the run has failed all the same. */
  readonly stateError?: StateError | undefined;
}

export interface NotifyOptions extends LeaseOptions {
  readonly publish: (topicArn: string, alert: RenderedAlert) => Promise<string>;
  /** Whether a subscriber receives what is published. Otherwise the next run notifies of the same. @default true */
  readonly hasSubscriber?: boolean;
  /** For the messages and the report of this receiver. @default none */
  readonly warnings?: readonly ReportWarning[];
  /**
   * By the key of the integration: the notifications that went out while the state could not be read. As long as the
   * process lives, they are not repeated at every run.
   */
  readonly notifiedWithoutState: Map<string, AuditState>;
}

/**
 * Decides, publishes and saves for one integration. Where the state cannot be read, it notifies without state: a
 * repeated notification costs less than a missing one.
 *
 * @throws what `publish` throws: nothing counts as notified then, and the next run notifies; StateError
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
    // The run that holds the lease notifies, and the next run catches up.
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
      messageIds: await publishAll(integration, decided, { ...options, checkpoint, page: pageFor(receiver, context) }),
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
    warnings: [stateWarning(), ...aboutTargets(scoped), ...warnings],
  });
  const messageIds = await publishAll(integration, decided, { ...options, page: scoped.page });
  const { next } = before === undefined ? decisionFor(receiver, EMPTY_STATE, scoped) : decision;
  if (hasSubscriber && next !== undefined) notifiedWithoutState.set(key, next);
  return { report: decided.report, messageIds, stateError };
}

interface PublishOptions extends Pick<NotifyOptions, 'publish'>, Pick<NotifyContext, 'page'> {
  readonly checkpoint?: Checkpoint;
}

/** The page shows the databases of other teams too. */
function pageFor({ route }: Receiver, { page }: Pick<NotifyContext, 'page'>): PageLink | undefined {
  return route === DEFAULT_ROUTE ? page : undefined;
}

/** @returns the ids of the messages @throws what `publish` throws */
async function publishAll(
  { receiver, topicArn, render }: Integration,
  decided: DecidedReport,
  { publish, checkpoint, page }: PublishOptions,
): Promise<readonly string[]> {
  const digest = buildDigest(decided, receiver, page);
  const messages = digest === undefined ? [] : render(digest, decided.report);
  const messageIds: string[] = [];
  for (const [index, message] of messages.entries()) {
    // If a later message does not go out, the next run does not repeat the earlier ones.
    if (index > 0) await checkpoint?.(messages.slice(0, index).flatMap(({ targets }) => targets));
    messageIds.push(await publish(topicArn, message));
  }
  return messageIds;
}

/**
 * The report of a run that notifies no receiver: it decides with the state of the default receiver, and saves nothing.
 *
 * @throws StateError
 */
export async function previewReport(
  context: NotifyContext,
  store: StateStore | undefined,
  warnings: readonly ReportWarning[] = [],
): Promise<Report> {
  const defaultReceiver = defaultReceiverOf(context.config.alerts);
  const scoped = scopeToReceiver(defaultReceiver, context);
  const decision = decisionFor(defaultReceiver, await store?.read(), scoped);
  return buildReport(scoped.run, decision, { warnings: [...aboutTargets(scoped), ...warnings] });
}

/** The report of a run that could not decide: every finding of the run, none muted, resolved or carried over. */
export function reportWithoutDecision(
  context: Pick<NotifyContext, 'run' | 'targets' | 'targetNotes' | 'pace'>,
  warnings: readonly ReportWarning[],
): Report {
  return buildReport(context.run, undefined, { warnings: [...aboutTargets(context), ...warnings] });
}

function aboutTargets({
  targets,
  targetNotes = [],
  pace,
}: Pick<NotifyContext, 'targets' | 'targetNotes' | 'pace'>): readonly ReportWarning[] {
  return [...targetsWarning(targets), ...discoveryWarning(targetNotes), ...paceWarning(pace)];
}

/** The receiver that is notified of every target. */
export function defaultReceiverOf(alerts: Config['alerts']): Receiver {
  const [defaultReceiver = { route: DEFAULT_ROUTE, minSeverity: alerts.minSeverity }] = receiversOf(alerts);
  return defaultReceiver;
}
