import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { synthesize } from './synthesis.ts';

describe('every alarm', () => {
  const { template, stack, auditor } = synthesize();
  const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) => Properties);

  test('reaches the topic', () => {
    const topic = stack.resolve(auditor.topic.topicArn);
    expect(alarms).toHaveLength(5);
    for (const alarm of alarms) expect(alarm.AlarmActions).toEqual([topic]);
  });

  test('says what to do first, in less than the 1,024 characters that CloudWatch keeps', () => {
    for (const { AlarmDescription } of alarms) {
      expect(AlarmDescription).toContain('First: ');
      expect(AlarmDescription.length).toBeLessThanOrEqual(1024);
    }
  });

  test('is a member that dashboards can use', () => {
    expect(auditor.alarms.all).toHaveLength(5);
    expect(stack.resolve(auditor.alarms.runOverdue.alarmArn)).toBeDefined();
  });
});

test.each([
  ['a crash', 'Errors', 'AWS/Lambda', 'Sum', 'notBreaching'],
  ['a refused start', 'Throttles', 'AWS/Lambda', 'Sum', 'notBreaching'],
  ['a run given up', 'ApproximateNumberOfMessagesVisible', 'AWS/SQS', 'Maximum', 'notBreaching'],
  // between two runs the last result stands
  ['a target that was not audited', 'TargetsNotAudited', 'PgTlsAuditor', 'Maximum', 'ignore'],
])('%s rings at once', (_, MetricName, Namespace, Statistic, TreatMissingData) => {
  synthesize().template.hasResourceProperties('AWS::CloudWatch::Alarm', {
    MetricName,
    Namespace,
    Statistic,
    TreatMissingData,
    Threshold: 1,
    EvaluationPeriods: 1,
    ComparisonOperator: 'GreaterThanOrEqualToThreshold',
  });
});

test.each([
  ['rate(15 minutes)', undefined, 900, 3, '45 minutes'],
  ['rate(15 minutes)', 1, 3600, 1, '1 hour'],
  ['cron(0 6 * * ? *)', undefined, 3600, 25, '25 hours'],
] as const)('silence rings: %s with a window of %s hours', (schedule, hours, Period, EvaluationPeriods, spelled) => {
  synthesize({
    schedule,
    deployment: { completionWindowHours: hours },
  }).template.hasResourceProperties('AWS::CloudWatch::Alarm', {
    Namespace: 'PgTlsAuditor',
    MetricName: 'RunsCompleted',
    Dimensions: [{ Name: 'service', Value: 'Databases-TlsAuditor' }],
    Statistic: 'Sum',
    ComparisonOperator: 'LessThanThreshold',
    Threshold: 1,
    TreatMissingData: 'breaching',
    Period,
    EvaluationPeriods,
    DatapointsToAlarm: EvaluationPeriods,
    AlarmDescription: Match.stringLikeRegexp(`No run .* completed for ${spelled}:`),
  });
});

test('every alarm also reaches the Slack channels of everyone, and no route', () => {
  const { template, stack, auditor } = synthesize({
    alerts: {
      slack: [{ workspaceId: 'T0123ABCD', channelId: 'C0123ABCD' }],
      routes: [
        {
          name: 'shop',
          targets: ['orders'],
          email: ['shop@example.com'],
          slack: [{ workspaceId: 'T0123ABCD', channelId: 'C0987ZYXW' }],
        },
      ],
    },
  });
  const topics = [auditor.topic, auditor.chatTopics.get('all')].map((topic) => stack.resolve(topic?.topicArn));
  const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) => Properties);
  expect(alarms).toHaveLength(5);
  for (const alarm of alarms) expect(alarm.AlarmActions).toEqual(topics);
  for (const alarm of alarms) expect(alarm.OKActions ?? topics).toEqual(topics);
});

test('a state that lasts also says when it is over', () => {
  const { template, stack, auditor } = synthesize();
  const topic = stack.resolve(auditor.topic.topicArn);
  const telling = Object.values(template.findResources('AWS::CloudWatch::Alarm'))
    .filter(({ Properties }) => Properties.OKActions !== undefined)
    .map(({ Properties }) => [Properties.MetricName, Properties.OKActions]);
  expect(telling.sort()).toEqual([
    ['RunsCompleted', [topic]],
    ['TargetsNotAudited', [topic]],
  ]);
});
