import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type AwsEndpoint, type Fault, type SecretValue, startAwsEndpoint } from '../../../lab/aws.ts';
import { closedPort, speaksGarbage } from '../../../lab/faulty-servers.ts';
import { createSecretStore, type SecretStore, secretsManagerClients } from '../../../lambda/collect/secrets/store.ts';
import type { AuditFailure } from '../../../lambda/model/failure.ts';
import { CANARY, everythingShownOf, failureOf } from '../canary.ts';

const SESSION_TOKEN = 'canary-session-token';

afterEach(() => vi.unstubAllEnvs());

interface Lab extends AsyncDisposable {
  readonly aws: AwsEndpoint;
  /** As production makes it, led to the endpoint by the environment. */
  readonly store: SecretStore;
}

async function startLab(secrets: Readonly<Record<string, SecretValue>>): Promise<Lab> {
  const aws = await startAwsEndpoint({ secrets });
  useEnvironment({ ...aws.environment(), AWS_SESSION_TOKEN: SESSION_TOKEN });
  return {
    aws,
    store: createSecretStore(secretsManagerClients()),
    [Symbol.asyncDispose]: () => aws[Symbol.asyncDispose](),
  };
}

/** Those variables, and nothing from the account of whoever runs the tests. */
function useEnvironment(variables: Readonly<Record<string, string>>): void {
  const none = {
    AWS_CONFIG_FILE: '/nowhere',
    AWS_SHARED_CREDENTIALS_FILE: '/nowhere',
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  const unset = Object.keys(process.env).filter((name) => name.startsWith('AWS_'));
  for (const name of unset) vi.stubEnv(name, undefined);
  for (const [name, value] of Object.entries({ ...none, ...variables })) vi.stubEnv(name, value);
}

const named = (count: number): Record<string, string> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => [`prod/db-${index}`, `${CANARY}-${index}`]));

const getAll = (store: SecretStore, ids: readonly string[]) => Promise.all(ids.map((id) => store.get(id)));

async function failureFor(store: SecretStore, id: string): Promise<AuditFailure> {
  const failure = await failureOf(() => store.get(id));
  expect(failure.failure.phase).toBe('secrets');
  expectNothingSecretIn(failure);
  return failure;
}

function expectNothingSecretIn(failure: AuditFailure): void {
  const shown = everythingShownOf(failure);
  expect(shown).not.toContain(CANARY);
  expect(shown).not.toContain(SESSION_TOKEN);
}

