// Invokes the Lambda handler in a process of its own, with the environment of the deployment and nothing of this one's.

import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { devNull } from 'node:os';
import { join } from 'node:path';
import type { Report } from '../lambda/report/schema.ts';
import type { AwsEndpoint } from '../test/support/aws.ts';

export interface Invocation {
  /** What the handler answered. */
  readonly report: Report;
  /** What it logged, one JSON document a line. */
  readonly log: readonly string[];
  /** How many lines of the log are metrics in CloudWatch's embedded format. */
  readonly metricRecords: number;
  /** From starting the process to the answer. */
  readonly milliseconds: number;
}

export interface InvokeOptions {
  readonly aws: AwsEndpoint;
  readonly configFile: string;
  /** Ends the process. */
  readonly signal: AbortSignal;
}

/** @throws Error with the end of the log when the handler gave no answer */
export async function invokeHandler({ aws, configFile, signal }: InvokeOptions): Promise<Invocation> {
  const startedAt = performance.now();
  const child = fork(join(import.meta.dirname, 'function-process.ts'), {
    execArgv: [],
    env: environment(aws, configFile),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const stop = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', stop);
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => output.push(chunk));
  }
  let answer: { readonly report: Report; readonly milliseconds: number } | undefined;
  child.once('message', (report) => {
    answer = { report: report as Report, milliseconds: performance.now() - startedAt };
  });
  // It may be gone before the event is: the end of the process tells why.
  child.send(scheduledEvent(aws), () => undefined);
  await once(child, 'close');
  signal.removeEventListener('abort', stop);
  signal.throwIfAborted();
  const log = output
    .join('')
    .split('\n')
    .filter((line) => line !== '');
  if (answer === undefined) throw new Error(`the handler gave no answer; its log ends\n${log.slice(-20).join('\n')}`);
  return { ...answer, log, metricRecords: log.filter(isMetrics).length };
}

/** Not the person's own AWS settings: the SDK must find no other endpoint or credentials than the demo's. */
function environment(aws: AwsEndpoint, configFile: string): NodeJS.ProcessEnv {
  return {
    ...aws.environment(),
    AWS_CONFIG_FILE: devNull,
    AWS_SHARED_CREDENTIALS_FILE: devNull,
    AWS_EC2_METADATA_DISABLED: 'true',
    AUDITOR_CONFIG_FILE: configFile,
    ALERT_TOPIC_ARN: aws.topicArn,
    POWERTOOLS_SERVICE_NAME: 'pg-tls-auditor',
    POWERTOOLS_METRICS_NAMESPACE: 'PgTlsAuditor',
  };
}

/** What EventBridge Scheduler sends. */
function scheduledEvent({ region, topicArn }: AwsEndpoint): object {
  const account = topicArn.split(':')[4];
  return {
    version: '0',
    id: randomUUID(),
    source: 'aws.scheduler',
    'detail-type': 'Scheduled Event',
    account,
    region,
    time: new Date().toISOString(),
    resources: [`arn:aws:scheduler:${region}:${account}:schedule/default/pg-tls-auditor`],
    detail: {},
  };
}

function isMetrics(line: string): boolean {
  try {
    return '_aws' in (JSON.parse(line) as object);
  } catch {
    return false;
  }
}
