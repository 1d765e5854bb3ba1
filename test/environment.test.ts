// The contract of the function's environment: what it takes, how it refuses the rest, and that nothing goes past it.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EnvironmentError, parseEnvironment } from '../lambda/environment.ts';

const ARN = 'arn:aws:sns:eu-west-1:123456789012:alerts';
const SECRET = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:orders-a1b2c3';
const LAMBDA = join(import.meta.dirname, '..', 'lambda');

describe('an environment', () => {
  test('needs the topic of alerts only', () => {
    expect(parseEnvironment({ ALERT_TOPIC_ARN: ARN })).toEqual({
      serviceName: 'pg-tls-auditor',
      region: undefined,
      topics: { alerts: ARN, routes: undefined, chat: {} },
      stateTable: undefined,
      evidenceBucket: undefined,
      hasOwnS3Endpoint: false,
      secretArns: new Map(),
      configFile: undefined,
      configLocation: undefined,
      deployedSettings: {},
    });
  });

  test('needs no topic for a function that publishes nothing, such as the worker of a satellite', () => {
    expect(parseEnvironment({}, { publishes: false })).toMatchObject({ topics: undefined });
    expect(() => parseEnvironment({ ALERT_TOPIC_ARN: 'no ARN' }, { publishes: false })).toThrow(EnvironmentError);
  });

  test('is read into what the function uses', () => {
    const environment = parseEnvironment({
      POWERTOOLS_SERVICE_NAME: 'Databases-TlsAuditor',
      ALERT_TOPIC_ARN: ARN,
      ROUTE_TOPIC_ARN: `${ARN}-routes`,
      CHAT_TOPICS: JSON.stringify({ '*': `${ARN}-chat-*` }),
      STATE_TABLE: 'state',
      EVIDENCE_BUCKET: 'evidence.example',
      AUDITOR_SECRET_ARNS: JSON.stringify({ orders: SECRET }),
      AWS_REGION: 'eu-west-1',
      AWS_ENDPOINT_URL_S3: 'http://localhost:1',
      AUDITOR_CONFIG_FILE: '/mnt/config.json',
      PATH: '/usr/bin',
    });
    expect(environment).toEqual({
      serviceName: 'Databases-TlsAuditor',
      region: 'eu-west-1',
      topics: { alerts: ARN, routes: `${ARN}-routes`, chat: { '*': `${ARN}-chat-*` } },
      stateTable: 'state',
      evidenceBucket: 'evidence.example',
      hasOwnS3Endpoint: true,
      secretArns: new Map([['orders', SECRET]]),
      configFile: '/mnt/config.json',
      configLocation: undefined,
      deployedSettings: {},
    });
  });

  test('treats an empty variable as one that is not set', () => {
    const empty = Object.fromEntries(
      ['ROUTE_TOPIC_ARN', 'CHAT_TOPICS', 'STATE_TABLE', 'EVIDENCE_BUCKET', 'AUDITOR_SECRET_ARNS'].map((name) => [
        name,
        '',
      ]),
    );
    expect(parseEnvironment({ ALERT_TOPIC_ARN: ARN, ...empty })).toEqual(parseEnvironment({ ALERT_TOPIC_ARN: ARN }));
    expect(() => parseEnvironment({ ALERT_TOPIC_ARN: '' })).toThrow(
      /^ALERT_TOPIC_ARN is not set: it must be the ARN of/,
    );
  });

  test.each([
    ['ALERT_TOPIC_ARN', 'canary-Xq7', 'the ARN of the SNS topic for all alerts'],
    ['ALERT_TOPIC_ARN', `arn:aws:sqs:eu-west-1:123456789012:canary-Xq7`, 'the ARN of the SNS topic for all alerts'],
    ['ROUTE_TOPIC_ARN', `${ARN}\ncanary-Xq7`, 'the ARN of the SNS topic for the alerts of routes'],
    ['CHAT_TOPICS', '{"all": "canary-Xq7"}', 'a JSON object of names of routes to ARNs of topics'],
    ['CHAT_TOPICS', '{canary-Xq7', 'a JSON object of names of routes to ARNs of topics'],
    ['STATE_TABLE', 'canary Xq7', 'the name or ARN of a DynamoDB table'],
    ['EVIDENCE_BUCKET', 'Canary-Xq7', 'the name of an S3 bucket'],
    ['EVIDENCE_BUCKET', 'x'.repeat(64), 'the name of an S3 bucket'],
    ['AUDITOR_SECRET_ARNS', '["canary-Xq7"]', 'a JSON object of names of secrets to ARNs of secrets'],
    ['AUDITOR_SECRET_ARNS', `{"a":"canary-Xq7"}`, 'a JSON object of names of secrets to ARNs of secrets'],
    ['AUDITOR_SECRET_ARNS', JSON.stringify({ a: SECRET.padEnd(5_000, 'x') }), 'a JSON object of names'],
    ['AWS_REGION', 'canary/Xq7', 'the name of an AWS region'],
  ])('with a %s of %j is refused by what is allowed, and the value is not quoted', (name, value, allowed) => {
    const parse = (): unknown => parseEnvironment({ ALERT_TOPIC_ARN: ARN, [name]: value });
    expect(parse).toThrow(EnvironmentError);
    expect(parse).toThrow(`${name} is not ${allowed}`);
    expect(parse).toThrow('deploy again, or correct them');
    expect(parse).not.toThrow(/canary.?Xq7/i);
  });

  test('with several mistakes is refused with all of them', () => {
    expect(() => parseEnvironment({ CHAT_TOPICS: 'x', STATE_TABLE: '?' })).toThrow(
      /^ALERT_TOPIC_ARN is not set[^.]*\. CHAT_TOPICS is not [^.]*\. STATE_TABLE is not /,
    );
  });
});

test('the function reads its environment through the contract', () => {
  const files = readdirSync(LAMBDA, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'));
  const readers = files.filter((file) => readFileSync(join(LAMBDA, file), 'utf8').includes('process.env'));
  // Besides the handler, which hands it to the contract: what guards Node itself, and the CAs that Node's variables
  // name.
  expect(readers.sort()).toEqual([
    'collect/connect/trust.ts',
    'fleet/fleet-function.ts',
    'handler.ts',
    'runtime/unsafe-environment.ts',
  ]);
});
