import { Match } from 'aws-cdk-lib/assertions';
import { describe, expect, test } from 'vitest';
import { synthesize } from './synthesis.ts';

describe('every alarm', () => {
  const { template, stack, auditor } = synthesize();
  const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) => Properties);

  test('reaches the topic', () => {
    const topic = stack.resolve(auditor.topic.topicArn);
    expect(alarms).toHaveLength(6);
    for (const alarm of alarms) expect(alarm.AlarmActions).toEqual([topic]);
  });

  test('says what to do first, in less than the 1,024 characters that CloudWatch keeps', () => {
    for (const { AlarmDescription } of alarms) {
      expect(AlarmDescription).toContain('First: ');
      expect(AlarmDescription.length).toBeLessThanOrEqual(1024);
    }
  });

  test('is a member that dashboards can use', () => {
    expect(auditor.alarms.all).toHaveLength(6);
    expect(stack.resolve(auditor.alarms.runOverdue.alarmArn)).toBeDefined();
  });
});

test.each([
  // until a run works, it lasts
  ['a crash', 'Errors', 'AWS/Lambda', 'Sum', 'ignore'],
  ['a run given up', 'ApproximateNumberOfMessagesVisible', 'AWS/SQS', 'Maximum', 'notBreaching'],
  // between two runs the last result stands
  ['a target that was not audited', 'TargetsNotAudited', 'PgTlsAuditor', 'Maximum', 'ignore'],
  ['an alert that reaches no one', 'AlertsWithoutSubscriber', 'PgTlsAuditor', 'Maximum', 'ignore'],
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
  expect(alarms).toHaveLength(6);
  for (const alarm of alarms) expect(alarm.AlarmActions).toEqual(topics);
  for (const alarm of alarms) expect(alarm.OKActions ?? topics).toEqual(topics);
});

test('every alarm also says when it is over', () => {
  const { template, stack, auditor } = synthesize();
  const topic = stack.resolve(auditor.topic.topicArn);
  const alarms = Object.values(template.findResources('AWS::CloudWatch::Alarm'));
  expect(alarms.map(({ Properties }) => Properties.OKActions)).toEqual(alarms.map(() => [topic]));
});

describe('what lasts rings once, and once when it is over', () => {
  type AlarmProperties = Readonly<Record<'Period' | 'EvaluationPeriods', number>> & {
    readonly DatapointsToAlarm?: number;
    readonly TreatMissingData: string;
  };

  /**
   * How often an alarm changes to ALARM and back, with these values of its metric by minute: each period's sum is held
   * against the threshold of 1, as CloudWatch does.
   */
  function messages(alarm: AlarmProperties, values: ReadonlyMap<number, number>, minutes: number): string[] {
    const { Period, EvaluationPeriods, DatapointsToAlarm = EvaluationPeriods, TreatMissingData } = alarm;
    const length = Period / 60;
    const notified: string[] = [];
    let state = 'OK';
    for (let end = length * EvaluationPeriods; end <= minutes; end += length) {
      const points = Array.from({ length: EvaluationPeriods }, (_, index) => {
        const from = end - (index + 1) * length;
        const within = [...values]
          .filter(([minute]) => minute >= from && minute < from + length)
          .map(([, value]) => value);
        return within.length === 0 ? undefined : within.reduce((sum, value) => sum + value, 0);
      });
      if (TreatMissingData === 'ignore' && points.every((point) => point === undefined)) continue;
      const breaching = points.filter((point) => point !== undefined && point >= 1).length;
      const next = breaching >= DatapointsToAlarm ? 'ALARM' : 'OK';
      if (next !== state) notified.push(next);
      state = next;
    }
    return notified;
  }

  const alarmOn = (MetricName: string, schedule: string): AlarmProperties => {
    const { template } = synthesize({ schedule });
    const [alarm] = Object.values(template.findResources('AWS::CloudWatch::Alarm', { Properties: { MetricName } }));
    return alarm?.Properties;
  };

  test.each([
    ['rate(15 minutes)', 15],
    ['rate(1 hour)', 60],
    ['cron(0 6 * * ? *)', 24 * 60],
  ])('a day of failures or more: %s', (schedule, interval) => {
    const runs = Array.from({ length: 96 }, (_, index) => 3 + index * interval);
    const isBad = (index: number): boolean => index >= 5 && index < 60;
    const errors = new Map(runs.map((minute, index) => [minute, isBad(index) ? 1 : 0]));
    const minutes = 97 * interval;
    expect(messages(alarmOn('Errors', schedule), errors, minutes)).toEqual(['ALARM', 'OK']);
    // Of throttles there may be no datapoint where none was throttled.
    const throttles = new Map([...errors].filter(([, value]) => value > 0));
    expect(messages(alarmOn('Throttles', schedule), throttles, minutes)).toEqual(['ALARM', 'OK']);
  });
});
