// Lists the subscriptions of an SNS topic, and says whether a confirmed one receives a message.

import { ListSubscriptionsByTopicCommand, type SNSClient } from '@aws-sdk/client-sns';
import { failureName } from './service-failure.ts';

/** A subscription of a topic, as SNS lists it. Filter policies are not in the list. */
export interface Subscription {
  readonly protocol: string;
  /** An address, a URL or an ARN. SNS hides a password in a URL. */
  readonly endpoint: string;
  /** Whether its owner has confirmed it. SNS delivers nothing before that. */
  readonly isConfirmed: boolean;
}

/** Whether a confirmed subscriber receives the alerts of an integration; unknown where SNS did not answer. */
export type SubscriberStatus =
  | { readonly is: 'received' }
  | { readonly is: 'unreceived'; readonly pending: number }
  | { readonly is: 'unknown'; readonly reason: string };

/** Pages of 100 subscriptions each: more than a topic of the auditor has. */
const MOST_PAGES = 100;
/** Milliseconds for all pages: publishing needs the rest of the run's time. */
const TIMEOUT_MS = 5_000;

/**
 * Lists the subscriptions of a topic.
 *
 * @returns a reason where SNS does not answer, which is not the same as no subscription
 */
export async function subscriptionsOf(
  client: SNSClient,
  topicArn: string,
): Promise<{ readonly subscriptions: readonly Subscription[] } | { readonly reason: string }> {
  const abortSignal = AbortSignal.timeout(TIMEOUT_MS);
  const found: Subscription[] = [];
  let NextToken: string | undefined;
  try {
    for (let page = 1; page <= MOST_PAGES; page += 1) {
      const command = new ListSubscriptionsByTopicCommand({ TopicArn: topicArn, NextToken });
      const answer = await client.send(command, { abortSignal });
      for (const { Protocol = '', Endpoint = '', SubscriptionArn = '' } of answer.Subscriptions ?? []) {
        // Other subscriptions have "PendingConfirmation" or "Deleted" in place of an ARN.
        found.push({ protocol: Protocol, endpoint: Endpoint, isConfirmed: SubscriptionArn.startsWith('arn:') });
      }
      NextToken = answer.NextToken;
      if (NextToken === undefined || NextToken === '') return { subscriptions: found };
    }
    return { reason: `more than ${MOST_PAGES} pages of subscriptions` };
  } catch (error) {
    return { reason: failureName(error) };
  }
}

/** @param receives - Whether a subscription, once confirmed, receives the alerts of the integration. */
export function subscriberStatusBy(
  listed: Awaited<ReturnType<typeof subscriptionsOf>>,
  receives: (subscription: Subscription) => boolean,
): SubscriberStatus {
  if ('reason' in listed) return { is: 'unknown', reason: listed.reason };
  const own = listed.subscriptions.filter(receives);
  return own.some(({ isConfirmed }) => isConfirmed)
    ? { is: 'received' }
    : { is: 'unreceived', pending: own.filter(({ isConfirmed }) => !isConfirmed).length };
}

/** A key that two spellings of one endpoint share: an address in any case, a URL with and without its login. */
export function endpointKey(protocol: string, endpoint: string): string {
  if (protocol === 'email') return `email ${endpoint.toLowerCase()}`;
  if (protocol !== 'https' || !URL.canParse(endpoint)) return `${protocol} ${endpoint}`;
  const url = new URL(endpoint);
  url.username = '';
  url.password = '';
  return `https ${url.href}`;
}
