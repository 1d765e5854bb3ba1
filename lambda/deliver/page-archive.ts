// Archives the page of each run beside its report, again as the newest one, with an index of the days.
// The function loads it after the notifications: no module that is loaded at start may import it.

import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { chunksOf } from '../report/exports/chunks.ts';
import { renderDayIndex } from '../report/page/day-index.ts';
import { type PageContext, type PageOptions, renderReportPage } from '../report/page/report-page.ts';
import { LATEST_PAGE, pageKey, reportKey } from '../report/page-link.ts';
import type { Evidence, NewObject } from './evidence-archive.ts';

/** What the page of a run is made with. */
export interface PageEnvironment extends PageContext {
  /** Of the bucket; undefined where it is not known: then the index has names and no links. */
  readonly region: string | undefined;
  /** Whether there is time to go on: targets that are not rendered by then are counted on the page. */
  readonly hasTime: () => boolean;
  /** @default nothing is said of earlier days */
  readonly history?: Pick<PageOptions, 'readiness' | 'logins'> | undefined;
  /** @throws EvidenceError */
  readonly store: (object: NewObject) => Promise<void>;
}

/** The index of the days, which each run replaces. */
const INDEX = 'pages/index.html';

const TYPE = 'text/html; charset=utf-8';

/**
 * Stores the page of a run beside its report, again as the newest one, and the index of the days.
 *
 * @returns the key of the page
 * @throws EvidenceError
 */
export async function archivePage(
  bucket: string,
  { report, requestId }: Pick<Evidence, 'report' | 'requestId'>,
  { region, hasTime, store, history, ...context }: PageEnvironment,
): Promise<string> {
  const elsewhere = `the report ${reportKey(report.startedAt, requestId)} has everything`;
  const page = await zipped(renderReportPage(report, context, { ...history, elsewhere, hasTime }));
  const index = await zipped(renderDayIndex(report.startedAt, { bucket, region, latest: LATEST_PAGE }));
  const key = pageKey(report.startedAt, requestId);
  await store({ bucket, key, body: page, type: TYPE, replaces: false });
  await store({ bucket, key: LATEST_PAGE, body: page, type: TYPE, replaces: true });
  await store({ bucket, key: INDEX, body: index, type: TYPE, replaces: true });
  return key;
}

async function zipped(page: string | Iterable<string>): Promise<Buffer> {
  const gzip = createGzip();
  const [body] = await Promise.all([buffer(gzip), pipeline(chunksOf(page), gzip)]);
  return body;
}
