// What people must know about the auditor itself when they read a report: who is not told, and what was not remembered.

import type { ReportWarning } from './schema.ts';
import { displayTime, plural } from './text.ts';

/** The run could not read what earlier runs remembered. */
export function stateWarning(): ReportWarning {
  return {
    id: 'state-unreadable',
    message:
      'The state could not be read: this run does not know what was told before, and this message may repeat. ' +
      "The error in the function's log names the cause.",
  };
}

/** @param until - The latest remembered time in the future; undefined: there is none. */
export function clockWarning(until: string | undefined, now: string): readonly ReportWarning[] {
  if (until === undefined) return [];
  return [
    {
      id: 'clock',
      message:
        `The state holds times up to ${displayTime(until)}, and the clock of this run says ${displayTime(now)}: the clock ` +
        'of an earlier run stood ahead, or this one stands behind. Times in the future count as now.',
    },
  ];
}

/** Who should be told, and by which topic. */
interface Way {
  /** `all`, or the name of a route. */
  readonly route: string;
  readonly isChat: boolean;
  readonly topicArn: string;
}

/** @param pending - How many subscriptions wait for their confirmation. */
export function noSubscriberWarning(way: Way, pending: number): ReportWarning {
  const remedy = way.isChat
    ? 'Check that Amazon Q Developer in chat applications is subscribed to it'
    : pending === 0
      ? 'Subscribe someone to it'
      : `Confirm the subscription by the message that SNS sent (${plural(pending, 'subscription')} pending)`;
  return {
    id: 'no-subscriber',
    message:
      `No confirmed subscriber receives ${described(way)}. ${remedy}: what there is to tell is kept, and told once ` +
      'someone receives it.',
  };
}

/** @param reason - What SNS said, or the name of the failure. */
export function subscribersUnknownWarning(way: Way, reason: string): ReportWarning {
  return {
    id: 'subscribers-unknown',
    message:
      `Whether anyone receives ${described(way)} is not known (${reason}): it counts as received. Allow the function's ` +
      'role sns:ListSubscriptionsByTopic on the topic, or see why SNS does not answer.',
  };
}

function described({ route, isChat, topicArn }: Way): string {
  const whose = route === 'all' ? 'the alerts for everyone' : `the alerts of route "${route}"`;
  return `${whose}${isChat ? ' in chat' : ''} (topic ${topicArn.split(':').at(-1)})`;
}
