// A link that opens a page without a login: it names the page, it ends, and it is asked of no service.

import { S3Client } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { startAwsEndpoint } from '../../lab/aws.ts';
import { presignPage } from '../../lambda/deliver/page-presigner.ts';

test('opens the object that it names, for twelve hours at most, and is made without a request', async () => {
  await using aws = await startAwsEndpoint();
  const { AWS_ACCESS_KEY_ID: accessKeyId = '', AWS_SECRET_ACCESS_KEY: secretAccessKey = '' } = aws.environment();
  const credentials = { accessKeyId, secretAccessKey, sessionToken: 'of-the-role' };
  const client = new S3Client({ endpoint: aws.url, region: aws.region, credentials, forcePathStyle: true });
  const key = 'reports/2026/11/10/run.html';
  const url = new URL(await presignPage(client, aws.bucket, key));
  expect(url.pathname).toBe(`/${aws.bucket}/${key}`);
  expect(url.searchParams.get('X-Amz-Expires')).toBe('43200');
  expect(url.searchParams.get('X-Amz-Security-Token')).toBe('of-the-role');
  expect(url.href).not.toContain(secretAccessKey);
  expect(aws.count('GetObject')).toBe(0);
  expect(url.searchParams.get('X-Amz-SignedHeaders')).toBe('host');
  expect(url.searchParams.get('X-Amz-Signature')).toMatch(/^[0-9a-f]{64}$/);
});
