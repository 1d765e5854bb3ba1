// Turns an error of DynamoDB into a StateError that says what to do.

import { COMMON_REMEDIES, failureName, isUnreachable } from '../service-failure.ts';
import { StateError } from './store.ts';

/**
 * @param doing - The operation, as a participle after "could not be": `read`, `saved`.
 * @returns an error whose message is for people; DynamoDB's own error, which may name accounts and roles, is only its
 * cause
 */
export function tableFailure(tableName: string, doing: string, error: unknown): StateError {
  if (error instanceof StateError) return error;
  const name = failureName(error);
  const remedy = REMEDIES[name] ?? COMMON_REMEDIES[name] ?? (isUnreachable(error) ? UNREACHABLE : REMEDY);
  return new StateError(`The state in DynamoDB table ${tableName} could not be ${doing} (${name}). ${remedy}`, {
    cause: error,
  });
}

/**
 * Whether the condition of a write failed: another run wrote first, or an earlier attempt did and its answer was lost.
 */
export function isConditionFailure(error: unknown): boolean {
  return error instanceof Error && error.name === 'ConditionalCheckFailedException';
}

/** Whether the table takes no more at the moment: the same request succeeds later. */
export function isThrottled(error: unknown): boolean {
  return REMEDIES[failureName(error)] === THROTTLED;
}

const REMEDY = 'If it persists: read the cause in the log, and check the health of DynamoDB in this region.';

const UNREACHABLE =
  'Check the route to DynamoDB (an isolated subnet needs a gateway endpoint for it), AWS_REGION, and AWS_ENDPOINT_URL if it is set.';

const ALLOW =
  'Allow dynamodb:Query, dynamodb:GetItem, dynamodb:PutItem and dynamodb:DeleteItem on the table, ' +
  'and kms:Decrypt and kms:GenerateDataKey on its key if that is a key of yours.';

const THROTTLED = 'DynamoDB throttled every attempt on the table: raise its capacity, or make it on-demand.';

const REMEDIES: Readonly<Record<string, string>> = {
  ResourceNotFoundException:
    'There is no such table in this account and region: deploy again, or correct its name or AWS_REGION.',
  AccessDeniedException: ALLOW,
  ValidationException:
    'The table does not fit, or its name is wrong: it must have the partition key pk and the sort key sk, both strings. Deploy again, or name another table.',
  ProvisionedThroughputExceededException: THROTTLED,
  ThrottlingException: THROTTLED,
  RequestLimitExceeded: THROTTLED,
};
