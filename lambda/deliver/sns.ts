// The way out: one message to the alert topic, or an error that cannot be overlooked.

import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import type { RenderedAlert } from '../report/messages/sns-message.ts';

/**
 * An alert that did not go out. Never swallowed: a run that could not tell anybody has failed.
 *
 * @public
 */
export class PublishError extends Error {
  override readonly name = 'PublishError';
}

/** The real client, with the SDK's own retries and bounded waits. Standard AWS variables apply, AWS_ENDPOINT_URL included. */
export function snsClient(): SNSClient {
  return new SNSClient({
    // With the SDK's back-off about six seconds: an alert that is lost now is told an interval later.
    maxAttempts: 7,
    requestHandler: { connectionTimeout: 2_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
  });
}

/**
 * Publishes to the topic, each protocol its own body.
 *
 * @returns the id that SNS gave the message
 * @throws PublishError
 */
export async function publish(client: SNSClient, topicArn: string, alert: RenderedAlert): Promise<string> {
  const { subject, message, attributes } = alert;
  try {
    const { MessageId } = await client.send(
      new PublishCommand({
        TopicArn: topicArn,
        Subject: subject,
        Message: message,
        MessageStructure: 'json',
        MessageAttributes: { ...attributes },
      }),
    );
    return MessageId ?? '';
  } catch (error) {
    const { name } = error as Error;
    throw new PublishError(`The alert could not be published to ${topicArn} (${name}). ${REMEDIES[name] ?? REMEDY}`, {
      cause: error,
    });
  }
}

const REMEDY = 'If it persists: check the route to SNS (an isolated subnet needs a VPC endpoint), and throttling.';

/** By the errors that Publish documents. */
const REMEDIES: Readonly<Record<string, string>> = {
  AuthorizationErrorException: "Allow the function's role sns:Publish on the topic.",
  NotFoundException: 'The topic does not exist: deploy again, or correct ALERT_TOPIC_ARN.',
  KMSAccessDeniedException: "Allow the function's role kms:GenerateDataKey* and kms:Decrypt on the topic's key.",
  KMSDisabledException: "Enable the topic's KMS key.",
};
