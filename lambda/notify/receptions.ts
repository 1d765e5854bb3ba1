// Whether someone receives what is published for each audience, and what to say where no one does.

import type { SNSClient } from '@aws-sdk/client-sns';
import pMap from 'p-map';
import { type Reception, receptionBy, subscriptionsOf } from '../deliver/subscriptions.ts';
import type { ReportWarning } from '../report/schema.ts';
import { noSubscriberWarning, subscribersUnknownWarning } from '../report/warnings.ts';
import type { Delivery } from './integrations.ts';

/** By the key of the delivery. Of one that was not asked about nothing is there. */
export type Receptions = ReadonlyMap<string, Reception>;

/** Whether someone receives each delivery. Each topic is asked once. Never rejects. */
export async function receptionsOf(client: SNSClient, deliveries: readonly Delivery[]): Promise<Receptions> {
  const arns = [...new Set(deliveries.map(({ topicArn }) => topicArn))];
  const listed = new Map(
    await pMap(arns, async (arn) => [arn, await subscriptionsOf(client, arn)] as const, { concurrency: 8 }),
  );
  const receptions = new Map<string, Reception>();
  for (const { key, topicArn, receives } of deliveries) {
    const subscriptions = listed.get(topicArn);
    if (subscriptions !== undefined) receptions.set(key, receptionBy(subscriptions, receives));
  }
  return receptions;
}

/** Those deliveries that someone should receive, and about which there is something to say. */
export function warningsOf(deliveries: readonly Delivery[], receptions: Receptions): readonly ReportWarning[] {
  return deliveries.flatMap(({ key, audience: { route }, topicArn, isExpected }): readonly ReportWarning[] => {
    const reception = receptions.get(key);
    const way = { route, isChat: key !== route, topicArn };
    if (reception?.is === 'unreceived' && isExpected) return [noSubscriberWarning(way, reception.pending)];
    return reception?.is === 'unknown' ? [subscribersUnknownWarning(way, reception.reason)] : [];
  });
}

/** How many deliveries no one receives that someone should; undefined where nothing is known of any. */
export function countUnreceived(deliveries: readonly Delivery[], receptions: Receptions): number | undefined {
  const known = deliveries.filter(({ key }) => (receptions.get(key)?.is ?? 'unknown') !== 'unknown');
  if (known.length === 0) return undefined;
  return known.filter(({ key, isExpected }) => isExpected && receptions.get(key)?.is === 'unreceived').length;
}
