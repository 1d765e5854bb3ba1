// Serves Amazon S3's PutObject, GetObject and ListObjectsV2, with the checks that the real service makes.

import { createHash } from 'node:crypto';
import { AwsFailure } from './aws-failure.ts';

/** Bytes of a key at most ("Naming Amazon S3 objects"). */
const LONGEST_KEY = 1024;

/** Keys in an answer of ListObjectsV2 at most. */
const KEYS_A_PAGE = 1_000;

/** An object as it was put. */
export interface StoredObject {
  readonly bucket: string;
  readonly key: string;
  readonly body: Buffer;
  readonly contentType: string | undefined;
  readonly contentEncoding: string | undefined;
  /** In Base64. */
  readonly checksumSha256: string;
}

export interface S3Request {
  readonly bucket: string;
  readonly key: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

export class S3 {
  /** In the order in which they were put. */
  readonly objects: StoredObject[] = [];
  readonly #buckets: ReadonlySet<string>;

  constructor(buckets: readonly string[]) {
    this.#buckets = new Set(buckets);
  }

  /** Where a request goes: path style (`/bucket/key`), or virtual-hosted style (`bucket.endpoint`). */
  locate(host: string, path: string): { readonly bucket: string; readonly key: string } {
    const [first = ''] = host.split('.');
    const name = decodeURIComponent(path.slice(1));
    if (this.#buckets.has(first)) return { bucket: first, key: name };
    const slash = name.indexOf('/');
    return slash < 0 ? { bucket: name, key: '' } : { bucket: name.slice(0, slash), key: name.slice(slash + 1) };
  }

  /** @returns the headers of the answer @throws AwsFailure where the service would refuse */
  put({ bucket, key, headers, body }: S3Request): Readonly<Record<string, string>> {
    this.#mustExist(bucket);
    if (Buffer.byteLength(key) > LONGEST_KEY) throw new AwsFailure('KeyTooLongError', 'Your key is too long');
    const condition = headers['if-none-match'];
    if (condition !== undefined && condition !== '*') {
      throw new AwsFailure(
        'NotImplemented',
        'A header you provided implies functionality that is not implemented',
        501,
      );
    }
    if (condition === '*' && this.#find(bucket, key) !== undefined) {
      throw new AwsFailure('PreconditionFailed', 'At least one of the pre-conditions you specified did not hold', 412);
    }
    const checksumSha256 = createHash('sha256').update(body).digest('base64');
    const claimed = headers['x-amz-checksum-sha256'];
    if (claimed !== undefined && claimed !== checksumSha256) {
      throw new AwsFailure('BadDigest', 'The SHA256 you specified did not match the calculated checksum.');
    }
    this.objects.push({
      bucket,
      key,
      body,
      contentType: text(headers['content-type']),
      contentEncoding: text(headers['content-encoding']),
      checksumSha256,
    });
    return { etag: etagOf(body), 'x-amz-checksum-sha256': checksumSha256 };
  }

  /** @throws AwsFailure where the service would refuse */
  get({ bucket, key }: S3Request): StoredObject {
    this.#mustExist(bucket);
    const found = this.#find(bucket, key);
    if (found === undefined) throw new AwsFailure('NoSuchKey', 'The specified key does not exist.', 404);
    return found;
  }

  delete(bucket: string, key: string): void {
    const kept = this.objects.filter((object) => object.bucket !== bucket || object.key !== key);
    this.objects.splice(0, this.objects.length, ...kept);
  }

  /** @returns a page of keys in order, and where the next one begins @throws AwsFailure */
  list(
    bucket: string,
    query: URLSearchParams,
  ): { readonly keys: readonly string[]; readonly next: string | undefined } {
    this.#mustExist(bucket);
    const prefix = query.get('prefix') ?? '';
    const after = query.get('continuation-token') ?? '';
    const keys = this.objects.filter((object) => object.bucket === bucket).map(({ key }) => key);
    const left = [...new Set(keys)].filter((key) => key.startsWith(prefix) && key > after).sort();
    const page = left.slice(0, KEYS_A_PAGE);
    return { keys: page, next: page.length < left.length ? page.at(-1) : undefined };
  }

  #find(bucket: string, key: string): StoredObject | undefined {
    return this.objects.findLast((object) => object.bucket === bucket && object.key === key);
  }

  #mustExist(bucket: string): void {
    if (!this.#buckets.has(bucket)) {
      throw new AwsFailure('NoSuchBucket', 'The specified bucket does not exist', 404);
    }
  }
}

/** With its quotes. */
export function etagOf(body: Buffer): string {
  return `"${createHash('md5').update(body).digest('hex')}"`;
}

function text(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header.join(', ') : header;
}
