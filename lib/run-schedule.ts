// Defines the schedule: when runs start, their event, and the queue for runs that could not start.

import { ArnFormat, type CfnElement, Duration, Stack, TimeZone, Validations } from 'aws-cdk-lib';
import { Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import {
  ContextAttribute,
  type IScheduleTarget,
  Schedule,
  ScheduleExpression,
  ScheduleTargetInput,
} from 'aws-cdk-lib/aws-scheduler';
import { LambdaInvoke, StepFunctionsStartExecution } from 'aws-cdk-lib/aws-scheduler-targets';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import type { IStateMachine } from 'aws-cdk-lib/aws-stepfunctions';
import { Construct } from 'constructs';
import { rateMinutes } from './completion-window.ts';

const RETRIES = 5;

/**
 * How late a run may start: until the next one is due, at most an hour.
 *
 * @param schedule an EventBridge Scheduler expression.
 */
export function maxEventAge(schedule: string): Duration {
  return Duration.minutes(Math.min(rateMinutes(schedule) ?? 60, 60));
}

export interface RunScheduleProps {
  /** An EventBridge Scheduler expression. */
  readonly expression: string;
  /** IANA name. */
  readonly timezone: string;
  /** What a run is: an invocation of the function, or an execution of the state machine. */
  readonly runs: { readonly function: IFunction } | { readonly stateMachine: IStateMachine };
  readonly deadLetterQueue: IQueue;
}

/** An EventBridge Scheduler schedule that starts runs, with a role that can do nothing else. */
export class RunSchedule extends Construct {
  readonly schedule: Schedule;
  readonly role: Role;

  constructor(scope: Construct, id: string, props: RunScheduleProps) {
    super(scope, id);
    const stack = Stack.of(this);
    this.role = new Role(this, 'Role', {
      description: 'Lets EventBridge Scheduler invoke pg-tls-auditor',
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: {
          StringEquals: {
            'aws:SourceAccount': stack.account,
            'aws:SourceArn': stack.formatArn({
              service: 'scheduler',
              resource: 'schedule-group',
              resourceName: 'default',
              arnFormat: ArnFormat.SLASH_RESOURCE_NAME,
            }),
          },
        },
      }),
    });
    if ('function' in props.runs) {
      Validations.of(this.role).acknowledge({
        id: `AwsSolutions-IAM5[Resource::<${stack.getLogicalId(props.runs.function.node.defaultChild as CfnElement)}.Arn>:*]`,
        reason: 'The versions of this one function; the CDK target for Scheduler grants them too.',
      });
    }
    this.schedule = new Schedule(this, 'Schedule', {
      description: 'Runs pg-tls-auditor',
      schedule: ScheduleExpression.expression(props.expression, TimeZone.of(props.timezone)),
      target: this.target(props),
    });
  }

  private target({ runs, deadLetterQueue, expression }: RunScheduleProps): IScheduleTarget {
    const stack = Stack.of(this);
    const options = {
      role: this.role,
      deadLetterQueue,
      retryAttempts: RETRIES,
      maxEventAge: maxEventAge(expression),
      // The shape that Scheduler sends by default, written out because the handler depends on it, and with the
      // scheduled time and the id that retries of one run share.
      input: ScheduleTargetInput.fromObject({
        version: '0',
        id: ContextAttribute.executionId,
        source: 'aws.scheduler',
        'detail-type': 'Scheduled Event',
        account: stack.account,
        region: stack.region,
        time: ContextAttribute.scheduledTime,
        resources: [ContextAttribute.scheduleArn],
        detail: {},
      }),
    };
    return 'function' in runs
      ? new LambdaInvoke(runs.function, options)
      : new StepFunctionsStartExecution(runs.stateMachine, options);
  }
}
