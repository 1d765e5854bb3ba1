// Who a topic delivers to: a message that no confirmed subscriber receives has told no one.

import { ListSubscriptionsByTopicCommand, type SNSClient } from '@aws-sdk/client-sns';
import { failureName } from './service-failure.ts';

/** A subscription of a topic, as SNS lists it. Filter policies are not in the list. */
export interface Subscription {
  readonly protocol: string;
  /** An address, a URL or an ARN. SNS hides a password in a URL. */
  readonly endpoint: string;
  /** Whether its owner has confirmed it: SNS delivers nothing before. */
  readonly isConfirmed: boolean;
}

/** Whether a delivery is received: by someone, by no one yet, or nobody could say. */
export type SubscriberStatus =
  | { readonly is: 'received' }
  | { readonly is: 'unreceived'; readonly pending: number }
  | { readonly is: 'unknown'; readonly reason: string };

/** Pages of 100 subscriptions: more than any topic of ours has. */
const MOST_PAGES = 100;
/** Milliseconds for the whole question: it must not cost the time that publishing needs. */
const PATIENCE_MS = 5_000;

/**
 * Asks a topic for its subscriptions.
 *
 * @returns undefined with the reason where SNS does not say: that is not the same as none
 */
export async function subscriptionsOf(
  client: SNSClient,
  topicArn: string,
): Promise<{ readonly subscriptions: readonly Subscription[] } | { readonly reason: string }> {
  const abortSignal = AbortSignal.timeout(PATIENCE_MS);
  const found: Subscription[] = [];
  let NextToken: string | undefined;
  try {
    for (let page = 1; page <= MOST_PAGES; page += 1) {
      const command = new ListSubscriptionsByTopicCommand({ TopicArn: topicArn, NextToken });
      const answer = await client.send(command, { abortSignal });
      for (const { Protocol = '', Endpoint = '', SubscriptionArn = '' } of answer.Subscriptions ?? []) {
        // Others stand there as "PendingConfirmation" or "Deleted".
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

/** @param receives - Whether a subscription gets the delivery once it is confirmed. */
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

/** The same for two spellings of one endpoint: of an address in any case, of a URL with and without its login. */
export function endpointKey(protocol: string, endpoint: string): string {
  if (protocol === 'email') return `email ${endpoint.toLowerCase()}`;
  if (protocol !== 'https' || !URL.canParse(endpoint)) return `${protocol} ${endpoint}`;
  const url = new URL(endpoint);
  url.username = '';
  url.password = '';
  return `https ${url.href}`;
}
