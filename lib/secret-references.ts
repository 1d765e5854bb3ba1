// Secrets that an embedder has by reference: how the function learns which they are.

import { Stack } from 'aws-cdk-lib';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import type { ConfigProblem } from '../lambda/config/index.ts';
import { listed } from './secret-access.ts';

/** Where the function finds the secrets known by reference. */
const SECRET_ARNS_VARIABLE = 'AUDITOR_SECRET_ARNS';
/** A function's environment holds 4 KB in all (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). */
const SECRET_ARNS_SIZE = 3_000;
/** About as long as an ARN gets whose secret CloudFormation names. */
const TYPICAL_ARN_LENGTH = 160;

/** Secrets by the name that the configuration uses for them. */
export type SecretReferences = Readonly<Record<string, ISecret>>;

/** References that the configuration never uses, or too many of them. */
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
 * The variable that tells the function the ARN of each secret known by reference, as JSON: name in the configuration to ARN.
 * Such a secret's name is made up by CloudFormation, long after the configuration was packed. ARNs are no secrets.
 */
export function secretArnsVariable(scope: Construct, references: SecretReferences): Readonly<Record<string, string>> {
  const arns = Object.entries(references).map(([name, secret]) => [name, secret.secretFullArn ?? secret.secretArn]);
  return arns.length === 0 ? {} : { [SECRET_ARNS_VARIABLE]: Stack.of(scope).toJsonString(Object.fromEntries(arns)) };
}
