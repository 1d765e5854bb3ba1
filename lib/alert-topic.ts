// The topic that alerts and alarms go to: encryption, who may publish, and who listens.

import { ArnFormat, Names, RemovalPolicy, Stack } from 'aws-cdk-lib';
import { SlackChannelConfiguration } from 'aws-cdk-lib/aws-chatbot';
import { ManagedPolicy, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { Config } from '../lambda/config.ts';

export interface AlertTopicProps {
  readonly alerts: Config['alerts'];
  readonly encryption: Config['deployment']['topicEncryption'];
  /** @default - a new topic */
  readonly topic?: ITopic | undefined;
  /** @default - a new customer-managed key, unless `encryption` is `none` */
  readonly key?: IKey | undefined;
}

/** An encrypted topic that refuses plaintext publishers, with its email and Slack subscribers. */
export class AlertTopic extends Construct {
  readonly topic: ITopic;

  constructor(scope: Construct, id: string, props: AlertTopicProps) {
    super(scope, id);
    this.topic = props.topic ?? this.makeTopic(props);
    for (const address of new Set(props.alerts.email)) this.topic.addSubscription(new EmailSubscription(address));
    const channels = new Map(props.alerts.slack.map(({ workspaceId, channelId }) => [channelId, workspaceId]));
    for (const [channelId, workspaceId] of channels) this.addSlackChannel(workspaceId, channelId);
  }

  private makeTopic(props: AlertTopicProps): Topic {
    const key = props.key ?? (props.encryption === 'none' ? undefined : this.makeKey());
    const topic = new Topic(this, 'Topic', {
      displayName: 'PostgreSQL TLS auditor',
      enforceSSL: true,
      ...(key === undefined ? {} : { masterKey: key }),
    });
    const stack = Stack.of(this);
    // A topic with a policy of its own loses the default one that let this account's alarms publish.
    topic.addToResourcePolicy(
      new PolicyStatement({
        sid: 'AlarmsOfThisAccount',
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['sns:Publish'],
        resources: [topic.topicArn],
        conditions: {
          StringEquals: { 'aws:SourceAccount': stack.account },
          ArnLike: {
            'aws:SourceArn': stack.formatArn({
              service: 'cloudwatch',
              resource: 'alarm',
              resourceName: '*',
              arnFormat: ArnFormat.COLON_RESOURCE_NAME,
            }),
          },
        },
      }),
    );
    // CloudWatch encrypts the alarms it publishes with the topic's key itself; the key that AWS manages for SNS refuses it.
    // No condition on the source: the topic's policy already decides who publishes.
    key?.addToResourcePolicy(
      new PolicyStatement({
        sid: 'PublishersEncryptForTheTopic',
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        resources: ['*'],
      }),
    );
    return topic;
  }

  private makeKey(): Key {
    return new Key(this, 'Key', {
      description: 'Encrypts the alerts of pg-tls-auditor on their way through SNS',
      enableKeyRotation: true,
      // It only ever encrypts messages in flight, so nothing becomes unreadable with it.
      removalPolicy: RemovalPolicy.DESTROY,
    });
  }

  private addSlackChannel(workspaceId: string, channelId: string): void {
    const id = `Slack${channelId}`;
    new SlackChannelConfiguration(this, id, {
      // Names are unique in an account, across its regions.
      slackChannelConfigurationName: `${Names.uniqueResourceName(this, { maxLength: 80, separator: '-' })}-${channelId}-${Stack.of(this).region}`,
      slackWorkspaceId: workspaceId,
      slackChannelId: channelId,
      notificationTopics: [this.topic],
      // Delivering notifications takes no permission. Without a guardrail AWS would apply AdministratorAccess to the
      // commands that members type.
      role: new Role(this, `${id}Role`, {
        assumedBy: new ServicePrincipal('chatbot.amazonaws.com'),
        description: 'Slack channel that reads the alerts of pg-tls-auditor; may do nothing in this account',
      }),
      guardrailPolicies: [ManagedPolicy.fromAwsManagedPolicyName('AWSDenyAll')],
    });
  }
}
