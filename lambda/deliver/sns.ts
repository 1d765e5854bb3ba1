// Publishes an alert to an SNS topic.

import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';
import type { RenderedAlert } from '../report/messages/sns-message.ts';

/**
 * An alert that was not published. The run that has this error fails.
 *
 * @public
 */
export class PublishError extends Error {
  override readonly name = 'PublishError';
}

/** The real client, with the SDK's own retries and bounded waits. The SDK reads the standard AWS variables. */
export function snsClient(): SNSClient {
  return new SNSClient({
    // About six seconds with the SDK's back-off: without a retry, the alert would wait for the next run.
    maxAttempts: 7,
    requestHandler: { connectionTimeout: 2_000, requestTimeout: 3_000, throwOnRequestTimeout: true },
  });
}

/**
 * Publishes one message with a body for each protocol.
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
