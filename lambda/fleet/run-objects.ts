// Reads and writes the objects of a run of the fleet in the evidence bucket.
// It is loaded when it is first used: no module that is loaded at start may import it.

import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import {
  GetObjectCommand,
  ListObjectsV2Command,
  type ListObjectsV2CommandOutput,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { COMMON_REMEDIES, failureName, isUnreachable } from '../deliver/service-failure.ts';
import { displayText } from '../model/display.ts';

/** An object of a run that could not be read or written. The message says which, and what to do. */
export class RunObjectError extends Error {
  override readonly name = 'RunObjectError';
}

/** The bucket of a run in another account or region. */
export interface RunBucket {
  readonly name: string;
  readonly region: string;
}

/** The objects of runs. Nothing is ever overwritten. */
export interface RunObjects {
  /** @returns whether it was stored; false: there is an object of that name already @throws RunObjectError */
  put(key: string, body: Uint8Array): Promise<boolean>;
  /** @throws RunObjectError, also for more than `mostBytes` */
  get(key: string, mostBytes: number): Promise<Uint8Array>;
  /** @returns the keys that begin so, at most `most` of them @throws RunObjectError */
  list(prefix: string, most: number): Promise<readonly string[]>;
}

/** The real client, with the SDK's own retries and bounded waits: a part of many sessions has some megabytes. */
export function runObjectsClient({
  forcePathStyle,
  region,
}: {
  readonly forcePathStyle: boolean;
  /** @default - the function's own */
  readonly region?: string | undefined;
}): S3Client {
  return new S3Client({
    ...(region === undefined ? {} : { region }),
    maxAttempts: 4,
    requestHandler: { connectionTimeout: 2_000, requestTimeout: 30_000, throwOnRequestTimeout: true },
    forcePathStyle,
  });
}

export function runObjects(client: S3Client, bucket: string): RunObjects {
  return {
    async put(key, body) {
      try {
        await client.send(
          new PutObjectCommand({
            Bucket: bucket,
            Key: key,
            Body: body,
            ContentType: 'application/json',
            ContentEncoding: 'gzip',
            // S3 refuses a body that changed on the way.
            ChecksumSHA256: createHash('sha256').update(body).digest('base64'),
            IfNoneMatch: '*',
          }),
        );
        return true;
      } catch (error) {
        if (isThere(error)) return false;
        throw failure('written', bucket, key, error);
      }
    },
    async get(key, mostBytes) {
      try {
        const { Body, ContentLength } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
        if (!(Body instanceof Readable) || ContentLength === undefined) {
          throw new RunObjectError(`${key} has no content`);
        }
        if (ContentLength > mostBytes) {
          // A body that stays unread keeps its connection: after fifty of them, no request would get one.
          Body.destroy();
          throw new RunObjectError(`${key} has ${ContentLength} bytes, and ${mostBytes} are allowed`);
        }
        return await buffer(Body);
      } catch (error) {
        throw error instanceof RunObjectError ? error : failure('read', bucket, key, error);
      }
    },
    async list(prefix, most) {
      const keys: string[] = [];
      let ContinuationToken: string | undefined;
      do {
        const page: ListObjectsV2CommandOutput = await client
          .send(new ListObjectsV2Command({ Bucket: bucket, Prefix: prefix, ContinuationToken }))
          .catch((error: unknown) => {
            throw failure('listed', bucket, prefix, error);
          });
        keys.push(...(page.Contents ?? []).flatMap(({ Key }) => Key ?? []));
        ContinuationToken = page.NextContinuationToken;
      } while (ContinuationToken !== undefined && keys.length < most);
      return keys.slice(0, most);
    },
  };
}

/** Two writers of one name at the same moment: S3 refuses one of them with either error. */
function isThere(error: unknown): boolean {
  return ['PreconditionFailed', 'ConditionalRequestConflict'].includes(failureName(error));
}

function failure(what: 'read' | 'written' | 'listed', bucket: string, key: string, error: unknown): RunObjectError {
  const name = failureName(error);
  const remedy =
    REMEDIES[name] ??
    COMMON_REMEDIES[name] ??
    (isUnreachable(error)
      ? 'Check the route to S3: an isolated subnet needs a gateway endpoint for it.'
      : 'If it persists: check the health of S3 in this region.');
  return new RunObjectError(
    `${key} in S3 bucket ${displayText(bucket)} could not be ${what} (${displayText(name)}). ${remedy}`,
    { cause: error },
  );
}

const REMEDIES: Readonly<Record<string, string>> = {
  AccessDenied: 'Deploy again: the stack allows each function of the fleet its own objects in the bucket.',
  NoSuchBucket: 'The bucket does not exist: deploy again, or correct EVIDENCE_BUCKET.',
  NoSuchKey: 'It does not exist: the run has not written it, or its retention is over.',
};
