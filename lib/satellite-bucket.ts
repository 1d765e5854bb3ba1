// Lets satellites into the bucket of the runs: each reads its own targets and writes its own parts, and nothing else.

import { Aws, Validations } from 'aws-cdk-lib';
import { AccountPrincipal, type Conditions, PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { deployedJsonLength } from './deployed-length.ts';
import type { LimitUse } from './limits.ts';
import { nagResourceId } from './nag-resource-id.ts';

/** Of a bucket's policy (https://docs.aws.amazon.com/general/latest/gr/s3.html). */
const MOST_POLICY_BYTES = 20 * 1024;

/** The objects of a worker, as lambda/fleet/object-keys.ts names them. */
const targetsOf = (worker: string): string => `runs/${worker}/*/targets.json.gz`;
const partsOf = (worker: string): string => `runs/${worker}/*/parts/*`;

/** S3 refuses a request that could overwrite a part. */
const NO_OVERWRITING: Conditions = { Null: { 's3:if-none-match': 'false' } };

/** A role of another account that may be there or not yet. */
export interface SatelliteRole {
  readonly name: string;
  readonly account: string;
  readonly roleArn: string;
}

/**
 * Adds the satellites to the policies of the bucket and of its key. The principal is the account, and the condition
 * its role: a policy can't name a role that does not exist yet.
 */
export function admitSatellites(scope: Construct, bucket: IBucket, satellites: readonly SatelliteRole[]): void {
  for (const { name, account, roleArn } of satellites) {
    const isWorker = { ArnEquals: { 'aws:PrincipalArn': roleArn } };
    const principals = [new AccountPrincipal(account)];
    const added = [
      new PolicyStatement({
        actions: ['s3:GetObject'],
        principals,
        resources: [bucket.arnForObjects(targetsOf(name))],
        conditions: isWorker,
      }),
      new PolicyStatement({
        actions: ['s3:PutObject'],
        principals,
        resources: [bucket.arnForObjects(partsOf(name))],
        conditions: { ...isWorker, ...NO_OVERWRITING },
      }),
    ].map((statement) => bucket.addToResourcePolicy(statement).statementAdded);
    const key = bucket.encryptionKey?.addToResourcePolicy(
      new PolicyStatement({
        actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
        principals,
        resources: ['*'],
        conditions: isWorker,
      }),
    );
    if (added.every(Boolean) && key?.statementAdded !== false) continue;
    Validations.of(scope).addWarning(
      `pg-tls-auditor:bucketPolicy:${name}`,
      `the evidence bucket, or its key, is imported, so its policy is not changed from here: let ${roleArn} of account ` +
        `${account} read ${targetsOf(name)} and write ${partsOf(name)}, and use the key where there is one`,
    );
  }
}

/** What the policies take of the 20 KB that S3 allows. */
export function bucketPolicyUse(scope: Construct, bucket: IBucket): LimitUse {
  const document = bucket.policy?.document.toJSON() ?? {};
  return {
    id: 'bucket-policy',
    what: 'the policy of the evidence bucket has about',
    used: deployedJsonLength(scope, document),
    most: MOST_POLICY_BYTES,
    unit: 'bytes that S3 takes',
    fix: 'Give satellites shorter names, or share the satellites out among several auditors',
  };
}

/** The satellite's own side of the same: objects of that name in buckets of the auditor's account. */
export function grantHomeBucket(
  scope: Construct,
  role: Role,
  { satellite, account, region }: { readonly satellite: string; readonly account: string; readonly region: string },
): void {
  const ofHome = { StringEquals: { 's3:ResourceAccount': account } };
  const arnOf = (key: string): string => `arn:${Aws.PARTITION}:s3:::*/${key}`;
  const [targets, parts] = [arnOf(targetsOf(satellite)), arnOf(partsOf(satellite))];
  role.addToPolicy(new PolicyStatement({ actions: ['s3:GetObject'], resources: [targets], conditions: ofHome }));
  role.addToPolicy(
    new PolicyStatement({
      actions: ['s3:PutObject'],
      resources: [parts],
      conditions: { ...ofHome, ...NO_OVERWRITING },
    }),
  );
  const keys = `arn:${Aws.PARTITION}:kms:${region}:${account}:key/*`;
  role.addToPolicy(
    new PolicyStatement({
      actions: ['kms:Decrypt', 'kms:GenerateDataKey'],
      resources: [keys],
      conditions: { StringEquals: { 'kms:ViaService': `s3.${region}.amazonaws.com` } },
    }),
  );
  for (const arn of [targets, parts, keys]) {
    Validations.of(role).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${nagResourceId(scope, arn)}]`,
      reason: "The auditor's bucket and key are named at its own deployment; only its account has what this allows.",
    });
  }
}
