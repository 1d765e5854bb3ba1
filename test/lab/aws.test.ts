import {
  BatchGetSecretValueCommand,
  GetSecretValueCommand,
  SecretsManagerClient,
} from '@aws-sdk/client-secrets-manager';
import { PublishCommand, type PublishCommandInput, SNSClient } from '@aws-sdk/client-sns';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AwsEndpoint, bodyFor, startAwsEndpoint } from '../../lab/aws.ts';

let aws: AwsEndpoint;
let secrets: SecretsManagerClient;
let sns: SNSClient;

beforeEach(async () => {
  aws = await startAwsEndpoint({
    secrets: {
      'prod/orders': '{"username":"tls_auditor","password":"é"}',
      'prod/binary': new Uint8Array([0, 255, 7]),
      'prod/denied': { denied: true },
    },
  });
  const environment = aws.environment();
  const settings = {
    endpoint: environment.AWS_ENDPOINT_URL ?? '',
    region: aws.region,
    credentials: {
      accessKeyId: environment.AWS_ACCESS_KEY_ID ?? '',
      secretAccessKey: environment.AWS_SECRET_ACCESS_KEY ?? '',
    },
  };
  secrets = new SecretsManagerClient(settings);
  sns = new SNSClient(settings);
});

afterEach(async () => {
  secrets.destroy();
  sns.destroy();
  await aws[Symbol.asyncDispose]();
});

const get = (id: string) => secrets.send(new GetSecretValueCommand({ SecretId: id }));
const publish = (input: Omit<PublishCommandInput, 'TopicArn'>) =>
  sns.send(new PublishCommand({ TopicArn: aws.topicArn, ...input }));