describe('how often is asked', () => {
  test('the secrets of 50 targets come in three calls of at most 20', async () => {
    const secrets = named(50);
    await using lab = await startLab(secrets);
    expect(await getAll(lab.store, Object.keys(secrets))).toEqual(Object.values(secrets));
    expect(lab.aws.count('BatchGetSecretValue')).toBe(3);
    expect(lab.aws.count('GetSecretValue')).toBe(0);
    expect(lab.aws.requests.map(({ secretIds }) => secretIds.length).toSorted()).toEqual([10, 20, 20]);
    expect(new Set(lab.aws.requests.flatMap(({ secretIds }) => secretIds)).size).toBe(50);
  });

  test('a single secret comes in a plain call, which more roles may make', async () => {
    await using lab = await startLab(named(1));
    expect(await lab.store.get('prod/db-0')).toBe(`${CANARY}-0`);
    expect(lab.aws.requests.map(({ operation }) => operation)).toEqual(['GetSecretValue']);
  });

  test('a secret is fetched once a run, for all who ask at once or later', async () => {
    await using lab = await startLab(named(2));
    const ids = ['prod/db-0', 'prod/db-1', 'prod/db-0', 'prod/db-1', 'prod/db-0'];
    await getAll(lab.store, ids);
    await getAll(lab.store, ids);
    expect(lab.aws.requests.map(({ secretIds }) => secretIds)).toEqual([['prod/db-0', 'prod/db-1']]);
  });

  test('another run fetches again', async () => {
    await using lab = await startLab(named(1));
    await lab.store.get('prod/db-0');
    lab.aws.setSecret('prod/db-0', 'rotated');
    expect(await createSecretStore(secretsManagerClients()).get('prod/db-0')).toBe('rotated');
  });

  test('a refresh fetches once for all who want it, and what it brought is kept', async () => {
    await using lab = await startLab(named(1));
    await lab.store.get('prod/db-0');
    lab.aws.setSecret('prod/db-0', 'rotated');
    expect(await lab.store.get('prod/db-0')).toBe(`${CANARY}-0`);
    expect(await Promise.all([lab.store.refresh('prod/db-0'), lab.store.refresh('prod/db-0')])).toEqual([
      'rotated',
      'rotated',
    ]);
    expect(await lab.store.get('prod/db-0')).toBe('rotated');
    expect(lab.aws.count('GetSecretValue')).toBe(2);
  });

  test('a refresh after a refresh was sent asks again: the answer under way may be the old one', async () => {
    await using lab = await startLab(named(1));
    const first = lab.store.refresh('prod/db-0');
    await expect.poll(() => lab.aws.count('GetSecretValue'), { interval: 1 }).toBe(1);
    const second = lab.store.refresh('prod/db-0');
    await Promise.all([first, second]);
    expect(lab.aws.count('GetSecretValue')).toBe(2);
  });

  test('a failure is not cached: the next caller fetches again', async () => {
    await using lab = await startLab({});
    await failureFor(lab.store, 'prod/late');
    lab.aws.setSecret('prod/late', 'here');
    expect(await lab.store.get('prod/late')).toBe('here');
  });

  test('a refresh that fails does not bring the old value back', async () => {
    await using lab = await startLab(named(1));
    await lab.store.get('prod/db-0');
    lab.aws.deleteSecret('prod/db-0');
    expectNothingSecretIn(await failureOf(() => lab.store.refresh('prod/db-0')));
    await failureFor(lab.store, 'prod/db-0');
  });

  test('one secret that can not be read does not harm those that came in the same call', async () => {
    await using lab = await startLab({ ...named(2), 'prod/denied': { denied: true } });
    const outcomes = await Promise.allSettled(
      ['prod/db-0', 'prod/nothing', 'prod/denied', 'prod/db-1'].map((id) => lab.store.get(id)),
    );
    expect(outcomes.map((one) => (one.status === 'fulfilled' ? one.value : one.reason.failure.cause))).toEqual([
      `${CANARY}-0`,
      'secret-not-found',
      'secret-access-denied',
      `${CANARY}-1`,
    ]);
    // What the batch did not answer is asked for by itself: that names the reason.
    expect(lab.aws.count('BatchGetSecretValue')).toBe(1);
    expect(lab.aws.count('GetSecretValue')).toBe(2);
  });
});

