// Starts a local endpoint for the real AWS SDK clients: Secrets Manager, SNS, S3, SSM, Security Hub, CloudWatch Logs,
// RDS and STS, with the limits of the services, and with faults on request.

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { CloudWatchLogs } from './aws-cloudwatch-logs.ts';
import { AwsFailure } from './aws-failure.ts';
import {
  type Call,
  pathOf,
  queryOf,
  readBody,
  readCall,
  respondFailure,
  respondJson,
  respondKeys,
  respondObject,
  respondXml,
} from './aws-protocols.ts';
import { Rds, type RdsCaller, type RdsOperation, Sts } from './aws-rds.ts';
import { S3, type StoredObject } from './aws-s3.ts';
import { SecretsManager, type SecretValue } from './aws-secrets-manager.ts';
import { type KeptFinding, SecurityHub } from './aws-security-hub.ts';
import { type PublishedMessage, Sns, type TopicSubscription } from './aws-sns.ts';
import { Ssm } from './aws-ssm.ts';

export type { SecretValue } from './aws-secrets-manager.ts';
export { bodyFor, type PublishedMessage, type TopicSubscription } from './aws-sns.ts';

export type AwsOperation =
  | 'GetSecretValue'
  | 'BatchGetSecretValue'
  | 'Publish'
  | 'ListSubscriptionsByTopic'
  | 'PutObject'
  | 'GetObject'
  | 'ListObjectsV2'
  | 'BatchImportFindings'
  | 'FilterLogEvents'
  | 'GetParameter'
  | RdsOperation
  | 'AssumeRole';

export interface AwsEndpointOptions {
  readonly secrets?: Readonly<Record<string, SecretValue>>;
  /** Names of topics. @default ['pg-tls-auditor'] */
  readonly topics?: readonly string[];
  /** Names of S3 buckets. @default ['pg-tls-auditor-evidence'] */
  readonly buckets?: readonly string[];
  /** @default enabled, and no finding refused */
  readonly securityHub?: { readonly enabled?: boolean /** Their Ids. */; readonly refused?: readonly string[] };
  /** @default 'eu-west-1' */
  readonly region?: string;
}

/**
 * A fault to meet the next requests: an error the service answers with, or silence, or a reset connection, or one that
 * is reset once the request is carried out. Codes as the services have them: `ThrottlingException` (400) and
 * `InternalServiceError` (500) of Secrets Manager, `Throttled` (429), `InternalError` (500) and `AuthorizationError`
 * (403) of SNS, `SlowDown` (503) and `AccessDenied` (403) of S3, `AccessDeniedException` (403) of Security Hub,
 * `ThrottlingException` (400) and `AccessDeniedException` (400) of CloudWatch Logs.
 */
export type Fault = {
  /** @default 1 */
  readonly times?: number;
} & (
  | { readonly code: string /** @default 400 */; readonly status?: number; readonly message?: string }
  | { readonly network: 'hang' | 'reset' | 'lost-answer' }
);

/** One request that came, whatever its answer was. */
export interface AwsRequest {
  readonly operation: string;
  /** Whose credentials signed it, and for which region. */
  readonly caller: RdsCaller;
  /** The secrets it asked for. */
  readonly secretIds: readonly string[];
  /** The topic that it was about. */
  readonly topicArn?: string | undefined;
  /** The log group that it was about, as it was named. */
  readonly logGroup?: string | undefined;
  /** The parameter that it was about. */
  readonly parameter?: string | undefined;
  /** The object that it was about, with the condition keys of IAM that its headers set. */
  readonly object?: { readonly arn: string; readonly context: Readonly<Record<string, string>> } | undefined;
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
  /** Name of the first bucket. */
  readonly bucket: string;
  /** In the order in which they were put. */
  readonly objects: readonly StoredObject[];
  /** What Security Hub keeps, by Id. */
  readonly findings: ReadonlyMap<string, KeptFinding>;
  readonly logs: CloudWatchLogs;
  readonly rds: Rds;
  readonly sts: Sts;
  readonly ssm: Ssm;
  /** How many requests for that operation came. */
  count(operation: AwsOperation): number;
  /** Environment variables that lead every SDK client here, with credentials only this endpoint knows. */
  environment(): Readonly<Record<string, string>>;
  /** What the topics have from now on. @default a confirmed one by email and by https each */
  setSubscriptions(subscriptions: readonly TopicSubscription[]): void;
  /** Creates a secret, or rotates it. @param place of another account; its own otherwise */
  setSecret(name: string, value: SecretValue, place?: RdsCaller): void;
  deleteSecret(name: string): void;
  /** Puts an object into the first bucket, as a person does. */
  putObject(key: string, body: string | Uint8Array): void;
  deleteObject(key: string): void;
  secretArn(name: string): string;
  /** Queues a fault: the next requests for that operation meet it, then those queued after it. */
  failNext(operation: AwsOperation, fault: Fault): void;
}

