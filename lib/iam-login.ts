// Grants the function logins by IAM database authentication, as the roles that the configuration names only.

import { Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { Config } from '../lambda/config/index.ts';
import { regionOfHost } from '../lambda/model/rds-region.ts';
import { rdsRules } from './discovery.ts';
import { nagResourceId } from './nag-resource-id.ts';

type Logins = Pick<Config, 'targets' | 'discovery'>;

/** Whether any target, or any that discovery may find, logs in by IAM. */
export function usesIamLogin(config: Logins): boolean {
  return (
    config.targets.some(({ credentials }) => 'iam' in credentials) ||
    rdsRules(config).some(({ credentials }) => 'iam' in credentials)
  );
}

/**
 * Allows `rds-db:connect` as each role that a target or a rule names, in its region. Databases of other accounts are
 * logged in to with the role that is assumed there, which has that right itself. The resource ids of the
 * databases are not in the configuration: a role with that name and the membership in rds_iam is what lets the auditor
 * in.
 *
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.IAMDBAuth.IAMPolicy.html
 */
export function grantIamLogin(scope: Construct, auditor: Role, config: Logins): void {
  const arnOf = (role: string, region: string): string =>
    Stack.of(scope).formatArn({ service: 'rds-db', region, resource: 'dbuser:*', resourceName: role });
  const named = config.targets.flatMap(({ credentials, host = '' }) => {
    if (!('iam' in credentials)) return [];
    const { role, region } = credentials.iam;
    return arnOf(role, region ?? regionOfHost(host) ?? Stack.of(scope).region);
  });
  const discovered = rdsRules(config).flatMap(({ credentials, accounts, regions }) => {
    if (!('iam' in credentials) || !accounts.includes(undefined)) return [];
    const { role, tagRoles } = credentials.iam;
    return [role, ...tagRoles].flatMap((each) => regions.map((region) => arnOf(each, region)));
  });
  const resources = [...new Set([...named, ...discovered])].sort();
  if (resources.length === 0) return;
  auditor.addToPolicy(new PolicyStatement({ actions: ['rds-db:connect'], resources }));
  for (const arn of resources) {
    Validations.of(auditor).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${nagResourceId(scope, arn)}]`,
      reason: 'The role is named; the ids of the databases are not known before deployment.',
    });
  }
}
