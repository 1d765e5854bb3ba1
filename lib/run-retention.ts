// Deletes the plans and parts of runs from a new bucket, and warns where nothing deletes them from one that is given.

import { Aspects, CfnResource, Duration, Stack, Validations } from 'aws-cdk-lib';
import type { CfnBucket, IBucket, LifecycleRule } from 'aws-cdk-lib/aws-s3';
import type { Construct } from 'constructs';

/** Days that plans and parts of the fleet's runs are kept: the report has what they say. */
const RUN_DAYS = 7;
const NONCURRENT_DAYS = 1;

/** What the names of plans and parts begin with, as lambda/fleet/object-keys.ts has it. */
const PREFIXES = ['plans/', 'runs/'];

/** The rules of a new bucket. Of two rules for one object, S3 follows the one that expires it earlier. */
export function runRetention(): readonly LifecycleRule[] {
  return PREFIXES.map((prefix) => ({
    id: `Retention of ${prefix}`,
    prefix,
    expiration: Duration.days(RUN_DAYS),
    noncurrentVersionExpiration: Duration.days(NONCURRENT_DAYS),
  }));
}

/** Warns at synthesis, when every rule is there: the owner of the bucket may add some after the auditor. */
export function warnOfRunRetention(scope: Construct, bucket: IBucket): void {
  Aspects.of(scope).add({
    visit: (node) => {
      if (node !== scope) return;
      const why = whatKeeps(bucket);
      if (why === undefined) return;
      Validations.of(scope).addWarning(
        'pg-tls-auditor:runRetention',
        `the evidence bucket ${why}. Nothing else deletes the plans and parts of runs: give it rules that expire what ` +
          `begins with ${PREFIXES.join(' and what begins with ')} after ${RUN_DAYS} days, and versions that are not current ` +
          `after ${NONCURRENT_DAYS} day where it keeps them`,
      );
    },
  });
}

/** What is wrong with the rules of the bucket; undefined where they delete every plan and part at some time. */
function whatKeeps(bucket: IBucket): string | undefined {
  const resource = bucket.node.defaultChild;
  if (resource === undefined || !isBucket(resource)) {
    return 'is imported, so that its lifecycle rules are not known here';
  }
  const stack = Stack.of(resource);
  const { rules = [] }: Lifecycle = stack.resolve(resource.lifecycleConfiguration) ?? {};
  const { status }: Versioning = stack.resolve(resource.versioningConfiguration) ?? {};
  const kept = PREFIXES.filter((prefix) => {
    const concerned = rules.filter((rule) => coversAll(rule, prefix));
    return !(concerned.some(expires) && (status === undefined || concerned.some(expiresVersions)));
  });
  return kept.length === 0 ? undefined : `has no lifecycle rule that deletes all of ${kept.join(' and ')}`;
}

function isBucket(node: unknown): node is CfnBucket {
  return CfnResource.isCfnResource(node) && node.cfnResourceType === 'AWS::S3::Bucket';
}

type Rule = Partial<CfnBucket.RuleProperty>;

/** Of a bucket, with its tokens resolved. */
interface Lifecycle {
  readonly rules?: readonly Rule[];
}

interface Versioning {
  readonly status?: string;
}

function coversAll(rule: Rule, prefix: string): boolean {
  const { status, prefix: beginning = '', tagFilters, objectSizeGreaterThan, objectSizeLessThan } = rule;
  if (status !== 'Enabled' || tagFilters !== undefined) return false;
  if (objectSizeGreaterThan !== undefined || objectSizeLessThan !== undefined) return false;
  return typeof beginning === 'string' && prefix.startsWith(beginning);
}

function expires({ expirationInDays, expirationDate }: Rule): boolean {
  return expirationInDays !== undefined || expirationDate !== undefined;
}

function expiresVersions({ noncurrentVersionExpiration, noncurrentVersionExpirationInDays }: Rule): boolean {
  return noncurrentVersionExpiration !== undefined || noncurrentVersionExpirationInDays !== undefined;
}
