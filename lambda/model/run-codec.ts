// Writes a run as JSON and reads it again, refusing what is not exactly a run.

import { displayText } from './display.ts';
import { type Run, RunError } from './run.ts';
import { RUN_SCHEMA_VERSION, runSchema } from './run-schema.ts';

/** Characters of JSON. 100,000 sessions take 30 million. */
const LONGEST_RUN = 128 * 1024 * 1024;

/** Properties that are undefined are left out, and read as undefined again. */
export function encodeRun(run: Run): string {
  return encodeRunDocument(run);
}

/** The same for a run in a form of its own, which the `unpack` of its reader knows. */
export function encodeRunDocument(run: object): string {
  return JSON.stringify({ schemaVersion: RUN_SCHEMA_VERSION, ...run });
}

/**
 * Reads what `encodeRun` wrote. A fact that is missing, of another shape or unknown is refused with the whole run,
 * and so is a verdict that does not follow from the outcomes: neither may make a target look better.
 *
 * @throws RunError which quotes nothing of the text but the place of the first problem
 */
export function decodeRun(text: string): Run {
  return decodeRunDocument(text, (document) => document);
}

/**
 * The same for a run that was written in a form of its own.
 *
 * @param unpack given the parsed JSON, of which nothing is known; returns the document of a run
 */
export function decodeRunDocument(text: string, unpack: (document: unknown) => unknown): Run {
  if (text.length > LONGEST_RUN) {
    throw new RunError(`the run has ${text.length} characters, and ${LONGEST_RUN} are allowed: split it into parts`);
  }
  const document = parseJson(text);
  refuseOtherVersion(document);
  const result = runSchema.safeParse(unpack(document));
  if (!result.success) {
    const [issue] = result.error.issues;
    const place = displayText(issue?.path.join('.') ?? '', 200);
    const what = issue?.code === 'custom' ? issue.message : 'is not what it must be';
    throw new RunError(`the run can't be used: ${place === '' ? 'the document' : place} ${what}`);
  }
  const { schemaVersion: _, ...run } = result.data;
  return run;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's message quotes the text.
    throw new RunError("the run can't be used: it is not JSON");
  }
}

function refuseOtherVersion(document: unknown): void {
  const version =
    typeof document === 'object' && document !== null && 'schemaVersion' in document && document.schemaVersion;
  if (version === RUN_SCHEMA_VERSION) return;
  const given = typeof version === 'number' ? `the schema version ${version}` : 'no schema version';
  throw new RunError(
    `the run has ${given}, and pg-tls-auditor reads ${RUN_SCHEMA_VERSION} here: use one version for all parts`,
  );
}
