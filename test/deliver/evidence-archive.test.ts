// Reports in S3: stored by the real client, whole, once, and never over another.

import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type AwsEndpoint, startAwsEndpoint } from '../../lab/aws.ts';
import { freePort } from '../../lab/free-port.ts';
import { archiveReport, EvidenceError, s3Client } from '../../lambda/deliver/evidence-archive.ts';
import { parseEnvironment } from '../../lambda/environment.ts';
import { badNight, healthyReport } from '../report/builders.ts';

afterEach(() => vi.unstubAllEnvs());

const ALERT_TOPIC_ARN = 'arn:aws:sns:eu-west-1:123456789012:alerts';

/** The client that is deployed. */
function deployedClient(environment: Readonly<Record<string, string>>): S3Client {
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value);
  return s3Client({ forcePathStyle: parseEnvironment({ ALERT_TOPIC_ARN, ...environment }).hasOwnS3Endpoint });
}

/** One that gives up soon. */
function impatientClient(aws: AwsEndpoint, settings: { readonly attempts: number } = { attempts: 1 }): S3Client {
  const { AWS_ACCESS_KEY_ID = '' } = aws.environment();
  return new S3Client({
    endpoint: aws.url,
    region: aws.region,
    credentials: { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: 'kept-to-itself' },
    maxAttempts: settings.attempts,
    requestHandler: { connectionTimeout: 500, requestTimeout: 500, throwOnRequestTimeout: true },
  });
}

const REPORT = badNight();
const KEY = 'reports/2026/11/10/20261110T061502123Z-request-1.json.gz';

