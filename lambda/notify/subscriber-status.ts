// Whether someone receives what is published for each audience, and what to say where no one does.

import type { SNSClient } from '@aws-sdk/client-sns';
import pMap from 'p-map';
import { type SubscriberStatus, subscriberStatusBy, subscriptionsOf } from '../deliver/subscriptions.ts';
import type { ReportWarning } from '../report/schema.ts';
import { noSubscriberWarning, subscribersUnknownWarning } from '../report/warnings.ts';
import type { Integration } from './integrations.ts';

/** By the key of the delivery. Of one that was not asked about nothing is there. */
export type SubscriberStatuses = ReadonlyMap<string, SubscriberStatus>;

/** Whether someone receives each delivery. Each topic is asked once. Never rejects. */
export async function subscriberStatusesOf(
  client: SNSClient,
  integrations: readonly Integration[],
): Promise<SubscriberStatuses> {
  const arns = [...new Set(integrations.map(({ topicArn }) => topicArn))];
  const listed = new Map(
    await pMap(arns, async (arn) => [arn, await subscriptionsOf(client, arn)] as const, { concurrency: 8 }),
  );
  const subscriberStatuses = new Map<string, SubscriberStatus>();
  for (const { key, topicArn, receives } of integrations) {
    const subscriptions = listed.get(topicArn);
    if (subscriptions !== undefined) subscriberStatuses.set(key, subscriberStatusBy(subscriptions, receives));
  }
  return subscriberStatuses;
}

/** Those deliveries that someone should receive, and about which there is something to say. */
export function warningsOf(
  integrations: readonly Integration[],
  subscriberStatuses: SubscriberStatuses,
): readonly ReportWarning[] {
  return integrations.flatMap(({ key, receiver: { route }, topicArn, isExpected }): readonly ReportWarning[] => {
    const subscriberStatus = subscriberStatuses.get(key);
    const way = { route, isChat: key !== route, topicArn };
    if (subscriberStatus?.is === 'unreceived' && isExpected)
      return [noSubscriberWarning(way, subscriberStatus.pending)];
    return subscriberStatus?.is === 'unknown' ? [subscribersUnknownWarning(way, subscriberStatus.reason)] : [];
  });
}

/** How many deliveries no one receives that someone should; undefined where nothing is known of any. */
export function countWithoutSubscriber(
  integrations: readonly Integration[],
  subscriberStatuses: SubscriberStatuses,
): number | undefined {
  const known = integrations.filter(({ key }) => (subscriberStatuses.get(key)?.is ?? 'unknown') !== 'unknown');
  if (known.length === 0) return undefined;
  return known.filter(({ key, isExpected }) => isExpected && subscriberStatuses.get(key)?.is === 'unreceived').length;
}
