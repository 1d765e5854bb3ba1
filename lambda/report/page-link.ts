// Names the objects of a run in the evidence bucket, and links to them in the S3 console.

/** A link to the page of a run. */
export interface PageLink {
  readonly url: string;
  /** `console`: the S3 console, for a person who may read the page there; `page`: the page, for anyone. */
  readonly opens: 'console' | 'page';
}

/** A bucket in a region of AWS. */
export interface BucketPlace {
  readonly bucket: string;
  readonly region: string;
}

/** Where the newest page is, which each run replaces. */
export const LATEST_PAGE = 'pages/latest.html';

/** What the names of a run's objects begin with: `reports/2026/11/10/20261110T061502123Z-REQUEST`. */
function runKey(startedAt: string, requestId: string): string {
  const moment = startedAt.replaceAll(/[-:.]/g, '');
  return `${dayPrefix(startedAt.slice(0, 10))}${moment}-${requestId.replaceAll(/[^\w-]/g, '_').slice(0, 128)}`;
}

/** The report of a run, which is the evidence. */
export function reportKey(startedAt: string, requestId: string): string {
  return `${runKey(startedAt, requestId)}.json.gz`;
}

export function pageKey(startedAt: string, requestId: string): string {
  return `${runKey(startedAt, requestId)}.html`;
}

/** @param day - `2026-11-10` */
export function dayPrefix(day: string): string {
  return `reports/${day.replaceAll('-', '/')}/`;
}

/** Opens an object in the console, for a person who may read it there. It holds no credentials and never ends. */
export function objectLink({ bucket, region }: BucketPlace, key: string): string {
  return `${consoleOf(region)}/s3/object/${bucket}?region=${region}&prefix=${encodeURIComponent(key)}`;
}

/** Lists in the console what the names of a bucket begin with. */
export function prefixLink({ bucket, region }: BucketPlace, prefix: string): string {
  return `${consoleOf(region)}/s3/buckets/${bucket}?region=${region}&prefix=${encodeURIComponent(prefix)}`;
}

function consoleOf(region: string): string {
  if (region.startsWith('cn-')) return `https://${region}.console.amazonaws.cn`;
  if (region.startsWith('us-gov-')) return `https://${region}.console.amazonaws-us-gov.com`;
  return `https://${region}.console.aws.amazon.com`;
}
