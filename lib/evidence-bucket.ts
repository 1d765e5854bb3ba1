// The bucket that keeps every run's full report for auditors.

import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import {
  BlockPublicAccess,
  Bucket,
  BucketEncryption,
  type IBucket,
  ObjectOwnership,
  StorageClass,
} from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import { asReported } from './reported-arn.ts';

/** What the function may write: it reads, lists and deletes nothing. */
const REPORTS = 'reports/*';
/** Days after which a report is rarely opened. */
const COLD_AFTER_DAYS = 90;
/** The least that S3 charges for an object in Glacier Instant Retrieval (https://aws.amazon.com/s3/storage-classes/glacier/). */
const COLD_MINIMUM_DAYS = 90;

/** A private bucket that keeps what it was given for `retentionDays`, also what somebody overwrote or deleted. */
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
        ...(retentionDays < COLD_AFTER_DAYS + COLD_MINIMUM_DAYS
          ? {}
          : {
              transitions: [
                {
                  storageClass: StorageClass.GLACIER_INSTANT_RETRIEVAL,
                  transitionAfter: Duration.days(COLD_AFTER_DAYS),
                },
              ],
            }),
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

/** Lets `role` add reports, and nothing else. */
export function grantEvidence(scope: Construct, role: Role, bucket: IBucket): void {
  const reports = bucket.arnForObjects(REPORTS);
  role.addToPolicy(new PolicyStatement({ actions: ['s3:PutObject'], resources: [reports] }));
  bucket.encryptionKey?.grantEncrypt(role);
  Validations.of(role).acknowledge({
    id: `AwsSolutions-IAM5[Resource::${asReported(scope, reports)}]`,
    reason: 'Reports are named by the time of their run; nothing but reports lies under this prefix.',
  });
}
