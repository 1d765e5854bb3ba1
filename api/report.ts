// Exports what programs that read reports use: their type, the parser and the JSON Schema.

import { reportSchema } from '../lambda/report/schema.ts';
import type { AuditReport } from './report.generated.ts';

export { reportJsonSchema } from '../lambda/report/schema.ts';
export type { AuditReport } from './report.generated.ts';

export type ReportTarget = AuditReport['targets'][number];
export type ReportFinding = AuditReport['findings'][number];

/** Problems that an error names; a document of another kind has one for each of its parts. */
const MOST_PROBLEMS = 5;

/** A document that is no report. `message` says where it differs, and quotes nothing of it. */
export class ReportError extends Error {
  override readonly name = 'ReportError';
}

/**
 * Checks that a document is a report of this version of the format.
 *
 * @param document - As `JSON.parse` gives it: of `--format json`, of a queue's message, of the evidence archive.
 * @returns the report, without properties that this version does not know
 * @throws ReportError
 */
export function parseReport(document: unknown): AuditReport {
  const result = reportSchema.safeParse(document);
  if (result.success) return result.data;
  const { issues } = result.error;
  const shown = issues
    .slice(0, MOST_PROBLEMS)
    .map(({ path, message }) => `  ${path.join('.') || '(document)'}: ${message}`);
  const more = issues.length > MOST_PROBLEMS ? [`  and ${issues.length - MOST_PROBLEMS} more`] : [];
  throw new ReportError(
    ['the document is no pg-tls-auditor report that this version reads (schemaVersion 1):', ...shown, ...more].join(
      '\n',
    ),
  );
}
