// The local S3 and Security Hub, as the real SDK clients meet them: they refuse what the services refuse.

import { GetObjectCommand, PutObjectCommand, type PutObjectCommandInput, S3Client } from '@aws-sdk/client-s3';
import { BatchImportFindingsCommand, SecurityHubClient } from '@aws-sdk/client-securityhub';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type AwsEndpoint, startAwsEndpoint } from '../../lab/aws.ts';

let aws: AwsEndpoint;
let s3: S3Client;
let securityHub: SecurityHubClient;

beforeEach(async () => {
  aws = await startAwsEndpoint();
  const { AWS_ACCESS_KEY_ID: accessKeyId = '' } = aws.environment();
  const settings = { endpoint: aws.url, region: aws.region, credentials: { accessKeyId, secretAccessKey: 'x' } };
  s3 = new S3Client(settings);
  securityHub = new SecurityHubClient(settings);
});

afterEach(async () => {
  s3.destroy();
  securityHub.destroy();
  await aws[Symbol.asyncDispose]();
});

const put = (input: Partial<PutObjectCommandInput>) =>
  s3.send(new PutObjectCommand({ Bucket: aws.bucket, Key: 'a/b', Body: Buffer.from('é'), ...input }));

const FINDING = {
  SchemaVersion: '2018-10-08',
  Id: 'x/1',
  ProductArn: 'arn:aws:securityhub:eu-west-1:123456789012:product/123456789012/default',
  GeneratorId: 'x',
  AwsAccountId: '123456789012',
  CreatedAt: '2026-11-10T06:15:09.456Z',
  UpdatedAt: '2026-11-10T06:15:09.456Z',
  Severity: { Label: 'HIGH' as const },
  Title: 't',
  Description: 'd',
  Resources: [{ Type: 'Other', Id: 'r' }],
};
const importAll = (...Findings: object[]) =>
  securityHub.send(new BatchImportFindingsCommand({ Findings: Findings as (typeof FINDING)[] }));

describe('S3', () => {
  test('gives back what was put', async () => {
    await put({ ContentType: 'text/plain', ContentEncoding: 'identity' });
    const { Body, ContentType } = await s3.send(new GetObjectCommand({ Bucket: aws.bucket, Key: 'a/b' }));
    expect(await Body?.transformToString()).toBe('é');
    expect(ContentType).toBe('text/plain');
  });

  test.each([
    ['a bucket that does not exist', { Bucket: 'nobody' }, 'NoSuchBucket'],
    ['a checksum of something else', { ChecksumSHA256: Buffer.alloc(32).toString('base64') }, 'BadDigest'],
    ['a key of 1,025 bytes', { Key: 'x'.repeat(1025) }, 'KeyTooLongError'],
    ['a condition that it does not know', { IfNoneMatch: '"abc"' }, 'NotImplemented'],
  ])('refuses %s', async (_what, input, name) => {
    await expect(put(input)).rejects.toMatchObject({ name });
    expect(aws.objects).toHaveLength(0);
  });

  test('takes an object of the same name again, unless it must not be there', async () => {
    await put({});
    await put({});
    await expect(put({ IfNoneMatch: '*' })).rejects.toMatchObject({
      name: 'PreconditionFailed',
      $metadata: { httpStatusCode: 412 },
    });
    expect(aws.objects).toHaveLength(2);
  });
});

describe('Security Hub', () => {
  test('keeps what is valid, and names what is not with a code', async () => {
    const answer = await importAll(
      FINDING,
      { ...FINDING, Id: 'x/2', Title: 't'.repeat(257) },
      { ...FINDING, Id: 'x/3', Resources: [] },
      { ...FINDING, Id: 'x/4', CreatedAt: 'yesterday' },
      { ...FINDING, Id: 'x/5', Types: ['Something/Else'] },
      { ...FINDING, Id: 'x/6', ProductFields: { big: 'x'.repeat(2049) } },
    );
    expect(answer).toMatchObject({ SuccessCount: 1, FailedCount: 5 });
    expect(answer.FailedFindings?.map(({ Id, ErrorCode }) => [Id, ErrorCode])).toEqual(
      [2, 3, 4, 5, 6].map((id) => [`x/${id}`, 'InvalidInput']),
    );
    expect([...aws.findings.keys()]).toEqual(['x/1']);
  });

  test('refuses more than a hundred findings, and a finding of more than 240 KB', async () => {
    const many = Array.from({ length: 101 }, (_, index) => ({ ...FINDING, Id: `x/${index}` }));
    await expect(importAll(...many)).rejects.toMatchObject({ name: 'InvalidInputException' });
    const Resources = Array.from({ length: 32 }, () => ({
      Type: 'Other',
      Id: 'r',
      Details: {
        Other: Object.fromEntries(Array.from({ length: 50 }, (_, index) => [`k${index}`, 'x'.repeat(2_000)])),
      },
    }));
    expect((await importAll({ ...FINDING, Resources })).FailedFindings?.[0]?.ErrorMessage).toContain('240 KB');
  });

  test('an update leaves the workflow to its investigators, and an older one changes nothing', async () => {
    await importAll({ ...FINDING, Workflow: { Status: 'SUPPRESSED' } });
    await importAll({
      ...FINDING,
      UpdatedAt: '2026-11-10T06:30:00Z',
      Title: 'later',
      Workflow: { Status: 'RESOLVED' },
    });
    await importAll({ ...FINDING, UpdatedAt: '2026-11-10T06:00:00Z', Title: 'earlier' });
    expect(aws.findings.get('x/1')).toMatchObject({ Title: 'later', Workflow: { Status: 'SUPPRESSED' }, imports: 2 });
  });
});
