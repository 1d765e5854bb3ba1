// Defines the CloudWatch alarms about the auditor itself. They go to the topics of the default receiver.

import { Duration } from 'aws-cdk-lib';
import {
  Alarm,
  type AlarmProps,
  ComparisonOperator,
  type Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import type { CompletionWindow } from './completion-window.ts';
import { auditorMetric } from './metrics.ts';

const FIVE_MINUTES = Duration.minutes(5);

export interface AuditorAlarmsProps {
  /** What a run is: an invocation of the function, or an execution of the state machine. */
  readonly runs: { readonly function: IFunction } | { readonly stateMachine: IStateMachine };
  /** Each alarm is published to every topic. */
  readonly topics: readonly ITopic[];
  readonly deadLetterQueue: IQueue;
  /** Value of the `service` dimension on the function's own metrics. */
  readonly serviceName: string;
  readonly completionWindow: CompletionWindow;
}

/** The alarms whose metrics are those of the function or of the state machine. */
interface AlarmsOfRuns {
  readonly errors: Alarm;
  readonly throttles?: Alarm;
  readonly timeouts?: Alarm;
}

/**
 * Six alarms. Each sends one message when its cause begins, and one when it ends: a run every quarter of an hour that
 * fails is one message, not 96 a day. A description says what happened and what to do first.
 */
export class AuditorAlarms extends Construct {
  /** A run crashed or timed out. */
  readonly errors: Alarm;
  /** Lambda refused to start a run. Undefined with a fleet, whose machine tries again and then fails. */
  readonly throttles: Alarm | undefined;
  /** An execution of the fleet's state machine timed out. Undefined without a fleet. */
  readonly timeouts: Alarm | undefined;
  /** A run was abandoned, and its event kept. */
  readonly deadLetters: Alarm;
  /** No run completed in the whole window; missing data count as such. */
  readonly runOverdue: Alarm;
  /** The last run did not audit every target. */
  readonly targetsNotAudited: Alarm;
  /** The alerts of the default route, or of another route, have no confirmed subscriber. */
  readonly noSubscriber: Alarm;

  constructor(scope: Construct, id: string, props: AuditorAlarmsProps) {
    super(scope, id);
    const { period, evaluationPeriods } = props.completionWindow;
    const ownMetric = (metricName: string, statistic: string, over: Duration): Metric =>
      auditorMetric(props.serviceName, metricName, { statistic, period: over });

    const ofRuns =
      'function' in props.runs
        ? this.ofFunction(props.runs.function, props.completionWindow)
        : this.ofStateMachine(props.runs.stateMachine, props.completionWindow);
    this.errors = ofRuns.errors;
    this.throttles = ofRuns.throttles;
    this.timeouts = ofRuns.timeouts;
    this.deadLetters = this.alarmOn('DeadLetters', {
      metric: props.deadLetterQueue.metricApproximateNumberOfMessagesVisible({
        period: FIVE_MINUTES,
        statistic: Stats.MAXIMUM,
      }),
      alarmDescription:
        'A scheduled run of the PostgreSQL TLS auditor did not start in time, or failed. First: read the message in the ' +
        'dead-letter queue, which names the error; invoke the function by hand to see whether it works now; then purge the ' +
        'queue, which ends this alarm.',
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    this.runOverdue = this.alarmOn('RunOverdue', {
      metric: ownMetric('RunsCompleted', Stats.SUM, period),
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods,
      datapointsToAlarm: evaluationPeriods,
      alarmDescription:
        `No run of the PostgreSQL TLS auditor completed for ${spell(period.toMinutes() * evaluationPeriods)}: the databases ` +
        'are not audited, and the absence of alerts means nothing. First: invoke the function by hand and read its answer; ' +
        'if it works, check whether the EventBridge schedule is disabled or its role can no longer invoke the function. ' +
        'After the first deployment, the alarm lasts until the first run completes.',
      // A function that is never invoked writes no metric at all.
      treatMissingData: TreatMissingData.BREACHING,
    });
    this.targetsNotAudited = this.alarmOn('TargetsNotAudited', {
      metric: ownMetric('TargetsNotAudited', Stats.MAXIMUM, FIVE_MINUTES),
      alarmDescription:
        'The PostgreSQL TLS auditor could not audit one or more databases, so plaintext sessions there are not detected. ' +
        'First: open the latest alert: its findings "target-not-audited" name each target with the cause and the remedy ' +
        '(unreachable, certificate not verified, login failed). A critical one means the server showed a certificate that ' +
        'does not belong to it. This ends with the first run that audits every target.',
      // Between two runs there are no data: the result of the last run stays in force.
      treatMissingData: TreatMissingData.IGNORE,
    });

    this.noSubscriber = this.alarmOn('NoSubscriber', {
      metric: ownMetric('AlertsWithoutSubscriber', Stats.MAXIMUM, FIVE_MINUTES),
      alarmDescription:
        'The alerts of the PostgreSQL TLS auditor, or those of one route, have no confirmed subscriber. Notifications are kept ' +
        'until there is one. First: read the field "warnings" of the function\'s answer, or its last warnings in the log, ' +
        'which name the topic; confirm the subscription with the link in the message that SNS sent, or add a subscription. ' +
        'This ends with the first run that finds a confirmed subscriber.',
      treatMissingData: TreatMissingData.IGNORE,
    });

    const actions = props.topics.map((topic) => new SnsAction(topic));
    for (const alarm of this.all) {
      alarm.addAlarmAction(...actions);
      alarm.addOkAction(...actions);
    }
  }

  private ofFunction(runs: IFunction, { period, evaluationPeriods }: CompletionWindow): AlarmsOfRuns {
    const errors = this.alarmOn('Errors', {
      metric: runs.metricErrors({ period: FIVE_MINUTES }),
      alarmDescription:
        'The PostgreSQL TLS auditor crashed, ran into its timeout or could not do all of its work. ' +
        'First: read the last error in the function\'s log group. "Task timed out" means deployment.timeoutMinutes is too ' +
        'short for this many targets; "Runtime exited" with little free memory means deployment.memoryMiB is too small. ' +
        'The alarm sends one message while it lasts; it ends with the first run that works.',
      // Lambda counts 0 errors for a run that works. Until then the alarm keeps its state.
      treatMissingData: TreatMissingData.IGNORE,
    });
    const throttles = this.alarmOn('Throttles', {
      // AWS does not document that a started run counts 0, so the alarm covers the time between two runs.
      metric: runs.metricThrottles({ period }),
      evaluationPeriods,
      datapointsToAlarm: 1,
      alarmDescription:
        'Lambda refused to start the PostgreSQL TLS auditor: the account, or the reserved concurrency of the function, ' +
        'is used up. Lambda tries the run again for a while. First: check whether runs overlap (a run that takes longer than ' +
        "the schedule's interval), then check the account's concurrent executions.",
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
    return { errors, throttles };
  }

  /** The metrics of executions have no value for runs that went well: the alarms cover the time between two runs. */
  private ofStateMachine(runs: IStateMachine, { period, evaluationPeriods }: CompletionWindow): AlarmsOfRuns {
    const window = {
      evaluationPeriods,
      datapointsToAlarm: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    };
    const errors = this.alarmOn('Errors', {
      ...window,
      metric: runs.metricFailed({ period }),
      alarmDescription:
        'A run of the PostgreSQL TLS auditor failed: its execution could not plan, or could not notify, archive or do all of ' +
        'its work. First: open the last failed execution of the state machine, whose cause has the error; the log of the ' +
        'function in that step has more. Workers that fail do not fail a run: their databases are findings.',
    });
    const timeouts = this.alarmOn('Timeouts', {
      ...window,
      metric: runs.metricTimedOut({ period }),
      alarmDescription:
        'A run of the PostgreSQL TLS auditor did not end in deployment.fleet.timeoutMinutes, and notified no one. First: open ' +
        'the execution that timed out, and see in which step it was; then raise deployment.fleet.timeoutMinutes or ' +
        'deployment.fleet.concurrency.',
    });
    return { errors, timeouts };
  }

  /** Every alarm, for dashboards and further actions. */
  get all(): readonly Alarm[] {
    const ofRuns = [this.errors, this.throttles, this.timeouts].filter((alarm) => alarm !== undefined);
    return [...ofRuns, this.deadLetters, this.runOverdue, this.targetsNotAudited, this.noSubscriber];
  }

  private alarmOn(id: string, props: Partial<AlarmProps> & Pick<AlarmProps, 'metric'>): Alarm {
    return new Alarm(this, id, {
      threshold: 1,
      evaluationPeriods: 1,
      comparisonOperator: ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      ...props,
    });
  }
}

function spell(minutes: number): string {
  const [count, unit] = minutes % 60 === 0 ? [minutes / 60, 'hour'] : [minutes, 'minute'];
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}