describe('how a secret is named', () => {
  test('by name, ARN, or ARN without its random end, alone or together', async () => {
    await using lab = await startLab(named(3));
    const arns = ['prod/db-0', 'prod/db-1', 'prod/db-2'].map((name) => lab.aws.secretArn(name));
    const ids = [arns[0], arns[1]?.slice(0, -7), 'prod/db-2'].filter((id) => id !== undefined);
    const values = [`${CANARY}-0`, `${CANARY}-1`, `${CANARY}-2`];
    expect(await getAll(lab.store, ids)).toEqual(values);
    // The region of a name is that of the environment: it is not compared with those of ARNs.
    expect(lab.aws.requests.map(({ secretIds }) => secretIds.length).toSorted()).toEqual([1, 2]);
    for (const [index, id] of ids.entries()) {
      expect(await createSecretStore(secretsManagerClients()).get(id)).toBe(values[index]);
    }
  });

  test('a secret whose name begins with that of another is not taken for it', async () => {
    await using lab = await startLab({ prod: 'short', 'prod-AbCdEf': 'long', 'prod/db': 'other' });
    expect(await getAll(lab.store, ['prod', 'prod-AbCdEf', 'prod/db'])).toEqual(['short', 'long', 'other']);
  });

  test('an ARN leads to its region, a name to that of the environment, each in calls of its own', async () => {
    await using here = await startAwsEndpoint({ secrets: { a: 'a here', b: 'b here' } });
    await using there = await startAwsEndpoint({ secrets: { a: 'a there', b: 'b there' }, region: 'us-east-1' });
    const asked: (string | undefined)[] = [];
    const store = createSecretStore((region) => {
      asked.push(region);
      return clientOf(region === 'us-east-1' ? there : here);
    });
    const ids = ['a', there.secretArn('a'), 'b', there.secretArn('b'), here.secretArn('a')];
    expect(await getAll(store, ids)).toEqual(['a here', 'a there', 'b here', 'b there', 'a here']);
    expect(asked).toEqual([undefined, 'us-east-1', 'eu-west-1']);
    expect(here.requests.map(({ secretIds }) => secretIds)).toEqual([['a', 'b'], [here.secretArn('a')]]);
    expect(there.requests.map(({ secretIds }) => secretIds)).toEqual([[there.secretArn('a'), there.secretArn('b')]]);
  });

  test('a client is made once a region', () => {
    useEnvironment({});
    const clientFor = secretsManagerClients();
    expect(clientFor('us-east-1')).toBe(clientFor('us-east-1'));
    expect(clientFor('us-east-1')).not.toBe(clientFor('eu-west-1'));
    expect(clientFor(undefined)).toBe(clientFor(undefined));
  });
});

function clientOf(aws: AwsEndpoint, settings: object = {}): SecretsManagerClient {
  const { AWS_ACCESS_KEY_ID: accessKeyId = '', AWS_SECRET_ACCESS_KEY: secretAccessKey = '' } = aws.environment();
  return new SecretsManagerClient({
    endpoint: aws.url,
    region: aws.region,
    credentials: { accessKeyId, secretAccessKey },
    ...settings,
  });
}

describe('what a secret holds', () => {
  test('bytes stay bytes, alone and in a batch', async () => {
    await using lab = await startLab({ ...named(1), bytes: new Uint8Array([0, 255, 7]) });
    expect([...(await lab.store.get('bytes'))]).toEqual([0, 255, 7]);
    const [bytes] = await getAll(createSecretStore(secretsManagerClients()), ['bytes', 'prod/db-0']);
    expect(bytes).toBeInstanceOf(Uint8Array);
    expect([...(bytes ?? [])]).toEqual([0, 255, 7]);
  });

  test('text stays as it is', async () => {
    const text = ' {"password": "pässwörd\\n"}\n';
    await using lab = await startLab({ text });
    expect(await lab.store.get('text')).toBe(text);
  });

  test.each<[string, SecretValue]>([
    ['text', ''],
    ['bytes', new Uint8Array()],
  ])('empty %s is of no use', async (_kind, value) => {
    await using lab = await startLab({ ...named(1), empty: value });
    const { failure, transient } = await failureFor(lab.store, 'empty');
    expect(failure).toMatchObject({ cause: 'secret-unusable', message: 'The secret empty is empty' });
    expect(transient).toBe(false);
    const together = createSecretStore(secretsManagerClients());
    const [outcome] = await Promise.allSettled([together.get('empty'), together.get('prod/db-0')]);
    expect(outcome).toMatchObject({ status: 'rejected', reason: { failure: { cause: 'secret-unusable' } } });
  });
});

