// Defines the topics of alerts and alarms: their encryption, publishers and subscriptions.

import { createHash } from 'node:crypto';
import { ArnFormat, RemovalPolicy, Stack, Token, Validations } from 'aws-cdk-lib';
import { PolicyStatement, type Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { type IKey, Key } from 'aws-cdk-lib/aws-kms';
import { type ITopic, Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { Construct } from 'constructs';
import type { Config } from '../lambda/config/index.ts';
import type { DeployedVariables } from '../lambda/environment.ts';
import { nagResourceId } from './nag-resource-id.ts';
import { subscribeRoutes } from './route-subscriptions.ts';
import { addSlackChannel } from './slack-channel.ts';

/** The name of the default route in CHAT_TOPICS: that of `alerts.email` and `alerts.slack`. */
const DEFAULT_ROUTE = 'all';
const DISPLAY_NAME = 'PostgreSQL TLS auditor';

export interface AlertTopicsProps {
  readonly alerts: Config['alerts'];
  readonly encryption: Config['deployment']['topicEncryption'];
  /** @default - a new topic */
  readonly topic?: ITopic | undefined;
  /** @default - a new customer-managed key, unless `encryption` is `none` */
  readonly key?: IKey | undefined;
  /** Unique among the auditors of the account and region. */
  readonly auditorName: string;
}

/**
 * Encrypted topics that refuse plaintext publishers, with their subscribers.
 *
 * Routes have a topic of their own instead of a filter policy on the default topic: a message without attributes, such
 * as an alarm of CloudWatch, passes no filter policy, not even `{"exists": false}`
 * (https://docs.aws.amazon.com/sns/latest/dg/attribute-key-matching.html), and an address can subscribe to a topic only
 * once.
 */
export class AlertTopics extends Construct {
  /** The topic of the default route: alerts about every target, and alarms. */
  readonly topic: ITopic;
  /** The topic of all other routes. Each subscription filters for its own routes. Undefined without routes. */
  readonly routeTopic?: ITopic | undefined;
  /**
   * Topics of cards for Slack channels, by route: `all` is the default route. Each has a topic of its own, because
   * Amazon Q Developer cannot filter the messages of a topic.
   */
  readonly chatTopics: ReadonlyMap<string, ITopic>;
  private readonly props: AlertTopicsProps;
  /** The beginning of the names of chat topics. Each name ends with its route. */
  private readonly chatPrefix: string;
  private key: IKey | undefined;

  constructor(scope: Construct, id: string, props: AlertTopicsProps) {
    super(scope, id);
    this.props = props;
    this.chatPrefix = `${topicNamePart(props.auditorName)}-chat-`;
    const { email, slack, routes } = props.alerts;
    this.topic = props.topic ?? this.makeTopic('Topic', { displayName: DISPLAY_NAME, alarms: true });
    for (const address of new Set(email)) this.topic.addSubscription(new EmailSubscription(address));

    if (routes.length > 0) {
      this.routeTopic = this.makeTopic('RouteTopic', { displayName: DISPLAY_NAME, alarms: false });
      subscribeRoutes(this, this.routeTopic, routes);
    }
    const chatTopics = new Map<string, ITopic>();
    for (const { name, slack: channels } of [{ name: DEFAULT_ROUTE, slack }, ...routes]) {
      if (channels.length === 0) continue;
      const topic = this.makeTopic(`ChatTopic-${name}`, {
        topicName: `${this.chatPrefix}${name}`,
        alarms: name === DEFAULT_ROUTE,
      });
      for (const channel of channels) addSlackChannel(this, channel, topic);
      chatTopics.set(name, topic);
    }
    this.chatTopics = chatTopics;
  }

  /** The topics that alarms go to: those of the default route. */
  get alarmTopics(): readonly ITopic[] {
    const chat = this.chatTopics.get(DEFAULT_ROUTE);
    return chat === undefined ? [this.topic] : [this.topic, chat];
  }

  /**
   * The function's variables with the topics to publish to. All chat topics share one entry: a function's environment
   * holds 4 KB, and the name of a chat topic follows from its route.
   */
  environment(): Pick<DeployedVariables, 'ALERT_TOPIC_ARN' | 'ROUTE_TOPIC_ARN' | 'CHAT_TOPICS'> {
    const { topic, routeTopic, chatTopics } = this;
    return {
      ALERT_TOPIC_ARN: topic.topicArn,
      ROUTE_TOPIC_ARN: routeTopic?.topicArn,
      CHAT_TOPICS: chatTopics.size === 0 ? undefined : Stack.of(this).toJsonString({ '*': this.chatArns() }),
    };
  }

  /** Allows `role` to publish, and to list subscriptions. */
  grantAlerts(role: Role): void {
    const { topic, routeTopic, chatTopics } = this;
    const resources = [topic, routeTopic].flatMap((each) => each?.topicArn ?? []);
    if (chatTopics.size > 0) {
      // One entry for all: a role's policies together hold 10,240 characters.
      resources.push(this.chatArns());
      Validations.of(role).acknowledge({
        id: `AwsSolutions-IAM5[Resource::${nagResourceId(this, this.chatArns())}]`,
        reason: "The topics of this auditor's chat channels: no other topic has a name with this beginning.",
      });
    }
    role.addToPolicy(new PolicyStatement({ actions: ['sns:Publish', 'sns:ListSubscriptionsByTopic'], resources }));
    const keys = [this.key, topic.masterKey];
    // The rights of a publisher to an encrypted topic (https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html).
    for (const key of new Set(keys)) key?.grant(role, 'kms:Decrypt', 'kms:GenerateDataKey*');
  }

  /** The ARN pattern of all chat topics: `*` stands for the route. */
  private chatArns(): string {
    return Stack.of(this).formatArn({ service: 'sns', resource: `${this.chatPrefix}*` });
  }

  private makeTopic(
    id: string,
    options: { readonly displayName?: string; readonly topicName?: string; readonly alarms: boolean },
  ): Topic {
    const { displayName, topicName, alarms } = options;
    const masterKey = this.encryptionKey();
    const topic = new Topic(this, id, {
      enforceSSL: true,
      ...(displayName === undefined ? {} : { displayName }),
      ...(topicName === undefined ? {} : { topicName }),
      ...(masterKey === undefined ? {} : { masterKey }),
    });
    if (alarms) this.letAlarmsPublish(topic);
    return topic;
  }

  /** A topic with its own policy loses the default policy, which allowed alarms of this account to publish. */
  private letAlarmsPublish(topic: Topic): void {
    const stack = Stack.of(this);
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
  }

  /** One key for all topics, created with the first one. */
  private encryptionKey(): IKey | undefined {
    if (this.key !== undefined) return this.key;
    const { key: given, encryption } = this.props;
    if (given === undefined && encryption === 'none') return undefined;
    const key = given ?? this.makeKey();
    // CloudWatch encrypts the alarms it publishes with the topic's key itself; the key that AWS manages for SNS refuses
    // it. No condition on the source: the topic's policy already decides who publishes.
    key.addToResourcePolicy(
      new PolicyStatement({
        sid: 'PublishersEncryptForTheTopic',
        principals: [new ServicePrincipal('cloudwatch.amazonaws.com')],
        actions: ['kms:Decrypt', 'kms:GenerateDataKey*'],
        resources: ['*'],
      }),
    );
    this.key = key;
    return key;
  }

  private makeKey(): Key {
    return new Key(this, 'Key', {
      description: 'Encrypts the alerts of pg-tls-auditor on their way through SNS',
      enableKeyRotation: true,
      // It only ever encrypts messages in flight, so nothing becomes unreadable with it.
      removalPolicy: RemovalPolicy.DESTROY,
    });
  }
}

/** Room for `-chat-` and the name of a route in the 256 characters of a topic's name. */
const LONGEST_NAME = 200;

/**
 * The name in characters that a topic may have. A hash follows where a character was replaced or cut, to keep it
 * unique.
 */
function topicNamePart(name: string): string {
  // The name of a stack that only the deployment knows has only letters, digits and hyphens.
  if (Token.isUnresolved(name)) return name;
  const part = name.replaceAll(/[^\w-]/g, '-').slice(0, LONGEST_NAME);
  return part === name ? part : `${part}-${createHash('sha256').update(name).digest('hex').slice(0, 8)}`;
}
