// Relay invokes the worker of a satellite in another region once, with the role for it, and passes on three numbers.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type AwsEndpoint, startAwsEndpoint } from '../../lab/aws.ts';
import { parseRelayInput } from '../../lambda/fleet/messages.ts';
import { relay } from '../../lambda/fleet/relay.ts';

const OTHER = '111122223333';
const INPUT = {
  functionArn: `arn:aws:lambda:us-east-1:${OTHER}:function:tls-emea`,
  roleArn: `arn:aws:iam::${OTHER}:role/tls-emea-invoke`,
  externalId: 'arn:aws:states:eu-west-1:123456789012:stateMachine:tls-runs',
  batch: { run: 'run-1', worker: 'emea', from: 0, to: 3, bucket: { name: 'evidence', region: 'eu-west-1' } },
};
const SUMMARY = { targets: 3, notAudited: 1, findings: 2 };

interface Answer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body: string;
}

let aws: AwsEndpoint;
let answer: Answer = { body: '' };
const invoked: { readonly path: string; readonly body: unknown; readonly authorization: string }[] = [];
/** Lambda's Invoke, as it is called. */
const lambda = createServer((request, response) => {
  void buffer(request).then((body) => {
    const { url: path = '', headers } = request;
    invoked.push({ path, body: JSON.parse(body.toString()), authorization: headers.authorization ?? '' });
    response
      .writeHead(answer.status ?? 200, { 'content-type': 'application/json', ...answer.headers })
      .end(answer.body);
  });
});

beforeAll(async () => {
  aws = await startAwsEndpoint();
  aws.sts.roles = [{ arn: INPUT.roleArn, externalId: INPUT.externalId }];
  lambda.listen(0, '127.0.0.1');
  await once(lambda, 'listening');
  const { port } = lambda.address() as AddressInfo;
  const variables = { ...aws.environment(), AWS_ENDPOINT_URL_LAMBDA: `http://127.0.0.1:${port}` };
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value);
});
afterEach(() => invoked.splice(0));
afterAll(async () => {
  vi.unstubAllEnvs();
  lambda.close();
  lambda.closeAllConnections();
  await aws[Symbol.asyncDispose]();
});

test('hands the batch to the worker, in its region, with the role for it, and passes on three numbers', async () => {
  answer = { body: JSON.stringify(SUMMARY) };
  expect(await relay(parseRelayInput(INPUT))).toEqual(SUMMARY);
  expect(invoked).toHaveLength(1);
  expect(invoked[0]?.body).toEqual(INPUT.batch);
  expect(decodeURIComponent(invoked[0]?.path ?? '')).toContain(INPUT.functionArn);
  expect(invoked[0]?.authorization).toContain('/us-east-1/lambda/');
  expect(aws.count('AssumeRole')).toBe(1);
});

describe('fails, after one invocation, where the worker', () => {
  test.each<[string, Answer, string]>([
    [
      'failed',
      { headers: { 'x-amz-function-error': 'Unhandled' }, body: '{"errorMessage":"<b>secret</b>"}' },
      'failed: its log says why',
    ],
    [
      'may not be invoked',
      { status: 403, headers: { 'x-amzn-errortype': 'AccessDeniedException' }, body: '{}' },
      '-c satellite',
    ],
    [
      'has a service that fails',
      { status: 500, headers: { 'x-amzn-errortype': 'ServiceException' }, body: '{}' },
      '-c satellite',
    ],
    ['answers nothing', { body: '' }, 'something else'],
    ['answers no JSON', { body: '{"targets":' }, 'something else'],
    ['answers another shape', { body: '{"targets":"3","notAudited":0,"findings":0}' }, 'something else'],
    ['answers more than it may', { body: JSON.stringify({ ...SUMMARY, refused: true }) }, 'something else'],
    ['answers a prototype', { body: '{"__proto__":{"targets":1,"notAudited":0,"findings":0}}' }, 'something else'],
    ['answers without end', { body: `${JSON.stringify(SUMMARY)}${' '.repeat(5_000_000)}` }, 'something else'],
  ])('%s', async (_, given, message) => {
    answer = given;
    const error = await relay(parseRelayInput(INPUT)).catch((reason: Error) => reason);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).message).toContain(message);
    expect((error as Error).message).not.toContain('secret');
    expect(invoked).toHaveLength(1);
  });
});

test.each([
  ['a function of another service', { functionArn: 'arn:aws:iam::111122223333:role/x' }],
  ['a role that is none', { roleArn: 'arn:aws:iam::111122223333:user/x' }],
  ['no external id', { externalId: undefined }],
  ['something else besides', { more: true }],
  ['a batch of no targets', { batch: { ...INPUT.batch, to: 0 } }],
  ['a bucket that is none', { batch: { ...INPUT.batch, bucket: { name: '../x', region: 'eu-west-1' } } }],
])('takes no input with %s', (_, change) => {
  expect(() => parseRelayInput({ ...INPUT, ...change })).toThrow('The machine sent another input');
});
