// A local endpoint that the real AWS SDK clients talk to: Secrets Manager and SNS, with their limits and their faults.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { AwsFailure } from './aws-failure.ts';
import { SecretsManager, type SecretValue } from './aws-secrets-manager.ts';
import { type PublishedMessage, Sns } from './aws-sns.ts';

export type { SecretValue } from './aws-secrets-manager.ts';
export { bodyFor, type PublishedMessage } from './aws-sns.ts';

export type AwsOperation = 'GetSecretValue' | 'BatchGetSecretValue' | 'Publish';

export interface AwsEndpointOptions {
  readonly secrets?: Readonly<Record<string, SecretValue>>;
  /** Names of topics. @default ['pg-tls-auditor'] */
  readonly topics?: readonly string[];
  /** @default 'eu-west-1' */
  readonly region?: string;
}

/**
 * A fault to meet the next requests: an error the service answers with, or silence, or a reset connection.
 * Codes as the services have them: `ThrottlingException` (400) and `InternalServiceError` (500) of Secrets Manager,
 * `Throttled` (429), `InternalError` (500) and `AuthorizationError` (403) of SNS.
 */
export type Fault = {
  /** @default 1 */
  readonly times?: number;
} & (
  | { readonly code: string /** @default 400 */; readonly status?: number; readonly message?: string }
  | { readonly network: 'hang' | 'reset' }
);

/** One request that came, whatever its answer was. */
export interface AwsRequest {
  readonly operation: string;
  /** The secrets it asked for. */
  readonly secretIds: readonly string[];
  readonly at: Date;
}

export interface AwsEndpoint extends AsyncDisposable {
  readonly url: string;
  readonly region: string;
  /** ARN of the first topic. */
  readonly topicArn: string;
  /** In the order in which they came. */
  readonly published: readonly PublishedMessage[];
  readonly requests: readonly AwsRequest[];
  /** How many requests for that operation came. */
  count(operation: AwsOperation): number;
  /** Environment variables that lead every SDK client here, with credentials only this endpoint knows. */
  environment(): Readonly<Record<string, string>>;
  /** Creates a secret, or rotates it. */
  setSecret(name: string, value: SecretValue): void;
  deleteSecret(name: string): void;
  secretArn(name: string): string;
  /** Queues a fault: the next requests for that operation meet it, then those queued after it. */
  failNext(operation: AwsOperation, fault: Fault): void;
}

const ACCOUNT = '123456789012';
/** What a request may have in bytes: more than SNS takes, even with each byte percent-encoded. */
const LARGEST_REQUEST = 4 * 262_144;

/**
 * Starts an endpoint on 127.0.0.1.
 *
 * @example
 * await using aws = await startAwsEndpoint({ secrets: { 'prod/orders': '{"username":"a","password":"b"}' } });
 * Object.assign(process.env, aws.environment());
 */
