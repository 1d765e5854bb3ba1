// Invokes the Lambda handler in a process of its own, with the environment of the deployment and nothing of this one's.

import { fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { devNull } from 'node:os';
import { join } from 'node:path';
import type { Report } from '../lambda/report/schema.ts';
import type { FunctionInput } from './function-process.ts';
import type { Scene } from './scene.ts';

export interface Invocation {
  /** What the handler answered. */
  readonly report: Report;
  /** From the event to the answer; the first time, with the start of the process. */
  readonly milliseconds: number;
}

/** A running function. Disposing of it ends its process. */
export interface FunctionProcess extends AsyncDisposable {
  /**
   * Invokes it as the schedule does.
   *
   * @param hours - So many hours later than it is: by its own clock only.
   * @throws Error with the end of the log when the handler gave no answer
   */
  invoke(hours: number): Promise<Invocation>;
  /** What it has logged, one JSON document a line: all of it once it is disposed of. */
  log(): readonly string[];
}

/** @param signal - Ends the process. */
export function startFunction(scene: Scene, signal: AbortSignal): FunctionProcess {
  let startedAt: number | undefined = performance.now();
  const child = fork(join(import.meta.dirname, 'function-process.ts'), {
    execArgv: [],
    env: environment(scene),
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
  });
  const stop = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', stop);
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (chunk: string) => output.push(chunk));
  }
  const log = (): string[] =>
    output
      .join('')
      .split('\n')
      .filter((line) => line !== '');
  const ended = Promise.withResolvers<undefined>();
  child.once('close', () => ended.resolve(undefined));
  return {
    log,
    async invoke(hours) {
      const laterMs = hours * 3_600_000;
      const from = startedAt ?? performance.now();
      startedAt = undefined;
      const answer = Promise.withResolvers<Report>();
      const answered = (report: unknown): void => answer.resolve(report as Report);
      child.once('message', answered);
      const input: FunctionInput = { event: scheduledEvent(scene, new Date(Date.now() + laterMs)), laterMs };
      // It may be gone before the event is: the end of the process tells why.
      child.send(input, () => undefined);
      const report = await Promise.race([answer.promise, ended.promise]);
      child.off('message', answered);
      signal.throwIfAborted();
      if (report === undefined) {
        throw new Error(`the handler gave no answer; its log ends\n${log().slice(-20).join('\n')}`);
      }
      return { report, milliseconds: performance.now() - from };
    },
    async [Symbol.asyncDispose]() {
      // Let go by us it would end without its streams being reported as closed.
      if (child.connected) child.send('end', () => undefined);
      await ended.promise;
      signal.removeEventListener('abort', stop);
    },
  };
}

/** Not the person's own AWS settings: the SDK must find no other endpoint or credentials than the demo's. */
function environment({ aws, dynamodb, chatTopicArn, configFile }: Scene): NodeJS.ProcessEnv {
  return {
    ...dynamodb.environment(),
    ...aws.environment(),
    AWS_CONFIG_FILE: devNull,
    AWS_SHARED_CREDENTIALS_FILE: devNull,
    AWS_EC2_METADATA_DISABLED: 'true',
    AUDITOR_CONFIG_FILE: configFile,
    ALERT_TOPIC_ARN: aws.topicArn,
    CHAT_TOPICS: JSON.stringify({ all: chatTopicArn }),
    STATE_TABLE: dynamodb.tableName,
    EVIDENCE_BUCKET: aws.bucket,
    POWERTOOLS_SERVICE_NAME: 'pg-tls-auditor',
    POWERTOOLS_METRICS_NAMESPACE: 'PgTlsAuditor',
  };
}

/** What EventBridge Scheduler sends. */
function scheduledEvent({ aws: { region, topicArn } }: Scene, at: Date): object {
  const account = topicArn.split(':')[4];
  return {
    version: '0',
    id: randomUUID(),
    source: 'aws.scheduler',
    'detail-type': 'Scheduled Event',
    account,
    region,
    time: at.toISOString(),
    resources: [`arn:aws:scheduler:${region}:${account}:schedule/default/pg-tls-auditor`],
    detail: {},
  };
}
