// Passes the ARNs of secrets that the embedding app has by reference to the function.

import { Stack } from 'aws-cdk-lib';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import type { ConfigProblem } from '../lambda/config/index.ts';
import type { DeployedVariables } from '../lambda/environment.ts';
import { listed } from './secret-access.ts';

/**
 * A function's environment holds 4 KB in all (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html).
 */
const SECRET_ARNS_SIZE = 3_000;
/** About as long as an ARN gets whose secret CloudFormation names. */
const TYPICAL_ARN_LENGTH = 160;

/** Secrets by the name that the configuration uses for them. */
export type SecretReferences = Readonly<Record<string, ISecret>>;

/** Yields a problem for each reference that the configuration does not use, and for too many of them. */
export function* secretReferenceProblems(
  references: SecretReferences,
  names: readonly string[],
): Iterable<ConfigProblem> {
  for (const name of Object.keys(references)) {
    if (!names.includes(name)) {
      yield {
        path: `secrets["${name}"]`,
        message: `is no secret that the configuration names; it names ${listed(names)}`,
      };
    }
  }
  const size = Object.keys(references).reduce((sum, name) => sum + name.length + TYPICAL_ARN_LENGTH, 0);
  if (size > SECRET_ARNS_SIZE) {
    yield {
      path: 'secrets',
      message:
        `are ${Object.keys(references).length} references, more than the function's environment has room for. Give ` +
        'secrets a fixed secretName and write that into the configuration instead',
    };
  }
}

/**
 * The variable with the ARN of each secret known by reference, as JSON: name in the configuration to ARN.
 * CloudFormation makes up the name of such a secret, long after the configuration was packed. An ARN is not a secret.
 */
export function secretArnsVariable(
  scope: Construct,
  references: SecretReferences,
): Pick<DeployedVariables, 'AUDITOR_SECRET_ARNS'> {
  const arns = Object.entries(references).map(([name, secret]) => [name, secret.secretFullArn ?? secret.secretArn]);
  return {
    AUDITOR_SECRET_ARNS: arns.length === 0 ? undefined : Stack.of(scope).toJsonString(Object.fromEntries(arns)),
  };
}