const ACCOUNT = '123456789012';
const SCOPE = /^AWS4-HMAC-SHA256 Credential=([^/]+)\/\d+\/([\w-]+)\//;

/**
 * Starts an endpoint on 127.0.0.1.
 *
 * @example
 * await using aws = await startAwsEndpoint({ secrets: { 'prod/orders': '{"username":"a","password":"b"}' } });
 * Object.assign(process.env, aws.environment());
 */
export async function startAwsEndpoint(options: AwsEndpointOptions = {}): Promise<AwsEndpoint> {
  const { secrets = {}, topics = ['pg-tls-auditor'], region = 'eu-west-1' } = options;
  const { buckets = ['pg-tls-auditor-evidence'], securityHub: { enabled = true, refused = [] } = {} } = options;
  const topicArns = topics.map((name) => `arn:aws:sns:${region}:${ACCOUNT}:${name}`);
  const accessKeyId = `AKIALAB${randomUUID().replaceAll('-', '').slice(0, 13).toUpperCase()}`;
  const secretsManager = new SecretsManager(region, ACCOUNT);
  for (const [name, value] of Object.entries(secrets)) secretsManager.set(name, value);
  const elsewhere = new Map<string, SecretsManager>();
  const secretsOf = ({ account, region: asked }: RdsCaller): SecretsManager => {
    if (account === ACCOUNT) return secretsManager;
    const key = `${account}/${asked}`;
    const secretsThere = elsewhere.get(key) ?? new SecretsManager(asked, account);
    elsewhere.set(key, secretsThere);
    return secretsThere;
  };
  const sns = new Sns(topicArns);
  const s3 = new S3(buckets);
  const securityHub = new SecurityHub(ACCOUNT, { enabled, refused });
  const logs = new CloudWatchLogs(region, ACCOUNT);
  const [rds, sts, ssm] = [new Rds(), new Sts(), new Ssm(region, ACCOUNT)];
  const requests: AwsRequest[] = [];
  const faults = new Map<string, Fault[]>();

  /** By the scope of the request's signature. */
  const callerOf = (request: IncomingMessage) => {
    const [, key = '', signedFor = ''] = SCOPE.exec(request.headers.authorization ?? '') ?? [];
    return { account: key === accessKeyId ? ACCOUNT : (sts.accountOf(key) ?? ''), region: signedFor };
  };

  /** @returns what writes the answer @throws AwsFailure */
  const carryOut = (call: Call, request: IncomingMessage): ((response: ServerResponse) => void) => {
    const { host = '', ...headers } = request.headers;
    const s3Request = () => ({ ...s3.locate(host, pathOf(request)), headers, body: call.body });
    switch (call.operation) {
      case 'Publish': {
        const messageId = sns.publish(call.form);
        return (response) => respondXml(response, call.operation, `<MessageId>${messageId}</MessageId>`);
      }
      case 'ListSubscriptionsByTopic': {
        const subscriptions = sns.listSubscriptions(call.form);
        return (response) => respondXml(response, call.operation, subscriptions);
      }
      case 'GetSecretValue': {
        const secret = secretsOf(callerOf(request)).getSecretValue(call.input);
        return (response) => respondJson(response, secret);
      }
      case 'BatchGetSecretValue': {
        const batch = secretsOf(callerOf(request)).batchGetSecretValue(call.input);
        return (response) => respondJson(response, batch);
      }
      case 'BatchImportFindings': {
        const result = securityHub.import(call.body);
        return (response) => respondJson(response, result);
      }
      case 'FilterLogEvents': {
        const page = logs.filterLogEvents(call.input);
        return (response) => respondJson(response, page);
      }
      case 'DescribeDBInstances':
      case 'DescribeDBClusters':
      case 'DescribeDBProxies':
      case 'DescribeDBParameters':
      case 'DescribeDBClusterParameters':
      case 'DescribeCertificates': {
        const result = rds.describe(call.operation, call.form, callerOf(request));
        return (response) => respondXml(response, call.operation, result);
      }
      case 'GetParameter': {
        const parameter = ssm.getParameter(call.input);
        return (response) => respondJson(response, parameter);
      }
      case 'AssumeRole': {
        const session = sts.assumeRole(call.form);
        return (response) => respondXml(response, call.operation, session);
      }
      case 'PutObject': {
        const stored = s3.put(s3Request());
        return (response) => response.writeHead(200, stored).end();
      }
      case 'ListObjectsV2': {
        const page = s3.list(s3Request().bucket, queryOf(request));
        return (response) => respondKeys(response, page);
      }
      case 'GetObject': {
        const object = s3.get(s3Request());
        return (response) => respondObject(response, object, headers['if-none-match']);
      }
      default:
        throw new AwsFailure('UnknownOperationException', `this endpoint does not know ${call.operation}`);
    }
  };

  const objectOf = (request: IncomingMessage): AwsRequest['object'] => {
    const { host = '', 'if-none-match': ifNoneMatch } = request.headers;
    const { bucket, key } = s3.locate(host, pathOf(request));
    const prefix = queryOf(request).get('prefix');
    const context = {
      ...(ifNoneMatch === undefined ? {} : { 's3:if-none-match': ifNoneMatch }),
      ...(prefix === null ? {} : { 's3:prefix': prefix }),
    };
    return { arn: `arn:aws:s3:::${bucket}/${key}`, context };
  };

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const call = readCall(request, await readBody(request));
    requests.push({
      operation: call.operation,
      caller: callerOf(request),
      secretIds: call.secretIds,
      topicArn: call.form.get('TopicArn') ?? undefined,
      logGroup: textOf(call.input.logGroupName ?? call.input.logGroupIdentifier),
      parameter: call.operation === 'GetParameter' ? textOf(call.input.Name) : undefined,
      object: call.protocol === 'rest-xml' ? objectOf(request) : undefined,
      at: new Date(),
    });
    const fault = faults.get(call.operation)?.shift();
    const network = fault !== undefined && 'network' in fault ? fault.network : undefined;
    if (network === 'hang') return;
    if (network === 'reset') {
      request.socket.resetAndDestroy();
      return;
    }
    try {
      if (fault !== undefined && 'code' in fault)
        throw new AwsFailure(fault.code, fault.message ?? `${fault.code}, on purpose`, fault.status);
      if (callerOf(request).account === '') {
        throw new AwsFailure('UnrecognizedClientException', 'The security token included in the request is invalid.');
      }
      const respond = carryOut(call, request);
      if (network === 'lost-answer') request.socket.resetAndDestroy();
      else respond(response);
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
    bucket: buckets[0] ?? '',
    objects: s3.objects,
    findings: securityHub.findings,
    logs,
    count: (operation) => requests.filter((request) => request.operation === operation).length,
    environment: () => ({
      AWS_ENDPOINT_URL: url,
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: 'not-a-secret',
    }),
    rds,
    sts,
    ssm,
    putObject(key, body) {
      const headers = { 'content-type': 'application/json' };
      s3.put({ bucket: buckets[0] ?? '', key, headers, body: Buffer.from(body) });
    },
    deleteObject: (key) => s3.delete(buckets[0] ?? '', key),
    setSubscriptions(subscriptions) {
      sns.subscriptions = subscriptions;
    },
    setSecret: (name, value, place) => (place === undefined ? secretsManager : secretsOf(place)).set(name, value),
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

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
