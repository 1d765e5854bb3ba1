// Grants each function of the fleet its own objects of runs in the evidence bucket, and no others.

import { Validations } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { nagResourceId } from './nag-resource-id.ts';

export interface RunObjectRoles {
  readonly plan: Role;
  readonly repair: Role;
  readonly digest: Role;
  readonly workers: readonly { readonly name: string; readonly role: Role }[];
}

/**
 * Nothing may be overwritten: S3 refuses a request that could (`if-none-match`). The names of objects are those of
 * lambda/fleet/object-keys.ts.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
 */
export function grantRunObjects(
  scope: Construct,
  bucket: IBucket,
  { plan, repair, digest, workers }: RunObjectRoles,
): void {
  write(scope, plan, bucket, ['plans/*', 'runs/*']);
  read(scope, plan, bucket, ['plans/*']);
  read(scope, repair, bucket, ['plans/*']);
  list(repair, bucket);
  read(scope, digest, bucket, ['plans/*', 'runs/*']);
  list(digest, bucket);
  for (const { name, role } of workers) {
    read(scope, role, bucket, [`runs/${name}/*/targets.json.gz`]);
    write(scope, role, bucket, [`runs/${name}/*/parts/*`]);
  }
}

function read(scope: Construct, role: Role, bucket: IBucket, keys: readonly string[]): void {
  const resources = keys.map((key) => bucket.arnForObjects(key));
  role.addToPolicy(new PolicyStatement({ actions: ['s3:GetObject'], resources }));
  bucket.encryptionKey?.grant(role, 'kms:Decrypt');
  acknowledge(scope, role, resources);
}

function write(scope: Construct, role: Role, bucket: IBucket, keys: readonly string[]): void {
  const resources = keys.map((key) => bucket.arnForObjects(key));
  role.addToPolicy(
    new PolicyStatement({
      actions: ['s3:PutObject'],
      resources,
      conditions: { Null: { 's3:if-none-match': 'false' } },
    }),
  );
  bucket.encryptionKey?.grant(role, 'kms:GenerateDataKey*');
  acknowledge(scope, role, resources);
}

function list(role: Role, bucket: IBucket): void {
  role.addToPolicy(
    new PolicyStatement({
      actions: ['s3:ListBucket'],
      resources: [bucket.bucketArn],
      conditions: { StringLike: { 's3:prefix': 'runs/*' } },
    }),
  );
}

function acknowledge(scope: Construct, role: Role, arns: readonly string[]): void {
  for (const arn of arns) {
    Validations.of(role).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${nagResourceId(scope, arn)}]`,
      reason: 'The objects of a run are named by its execution, which is not known before.',
    });
  }
}