describe('archiveReport', () => {
  test('stores the whole report as gzipped JSON, named by the time of its run', async () => {
    await using aws = await startAwsEndpoint();
    const client = deployedClient(aws.environment());
    const archived = await archiveReport(client, aws.bucket, { report: REPORT, requestId: 'request-1' });
    expect(aws.objects).toHaveLength(1);
    const [object] = aws.objects;
    expect(object).toMatchObject({ key: KEY, contentType: 'application/json', contentEncoding: 'gzip' });
    expect(JSON.parse(gunzipSync(object?.body ?? '').toString())).toEqual(REPORT);
    expect(archived).toEqual({
      bucket: aws.bucket,
      key: KEY,
      sha256: createHash('sha256')
        .update(object?.body ?? '')
        .digest('hex'),
      bytes: object?.body.length,
    });
    expect(object?.checksumSha256).toBe(Buffer.from(archived.sha256, 'hex').toString('base64'));
  });

  test('what is stored is read back by the service’s own client', async () => {
    await using aws = await startAwsEndpoint();
    const client = deployedClient(aws.environment());
    const { key } = await archiveReport(client, aws.bucket, { report: REPORT, requestId: 'request-1' });
    const { Body, ContentEncoding } = await client.send(new GetObjectCommand({ Bucket: aws.bucket, Key: key }));
    expect(ContentEncoding).toBe('gzip');
    expect(JSON.parse(gunzipSync((await Body?.transformToByteArray()) ?? '').toString())).toEqual(REPORT);
  });

  test('an endpoint of one’s own is found by its name: the bucket is no host in front of it', async () => {
    await using aws = await startAwsEndpoint();
    const { port } = new URL(aws.url);
    const client = deployedClient({ ...aws.environment(), AWS_ENDPOINT_URL: `http://localhost:${port}` });
    await archiveReport(client, aws.bucket, { report: REPORT, requestId: 'request-1' });
    expect(aws.objects).toMatchObject([{ bucket: aws.bucket, key: KEY }]);
  });

  test('without an endpoint of one’s own the bucket is in the host’s name, as AWS wants it', async () => {
    expect(await deployedClient({ AWS_REGION: 'eu-west-1' }).config.forcePathStyle).toBe(false);
  });

  test('two runs that started at the same moment have an object each', async () => {
    await using aws = await startAwsEndpoint();
    const client = deployedClient(aws.environment());
    for (const requestId of ['request-1', 'request-2']) {
      await archiveReport(client, aws.bucket, { report: REPORT, requestId });
    }
    expect(new Set(aws.objects.map(({ key }) => key)).size).toBe(2);
  });

  test('never overwrites: what is there stays, and the error says so', async () => {
    await using aws = await startAwsEndpoint();
    const client = deployedClient(aws.environment());
    await archiveReport(client, aws.bucket, { report: REPORT, requestId: 'request-1' });
    const other = { report: healthyReport(), requestId: 'request-1' };
    await expect(archiveReport(client, aws.bucket, other)).rejects.toThrow(
      `The report could not be stored in S3 bucket ${aws.bucket} as ${KEY} (PreconditionFailed). An object of that name exists already, and was left as it is`,
    );
    expect(aws.objects).toHaveLength(1);
    expect(JSON.parse(gunzipSync(aws.objects[0]?.body ?? '').toString())).toEqual(REPORT);
  });

  test('an answer that got lost is no failure: the object is there, once', async () => {
    await using aws = await startAwsEndpoint();
    aws.failNext('PutObject', { network: 'lost-answer' });
    const client = deployedClient(aws.environment());
    const { key } = await archiveReport(client, aws.bucket, { report: REPORT, requestId: 'request-1' });
    expect(aws.objects.map((object) => object.key)).toEqual([key]);
    expect(aws.count('PutObject')).toBe(2);
  });

  test('a service that asks to slow down is asked again', async () => {
    await using aws = await startAwsEndpoint();
    aws.failNext('PutObject', { code: 'SlowDown', status: 503 });
    await archiveReport(deployedClient(aws.environment()), aws.bucket, { report: REPORT, requestId: 'r' });
    expect(aws.objects).toHaveLength(1);
  });

  test.each([
    ['denied', { code: 'AccessDenied', status: 403 }, /\(AccessDenied\)\. Allow .* s3:PutObject on reports\/\*/],
    [
      'wrong region',
      { code: 'PermanentRedirect', status: 301 },
      /another region: correct EVIDENCE_BUCKET or AWS_REGION/,
    ],
    ['changed on its way', { code: 'BadDigest' }, /The report changed on the way/],
    ['anything else', { code: 'InternalError', status: 500 }, /\(InternalError\)\. If it persists/],
    ['silence', { network: 'hang' }, /\(ETIMEDOUT\)\. Check the route to S3/],
    ['a reset connection', { network: 'reset' }, /\(ECONNRESET\)\. Check the route to S3/],
  ] as const)('%s: an error that says what to do, with the bucket, and no secret', async (_name, fault, message) => {
    await using aws = await startAwsEndpoint();
    aws.failNext('PutObject', fault);
    const failure = await archiveReport(impatientClient(aws), aws.bucket, { report: REPORT, requestId: 'r' }).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(EvidenceError);
    expect(failure).toMatchObject({ bucket: aws.bucket, message: expect.stringMatching(message) });
    expect(String((failure as Error).message)).not.toContain('kept-to-itself');
    expect(aws.objects).toHaveLength(0);
  });

  test('a bucket that does not exist, and an endpoint that nobody listens at', async () => {
    await using aws = await startAwsEndpoint();
    const client = impatientClient(aws);
    await expect(archiveReport(client, 'elsewhere', { report: REPORT, requestId: 'r' })).rejects.toThrow(
      'in S3 bucket elsewhere',
    );
    const closed = new S3Client({
      endpoint: `http://127.0.0.1:${await freePort()}`,
      region: 'eu-west-1',
      credentials: { accessKeyId: 'A', secretAccessKey: 'kept-to-itself' },
      maxAttempts: 1,
    });
    await expect(archiveReport(closed, aws.bucket, { report: REPORT, requestId: 'r' })).rejects.toThrow(
      /\(ECONNREFUSED\)\. Check the route to S3/,
    );
  });

  test('gives up when the run has no time left', async () => {
    await using aws = await startAwsEndpoint();
    aws.failNext('PutObject', { network: 'hang' });
    const client = deployedClient(aws.environment());
    const signal = AbortSignal.timeout(200);
    await expect(archiveReport(client, aws.bucket, { report: REPORT, requestId: 'r', signal })).rejects.toThrow(
      /\(AbortError\)\. The run had no time left/,
    );
  });

  test('whatever the request id is, the name stays below reports/', async () => {
    await using aws = await startAwsEndpoint();
    const client = deployedClient(aws.environment());
    const { key } = await archiveReport(client, aws.bucket, { report: REPORT, requestId: '../../x y' });
    expect(key).toBe('reports/2026/11/10/20261110T061502123Z-______x_y.json.gz');
  });
});
