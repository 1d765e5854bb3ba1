// Who receives which message: topics, subscriptions and their filter policies.

import { Stack } from 'aws-cdk-lib';
import { Match, Template } from 'aws-cdk-lib/assertions';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../lambda/config/index.ts';
import { PgTlsAuditor } from '../../lib/pg-tls-auditor.ts';
import { type FilterPolicy, type MessageAttributes, receives } from './filter-policy.ts';
import { appWithoutBundling, readable, resourcesAllowed, type Synthesis, synthesize } from './synthesis.ts';

type RouteInput = NonNullable<NonNullable<ConfigInput['alerts']>['routes']>[number];

const QUEUE = 'arn:aws:sqs:eu-west-1:123456789012:shop-alerts';
const FUNCTION = 'arn:aws:lambda:eu-west-1:123456789012:function:shop-alerts:live';
const HOOK = 'https://hooks.example.com/money';
const channel = (channelId: string) => ({ workspaceId: 'T0123ABCD', channelId });

const SHOP: RouteInput = {
  name: 'shop',
  targets: ['orders'],
  email: ['shop@example.com', 'lead@example.com'],
  slack: [channel('C0SHOP123')],
  sqs: [QUEUE],
  lambda: [FUNCTION],
};
const MONEY: RouteInput = { name: 'money-eu', targets: ['*'], email: ['lead@example.com'], https: [HOOK] };

function routed(
  alerts: ConfigInput['alerts'] = {},
  ...rest: Parameters<typeof synthesize> extends [unknown?, ...infer R] ? R : never
): Synthesis {
  return synthesize({ alerts: { email: ['dba@example.com'], routes: [SHOP, MONEY], ...alerts } }, ...rest);
}

interface SubscriptionProperties {
  readonly Protocol: string;
  readonly Endpoint: string;
  readonly TopicArn: unknown;
  readonly FilterPolicy?: FilterPolicy;
}

function subscriptions(template: Template): readonly SubscriptionProperties[] {
  return Object.values(template.findResources('AWS::SNS::Subscription')).map(({ Properties }) => Properties);
}

/** The endpoints that receive a message with those attributes on that topic, sorted. */
function receivers(
  { template, stack }: Synthesis,
  topicArn: string | undefined,
  attributes: MessageAttributes,
): readonly string[] {
  const topic = readable(stack.resolve(topicArn));
  return subscriptions(template)
    .filter(({ TopicArn, FilterPolicy }) => readable(TopicArn) === topic && receives(FilterPolicy, attributes))
    .map(({ Endpoint }) => Endpoint)
    .sort();
}

describe('a message', () => {
  const synthesis = routed();
  const { auditor } = synthesis;

  test('for everyone reaches everyone and no route', () => {
    const digest = { route: 'all', severity: 'high', targets: ['orders', 'payments'] };
    expect(receivers(synthesis, auditor.topic.topicArn, digest)).toEqual(['dba@example.com']);
  });

  test("of an alarm, which carries no attribute, reaches everyone's email", () => {
    expect(receivers(synthesis, auditor.topic.topicArn, {})).toEqual(['dba@example.com']);
  });

  test('of a route reaches its own endpoints and no others', () => {
    const digest = (route: string) => ({ route, severity: 'high', targets: ['orders'] });
    expect(receivers(synthesis, auditor.routeTopic?.topicArn, digest('shop'))).toEqual([
      FUNCTION,
      QUEUE,
      'lead@example.com',
      'shop@example.com',
    ]);
    expect(receivers(synthesis, auditor.routeTopic?.topicArn, digest('money-eu'))).toEqual([HOOK, 'lead@example.com']);
  });

  test("of a route that is nobody's, of everyone, or without a route reaches no route", () => {
    for (const attributes of [{ route: 'shop-eu' }, { route: 'all' }, { severity: 'high' }, {}]) {
      expect(receivers(synthesis, auditor.routeTopic?.topicArn, attributes)).toEqual([]);
    }
  });
});

