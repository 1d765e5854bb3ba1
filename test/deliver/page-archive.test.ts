// Pages in S3: stored by the real client beside the report, again as the newest one, with an index of the days.

import { gunzipSync } from 'node:zlib';
import { S3Client } from '@aws-sdk/client-s3';
import { expect, test } from 'vitest';
import { type AwsEndpoint, startAwsEndpoint } from '../../lab/aws.ts';
import { archiveReport, storeObject } from '../../lambda/deliver/evidence-archive.ts';
import { archivePage as archive } from '../../lambda/deliver/page-archive.ts';
import { badNight } from '../report/builders.ts';

const KEY = 'reports/2026/11/10/20261110T061502123Z-request-1.json.gz';
const EVIDENCE = { report: badNight(), requestId: 'request-1' };
const CONTEXT = { catalogue: [], toolVersion: '1.2.3', region: 'eu-west-1', hasTime: () => true };

const archivePage = (client: S3Client, bucket: string, evidence: typeof EVIDENCE): Promise<string> =>
  archive(bucket, evidence, { ...CONTEXT, store: (object) => storeObject(client, object, undefined) });

function clientOf(aws: AwsEndpoint): S3Client {
  const { AWS_ACCESS_KEY_ID: accessKeyId = '', AWS_SECRET_ACCESS_KEY: secretAccessKey = '' } = aws.environment();
  return new S3Client({
    endpoint: aws.url,
    region: aws.region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
  });
}

test('stores the page beside the report, again as the latest, and an index of the days', async () => {
  await using aws = await startAwsEndpoint();
  const client = clientOf(aws);
  await archiveReport(client, aws.bucket, EVIDENCE);
  const key = await archivePage(client, aws.bucket, EVIDENCE);
  expect(key).toBe(KEY.replace('.json.gz', '.html'));
  expect(aws.objects.map((object) => object.key)).toEqual([KEY, key, 'pages/latest.html', 'pages/index.html']);
  const [, page, latest, index] = aws.objects.map(({ body }) => body);
  expect(latest).toEqual(page);
  expect(gunzipSync(page ?? '').toString()).toContain('Are we encrypted?');
  expect(gunzipSync(index ?? '').toString()).toContain(
    `href="https://eu-west-1.console.aws.amazon.com/s3/buckets/${aws.bucket}?region=eu-west-1&amp;prefix=reports%2F2026%2F11%2F10%2F"`,
  );
});

test('replaces the latest page and the index, and never the page of a run', async () => {
  await using aws = await startAwsEndpoint();
  const client = clientOf(aws);
  await archivePage(client, aws.bucket, EVIDENCE);
  await archivePage(client, aws.bucket, { ...EVIDENCE, requestId: 'request-2' });
  expect(aws.objects.filter(({ key }) => key === 'pages/latest.html')).toHaveLength(2);
  await expect(archivePage(client, aws.bucket, EVIDENCE)).rejects.toThrow(/PreconditionFailed/);
});
