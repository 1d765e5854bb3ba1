// The bucket that keeps every run's full report for auditors.

import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import { BlockPublicAccess, Bucket, BucketEncryption, type IBucket, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { nagResourceId } from './nag-resource-id.ts';

/** What the function may write: it reads, lists and deletes nothing. */
const REPORTS = 'reports/*';

/**
 * A private bucket that keeps what it was given for `retentionDays`, also what somebody overwrote or deleted.
 *
 * Nothing moves to a colder storage class: S3 leaves objects under 128 KB where they are, a report of 1,000 targets has 75
 * KB, and a colder class charges each object as if it had 128
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html).
 */
export function makeEvidenceBucket(scope: Construct, id: string, retentionDays: number): IBucket {
  const bucket = new Bucket(scope, id, {
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    objectOwnership: ObjectOwnership.BUCKET_OWNER_ENFORCED,
    encryption: BucketEncryption.S3_MANAGED,
    enforceSSL: true,
    minimumTLSVersion: 1.2,
    versioned: true,
    removalPolicy: RemovalPolicy.RETAIN,
    lifecycleRules: [
      {
        id: 'Retention',
        expiration: Duration.days(retentionDays),
        noncurrentVersionExpiration: Duration.days(retentionDays),
        abortIncompleteMultipartUploadAfter: Duration.days(1),
      },
    ],
  });
  Validations.of(bucket).acknowledge({
    id: 'AwsSolutions-S1',
    reason:
      'Server access logs need a second bucket with a life of its own. Versions keep what is overwritten or deleted, and ' +
      'CloudTrail data events, where an account wants them, say who read it.',
  });
  // aws-cdk-lib's own types disagree under exactOptionalPropertyTypes.
  return bucket as IBucket;
}

/**
 * Lets `role` add reports under new names, and nothing else: S3 refuses a request that could overwrite one.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes-enforce.html
 */
export function grantEvidence(scope: Construct, role: Role, bucket: IBucket): void {
  const reports = bucket.arnForObjects(REPORTS);
  role.addToPolicy(
    new PolicyStatement({
      actions: ['s3:PutObject'],
      resources: [reports],
      conditions: { Null: { 's3:if-none-match': 'false' } },
    }),
  );
  // What writing an object takes: nothing is encrypted, read or copied by the function itself.
  bucket.encryptionKey?.grant(role, 'kms:GenerateDataKey*');
  Validations.of(role).acknowledge({
    id: `AwsSolutions-IAM5[Resource::${nagResourceId(scope, reports)}]`,
    reason: 'Reports are named by the time of their run; nothing but reports lies under this prefix.',
  });
}
