// Tells each audience what it has not been told yet: decide, publish, then save, each audience apart from the others, so
// that one that can't be reached costs the others neither a message nor a repetition.

import { CHECKS } from './checks/registry.ts';
import type { Config } from './config.ts';
import type { StateStore } from './deliver/state-store.ts';
import { decide } from './lifecycle/decide.ts';
import { type AuditState, type Decision, EMPTY_STATE } from './model/lifecycle.ts';
import { type Audience, audiencesOf, EVERYONE, hears } from './report/audience.ts';
import { buildReport, type Run } from './report/build-report.ts';
import { buildDigest, type Digest } from './report/digest.ts';
import type { Report } from './report/schema.ts';
import { type RenderedAlert, renderAlert, renderChatMessages } from './report/sns-message.ts';

/** One way to one audience: its topic, its messages, and a memory of its own of what went that way. */
export interface Delivery {
  /** Unique; what is remembered is remembered under it. */
  readonly key: string;
  readonly audience: Audience;
  readonly topicArn: string;
  readonly render: (digest: Digest, report: Report) => readonly RenderedAlert[];
}

/** ARNs. */
export interface Topics {
  /** Everyone's. */
  readonly alerts: string;
  /** Of all routes together: each subscription to it filters on the message attribute `route`. */
  readonly routes?: string | undefined;
  /** By the name of the route; `all` is everyone's. */
  readonly chat: Readonly<Record<string, string>>;
}

/** Everyone's first: its decision is the report's. */
export function deliveriesOf(alerts: Config['alerts'], topics: Topics, service: string): readonly Delivery[] {
  return audiencesOf(alerts).flatMap((audience): Delivery[] => {
    const chat = Object.hasOwn(topics.chat, audience.route) ? topics.chat[audience.route] : undefined;
    return [
      {
        key: audience.route,
        audience,
        topicArn: audience.route === EVERYONE ? topics.alerts : (topics.routes ?? topics.alerts),
        render: (digest, report) => [renderAlert(digest, report, service)],
      },
      ...(chat === undefined
        ? []
        : [
            {
              key: `${audience.route}#chat`,
              audience,
              topicArn: chat,
              render: (digest: Digest) => renderChatMessages(digest, service),
            },
          ]),
    ];
  });
}

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
  if (others === undefined || decision.next === undefined) return decision;
  return { ...decision, next: { ...decision.next, mutes: new Map([...others.mutes, ...decision.next.mutes]) } };
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
  tell: (decision: Decision, report: Report, remember: Remember) => Promise<T>,
): Promise<T> {
  await using turn = await store?.takeTurn(signal);
  const heard = heardBy(audience, circumstances);
  const decision = decisionFor(audience, turn?.state, heard);
  const next = decision.next ?? EMPTY_STATE;
  const remember: Remember = async (targets) => {
    if (turn !== undefined) await turn.save(stateOfPart(turn.state, next, new Set(targets)));
  };
  const told = await tell(decision, buildReport(heard.run, decision), remember);
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
}

/**
 * Decides, publishes and saves for one delivery.
 *
 * @throws whatever `publish` throws: nothing is remembered as told then, and the next run tells; StateError
 */
export async function tell(
  delivery: Delivery,
  circumstances: Circumstances,
  {
    publish,
    ...options
  }: TurnOptions & { readonly publish: (topicArn: string, alert: RenderedAlert) => Promise<string> },
): Promise<Told> {
  const { audience, topicArn, render } = delivery;
  return await inTurn(audience, circumstances, options, async (decision, report, remember) => {
    const digest = buildDigest(report, decision, audience);
    const messages = digest === undefined ? [] : render(digest, report);
    const messageIds: string[] = [];
    for (const [index, message] of messages.entries()) {
      // Should one of the following not go out, those before it are not told again.
      if (index > 0) await remember(messages.slice(0, index).flatMap(({ targets }) => targets));
      messageIds.push(await publish(topicArn, message));
    }
    return { report, messageIds };
  });
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
