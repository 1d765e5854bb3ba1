// Imports findings into AWS Security Hub. Every run imports them again, which updates them; a resolved one is archived.
// The function loads it only where Security Hub is on: no module that is loaded at start may import it.

import { type AwsSecurityFinding, BatchImportFindingsCommand, SecurityHubClient } from '@aws-sdk/client-securityhub';
import { displayText } from '../model/display.ts';
import { type AsffContext, type AsffFinding, eachAsffFinding } from '../report/exports/asff.ts';
import type { AwsPlace } from '../report/exports/exporter.ts';
import type { Report } from '../report/schema.ts';
import { COMMON_REMEDIES, failureName, isUnreachable } from './service-failure.ts';

export { awsPlace } from '../report/exports/asff.ts';

/**
 * The most findings in a request.
 *
 * @see https://docs.aws.amazon.com/securityhub/latest/partnerguide/guidelines-batchimportfindings.html
 */
const MOST_FINDINGS = 100;
/** 6 MB, less the rest of the request. */
const MOST_BYTES = 5_900_000;

/** The most refused findings that a message names. It counts the others. */
const NAMED = 10;

/**
 * Findings that Security Hub did not take. Earlier requests were imported; the next run imports all findings again.
 *
 * @public
 */
export class SecurityHubError extends Error {
  override readonly name = 'SecurityHubError';
}

export interface ImportedFindings {
  readonly imported: number;
  readonly requests: number;
}

/** The real client, with the SDK's own retries and bounded waits. The SDK reads the standard AWS variables. */
export function securityHubClient(): SecurityHubClient {
  return new SecurityHubClient({
    maxAttempts: 5,
    requestHandler: { connectionTimeout: 2_000, requestTimeout: 5_000, throwOnRequestTimeout: true },
  });
}

/**
 * Imports every finding of the report into the account and region of `context.aws`, as that account's own product.
 *
 * A finding keeps its Id from run to run, so that an import updates it; a resolved one is archived. Its workflow status
 * belongs to the people who investigate it: a mute suppresses a finding there only when it is new.
 *
 * @throws SecurityHubError naming the refused findings, after all others are imported
 */
export async function importFindings(
  client: SecurityHubClient,
  report: Report,
  context: AsffContext,
  signal?: AbortSignal,
): Promise<ImportedFindings> {
  const refused: Refused[] = [];
  let imported = 0;
  let requests = 0;
  // One after the other: an account may send ten requests a second.
  for (const batch of batchesOf(eachAsffFinding(report, context))) {
    requests += 1;
    const answer = await importBatch(client, batch, context.aws, imported, signal);
    imported += answer.imported;
    refused.push(...answer.refused);
  }
  if (refused.length > 0) throw partialFailure(refused, imported);
  return { imported, requests };
}

interface Refused {
  readonly id: string;
  readonly code: string;
  readonly message: string;
}

async function importBatch(
  client: SecurityHubClient,
  batch: readonly AsffFinding[],
  aws: AwsPlace,
  before: number,
  signal: AbortSignal | undefined,
): Promise<{ readonly imported: number; readonly refused: readonly Refused[] }> {
  const command = new BatchImportFindingsCommand({ Findings: batch as unknown as AwsSecurityFinding[] });
  try {
    const { SuccessCount, FailedCount, FailedFindings } = await client.send(
      command,
      signal === undefined ? {} : { abortSignal: signal },
    );
    const refused = (FailedFindings ?? []).map(({ Id, ErrorCode, ErrorMessage }) => ({
      id: Id ?? '(no Id)',
      code: ErrorCode ?? 'no code',
      message: ErrorMessage ?? '',
    }));
    for (let unnamed = refused.length; unnamed < (FailedCount ?? 0); unnamed += 1) {
      refused.push({ id: '(not named)', code: 'no code', message: '' });
    }
    return { imported: SuccessCount ?? batch.length - refused.length, refused };
  } catch (error) {
    throw failure(error, aws, before);
  }
}

/** Fills each request with as many findings as it may hold. */
function* batchesOf(findings: Iterable<AsffFinding>): Iterable<readonly AsffFinding[]> {
  let batch: AsffFinding[] = [];
  let bytes = 0;
  for (const finding of findings) {
    const size = Buffer.byteLength(JSON.stringify(finding)) + 1;
    if (batch.length === MOST_FINDINGS || (batch.length > 0 && bytes + size > MOST_BYTES)) {
      yield batch;
      batch = [];
      bytes = 0;
    }
    batch.push(finding);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}

function partialFailure(refused: readonly Refused[], imported: number): SecurityHubError {
  const named = refused.slice(0, NAMED).map(({ id, code, message }) => {
    const why = message === '' ? '' : `: ${displayText(message, 200)}`;
    return `${displayText(id, 200)} (${displayText(code)}${why})`;
  });
  const more = refused.length > named.length ? ` and ${refused.length - named.length} more` : '';
  return new SecurityHubError(
    `Security Hub refused ${refused.length} of ${refused.length + imported} findings: ${named.join(', ')}${more}. ` +
      'The next run imports them again; a finding that is refused as invalid every time is a defect of pg-tls-auditor.',
  );
}

function failure(error: unknown, { account, region, partition }: AwsPlace, imported: number): SecurityHubError {
  const name = failureName(error);
  const product = `arn:${partition}:securityhub:${region}:${account}:product/${account}/default`;
  const remedies: Readonly<Record<string, string>> = {
    InvalidAccessException:
      `Security Hub is not on in account ${account} and region ${region}: switch it on there ` +
      '("aws securityhub enable-security-hub"), or set deployment.securityHub to false.',
    AccessDeniedException: `Allow the function's role securityhub:BatchImportFindings on ${product}.`,
    LimitExceededException: 'The account imports more findings than the quotas of Security Hub allow: raise them.',
    InvalidInputException: 'Security Hub refuses the format of the findings: this is a defect of pg-tls-auditor.',
  };
  const remedy = remedies[name] ?? COMMON_REMEDIES[name] ?? (isUnreachable(error) ? UNREACHABLE : REMEDY);
  const before = imported === 0 ? '' : ` after ${imported} had been`;
  return new SecurityHubError(
    `The findings could not be imported into Security Hub${before} (${displayText(name)}). ${remedy}`,
    { cause: error },
  );
}

const REMEDY = 'If it persists: read the cause in the log, and check the health of Security Hub in this region.';

const UNREACHABLE =
  'Check the route to Security Hub (an isolated subnet needs an interface endpoint for it), AWS_REGION, and AWS_ENDPOINT_URL if it is set.';