describe('Secrets Manager', () => {
  test('a secret is found by its name, its ARN and its ARN without the random end', async () => {
    const arn = aws.secretArn('prod/orders');
    for (const id of ['prod/orders', arn, arn.slice(0, -7)]) {
      expect(await get(id)).toMatchObject({
        ARN: arn,
        Name: 'prod/orders',
        SecretString: '{"username":"tls_auditor","password":"é"}',
        VersionStages: ['AWSCURRENT'],
      });
    }
    expect(aws.count('GetSecretValue')).toBe(3);
    expect(aws.requests[1]).toMatchObject({ operation: 'GetSecretValue', secretIds: [arn] });
  });

  test('bytes come back as bytes', async () => {
    const { SecretBinary, SecretString } = await get('prod/binary');
    expect([...(SecretBinary ?? [])]).toEqual([0, 255, 7]);
    expect(SecretString).toBeUndefined();
  });

  test('a rotated secret has a new value and version', async () => {
    const before = await get('prod/orders');
    aws.setSecret('prod/orders', 'rotated');
    const after = await get('prod/orders');
    expect(after.SecretString).toBe('rotated');
    expect(after.VersionId).not.toBe(before.VersionId);
  });

  test('missing, deleted and denied secrets are refused as the service refuses them', async () => {
    aws.deleteSecret('prod/binary');
    await expect(get('prod/nothing')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    await expect(get('prod/binary')).rejects.toMatchObject({ name: 'ResourceNotFoundException' });
    await expect(get('prod/denied')).rejects.toMatchObject({ name: 'AccessDeniedException' });
  });

  test('a batch gives values and, for each secret it can not read, an error', async () => {
    const { SecretValues, Errors } = await secrets.send(
      new BatchGetSecretValueCommand({ SecretIdList: ['prod/orders', 'prod/nothing', 'prod/denied'] }),
    );
    expect(SecretValues?.map(({ Name }) => Name)).toEqual(['prod/orders']);
    expect(Errors?.map(({ SecretId, ErrorCode }) => [SecretId, ErrorCode])).toEqual([
      ['prod/nothing', 'ResourceNotFoundException'],
      ['prod/denied', 'AccessDeniedException'],
    ]);
  });

  test('limits hold: 20 secrets a batch, 65,536 bytes a secret', async () => {
    const SecretIdList = Array.from({ length: 21 }, (_, index) => `s${index}`);
    await expect(secrets.send(new BatchGetSecretValueCommand({ SecretIdList }))).rejects.toMatchObject({
      name: 'ValidationException',
    });
    aws.setSecret('full', 'x'.repeat(65_536));
    expect((await get('full')).SecretString).toHaveLength(65_536);
    expect(() => aws.setSecret('fuller', 'x'.repeat(65_537))).toThrow('at most 65536 bytes');
  });

  test('credentials other than its own are refused', async () => {
    const unknownClient = new SecretsManagerClient({
      endpoint: aws.url,
      region: aws.region,
      credentials: { accessKeyId: 'AKIASTRANGER', secretAccessKey: 'x' },
    });
    await expect(unknownClient.send(new GetSecretValueCommand({ SecretId: 'prod/orders' }))).rejects.toMatchObject({
      name: 'UnrecognizedClientException',
    });
    unknownClient.destroy();
  });
});

describe('SNS', () => {
  test('a message is kept with its subject, structure and attributes', async () => {
    const Message = JSON.stringify({ default: 'short', email: 'long\n<é>' });
    const { MessageId } = await publish({
      Message,
      Subject: 'two findings',
      MessageStructure: 'json',
      MessageAttributes: {
        severity: { DataType: 'String', StringValue: 'high' },
        targets: { DataType: 'String.Array', StringValue: '["orders"]' },
      },
    });
    expect(aws.published).toHaveLength(1);
    const [message] = aws.published;
    expect(message).toMatchObject({
      messageId: MessageId,
      topicArn: aws.topicArn,
      subject: 'two findings',
      message: Message,
      messageStructure: 'json',
      attributes: {
        severity: { type: 'String', value: 'high' },
        targets: { type: 'String.Array', value: '["orders"]' },
      },
    });
    expect(message && bodyFor(message, 'email')).toBe('long\n<é>');
    expect(message && bodyFor(message, 'sms')).toBe('short');
  });

  test.each([
    ['a subject of 101 characters', { Message: 'm', Subject: 'x'.repeat(101) }, /Subject/],
    ['a subject with a newline', { Message: 'm', Subject: 'a\nb' }, /Subject/],
    ['a subject beyond ASCII', { Message: 'm', Subject: 'é' }, /Subject/],
    ['a message of 262,145 bytes', { Message: 'x'.repeat(262_145) }, /too long/],
    ['characters that are more bytes than the limit', { Message: 'é'.repeat(131_073) }, /too long/],
    ['an empty message', { Message: '' }, /Empty message/],
    ['a structure that is not JSON', { Message: '{', MessageStructure: 'json' }, /failed to parse/],
    ['a structure without default', { Message: '{"email":"x"}', MessageStructure: 'json' }, /No default entry/],
  ])('refuses %s', async (_name, input, message) => {
    await expect(publish(input)).rejects.toMatchObject({
      name: 'InvalidParameterException',
      message: expect.stringMatching(message),
    });
    expect(aws.published).toHaveLength(0);
  });

  test('takes a subject of 100 characters and a message of 262,144 bytes', async () => {
    await publish({ Message: 'x'.repeat(262_144), Subject: 'x'.repeat(100) });
    expect(aws.published).toHaveLength(1);
  });

  test('refuses a topic that does not exist', async () => {
    await expect(
      sns.send(new PublishCommand({ TopicArn: `${aws.topicArn}-other`, Message: 'm' })),
    ).rejects.toMatchObject({ name: 'NotFoundException' });
  });
});

describe('faults', () => {
  test('throttling is met by the retries of the SDK', async () => {
    aws.failNext('GetSecretValue', { code: 'ThrottlingException', times: 2 });
    expect((await get('prod/orders')).Name).toBe('prod/orders');
    expect(aws.count('GetSecretValue')).toBe(3);
  });

  test('an error that outlasts the retries comes out with its code and status', async () => {
    aws.failNext('Publish', { code: 'InternalError', status: 500, times: 3 });
    await expect(publish({ Message: 'm' })).rejects.toMatchObject({
      name: 'InternalErrorException',
      $metadata: { httpStatusCode: 500, attempts: 3 },
    });
    await publish({ Message: 'm' });
    expect(aws.published).toHaveLength(1);
  });

  test('SNS throttles and denies by its own codes', async () => {
    aws.failNext('Publish', { code: 'Throttled', status: 429 });
    await publish({ Message: 'after a retry' });
    expect(aws.count('Publish')).toBe(2);
    aws.failNext('Publish', { code: 'AuthorizationError', status: 403 });
    await expect(publish({ Message: 'm' })).rejects.toMatchObject({ name: 'AuthorizationErrorException' });
  });

  test('a reset connection is retried, and a silent endpoint waits for the caller to give up', async () => {
    aws.failNext('GetSecretValue', { network: 'reset' });
    expect((await get('prod/orders')).Name).toBe('prod/orders');
    aws.failNext('GetSecretValue', { network: 'hang' });
    await expect(
      secrets.send(new GetSecretValueCommand({ SecretId: 'prod/orders' }), { abortSignal: AbortSignal.timeout(200) }),
    ).rejects.toMatchObject({ name: 'AbortError' });
  });
});
