// Finds out whether each integration has a confirmed subscriber, and makes warnings where it has none.

import type { SNSClient } from '@aws-sdk/client-sns';
import pMap from 'p-map';
import { type SubscriberStatus, subscriberStatusBy, subscriptionsOf } from '../deliver/subscriptions.ts';
import type { ReportWarning } from '../report/schema.ts';
import { noSubscriberWarning, subscribersUnknownWarning } from '../report/warnings.ts';
import type { Integration } from './integrations.ts';

/** By the key of the integration. An integration that was not asked about has no entry. */
export type SubscriberStatuses = ReadonlyMap<string, SubscriberStatus>;

/** Asks SNS once for each topic. Never rejects. */
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

/** One warning for each integration without an expected subscriber, and for each whose subscribers are unknown. */
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

/** Counts the integrations without an expected subscriber; undefined where the status of none is known. */
export function countWithoutSubscriber(
  integrations: readonly Integration[],
  subscriberStatuses: SubscriberStatuses,
): number | undefined {
  const known = integrations.filter(({ key }) => (subscriberStatuses.get(key)?.is ?? 'unknown') !== 'unknown');
  if (known.length === 0) return undefined;
  return known.filter(({ key, isExpected }) => isExpected && subscriberStatuses.get(key)?.is === 'unreceived').length;
}
