// Invokes a worker in another region with the role that the satellite gives for it, and waits for its answer.

import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import * as z from 'zod';
import { credentialsOfRole } from '../aws/assumed-role.ts';
import { failureName } from '../deliver/service-failure.ts';
import { parseArn } from '../model/arn.ts';
import { displayText } from '../model/display.ts';
import type { RelayInput } from './messages.ts';
import type { PartSummary } from './worker.ts';

/** The worker brought no answer. Repair hands its targets out again. */
class RelayError extends Error {
  override readonly name = 'RelayError';
}

/** Milliseconds that the answer of a worker may take: Lambda's longest, and some for the way. */
const LONGEST_MS = 15 * 60_000 + 30_000;

/** Characters of an answer that is read. */
const LONGEST_ANSWER = 1_000;

const count = z.int().min(0);
const answer: z.ZodType<PartSummary> = z.strictObject({ targets: count, notAudited: count, findings: count });

/** @returns what the worker answers: nothing but three numbers goes into the machine's state @throws RelayError */
export async function relay({ functionArn, roleArn, externalId, batch }: RelayInput): Promise<PartSummary> {
  const region = parseArn(functionArn)?.region ?? '';
  const client = new LambdaClient({
    region,
    credentials: credentialsOfRole({ roleArn, externalId }, region),
    // A second attempt would audit everything again while the first one still does.
    maxAttempts: 1,
    requestHandler: { connectionTimeout: 3_000, requestTimeout: LONGEST_MS },
  });
  try {
    const { FunctionError, Payload } = await client.send(
      new InvokeCommand({ FunctionName: functionArn, Payload: JSON.stringify(batch) }),
    );
    if (FunctionError !== undefined) throw new RelayError(`The worker ${functionArn} failed: its log says why`);
    const answered = parse(Payload?.transformToString() ?? '');
    if (answered === undefined) throw new RelayError(`The worker ${functionArn} answered something else than it may`);
    return answered;
  } catch (error) {
    if (error instanceof RelayError) throw error;
    const name = displayText(failureName(error), 100);
    throw new RelayError(
      `The worker ${functionArn} could not be invoked (${name}). Check that the satellite is deployed, with -c satellite, ` +
        'from the same configuration and for the same stack name',
      { cause: error },
    );
  } finally {
    client.destroy();
  }
}

function parse(text: string): PartSummary | undefined {
  if (text.length > LONGEST_ANSWER) return undefined;
  try {
    return answer.safeParse(JSON.parse(text)).data;
  } catch {
    return undefined;
  }
}
