// Runs the function in the lab as Lambda would: with a configuration, topics, a table and a bucket, at a chosen time.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BatchWriteItemCommand, CreateTableCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { vi } from 'vitest';
import type { ConfigInput } from '../lambda/config/index.ts';
import type { Refusal } from '../lambda/event.ts';
import type { Handler, createHandler as HandlerMaker } from '../lambda/handler.ts';
import type { Report } from '../lambda/report/schema.ts';
import type { TargetSourceFactory } from '../lambda/targets/index.ts';
import { type AwsEndpoint, type AwsEndpointOptions, type PublishedMessage, startAwsEndpoint } from './aws.ts';
import { type DynamoDbEndpoint, startDynamoDb } from './dynamodb.ts';
import { type SpoilingRelay, startSpoilingRelay } from './spoiling-relay.ts';

/** The event that EventBridge Scheduler sends. */
export const SCHEDULED = { source: 'aws.scheduler', 'detail-type': 'Scheduled Event', detail: {} };

export interface Invocation {
  readonly at: Date;
  /** @default the event of the schedule */
  readonly event?: unknown;
  /** @default a new one for each invocation */
  readonly requestId?: string;
  /** Milliseconds that the invocation has. @default 60000 */
  readonly remainingMs?: number;
  /** @default the function's own */
  readonly sources?: readonly TargetSourceFactory[];
}

export interface InvocationOutcome {
  /** Undefined where the run failed, or refused its event. */
  readonly report: Report | undefined;
  readonly error: Error | undefined;
  /** Defined where the function refused the event. */
  readonly refusal?: Refusal;
  /** The messages that were published during the invocation. */
  readonly published: readonly PublishedMessage[];
}

export interface FunctionLab extends AsyncDisposable {
  readonly aws: AwsEndpoint;
  /** Relays requests of the function to SNS and DynamoDB, and can spoil them. */
  readonly relay: SpoilingRelay;
  readonly dynamodb: DynamoDbEndpoint;
  configure(config: ConfigInput): Promise<void>;
  /** Sets more variables of the function's environment; undefined removes one. */
  setEnvironment(variables: Readonly<Record<string, string | undefined>>): void;
  /** Starts a new execution environment: loads the function's modules again, with the present variables. */
  restart(): Promise<void>;
  /** Never throws: a run that fails is an outcome with an error. */
  invoke(invocation: Invocation): Promise<InvocationOutcome>;
  /** Gives the function a new state table with the items of another one; without `copyOf`, an empty table. */
  useTable(copyOf?: string): Promise<string>;
}

/**
 * Starts the endpoints, sets the environment with `vi.stubEnv`, and loads the function's module.
 *
 * @example
 * await using lab = await startFunctionLab({ secrets: { 'prod/orders': rdsSecret(server) } });
 * await lab.configure({ targets: [{ name: 'orders', secret: 'prod/orders' }] });
 * await lab.invoke({ at: new Date() });
 */
export async function startFunctionLab(options: AwsEndpointOptions = {}): Promise<FunctionLab> {
  await using stack = new AsyncDisposableStack();
  const aws = stack.use(await startAwsEndpoint(options));
  const dynamodb = stack.use(await startDynamoDb());
  const relay = stack.use(await startSpoilingRelay({ sns: aws.url, dynamodb: dynamodb.url }));
  const folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-lab-'));
  stack.defer(() => rm(folder, { recursive: true }));
  const configFile = join(folder, 'auditor.config.json');
  const setEnvironment: FunctionLab['setEnvironment'] = (variables) => {
    for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
  };
  stack.defer(() => void vi.unstubAllEnvs());
  setEnvironment({
    ...aws.environment(),
    AWS_ENDPOINT_URL_DYNAMODB: relay.url,
    AWS_ENDPOINT_URL_SNS: relay.url,
    ALERT_TOPIC_ARN: aws.topicArn,
    AUDITOR_CONFIG_FILE: configFile,
    POWERTOOLS_SERVICE_NAME: 'pg-tls-auditor',
    POWERTOOLS_METRICS_NAMESPACE: 'PgTlsAuditor',
  });

  let createHandler: typeof HandlerMaker | undefined;
  let invocations = 0;
  let tables = 0;
  const restart = async (): Promise<void> => {
    vi.resetModules();
    ({ createHandler } = await import('../lambda/handler.ts'));
  };
  await restart();
  const held = stack.move();
  return {
    aws,
    relay,
    dynamodb,
    setEnvironment,
    restart,
    configure: (config) => writeFile(configFile, JSON.stringify(config)),
    async invoke({ at, event = SCHEDULED, requestId, remainingMs = 60_000, sources }) {
      const before = aws.published.length;
      invocations += 1;
      const handler = createHandler?.({ clock: () => at, ...(sources === undefined ? {} : { sources }) }) as Handler;
      const context = {
        awsRequestId: requestId ?? `request-${invocations}`,
        getRemainingTimeInMillis: () => remainingMs,
      };
      try {
        const answer = await handler(event, context);
        const published = aws.published.slice(before);
        if ('refused' in answer) return { report: undefined, refusal: answer, error: undefined, published };
        return { report: answer, error: undefined, published };
      } catch (error) {
        return { report: undefined, error: error as Error, published: aws.published.slice(before) };
      }
    },
    async useTable(copyOf) {
      tables += 1;
      const name = `state-${tables}`;
      await createTable(dynamodb, name);
      if (copyOf !== undefined) await copyItems(dynamodb, copyOf, name);
      setEnvironment({ STATE_TABLE: name });
      return name;
    },
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  };
}

async function createTable({ client }: DynamoDbEndpoint, TableName: string): Promise<void> {
  await client.send(
    new CreateTableCommand({
      TableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [
        { AttributeName: 'pk', AttributeType: 'S' },
        { AttributeName: 'sk', AttributeType: 'S' },
      ],
      KeySchema: [
        { AttributeName: 'pk', KeyType: 'HASH' },
        { AttributeName: 'sk', KeyType: 'RANGE' },
      ],
    }),
  );
}

/** Items in a request at most ("Quotas": BatchWriteItem). */
const MOST_ITEMS = 25;

async function copyItems({ client }: DynamoDbEndpoint, from: string, to: string): Promise<void> {
  const { Items = [] } = await client.send(new ScanCommand({ TableName: from, ConsistentRead: true }));
  for (let start = 0; start < Items.length; start += MOST_ITEMS) {
    const requests = Items.slice(start, start + MOST_ITEMS).map((Item) => ({ PutRequest: { Item } }));
    await client.send(new BatchWriteItemCommand({ RequestItems: { [to]: requests } }));
  }
}
