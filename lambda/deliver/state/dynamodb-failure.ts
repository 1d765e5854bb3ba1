// What it means when DynamoDB refuses or does not answer, in a sentence with what to do.

import { COMMON_REMEDIES, failureName, isUnreachable } from '../service-failure.ts';
import { StateError } from './store.ts';

/**
 * @param doing - What was being done, after "could not be".
 * @returns an error for people; the service's own, which may name accounts and roles, is its cause only
 */
export function tableFailure(tableName: string, doing: string, error: unknown): StateError {
  if (error instanceof StateError) return error;
  const name = failureName(error);
  const remedy = REMEDIES[name] ?? COMMON_REMEDIES[name] ?? (isUnreachable(error) ? UNREACHABLE : REMEDY);
  return new StateError(`The state in DynamoDB table ${tableName} could not be ${doing} (${name}). ${remedy}`, {
    cause: error,
  });
}

/** A condition on an item did not hold: somebody else was there first, or we were and did not hear the answer. */
export function isConditionFailure(error: unknown): boolean {
  return error instanceof Error && error.name === 'ConditionalCheckFailedException';
}

const REMEDY = 'If it persists: look at the log for the cause, and at the health of DynamoDB in this region.';

const UNREACHABLE =
  'Check the route to DynamoDB (an isolated subnet needs a gateway endpoint for it), AWS_REGION, and AWS_ENDPOINT_URL if it is set.';

const ALLOW =
  'Allow dynamodb:Query, dynamodb:GetItem, dynamodb:PutItem and dynamodb:DeleteItem on the table, ' +
  'and kms:Decrypt and kms:GenerateDataKey on its key if it has one of yours.';

const THROTTLED =
  'The table takes no more at the moment, after several attempts: raise its capacity, or make it on-demand.';

const REMEDIES: Readonly<Record<string, string>> = {
  ResourceNotFoundException:
    'There is no such table in this account and region: deploy again, or correct its name or AWS_REGION.',
  AccessDeniedException: ALLOW,
  ValidationException:
    'The table is not one for this state, or its name is wrong: it must have the partition key pk and the sort key sk, both strings. Deploy again, or name another table.',
  ProvisionedThroughputExceededException: THROTTLED,
  ThrottlingException: THROTTLED,
  RequestLimitExceeded: THROTTLED,
};
