// Tells each audience what it has not been told yet: decide, publish, then save, each audience apart from the others, so
// that one that can't be reached costs the others neither a message nor a repetition.

import { CHECKS } from '../checks/registry.ts';
import type { Config } from '../config/index.ts';
import { StateError, type StateStore, type StateTurn } from '../deliver/state/store.ts';
import { decide } from '../lifecycle/decide.ts';
import { type AuditState, type Decision, EMPTY_STATE } from '../model/lifecycle.ts';
import { buildReport, type Run } from '../report/build-report.ts';
import { buildDigest } from '../report/digest.ts';
import type { RenderedAlert } from '../report/messages/sns-message.ts';
import { type Audience, audiencesOf, EVERYONE, hears } from '../report/receiver.ts';
import type { Report, ReportWarning } from '../report/schema.ts';
import { clockWarning, stateWarning } from '../report/warnings.ts';
import type { Delivery } from './integrations.ts';

/** What decides what an audience is told, besides what it was told before. */
export interface Circumstances {
  readonly run: Run;
  readonly config: Pick<Config, 'alerts' | 'mutes' | 'targets'>;
  /**
   * Whether `config` is all that runs with this memory go by: else what is remembered of other targets and mutes is
   * theirs, and stays.
   *
   * @default true
   */
  readonly isWhole?: boolean;
  /** ISO 8601, UTC. */
  readonly now: string;
}

/** What of it concerns an audience: the targets that it hears of. */
function heardBy(audience: Audience, { run, config, ...rest }: Circumstances): Circumstances {
  const heard = hears(audience);
  return {
    ...rest,
    run: { ...run, audited: run.audited.filter(({ snapshot }) => heard(snapshot.target)) },
    config: { ...config, targets: config.targets.filter(heard) },
  };
}

/** What an audience is to be told of what concerns it. */
function decisionFor(
  audience: Audience,
  previous: AuditState | undefined,
  { run, config, isWhole = true, now }: Circumstances,
): Decision {
  const { quietHours, reminderHours } = config.alerts;
  const others = isWhole || previous === undefined ? undefined : previous;
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
      quietHours,
      minSeverity: audience.minSeverity,
      ...(reminderHours > 0 ? { reminderHours } : {}),
    },
    mutes: config.mutes,
  });
  if (others === undefined) return decision;
  const withOthers = (state: AuditState | undefined): AuditState | undefined =>
    state === undefined ? undefined : { ...state, mutes: new Map([...others.mutes, ...state.mutes]) };
  return { ...decision, next: withOthers(decision.next), untold: withOthers(decision.untold) };
}

/** One run's turn with what is remembered. */
export interface TurnOptions {
  /** Undefined where no state is kept: the run stands alone. */
  readonly store: StateStore | undefined;
  /** Ends the wait for other runs. */
  readonly signal: AbortSignal;
}

/**
 * Remembers that an audience was told all there is to tell of these targets, before it is told the rest.
 *
 * @throws StateError
 */
type Remember = (targets: readonly string[]) => Promise<void>;

type Tell<T> = (decision: Decision, report: Report, remember: Remember) => Promise<T>;

/**
 * Decides for one audience, has it told, and remembers that it was.
 *
 * @param tell is given the decision, the report as it has it, and what remembers a part
 * @returns what `tell` returned
 * @throws whatever `tell` throws: nothing but the parts is remembered as told then, and the next run tells; StateError
 */
export async function inTurn<T>(
  audience: Audience,
  circumstances: Circumstances,
  { store, signal }: TurnOptions,
  tell: Tell<T>,
): Promise<T> {
  await using turn = await store?.takeTurn(signal);
  return await decideInTurn(audience, circumstances, { turn, isReceived: true, warnings: [] }, tell);
}

interface HeldTurn {
  /** Undefined where no state is kept. */
  readonly turn: StateTurn | undefined;
  /** Whether what is published reaches someone: else it is remembered as still to be told. */
  readonly isReceived: boolean;
  /** For this audience's messages and report. */
  readonly warnings: readonly ReportWarning[];
}

async function decideInTurn<T>(
  audience: Audience,
  circumstances: Circumstances,
  { turn, isReceived, warnings }: HeldTurn,
  tell: Tell<T>,
): Promise<T> {
  const heard = heardBy(audience, circumstances);
  const decision = decisionFor(audience, turn?.state, heard);
  const next = (isReceived ? decision.next : decision.untold) ?? EMPTY_STATE;
  const remember: Remember = async (targets) => {
    if (turn !== undefined) await turn.save(stateOfPart(turn.state, next, new Set(targets)));
  };
  const all = [...warnings, ...clockWarning(decision.clockAheadUntil, circumstances.now)];
  const told = await tell(decision, buildReport(heard.run, decision, { warnings: all }), remember);
  if (turn !== undefined) await turn.save(next);
  return told;
}

