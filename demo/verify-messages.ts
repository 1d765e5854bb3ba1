// Compares what was sent with what should have been sent: nothing twice, nothing left out, each card in its thread.

import { bodyFor, type PublishedMessage } from '../lab/aws.ts';
import { isAtLeast } from '../lambda/model/severity.ts';
import type { Report } from '../lambda/report/schema.ts';
import type { Act } from './acts.ts';
import { identify, without } from './verify.ts';

/** Where cards go. */
const isCard = ({ topicArn }: PublishedMessage, chatTopicArn: string): boolean => topicArn === chatTopicArn;

/** The message for everybody of those that a run published; undefined where it published none. */
export function digestOf(published: readonly PublishedMessage[], chatTopicArn: string): PublishedMessage | undefined {
  return published.find((message) => !isCard(message, chatTopicArn));
}

export interface ThreadedCard {
  readonly target: string;
  readonly threadId: string;
  readonly title: string;
  readonly message: PublishedMessage;
}

/** The cards of those, in the order of the channel. */
export function cardsOf(published: readonly PublishedMessage[], chatTopicArn: string): readonly ThreadedCard[] {
  return published
    .filter((message) => isCard(message, chatTopicArn))
    .map((message) => {
      const { content, metadata } = JSON.parse(bodyFor(message, 'https')) as {
        readonly content: { readonly title: string };
        readonly metadata: { readonly threadId: string };
      };
      const targets = JSON.parse(message.attributes.targets?.value ?? '[]') as string[];
      return { target: targets.join(), threadId: metadata.threadId, title: content.title, message };
    });
}

/** Each difference between what an act should send and what was sent, in a sentence. */
export function messageDiscrepancies(
  { notifications }: Pick<Act, 'notifications'>,
  published: readonly PublishedMessage[],
  chatTopicArn: string,
): string[] {
  const digests = published.filter((message) => !isCard(message, chatTopicArn));
  const wanted = notifications.length === 0 ? 0 : 1;
  const counted =
    digests.length === wanted ? [] : [`${wanted} message should have been sent, and ${digests.length} were`];
  const sent = digests.flatMap(notifiedBy);
  const concerned = [...new Set(notifications.map((finding) => /^\S+ ([\w-]+):/.exec(finding)?.[1] ?? finding))].sort();
  const carded = cardsOf(published, chatTopicArn)
    .map(({ target }) => target)
    .sort();
  return [
    ...counted,
    ...without(notifications, sent).map((finding) => `Not sent: ${finding}`),
    ...without(sent, notifications).map((finding) => `Sent, and should not have been: ${finding}`),
    ...(carded.join() === concerned.join()
      ? []
      : [
          `there should be cards about ${concerned.join(', ') || 'nothing'}, and there are about ${carded.join(', ') || 'nothing'}`,
        ]),
  ];
}

/** Each database whose cards stand in more than one thread, or that shares its thread with another. */
export function threadDiscrepancies(cards: readonly ThreadedCard[]): string[] {
  const threads = Map.groupBy(cards, ({ threadId }) => threadId);
  const targets = Map.groupBy(cards, ({ target }) => target);
  const several = (values: readonly string[]): boolean => new Set(values).size > 1;
  return [
    ...[...targets]
      .filter(([, own]) => several(own.map(({ threadId }) => threadId)))
      .map(([target]) => `${target} has cards in more than one thread`),
    ...[...threads]
      .filter(([, own]) => several(own.map(({ target }) => target)))
      .map(([threadId]) => `thread ${threadId} is of more than one database`),
  ];
}

/** As the machine-readable report has it, where the email says the same. */
function notifiedBy(message: PublishedMessage): string[] {
  const { findings, resolved = [] } = JSON.parse(bodyFor(message, 'sqs')) as Report;
  const open = findings.filter(
    ({ severity, lifecycle }) => NOTIFIED.has(lifecycle?.reason ?? '') && isAtLeast(severity, 'medium'),
  );
  const email = bodyFor(message, 'email');
  const listed = [...email.matchAll(/^ +fingerprint: ([0-9a-f]{16})$/gm)].map(([, fingerprint = '']) => fingerprint);
  const fingerprints = open.map(({ fingerprint }) => fingerprint);
  return [
    ...open.map((finding) => `${finding.lifecycle?.reason} ${identify(finding)}`),
    // What was never sent is over without a message.
    ...resolved
      .filter(({ lastNotifiedSeverity }) => lastNotifiedSeverity !== undefined)
      .map((finding) => `resolved ${identify(finding)}`),
    ...without(fingerprints, listed).map((fingerprint) => `(${fingerprint}, which the email leaves out)`),
    ...without(listed, fingerprints).map((fingerprint) => `(${fingerprint}, in the email only)`),
  ];
}

const NOTIFIED: ReadonlySet<string> = new Set(['new', 'escalated', 'mute-expired', 'reminder']);