export async function startAwsEndpoint(options: AwsEndpointOptions = {}): Promise<AwsEndpoint> {
  const { secrets = {}, topics = ['pg-tls-auditor'], region = 'eu-west-1' } = options;
  const topicArns = topics.map((name) => `arn:aws:sns:${region}:${ACCOUNT}:${name}`);
  const accessKeyId = `AKIALAB${randomUUID().replaceAll('-', '').slice(0, 13).toUpperCase()}`;
  const secretsManager = new SecretsManager(region, ACCOUNT);
  for (const [name, value] of Object.entries(secrets)) secretsManager.set(name, value);
  const sns = new Sns(topicArns);
  const requests: AwsRequest[] = [];
  const faults = new Map<string, Fault[]>();

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const call = readCall(request, await readBody(request));
    requests.push({ operation: call.operation, secretIds: call.secretIds, at: new Date() });
    const fault = faults.get(call.operation)?.shift();
    if (fault !== undefined && 'network' in fault) {
      if (fault.network === 'reset') request.socket.resetAndDestroy();
      return;
    }
    try {
      if (fault !== undefined)
        throw new AwsFailure(fault.code, fault.message ?? `${fault.code}, on purpose`, fault.status);
      if (!request.headers.authorization?.startsWith(`AWS4-HMAC-SHA256 Credential=${accessKeyId}/`)) {
        throw new AwsFailure('UnrecognizedClientException', 'The security token included in the request is invalid.');
      }
      if (call.operation === 'Publish') respondXml(response, sns.publish(call.form));
      else if (call.operation === 'GetSecretValue') respondJson(response, secretsManager.getSecretValue(call.input));
      else if (call.operation === 'BatchGetSecretValue')
        respondJson(response, secretsManager.batchGetSecretValue(call.input));
      else throw new AwsFailure('UnknownOperationException', `this endpoint does not know ${call.operation}`);
    } catch (error) {
      if (!(error instanceof AwsFailure)) throw error;
      respondFailure(response, call.protocol, error);
    }
  };

  const server = createServer((request, response) => {
    answer(request, response).catch(() => request.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    region,
    topicArn: topicArns[0] ?? '',
    published: sns.published,
    requests,
    count: (operation) => requests.filter((request) => request.operation === operation).length,
    environment: () => ({
      AWS_ENDPOINT_URL: url,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: 'not-a-secret',
    }),
    setSecret: (name, value) => secretsManager.set(name, value),
    deleteSecret: (name) => secretsManager.delete(name),
    secretArn: (name) => secretsManager.arn(name),
    failNext(operation, fault) {
      const queue = faults.get(operation) ?? [];
      for (let turn = 0; turn < (fault.times ?? 1); turn += 1) queue.push(fault);
      faults.set(operation, queue);
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

interface Call {
  readonly operation: string;
  /** awsJson1.1 for Secrets Manager, awsQuery for SNS. */
  readonly protocol: 'json' | 'query';
  readonly input: Readonly<Record<string, unknown>>;
  readonly form: URLSearchParams;
  readonly secretIds: readonly string[];
}

function readCall(request: IncomingMessage, body: string): Call {
  const target = /^secretsmanager\.(\w+)$/.exec(String(request.headers['x-amz-target']))?.[1];
  const form = new URLSearchParams(target === undefined ? body : '');
  if (target === undefined) {
    return { operation: form.get('Action') ?? 'unknown', protocol: 'query', input: {}, form, secretIds: [] };
  }
  const input = JSON.parse(body) as Readonly<Record<string, unknown>>;
  const ids = input.SecretIdList ?? input.SecretId ?? [];
  const secretIds = (Array.isArray(ids) ? ids : [ids]).map(String);
  return { operation: target, protocol: 'json', input, form, secretIds };
}

async function readBody(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_REQUEST) throw new RangeError(`a request may have ${LARGEST_REQUEST} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString();
}

function respondJson(response: ServerResponse, body: object, status = 200): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', 'x-amzn-requestid': randomUUID() });
  response.end(JSON.stringify(body));
}

function respondXml(response: ServerResponse, messageId: string): void {
  response.writeHead(200, { 'content-type': 'text/xml' });
  response.end(
    `<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>${messageId}</MessageId>` +
      `</PublishResult><ResponseMetadata><RequestId>${randomUUID()}</RequestId></ResponseMetadata></PublishResponse>`,
  );
}

function respondFailure(response: ServerResponse, protocol: Call['protocol'], failure: AwsFailure): void {
  const { code, message, status } = failure;
  if (protocol === 'json') {
    respondJson(response, { __type: code, message }, status);
    return;
  }
  response.writeHead(status, { 'content-type': 'text/xml' });
  response.end(
    `<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>${status < 500 ? 'Sender' : 'Receiver'}</Type>` +
      `<Code>${code}</Code><Message>${escapeXml(message)}</Message></Error><RequestId>${randomUUID()}</RequestId></ErrorResponse>`,
  );
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
