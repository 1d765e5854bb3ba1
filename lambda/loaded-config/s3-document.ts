// Reads the configuration from an object in S3, bounded, and only where it changed.

import { addAbortSignal, Readable } from 'node:stream';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { ConfigLocationError } from './failure.ts';
import type { ReadDocument } from './load.ts';

/** Bytes of a document at most. */
const MOST_BYTES = 1024 * 1024;

/** @param options.forcePathStyle whether the name of the bucket goes into the path, as a local endpoint needs it */
export function s3Document(
  { bucket, key }: { readonly bucket: string; readonly key: string },
  { forcePathStyle }: { readonly forcePathStyle: boolean },
): ReadDocument {
  const client = new S3Client({
    maxAttempts: 4,
    requestHandler: { connectionTimeout: 2_000, requestTimeout: 4_000, throwOnRequestTimeout: true },
    forcePathStyle,
  });
  let last: { readonly etag: string; readonly bytes: Buffer } | undefined;
  return async (signal) => {
    try {
      const { Body, ContentLength, ETag } = await client.send(
        new GetObjectCommand({ Bucket: bucket, Key: key, ...(last === undefined ? {} : { IfNoneMatch: last.etag }) }),
        { abortSignal: signal },
      );
      if (!(Body instanceof Readable)) throw new ConfigLocationError('S3 answered without the object');
      const bytes = await readBounded(addAbortSignal(signal, Body), ContentLength);
      last = ETag === undefined ? undefined : { etag: ETag, bytes };
      return bytes;
    } catch (error) {
      if (last !== undefined && isNotModified(error)) return last.bytes;
      throw error;
    }
  };
}

function isNotModified(error: unknown): boolean {
  return (error as { readonly $metadata?: { readonly httpStatusCode?: number } }).$metadata?.httpStatusCode === 304;
}

async function readBounded(body: Readable, announced: number | undefined): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = announced ?? 0;
  if (size <= MOST_BYTES) {
    size = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > MOST_BYTES) break;
      chunks.push(chunk);
    }
  }
  if (size <= MOST_BYTES) return Buffer.concat(chunks);
  body.destroy();
  throw new ConfigLocationError(
    `the object has more than ${MOST_BYTES} bytes: let "discovery" find targets instead of naming each, or share them out ` +
      'among several auditors',
  );
}