describe('the filter policies of the tests', () => {
  test.each<[FilterPolicy | undefined, MessageAttributes, boolean]>([
    [undefined, {}, true],
    [{ route: ['shop'] }, { route: 'shop', severity: 'high' }, true],
    [{ route: ['shop', 'money'] }, { route: 'money' }, true],
    [{ route: ['shop'] }, { route: 'money' }, false],
    [{ route: ['shop'] }, { severity: 'high' }, false],
    [{ targets: ['orders'] }, { targets: ['orders', 'payments'] }, true],
    [{ route: ['all'], targets: ['orders'] }, { route: 'all', targets: ['payments'] }, false],
    [{ route: [{ exists: false }] }, { severity: 'high' }, true],
    [{ route: [{ exists: false }] }, { route: 'all' }, false],
    // the note in the documentation for which routes have a topic of their own
    [{ route: ['all', { exists: false }] }, {}, false],
  ])('%j lets %j through: %s', (policy, attributes, passes) => {
    expect(receives(policy, attributes)).toBe(passes);
  });
});

describe('subscriptions of routes', () => {
  test('are one for each endpoint, however many routes name it: SNS takes no second one', () => {
    const { template, stack, auditor } = routed();
    const topic = stack.resolve(auditor.routeTopic?.topicArn);
    const lead = subscriptions(template).filter(({ Endpoint }) => Endpoint === 'lead@example.com');
    expect(lead).toEqual([
      {
        Protocol: 'email',
        Endpoint: 'lead@example.com',
        TopicArn: topic,
        FilterPolicy: { route: ['shop', 'money-eu'] },
      },
    ]);
    const endpoints = subscriptions(template).map(({ Protocol, Endpoint }) => `${Protocol} ${Endpoint}`);
    expect(endpoints.sort()).toEqual([
      'email dba@example.com',
      'email lead@example.com',
      'email shop@example.com',
      `https ${HOOK}`,
      `lambda ${FUNCTION}`,
      `sqs ${QUEUE}`,
    ]);
  });

  test("let the topic invoke a function, where it is in the stack's account and region", () => {
    const { template, stack, auditor } = routed();
    template.resourceCountIs('AWS::Lambda::Permission', 1);
    template.hasResource('AWS::Lambda::Permission', {
      Condition: Match.anyValue(),
      Properties: {
        Action: 'lambda:InvokeFunction',
        FunctionName: FUNCTION,
        Principal: 'sns.amazonaws.com',
        SourceArn: stack.resolve(auditor.routeTopic?.topicArn),
      },
    });
    expect(Object.values(template.toJSON().Conditions)).toContainEqual({
      'Fn::And': [
        { 'Fn::Equals': [{ Ref: 'AWS::AccountId' }, '123456789012'] },
        { 'Fn::Equals': [{ Ref: 'AWS::Region' }, 'eu-west-1'] },
      ],
    });
  });

  test.each([
    ['another account', { account: '210987654321', region: 'eu-west-1' }],
    ['another region', { account: '123456789012', region: 'us-east-1' }],
  ])('say what the owner must allow where a function is in %s', (_, env) => {
    const stack = new Stack(appWithoutBundling(), 'Databases', { env });
    const { node } = new PgTlsAuditor(stack, 'TlsAuditor', {
      config: { alerts: { routes: [SHOP] }, targets: [{ name: 'orders', secret: 'prod/orders' }] },
    });
    expect(notes(node)).toContainEqual(
      expect.stringMatching(/function:shop-alerts:live: .* must allow lambda:InvokeFunction/),
    );
    Template.fromStack(stack).resourceCountIs('AWS::Lambda::Permission', 0);
  });

  test('say what a queue must allow, which is not changed from here', () => {
    const { auditor, template } = routed();
    expect(notes(auditor.node)).toContainEqual(
      expect.stringMatching(/:shop-alerts: its policy must allow sqs:SendMessage/),
    );
    // only the dead-letter queue's own
    template.resourceCountIs('AWS::SQS::QueuePolicy', 1);
  });
});

