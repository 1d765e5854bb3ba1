// Grants the keys that encrypt the secrets, for use through Secrets Manager only.

import { Arn, ArnFormat } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { ConfigProblem } from '../lambda/config/index.ts';

/** The most characters of the keys' ARNs: all policies of a role hold 10,240, and other rights need some of them. */
const MOST_CHARACTERS = 5_000;

const KMS_KEY_ARN = /^arn:[\w-]+:kms:[\w-]+:\d{12}:key\/[\w-]+$/;

/** Yields a problem for each key that a policy cannot name, and for too many keys. */
export function* secretKeyProblems(keyArns: readonly string[]): Iterable<ConfigProblem> {
  for (const [index, arn] of keyArns.entries()) {
    if (KMS_KEY_ARN.test(arn)) continue;
    yield {
      path: `deployment.secretKmsKeyArns[${index}]`,
      message:
        `must be a key's own ARN, such as arn:aws:kms:eu-west-1:123456789012:key/…, got "${arn}": IAM does not follow ` +
        'aliases, and each key has its region',
    };
  }
  const characters = [...new Set(keyArns)].reduce((sum, arn) => sum + arn.length, 0);
  if (characters > MOST_CHARACTERS) {
    yield {
      path: 'deployment.secretKmsKeyArns',
      message:
        `are ${keyArns.length} keys, whose ARNs of ${characters} characters are more than the function's role has room for ` +
        `(${MOST_CHARACTERS}). Let secrets share a key, or share the targets out among several auditors`,
    };
  }
}

/** Allows `role` to use the keys through Secrets Manager only: other data that they encrypt stays unreadable. */
export function grantSecretKeys(role: Role, keyArns: readonly string[], keys: readonly IKey[]): void {
  const arnsByRegion = Map.groupBy(
    [
      ...keyArns.map((arn) => ({ arn, region: Arn.split(arn, ArnFormat.SLASH_RESOURCE_NAME).region ?? '' })),
      ...keys.map(({ keyArn, env }) => ({ arn: keyArn, region: env.region })),
    ],
    ({ region }) => region,
  );
  for (const [region, entries] of arnsByRegion) {
    role.addToPolicy(
      new PolicyStatement({
        actions: ['kms:Decrypt'],
        resources: [...new Set(entries.map(({ arn }) => arn))],
        conditions: { StringEquals: { 'kms:ViaService': `secretsmanager.${region}.amazonaws.com` } },
      }),
    );
  }
}
