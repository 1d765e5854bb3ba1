// Serves DynamoDB on a local port: dynalite behind a relay that counts requests and injects faults.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { CreateTableCommand, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DeleteCommand, DynamoDBDocumentClient, PutCommand, paginateScan } from '@aws-sdk/lib-dynamodb';
import dynalite from 'dynalite';

export type DynamoDbOperation = 'Query' | 'GetItem' | 'PutItem' | 'DeleteItem';

/**
 * What the next requests of an operation meet: an error the service answers with (`ThrottlingException`,
 * `ProvisionedThroughputExceededException`, `AccessDeniedException`: 400; `InternalServerError`: 500), silence, a
 * connection reset before the request is done, or one reset after it, so that the client does not learn that it was.
 */
export type DynamoDbFault = {
  /** @default 1 */
  readonly times?: number;
  /** Requests that go through first. @default 0 */
  readonly after?: number;
} & (
  | { readonly code: string /** @default 400 */; readonly status?: number }
  | { readonly network: 'hang' | 'reset' | 'lost-answer' }
);

/** Names and types of key attributes: partition key, sort key. */
export type KeySchema = readonly [pk: readonly [string, 'S' | 'N'], sk: readonly [string, 'S' | 'N']];

export interface DynamoDbOptions {
  /** @default 'pg-tls-auditor-state' */
  readonly tableName?: string;
  /** @default pk and sk, both strings */
  readonly keys?: KeySchema;
}

export interface DynamoDbEndpoint extends AsyncDisposable {
  readonly url: string;
  readonly tableName: string;
  /** A client as the auditor's, for this endpoint. Closed with it. */
  readonly client: DynamoDBClient;
  /** Environment variables that lead every DynamoDB client here. */
  environment(): Readonly<Record<string, string>>;
  /** Requests that came for that operation, those that met a fault included. */
  count(operation: DynamoDbOperation): number;
  /** Queues a fault: the next requests for that operation meet it, then those queued after it. */
  failNext(operation: DynamoDbOperation, fault: DynamoDbFault): void;
  /** Discards the faults that no request has met yet. */
  clearFaults(): void;
  /** Everything that the table holds, as it is stored. */
  items(): Promise<readonly Readonly<Record<string, unknown>>[]>;
  /** Writes an item as another client could, here or in another table. */
  put(item: Readonly<Record<string, unknown>>, table?: string): Promise<void>;
  delete(pk: string, sk: string): Promise<void>;
}

const REGION = 'eu-west-1';
/** dynalite checks no signature; nothing here is secret. */
const CREDENTIALS = { accessKeyId: 'AKIALABDYNAMODB00000', secretAccessKey: 'not-a-secret' };

/**
 * Starts an endpoint with an empty table on 127.0.0.1.
 *
 * @example
 * await using dynamodb = await startDynamoDb();
 * const options = { clock: systemClock, owner: 'a test', audience: 'all' };
 * const store = createDynamoDbState(dynamodb.client, dynamodb.tableName, options);
 */
export async function startDynamoDb({
  tableName = 'pg-tls-auditor-state',
  keys = [
    ['pk', 'S'],
    ['sk', 'S'],
  ],
}: DynamoDbOptions = {}): Promise<DynamoDbEndpoint> {
  const service = dynalite({ createTableMs: 0, deleteTableMs: 0 });
  const servicePort = await listen(service);
  const requests: string[] = [];
  const faults = new Map<string, (DynamoDbFault | undefined)[]>();
  const relay = createServer((request, response) => {
    const operation = String(request.headers['x-amz-target']).split('.').at(-1) ?? '';
    requests.push(operation);
    answer(request, response, servicePort, faults.get(operation)?.shift()).catch(() => request.socket.destroy());
  });
  const url = `http://127.0.0.1:${await listen(relay)}`;
  const client = new DynamoDBClient({ endpoint: url, region: REGION, credentials: CREDENTIALS });
  // Past the relay: what a test does by itself is neither counted nor spoilt.
  const direct = new DynamoDBClient({
    endpoint: `http://127.0.0.1:${servicePort}`,
    region: REGION,
    credentials: CREDENTIALS,
  });
  await direct.send(
    new CreateTableCommand({
      TableName: tableName,
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: keys.map(([AttributeName, AttributeType]) => ({ AttributeName, AttributeType })),
      KeySchema: keys.map(([AttributeName], index) => ({ AttributeName, KeyType: index === 0 ? 'HASH' : 'RANGE' })),
    }),
  );
  const documents = DynamoDBDocumentClient.from(direct);
  return {
    url,
    tableName,
    client,
    environment: () => ({
      AWS_ENDPOINT_URL_DYNAMODB: url,
      AWS_REGION: REGION,
      AWS_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
      AWS_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
    }),
    count: (operation) => requests.filter((name) => name === operation).length,
    failNext(operation, fault) {
      const queue = faults.get(operation) ?? [];
      for (let turn = 0; turn < (fault.after ?? 0); turn += 1) queue.push(undefined);
      for (let turn = 0; turn < (fault.times ?? 1); turn += 1) queue.push(fault);
      faults.set(operation, queue);
    },
    clearFaults: () => faults.clear(),
    async items() {
      const items: Record<string, unknown>[] = [];
      const pages = paginateScan({ client: documents }, { TableName: tableName, ConsistentRead: true });
      for await (const { Items = [] } of pages) items.push(...Items);
      return items;
    },
    async put(item, table = tableName) {
      await documents.send(new PutCommand({ TableName: table, Item: item }));
    },
    async delete(pk, sk) {
      await documents.send(new DeleteCommand({ TableName: tableName, Key: { pk, sk } }));
    },
    async [Symbol.asyncDispose]() {
      client.destroy();
      direct.destroy();
      await close(relay);
      await close(service);
    },
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  port: number,
  fault: DynamoDbFault | undefined,
): Promise<void> {
  const body = await buffer(request);
  if (fault !== undefined && 'code' in fault) {
    response.writeHead(fault.status ?? 400, { 'content-type': 'application/x-amz-json-1.0' });
    response.end(
      JSON.stringify({
        __type: `com.amazonaws.dynamodb.v20120810#${fault.code}`,
        message: `${fault.code}, on purpose`,
      }),
    );
    return;
  }
  if (fault?.network === 'hang') return;
  if (fault?.network === 'reset') {
    request.socket.resetAndDestroy();
    return;
  }
  const forwarded = send({ host: '127.0.0.1', port, method: 'POST', path: request.url, headers: request.headers });
  forwarded.end(body);
  const [answered] = (await once(forwarded, 'response')) as [IncomingMessage];
  const text = await buffer(answered);
  if (fault?.network === 'lost-answer') {
    request.socket.resetAndDestroy();
    return;
  }
  response.writeHead(answered.statusCode ?? 500, answered.headers);
  response.end(text);
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function close(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeAllConnections();
  await closed;
}