describe('failures', () => {
  const refuses = (code: string): Fault => ({ code, message: `a message of ${code}` });

  test.each<[string, string, string, RegExp]>([
    ['ResourceNotFoundException', 'secret-not-found', 'does not exist in this account and region', /full ARN/],
    ['AccessDeniedException', 'secret-access-denied', 'may not be read', /GetSecretValue.*secretKmsKeyArns/],
    ['DecryptionFailure', 'secret-access-denied', 'could not be decrypted', /kms:Decrypt/],
    ['InvalidRequestException', 'secret-unusable', 'is marked for deletion or has no current value', /restore-secret/],
    ['UnrecognizedClientException', 'secret-unavailable', 'does not accept the credentials', /log in to AWS again/],
    ['ExpiredTokenException', 'secret-unavailable', 'does not accept the credentials', /log in to AWS again/],
    ['InvalidParameterException', 'secret-unavailable', 'did not give the secret', /VPC endpoint/],
  ])('%s', async (code, cause, message, remedy) => {
    await using lab = await startLab(named(1));
    lab.aws.failNext('GetSecretValue', refuses(code));
    const error = await failureFor(lab.store, 'prod/db-0');
    expect(error.failure.cause).toBe(cause);
    expect(error.message).toContain('prod/db-0');
    expect(error.message).toContain(message);
    expect(error.message).toContain(`(${code})`);
    expect(error.message).not.toContain('a message of');
    expect(error.failure.remedy).toMatch(remedy);
    expect(error.transient).toBe(false);
    // For the log: the service's own words are kept where people are not shown them.
    expect(error.cause).toMatchObject({ name: code, message: `a message of ${code}` });
    expect(lab.aws.count('GetSecretValue')).toBe(1);
  });

  test('a secret that does not exist, one that was deleted, and one that may not be read', async () => {
    await using lab = await startLab({ ...named(1), 'prod/denied': { denied: true } });
    lab.aws.deleteSecret('prod/db-0');
    expect((await failureFor(lab.store, 'prod/db-0')).failure.cause).toBe('secret-not-found');
    expect((await failureFor(lab.store, 'prod/nothing')).failure.cause).toBe('secret-not-found');
    expect((await failureFor(lab.store, 'prod/denied')).failure.cause).toBe('secret-access-denied');
  });

  test.each(['AccessDeniedException', 'InvalidParameterException', 'UnknownOperationException'])(
    'where batches meet %s, each secret is asked for by itself',
    async (code) => {
      await using lab = await startLab(named(3));
      lab.aws.failNext('BatchGetSecretValue', refuses(code));
      expect(await getAll(lab.store, Object.keys(named(3)))).toEqual(Object.values(named(3)));
      expect(lab.aws.count('BatchGetSecretValue')).toBe(1);
      expect(lab.aws.count('GetSecretValue')).toBe(3);
    },
  );

  test.each<[string, Fault]>([
    ['throttling', { code: 'ThrottlingException' }],
    ['an error of the service', { code: 'InternalServiceError', status: 500 }],
    ['a gateway without an answer', { code: 'ServiceUnavailable', status: 503 }],
    ['a reset', { network: 'reset' }],
  ])('%s that passes is not noticed', async (_fault, fault) => {
    await using lab = await startLab(named(1));
    lab.aws.failNext('GetSecretValue', fault);
    expect(await lab.store.get('prod/db-0')).toBe(`${CANARY}-0`);
    expect(lab.aws.count('GetSecretValue')).toBe(2);
  });

  test.each<[string, Fault, string]>([
    ['throttling', { code: 'ThrottlingException', times: 4 }, 'ThrottlingException'],
    ['an error of the service', { code: 'InternalServiceError', status: 500, times: 4 }, 'InternalServiceError'],
    ['resets', { network: 'reset', times: 4 }, 'ECONNRESET'],
  ])(
    '%s that outlasts the retries may pass later, and is not multiplied by the secrets of a batch',
    async (_fault, fault, code) => {
      await using lab = await startLab(named(20));
      lab.aws.failNext('BatchGetSecretValue', fault);
      const failures = await Promise.all(Object.keys(named(20)).map((id) => failureFor(lab.store, id)));
      for (const failure of failures) {
        expect(failure.failure.cause).toBe('secret-unavailable');
        expect(failure.message).toContain(`(${code})`);
        expect(failure.transient).toBe(true);
      }
      expect(lab.aws.requests.map(({ operation }) => operation)).toEqual(Array(4).fill('BatchGetSecretValue'));
      // What failed for now is asked for again.
      expect(await getAll(lab.store, Object.keys(named(20)))).toEqual(Object.values(named(20)));
    },
  );

  test('silence ends by itself, and may pass later', async () => {
    await using aws = await startAwsEndpoint({ secrets: named(1) });
    const impatient = { requestTimeout: 100, throwOnRequestTimeout: true };
    const store = createSecretStore(() => clientOf(aws, { maxAttempts: 1, requestHandler: impatient }));
    aws.failNext('GetSecretValue', { network: 'hang' });
    const failure = await failureFor(store, 'prod/db-0');
    expect(failure.failure.cause).toBe('secret-unavailable');
    expect(failure.message).toContain('(ETIMEDOUT)');
    expect(failure.transient).toBe(true);
  });

  test('an endpoint that refuses connections may take them later', async () => {
    await using lab = await startLab({});
    const { host, port } = await closedPort();
    vi.stubEnv('AWS_ENDPOINT_URL', `http://${host}:${port}`);
    const failure = await failureFor(lab.store, 'prod/db-0');
    expect(failure.failure.cause).toBe('secret-unavailable');
    expect(failure.message).toContain('(ECONNREFUSED)');
    expect(failure.transient).toBe(true);
  });

  test.each([
    ['cut', `{"Name":"prod/db-0","SecretString":"${CANARY}`],
    ['spoilt', `{"Name":"prod/db-0","SecretString":"${CANARY}"${CANARY}}`],
    ['spoilt at once', `${CANARY}{}`],
  ])('an answer that is %s fails, and nothing in it is shown', async (_how, body) => {
    await using garbled = await speaksGarbage(
      `HTTP/1.1 200 OK\r\nContent-Type: application/x-amz-json-1.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
    );
    useEnvironment({
      AWS_ENDPOINT_URL: `http://${garbled.host}:${garbled.port}`,
      AWS_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'AKIALAB',
      AWS_SECRET_ACCESS_KEY: 'x',
    });
    const { failure } = await failureFor(createSecretStore(secretsManagerClients()), 'prod/db-0');
    expect(failure.cause).toBe('secret-unavailable');
  });

  test.each<[string, Readonly<Record<string, string>>, RegExp, RegExp]>([
    ['credentials', { AWS_REGION: 'eu-west-1' }, /No AWS credentials/, /aws sso login/],
    [
      'a region',
      { AWS_ACCESS_KEY_ID: 'AKIALAB', AWS_SECRET_ACCESS_KEY: 'x' },
      /^There is no AWS region to read the secret prod\/db-0 in$/,
      /set AWS_REGION/,
    ],
  ])('without %s in the environment, that is what is said', async (_what, variables, message, remedy) => {
    await using aws = await startAwsEndpoint({});
    useEnvironment({ ...variables, AWS_ENDPOINT_URL: aws.url });
    const { failure, transient } = await failureFor(createSecretStore(secretsManagerClients()), 'prod/db-0');
    expect(failure.cause).toBe('secret-unavailable');
    expect(failure.message).toMatch(message);
    expect(failure.remedy).toMatch(remedy);
    expect(transient).toBe(false);
    expect(aws.requests).toHaveLength(0);
  });

  test('an ARN without a region fails for its caller, and for no other', async () => {
    await using lab = await startLab(named(1));
    const [broken, good] = await Promise.allSettled([
      lab.store.get('arn:aws:secretsmanager::123456789012:secret:prod/db-0'),
      lab.store.get('prod/db-0'),
    ]);
    expect(broken).toMatchObject({ status: 'rejected', reason: { failure: { cause: 'secret-unavailable' } } });
    expect(good).toMatchObject({ status: 'fulfilled' });
  });
});