describe('chat topics', () => {
  const alerts = { slack: [channel('C0DBA1234'), channel('C0DBA5678')] };

  test('are one for everyone and one for each route with Slack, and each channel reads its own', () => {
    const { template, stack, auditor } = routed(alerts);
    expect([...auditor.chatTopics.keys()]).toEqual(['all', 'shop']);
    const read = Object.values(template.findResources('AWS::Chatbot::SlackChannelConfiguration')).map(
      ({ Properties }) => [Properties.SlackChannelId, Properties.SnsTopicArns],
    );
    const arn = (receiver: string) => stack.resolve(auditor.chatTopics.get(receiver)?.topicArn);
    expect(Object.fromEntries(read)).toEqual({
      C0DBA1234: [arn('all')],
      C0DBA5678: [arn('all')],
      C0SHOP123: [arn('shop')],
    });
  });

  test('are known to the function, which may publish to every topic and to no other', () => {
    const { template, auditor, stack } = routed(alerts);
    const name = (arn: string | undefined) => readable(stack.resolve(arn));
    const [fn] = Object.values(template.findResources('AWS::Lambda::Function'));
    const variables = fn?.Properties.Environment.Variables;
    const chat = 'arn:<AWS::Partition>:sns:<AWS::Region>:<AWS::AccountId>:Databases-TlsAuditor-chat-';
    expect(JSON.parse(readable(variables.CHAT_TOPICS))).toEqual({ '*': `${chat}*` });
    const names = Object.values(template.findResources('AWS::SNS::Topic')).flatMap(
      ({ Properties }) => Properties.TopicName ?? [],
    );
    expect(names.map((topic) => chat.replace(/[^:]*$/, topic)).sort()).toEqual([`${chat}all`, `${chat}shop`]);
    expect(readable(variables.ROUTE_TOPIC_ARN)).toBe(name(auditor.routeTopic?.topicArn));
    const granted = [name(auditor.topic.topicArn), name(auditor.routeTopic?.topicArn), `${chat}*`].sort();
    for (const action of ['sns:Publish', 'sns:ListSubscriptionsByTopic']) {
      expect(resourcesAllowed(template, action)).toEqual(granted);
    }
    template.resourceCountIs('AWS::SNS::Topic', 4);
  });

  test('keep a name that CloudFormation takes, whatever the route is called', () => {
    const { auditor } = synthesize({
      alerts: {
        routes: ['a-b', 'ab', 'a-b-'].map((name, n) => ({ ...SHOP, name, slack: [channel(`C0CHANNEL${n}`)] })),
      },
    });
    expect(new Set([...auditor.chatTopics.values()].map(({ node }) => node.id)).size).toBe(3);
  });
});

