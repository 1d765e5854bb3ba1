// Words the warnings about the auditor itself: a receiver without a subscriber, a state that cannot be read, a clock.

import { parseArn } from '../model/arn.ts';
import type { DroppedRecords } from '../model/lifecycle.ts';
import type { Observed } from '../model/observed.ts';
import { type FleetPace, isNearlyOutOfTime, type Pace } from '../model/run-time.ts';
import { compareText } from '../model/text-order.ts';
import type { ReportWarning } from './schema.ts';
import { displayTime, list, PLAIN, plural } from './text.ts';

/** The run could not read the state of earlier runs. */
export function stateWarning(): ReportWarning {
  return {
    id: 'state-unreadable',
    message:
      'The state could not be read, so this run does not know what earlier runs sent, and this message may repeat one of ' +
      "theirs. The error in the function's log names the cause.",
  };
}

/** A source of targets failed: there may be targets that the report does not name. */
export function targetsWarning(targets: Observed<unknown>): readonly ReportWarning[] {
  if (targets.known) return [];
  return [
    {
      id: 'targets-unknown',
      message:
        `Not all targets are known: ${targets.reason}. This report says nothing about the targets that are missing, and ` +
        'their findings stay open.',
    },
  ];
}

/** A message is no place for a list of all databases. */
const NOTES_SHOWN = 10;

/** @param notes - What discovery did not find as the configuration means it, as sentences without their period. */
export function discoveryWarning(notes: readonly string[]): readonly ReportWarning[] {
  if (notes.length === 0) return [];
  const more = notes.length - NOTES_SHOWN;
  const shown = [...notes.slice(0, NOTES_SHOWN), ...(more > 0 ? [`and ${more} more`] : [])];
  return [{ id: 'discovery', message: `Discovery: ${shown.join('; ')}.` }];
}

/** @param pace - How the run used its time; undefined: nothing is known of it. */
export function paceWarning(pace: Pace | FleetPace | undefined): readonly ReportWarning[] {
  if (pace === undefined) return [];
  const sentences = 'workers' in pace ? fleetSentences(pace) : isNearlyOutOfTime(pace) ? [runSentences(pace)] : [];
  return sentences.length === 0 ? [] : [{ id: 'nearly-out-of-time', message: sentences.join(' ') }];
}

function runSentences({ leftAtLastTurnMs, auditMs }: Pace): string {
  return (
    `The turn of the last database came when ${seconds(leftAtLastTurnMs)} of the ${seconds(auditMs)} for audits were ` +
    'left: with more databases, or more that do not answer, the last ones are not audited. Raise ' +
    'deployment.timeoutMinutes or concurrency, or set deployment.fleet.'
  );
}

/** Once for all workers, however many there are. */
function fleetSentences({ workers, run }: FleetPace): readonly string[] {
  const [first, ...others] = workers.filter(isNearlyOutOfTime);
  const sentences: string[] = [];
  if (first !== undefined) {
    const { leftAtLastTurnMs, auditMs } = others.reduce(
      (least, each) => (each.leftAtLastTurnMs < least.leftAtLastTurnMs ? each : least),
      first,
    );
    sentences.push(
      `${others.length + 1} of ${plural(workers.length, 'worker')} had little time left when the turn of the last ` +
        `database came, at the least ${seconds(leftAtLastTurnMs)} of ${seconds(auditMs)}: with more databases in a batch, or ` +
        'more that do not answer, the last ones are not audited. Lower deployment.fleet.batch, or raise ' +
        'deployment.timeoutMinutes or concurrency.',
    );
  }
  if (isNearlyOutOfTime(run)) {
    const [left, all] = [run.leftAtLastTurnMs, run.auditMs].map((ms) => `${Math.round(ms / 60_000)} min`);
    sentences.push(
      `The last worker began when ${left} of the ${all} in which audits may begin were left: with more databases, the ` +
        'last ones are not audited. Raise deployment.fleet.concurrency or deployment.fleet.timeoutMinutes.',
    );
  }
  return sentences;
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}

/** @param until - The latest time of the state that is in the future; undefined: there is none. */
export function clockWarning(until: string | undefined, now: string): readonly ReportWarning[] {
  if (until === undefined) return [];
  return [
    {
      id: 'clock',
      message:
        `The state holds times up to ${displayTime(until)}, but the clock of this run says ${displayTime(now)}: either ` +
        'the clock of an earlier run was ahead, or this one is behind. Times in the future count as now.',
    },
  ];
}

/** @param dropped - How many open findings of which targets are recorded no longer. */
export function droppedRecordsWarning(dropped: readonly DroppedRecords[] = []): readonly ReportWarning[] {
  if (dropped.length === 0) return [];
  const worst = dropped
    .toSorted((a, b) => b.open - a.open || compareText(a.target, b.target))
    .map(({ target, open }) => `${PLAIN.target(target)} (${open.toLocaleString('en-US')})`);
  return [
    {
      id: 'findings-dropped',
      message:
        `Too many open findings, the oldest are no longer recorded: ${list(worst, 3)}. ` +
        'They are not resolved, and one that is seen again is sent as new. A database that shows so many shows others ' +
        'in every run, mostly by application names that never repeat.',
    },
  ];
}

/** A receiver, and the topic that its messages are published to. */
interface Delivery {
  /** `all`, or the name of a route. */
  readonly route: string;
  readonly isChat: boolean;
  readonly topicArn: string;
}

/** @param pending - How many subscriptions wait for their confirmation. */
export function noSubscriberWarning(delivery: Delivery, pending: number): ReportWarning {
  const remedy = delivery.isChat
    ? 'Check that Amazon Q Developer in chat applications is subscribed to the topic'
    : pending === 0
      ? 'Add a subscription to the topic'
      : `Confirm the subscription by the message that SNS sent (${plural(pending, 'subscription')} pending)`;
  return {
    id: 'no-subscriber',
    message:
      `No confirmed subscriber receives ${described(delivery)}. ${remedy}. Until then the findings count as not sent, and ` +
      'every run sends them again.',
  };
}

/** @param reason - What SNS said, or the name of the failure. */
export function subscribersUnknownWarning(delivery: Delivery, reason: string): ReportWarning {
  return {
    id: 'subscribers-unknown',
    message:
      `It is not known whether a subscriber receives ${described(delivery)} (${reason}): they count as received. Allow the ` +
      "function's role sns:ListSubscriptionsByTopic on the topic, or find out why SNS does not answer.",
  };
}

function described({ route, isChat, topicArn }: Delivery): string {
  const whose = route === 'all' ? 'the alerts for all databases' : `the alerts of route "${route}"`;
  return `${whose}${isChat ? ' in chat' : ''} (topic ${parseArn(topicArn)?.resource})`;
}
