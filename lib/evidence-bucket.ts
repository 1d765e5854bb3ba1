// Defines the bucket that archives the full report of every run.

import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import { BlockPublicAccess, Bucket, BucketEncryption, type IBucket, ObjectOwnership } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';
import type { Config } from '../lambda/config/index.ts';
import { nagResourceId } from './nag-resource-id.ts';
import { runRetention } from './run-retention.ts';

/** The objects that the function may write. It reads, lists and deletes none. */
const REPORTS = 'reports/*';
/** Of these the newest page and the index are replaced by each run; the bucket keeps the older versions. */
const PAGES = 'pages/*';

/**
 * A private bucket that keeps every version of an object for `evidenceRetentionDays`, also of one that was overwritten
 * or deleted.
 *
 * No object moves to a colder storage class: S3 does not move objects under 128 KB, a report of 1,000 targets has 75
 * KB, and a colder class charges each object for 128 KB at least
 * (https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html).
 */
export function makeEvidenceBucket(
  scope: Construct,
  id: string,
  { evidenceRetentionDays: retentionDays, fleet }: Config['deployment'],
): IBucket {
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
      ...(fleet === undefined ? [] : runRetention()),
    ],
  });
  Validations.of(bucket).acknowledge({
    id: 'AwsSolutions-S1',
    reason:
      'Server access logs need a second bucket with its own retention. Versions keep every overwritten or deleted object, and ' +
      'CloudTrail data events, where an account turns them on, record who read it.',
  });
  // aws-cdk-lib's own types disagree under exactOptionalPropertyTypes.
  return bucket as IBucket;
}

/**
 * Allows `role` to add reports under new names, and to replace what is below `pages/`: S3 refuses a request that could
 * overwrite a report.
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
  const pages = bucket.arnForObjects(PAGES);
  role.addToPolicy(new PolicyStatement({ actions: ['s3:PutObject'], resources: [pages] }));
  // The right that S3 needs to write an object. The function itself encrypts and reads nothing.
  bucket.encryptionKey?.grant(role, 'kms:GenerateDataKey*');
  Validations.of(role).acknowledge({
    id: `AwsSolutions-IAM5[Resource::${nagResourceId(scope, reports)}]`,
    reason: 'Reports are named by the time of their run; this prefix holds only reports.',
  });
  Validations.of(role).acknowledge({
    id: `AwsSolutions-IAM5[Resource::${nagResourceId(scope, pages)}]`,
    reason: 'This prefix holds the newest page and the index only, which are made from reports.',
  });
}

/** Allows `role` to read the pages of runs: a link that it signs can do what it may do itself, and no more. */
export function grantPages(scope: Construct, role: Role, bucket: IBucket): void {
  const pages = bucket.arnForObjects('reports/*.html');
  role.addToPolicy(new PolicyStatement({ actions: ['s3:GetObject'], resources: [pages] }));
  bucket.encryptionKey?.grant(role, 'kms:Decrypt');
  Validations.of(role).acknowledge({
    id: `AwsSolutions-IAM5[Resource::${nagResourceId(scope, pages)}]`,
    reason: 'Pages are named by the time of their run; the configuration asks for links that open them.',
  });
}
