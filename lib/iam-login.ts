// Grants the function logins by IAM database authentication, as the roles that the configuration names only.

import { Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { Config } from '../lambda/config/index.ts';
import { regionOfHost } from '../lambda/model/rds-region.ts';
import { nagResourceId } from './nag-resource-id.ts';

/** Whether any target logs in by IAM. */
export function usesIamLogin({ targets }: Pick<Config, 'targets'>): boolean {
  return targets.some(({ credentials }) => 'iam' in credentials);
}

/**
 * Allows `rds-db:connect` as each role that a target names, in the region of the target. The resource ids of the
 * databases are not in the configuration: a role with that name and the membership in rds_iam is what lets the auditor
 * in.
 *
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html
 */
export function grantIamLogin(scope: Construct, auditor: Role, { targets }: Pick<Config, 'targets'>): void {
  const arns = targets.flatMap(({ credentials, host = '' }) => {
    if (!('iam' in credentials)) return [];
    const { role, region } = credentials.iam;
    return Stack.of(scope).formatArn({
      service: 'rds-db',
      region: region ?? regionOfHost(host) ?? Stack.of(scope).region,
      resource: 'dbuser:*',
      resourceName: role,
    });
  });
  const resources = [...new Set(arns)].sort();
  if (resources.length === 0) return;
  auditor.addToPolicy(new PolicyStatement({ actions: ['rds-db:connect'], resources }));
  for (const arn of resources) {
    Validations.of(auditor).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${nagResourceId(scope, arn)}]`,
      reason: 'The role is named; the ids of the databases are not known before deployment.',
    });
  }
}
