// Connects a Slack channel to a topic through Amazon Q Developer in chat applications, without any other right.

import { Names, Stack } from 'aws-cdk-lib';
import { SlackChannelConfiguration } from 'aws-cdk-lib/aws-chatbot';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { Config } from '../lambda/config/index.ts';

/** Named after the channel alone, so that a channel that moves to another route keeps its configuration. */
export function addSlackChannel(
  scope: Construct,
  { workspaceId, channelId }: Config['alerts']['slack'][number],
  topic: ITopic,
): void {
  const id = `Slack${channelId}`;
  const stackName = Names.uniqueResourceName(scope, { maxLength: 80, separator: '-' });
  new SlackChannelConfiguration(scope, id, {
    // Names are unique in an account, across its regions.
    slackChannelConfigurationName: `${stackName}-${channelId}-${Stack.of(scope).region}`,
    slackWorkspaceId: workspaceId,
    slackChannelId: channelId,
    notificationTopics: [topic],
    // Delivering notifications takes no permission. Without a guardrail AWS would apply AdministratorAccess to the
    // commands that members type.
    role: new Role(scope, `${id}Role`, {
      assumedBy: new ServicePrincipal('chatbot.amazonaws.com'),
      description: 'Slack channel that reads the alerts of pg-tls-auditor; may do nothing in this account',
    }),
    guardrailPolicies: [ManagedPolicy.fromAwsManagedPolicyName('AWSDenyAll')],
  });
}
