// Archives the full report of each run in S3 as evidence, one object for each run, and never overwrites one.
// The function loads it only where evidence is on: no module that is loaded at start may import it.

import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { displayText } from '../model/display.ts';
import { chunksOf } from '../report/exports/chunks.ts';
import { exporter as json } from '../report/exports/json.ts';
import { compactJson } from '../report/exports/json-text.ts';
import { reportKey } from '../report/page-link.ts';
import type { Report } from '../report/schema.ts';
import { COMMON_REMEDIES, failureName, isUnreachable } from './service-failure.ts';

/**
 * A report that was not stored, or may not have been. The message says where it belongs, and what to do.
 *
 * @public
 */
export class EvidenceError extends Error {
  override readonly name = 'EvidenceError';
  readonly bucket: string;
  readonly key: string;

  constructor(message: string, place: { readonly bucket: string; readonly key: string }, options: ErrorOptions) {
    super(message, options);
    this.bucket = place.bucket;
    this.key = place.key;
  }
}

/** The place of a stored report, and the hash that proves it unchanged. */
export interface ArchivedReport {
  readonly bucket: string;
  readonly key: string;
  /** SHA-256 of the object as stored (gzip), in hexadecimal: the output of `sha256sum` for the file. */
  readonly sha256: string;
  /** Size of the object as stored. */
  readonly bytes: number;
}

export interface Evidence {
  readonly report: Report;
  /** The id of the invocation. Two runs may start at the same moment. */
  readonly requestId: string;
  readonly signal?: AbortSignal | undefined;
}

/**
 * The real client, with the SDK's own retries and bounded waits. The SDK reads the standard AWS variables,
 * AWS_ENDPOINT_URL included.
 *
 * @param options.forcePathStyle whether the name of the bucket goes into the path. AWS takes it as a part of the host,
 * which a local endpoint does not have.
 */
export function s3Client({ forcePathStyle }: { readonly forcePathStyle: boolean }): S3Client {
  return new S3Client({
    maxAttempts: 4,
    requestHandler: { connectionTimeout: 2_000, requestTimeout: 4_000, throwOnRequestTimeout: true },
    forcePathStyle,
  });
}

/**
 * Stores the report as gzipped JSON under `reports/YYYY/MM/DD/<start>-<request id>.json.gz`.
 *
 * @throws EvidenceError, also where an object of that name exists already: it stays as it is
 */
export async function archiveReport(client: S3Client, bucket: string, evidence: Evidence): Promise<ArchivedReport> {
  const { report, signal } = evidence;
  const key = reportKey(report.startedAt, evidence.requestId);
  // The report of a fleet has tens of megabytes, which compress to a few.
  const zipped = createGzip();
  const [body] = await Promise.all([buffer(zipped), pipeline(chunksOf(compactJson(report)), zipped)]);
  const digest = createHash('sha256').update(body).digest();
  await storeObject(client, { bucket, key, body, type: json.mediaType, replaces: false }, signal);
  return { bucket, key, sha256: digest.toString('hex'), bytes: body.length };
}

/** An object to store. */
export interface NewObject {
  readonly bucket: string;
  readonly key: string;
  /** Gzipped. */
  readonly body: Buffer;
  readonly type: string;
  /** Whether there may be an object of that name, which the bucket keeps as an older version. */
  readonly replaces: boolean;
}

/** @throws EvidenceError, also where an object of that name exists already, unless this one replaces it */
export async function storeObject(
  client: S3Client,
  { bucket, key, body, type, replaces }: NewObject,
  signal: AbortSignal | undefined,
): Promise<void> {
  const command = new PutObjectCommand({
    Bucket: bucket,
    Key: key,
    Body: body,
    ContentType: type,
    ContentEncoding: 'gzip',
    // S3 refuses a body that changed on the way.
    ChecksumSHA256: createHash('sha256').update(body).digest('base64'),
    ...(replaces ? {} : { IfNoneMatch: '*' }),
  });
  try {
    await client.send(command, signal === undefined ? {} : { abortSignal: signal });
  } catch (error) {
    if (!isOurEarlierAttempt(error)) throw failure(error, { bucket, key });
  }
}

/** Whether an earlier attempt stored the object: the SDK sends again when an answer is lost. */
function isOurEarlierAttempt(error: unknown): boolean {
  const { name, $metadata } = error as { name?: string; $metadata?: { attempts?: number } };
  return name === 'PreconditionFailed' && ($metadata?.attempts ?? 1) > 1;
}

function failure(error: unknown, place: { readonly bucket: string; readonly key: string }): EvidenceError {
  const name = failureName(error);
  const remedy = REMEDIES[name] ?? COMMON_REMEDIES[name] ?? (isUnreachable(error) ? UNREACHABLE : REMEDY);
  return new EvidenceError(
    `The report could not be stored in S3 bucket ${displayText(place.bucket)} as ${place.key} (${displayText(name)}). ${remedy}`,
    place,
    { cause: error },
  );
}

const REMEDY = 'If it persists: read the cause in the log, and check the health of S3 in this region.';

const UNREACHABLE =
  'Check the route to S3 (an isolated subnet needs a gateway endpoint for it), AWS_REGION, and AWS_ENDPOINT_URL if it is set.';

const REGION = 'The bucket is in another region: correct EVIDENCE_BUCKET or AWS_REGION.';

/** By the errors that PutObject documents. */
const REMEDIES: Readonly<Record<string, string>> = {
  AccessDenied:
    "Allow the function's role s3:PutObject on reports/* and pages/* of the bucket, and kms:GenerateDataKey on its key if that is a key of yours.",
  NoSuchBucket: 'The bucket does not exist: deploy again, or correct EVIDENCE_BUCKET.',
  PermanentRedirect: REGION,
  AuthorizationHeaderMalformed: REGION,
  PreconditionFailed:
    'An object of that name exists already, and was left as it is: no two runs should have the same start and request id.',
  ConditionalRequestConflict: 'Another writer wrote an object of that name at the same time: find out which one.',
  BadDigest: 'The report changed on the way: check which proxy changes requests to S3.',
};