/** What to remember when an audience was told of some targets, and not yet of the others. */
function stateOfPart(previous: AuditState, next: AuditState, told: ReadonlySet<string>): AuditState {
  const findings = [...next.findings].filter(([, { finding }]) => told.has(finding.target));
  const targets = [...next.targets].filter(([name]) => told.has(name));
  return {
    findings: new Map([...previous.findings, ...findings]),
    targets: new Map([...previous.targets, ...targets]),
    mutes: previous.mutes,
  };
}

export interface Told {
  /** As this audience's decision has it; of the targets that it hears of. */
  readonly report: Report;
  /** Ids of the messages; none where there was nothing to tell. */
  readonly messageIds: readonly string[];
  /** Why it was told without state: the run has failed all the same. */
  readonly stateError?: StateError | undefined;
}

export interface TellOptions extends TurnOptions {
  readonly publish: (topicArn: string, alert: RenderedAlert) => Promise<string>;
  /** Whether what is published reaches someone: else it is remembered as still to be told. @default true */
  readonly isReceived?: boolean;
  /** For everyone's messages. */
  readonly warnings?: readonly ReportWarning[];
  /**
   * What was told without state, by delivery, while the state could not be read: as long as it lives, the same is not told
   * again at every run.
   */
  readonly toldWithoutState: Map<string, AuditState>;
}

/**
 * Decides, publishes and saves for one delivery. Where the state can't be read, it tells without: who is told twice loses
 * less than who is not told.
 *
 * @throws whatever `publish` throws: nothing is remembered as told then, and the next run tells; StateError
 */
export async function tell(delivery: Delivery, circumstances: Circumstances, options: TellOptions): Promise<Told> {
  const { audience } = delivery;
  const { store, signal, isReceived = true, warnings = [], toldWithoutState } = options;
  let turn: StateTurn | undefined;
  try {
    turn = await store?.takeTurn(signal);
  } catch (error) {
    // Another run that has the turn tells, and the next one catches up.
    if (!(error instanceof StateError) || error.isHeld) throw error;
    return await tellWithoutState(delivery, circumstances, options, error);
  }
  await using held = turn;
  toldWithoutState.delete(delivery.key);
  return await decideInTurn(
    audience,
    circumstances,
    { turn: held, isReceived, warnings },
    async (decision, report, remember) => ({
      report,
      messageIds: await publishAll(delivery, decision, report, { ...options, remember }),
    }),
  );
}

async function tellWithoutState(
  delivery: Delivery,
  circumstances: Circumstances,
  options: TellOptions,
  stateError: StateError,
): Promise<Told> {
  const { key, audience } = delivery;
  const { isReceived = true, warnings = [], toldWithoutState } = options;
  const heard = heardBy(audience, circumstances);
  const before = toldWithoutState.get(key);
  const decision = decisionFor(audience, before, heard);
  const report = buildReport(heard.run, decision, {
    state: 'unreadable',
    warnings: [stateWarning(), ...warnings],
  });
  const messageIds = await publishAll(delivery, decision, report, options);
  const { next } = before === undefined ? decisionFor(audience, EMPTY_STATE, heard) : decision;
  if (isReceived && next !== undefined) toldWithoutState.set(key, next);
  return { report, messageIds, stateError };
}

/** @returns the ids of the messages @throws whatever `publish` throws */
async function publishAll(
  { audience, topicArn, render }: Delivery,
  decision: Decision,
  report: Report,
  { publish, remember }: Pick<TellOptions, 'publish'> & { readonly remember?: Remember },
): Promise<readonly string[]> {
  const digest = buildDigest(report, decision, audience);
  const messages = digest === undefined ? [] : render(digest, report);
  const messageIds: string[] = [];
  for (const [index, message] of messages.entries()) {
    // Should one of the following not go out, those before it are not told again.
    if (index > 0) await remember?.(messages.slice(0, index).flatMap(({ targets }) => targets));
    messageIds.push(await publish(topicArn, message));
  }
  return messageIds;
}

/** The report of a run that tells nobody: what would have been told, by what is remembered, and nothing is changed. */
export async function reportOnly(circumstances: Circumstances, store: StateStore | undefined): Promise<Report> {
  const everyone = everyoneOf(circumstances.config.alerts);
  const heard = heardBy(everyone, circumstances);
  return buildReport(heard.run, decisionFor(everyone, await store?.read(), heard));
}

/** The audience that hears of every target. */
export function everyoneOf(alerts: Config['alerts']): Audience {
  const [everyone = { route: EVERYONE, minSeverity: alerts.minSeverity }] = audiencesOf(alerts);
  return everyone;
}
