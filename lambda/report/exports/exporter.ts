// Defines what an output format is: one file that exports one of these as `exporter`.

import type { CheckInfo } from '../../model/check-info.ts';
import type { Severity } from '../../model/severity.ts';
import type { PageOptions } from '../page/report-page.ts';
import type { Report } from '../schema.ts';

/** The account and region that findings are imported into. */
export interface AwsPlace {
  /** 12 digits. */
  readonly account: string;
  readonly region: string;
  /** `aws`, `aws-cn`, `aws-us-gov` …: of the region. */
  readonly partition: string;
}

/** What an export has besides the report. */
export interface ExportContext {
  readonly catalogue: readonly CheckInfo[];
  /** Version of this auditor. */
  readonly toolVersion: string;
  /** Findings of this severity or worse make a run fail. @default 'medium' */
  readonly failOn?: Severity;
  /** What is kept of earlier days: for the page. @default nothing is said of them */
  readonly history?: Pick<PageOptions, 'readiness' | 'logins'>;
  /** Given to an exporter that needs `aws`, and to no other. */
  readonly aws?: AwsPlace;
}

/** What must be known before anything is audited, for a format that cannot be written without it. */
export type ExportNeed = 'aws';

export interface Exporter {
  /** What `--format` calls it. */
  readonly name: string;
  readonly mediaType: string;
  /** Of a file, without the dot. */
  readonly extension: string;
  readonly needs: readonly ExportNeed[];
  /**
   * The whole document, with a line end; or its parts one after the other, each made when the one before it is written.
   * Pure.
   */
  readonly render: (report: Report, context: ExportContext) => string | Iterable<string>;
}