describe('every topic', () => {
  test('is encrypted with the one key and refuses plaintext; alarms may publish to those that everyone reads', () => {
    const { template, auditor, stack } = routed({ slack: [channel('C0DBA1234')] });
    const [key] = Object.keys(template.findResources('AWS::KMS::Key'));
    template.resourceCountIs('AWS::KMS::Key', 1);
    template.allResourcesProperties('AWS::SNS::Topic', { KmsMasterKeyId: { 'Fn::GetAtt': [key, 'Arn'] } });
    const policies = Object.values(template.findResources('AWS::SNS::TopicPolicy')).map(({ Properties }) => Properties);
    expect(policies).toHaveLength(4);
    for (const { PolicyDocument } of policies) {
      expect(PolicyDocument.Statement).toContainEqual(
        expect.objectContaining({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
      );
    }
    const open = policies.filter(({ PolicyDocument }) =>
      PolicyDocument.Statement.some(({ Sid }: { Sid?: string }) => Sid === 'AlarmsOfThisAccount'),
    );
    const defaultReceiverOnly = [auditor.topic, auditor.chatTopics.get('all')].map((topic) =>
      stack.resolve(topic?.topicArn),
    );
    expect(open.flatMap(({ Topics }) => Topics)).toEqual(defaultReceiverOnly);
  });

  test('is left unencrypted where the configuration says so', () => {
    const { template } = synthesize({
      alerts: { slack: [channel('C0DBA1234')], routes: [SHOP] },
      deployment: { topicEncryption: 'none' },
    });
    template.resourceCountIs('AWS::KMS::Key', 0);
    template.allResourcesProperties('AWS::SNS::Topic', { KmsMasterKeyId: Match.absent() });
  });
});

describe("beside an embedder's own topic", () => {
  test('routes and Slack channels have topics that are made here, with a key of their own', () => {
    const { template, stack, auditor } = routed({ slack: [channel('C0DBA1234')] }, (stack) => ({
      topic: new Topic(stack, 'Ours'),
    }));
    expect(readable(stack.resolve(auditor.topic.topicArn))).toMatch(/^<Ours/);
    template.resourceCountIs('AWS::SNS::Topic', 4);
    template.resourceCountIs('AWS::KMS::Key', 1);
    expect(resourcesAllowed(template, 'sns:Publish')).toHaveLength(3);
    expect(resourcesAllowed(template, 'kms:GenerateDataKey*')).toEqual([
      expect.stringMatching(/^<TlsAuditorAlertsKey.*\.Arn>$/),
    ]);
  });

  test('they take the key that is given', () => {
    const { template } = routed({}, (stack) => ({ topicKey: new Key(stack, 'Ours') }));
    template.resourceCountIs('AWS::KMS::Key', 1);
  });
});

test('without routes and Slack there is one topic, and no variable of the others', () => {
  const { template, auditor } = synthesize();
  template.resourceCountIs('AWS::SNS::Topic', 1);
  expect(auditor.routeTopic).toBeUndefined();
  expect(auditor.chatTopics.size).toBe(0);
  const [fn] = Object.values(template.findResources('AWS::Lambda::Function'));
  expect(Object.keys(fn?.Properties.Environment.Variables)).not.toContain('CHAT_TOPICS');
  expect(Object.keys(fn?.Properties.Environment.Variables)).not.toContain('ROUTE_TOPIC_ARN');
});

test('a configuration with routes alone gets a warning that alarms reach no recipient', () => {
  const { auditor } = synthesize({ alerts: { routes: [SHOP] } });
  expect(notes(auditor.node)).toContainEqual(
    expect.stringMatching(/alarms, and findings of databases that no route names, have no recipient/),
  );
});

describe('many routes', () => {
  const withSlack = (count: number) =>
    Array.from({ length: count }, (_, n) => ({
      name: `team-${n}`,
      targets: ['orders'],
      slack: [channel(`C0CHANNEL${n}`)],
    }));
  const withEmail = (count: number) =>
    Array.from({ length: count }, (_, n) => ({
      name: `team-${n}`,
      targets: ['orders'],
      email: [`team-${n}@example.com`],
    }));

  test('with a Slack channel each take no room in the environment', () => {
    const { template } = synthesize({ alerts: { routes: withSlack(100) } });
    const [fn] = Object.values(template.findResources('AWS::Lambda::Function'));
    expect(JSON.stringify(fn?.Properties.Environment.Variables).length).toBeLessThan(2_000);
    template.resourceCountIs('AWS::Chatbot::SlackChannelConfiguration', 100);
  });

  test('are as many as SNS tells apart on one topic, and no more', () => {
    expect(() => synthesize({ alerts: { routes: withEmail(200) } })).not.toThrow();
    const [first, ...others] = withEmail(200);
    const shared = { ...SHOP, name: 'two', email: ['team-1@example.com'], https: [], sqs: [], lambda: [], slack: [] };
    expect(() => synthesize({ alerts: { routes: [shared, ...others] } })).not.toThrow();
    expect(() =>
      synthesize({
        alerts: { routes: [{ ...SHOP, name: 'one', slack: [] }, ...others, ...(first ? [first] : [])].slice(0, 200) },
      }),
    ).toThrow(
      /alerts\.routes: name 20\d different addresses, URLs, queues and functions, and SNS filters for at most 200/,
    );
    expect(() => synthesize({ alerts: { routes: withEmail(201) } })).toThrow(/alerts\.routes: must have at most 200/);
  });

  test('that need more resources than a template holds are refused, with what takes them', () => {
    expect(() => synthesize({ alerts: { routes: withSlack(150) } })).toThrow(
      /alerts\.routes: the stack would have \d+ resources, and CloudFormation takes 500: each route with a Slack channel takes 4/,
    );
  });
});

test("a topic's name is one that SNS takes, and another one for another auditor", () => {
  const alerts = { slack: [channel('C0DBA1234')] };
  const nameIn = (stackName: string, id: string): string => {
    const stack = new Stack(appWithoutBundling(), 'Databases', { stackName });
    const auditor = new PgTlsAuditor(stack, id, {
      config: { alerts, targets: [{ name: 'orders', secret: 'prod/orders' }] },
    });
    const [topic] = Object.values(
      Template.fromStack(auditor.node.scope as Stack).findResources('AWS::SNS::Topic'),
    ).filter(({ Properties }) => Properties.TopicName !== undefined);
    return topic?.Properties.TopicName;
  };
  const names = [
    nameIn('a', 'TlsAuditor'),
    nameIn('b', 'TlsAuditor'),
    nameIn('a', 'Tls.Auditor'),
    nameIn('a', 'Tls Auditor'),
    nameIn('a'.repeat(128), 'T'.repeat(120)),
  ];
  expect(new Set(names).size).toBe(names.length);
  for (const name of names) expect(name).toMatch(/^[\w-]{1,256}$/);
});

/** What a person who synthesises is told of the construct and what is in it. */
function notes(node: PgTlsAuditor['node']): readonly unknown[] {
  return node.findAll().flatMap(({ node: { metadata } }) => metadata.map(({ data }) => data));
}
