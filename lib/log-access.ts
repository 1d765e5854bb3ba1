// Grants the function the log groups that the configuration names, and no others.

import { Arn, ArnFormat, Stack, Validations } from 'aws-cdk-lib';
import { ManagedPolicy, PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { Config, ConfigProblem } from '../lambda/config/index.ts';
import { rdsRules } from './discovery.ts';
import type { LimitUse } from './limits.ts';
import { nagResourceId } from './nag-resource-id.ts';

/**
 * Characters of the groups' ARNs in the role's own policy, and in a managed one. The role's own ones may have 10,240
 * together, a managed one 6,144 (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
 */
const INLINE_SIZE = 1_500;
const POLICY_SIZE = 5_900;
/** One of the ten that a role can have is left for the owner of the account. */
const MOST_POLICIES = 9;
/** The longest beginning of a group's ARN, of any partition and region. */
const LONGEST_ARN_START = 'arn:aws-us-gov:logs:ap-southeast-2:123456789012:log-group:'.length;
/** Colon and asterisk at the end of an ARN, quotes and comma around it. */
const PUNCTUATION = 5;

/** Every log group that a target or a rule names, by name or ARN. Sorted, each once. */
export function logGroups(config: Pick<Config, 'targets' | 'discovery'>): readonly string[] {
  const groups = [...config.targets, ...rdsRules(config)].flatMap(({ logs }) =>
    typeof logs === 'object' ? [logs.logGroup] : [],
  );
  return [...new Set(groups)].sort();
}

/**
 * Allows `role` to read the groups to which databases of its own account export their PostgreSQL logs, where a rule
 * says `"logs": "auto"`. Those of other accounts are read with the role that is assumed there.
 */
export function grantDiscoveredLogs(scope: Construct, role: Role, config: Pick<Config, 'discovery'>): void {
  const rules = rdsRules(config).filter(({ accounts, logs }) => logs === 'auto' && accounts.includes(undefined));
  const regions = [...new Set(rules.flatMap((rule) => rule.regions))].sort();
  const resources = regions.flatMap((region) =>
    ['instance', 'cluster'].map((kind) =>
      Stack.of(scope).formatArn({
        service: 'logs',
        region,
        resource: 'log-group',
        resourceName: `/aws/rds/${kind}/*/postgresql:*`,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
    ),
  );
  if (resources.length === 0) return;
  role.addToPolicy(new PolicyStatement({ actions: ['logs:FilterLogEvents'], resources }));
  for (const arn of resources) {
    Validations.of(scope).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${nagResourceId(scope, arn)}]`,
      reason: 'PostgreSQL logs of the databases that discovery finds: which there are is not known before.',
    });
  }
}

/**
 * Yields a problem where granting each group takes more policies than a role can hold.
 *
 * @param secretPolicies - Managed policies that the secrets take.
 */
export function* logAccessProblems(groups: readonly string[], secretPolicies: number): Iterable<ConfigProblem> {
  const needed = logPolicyCount(groups);
  if (needed === 0 || needed + secretPolicies <= MOST_POLICIES) return;
  yield {
    path: 'targets',
    message:
      `name ${groups.length} log groups: granting each takes ${needed} IAM policies, beside ${secretPolicies} for secrets, ` +
      `and a role can hold ${MOST_POLICIES} beside one of your own: share the targets out among several auditors`,
  };
}

/** The managed policies of the function's role. */
export function policyUse(groups: readonly string[], secretPolicies: number): LimitUse {
  return {
    id: 'policies',
    what: 'granting each secret and log group takes',
    used: logPolicyCount(groups) + secretPolicies,
    most: MOST_POLICIES,
    unit: 'IAM policies that a role can hold beside one of your own',
    fix:
      'Allow beginnings of names with secretNamePrefixes, let targets log in by IAM, or give them networks of their ' +
      'own with deployment.fleet: each has a role of its own',
  };
}

/** How many managed policies the groups take: none where the role's own one holds them all. */
function logPolicyCount(groups: readonly string[]): number {
  return isInline(groups) ? 0 : split(groups).length;
}

/** Allows `role` to read these groups' events: not their list, their settings or what is masked in them. */
export function grantLogAccess(scope: Construct, role: Role, groups: readonly string[]): void {
  if (groups.length === 0) return;
  const arns = (names: readonly string[]): string[] => [...new Set(names.map((name) => arnOf(scope, name)))];
  const statement = (names: readonly string[]): PolicyStatement =>
    new PolicyStatement({ actions: ['logs:FilterLogEvents'], resources: arns(names) });
  if (isInline(groups)) role.addToPolicy(statement(groups));
  else {
    const policies = split(groups);
    for (const [index, names] of policies.entries()) {
      // Inside the role, on which the function depends: no run starts before it may read every group.
      new ManagedPolicy(role, `LogAccess${index + 1}`, {
        description: `Log groups that pg-tls-auditor reads, ${index + 1} of ${policies.length}`,
        roles: [role],
        statements: [statement(names)],
      });
    }
  }
  for (const arn of arns(groups)) {
    Validations.of(scope).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${nagResourceId(scope, arn)}]`,
      reason: 'The asterisk stands for the streams of this one log group: without it, the ARN allows nothing.',
    });
  }
}

/** IAM compares the ARN of the group with what is its own behind a colon. */
function arnOf(scope: Construct, group: string): string {
  const given = group.startsWith('arn:')
    ? Arn.split(group, ArnFormat.COLON_RESOURCE_NAME)
    : { service: 'logs', resource: 'log-group', resourceName: group };
  const arn = Stack.of(scope).formatArn({ ...given, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
  return `${arn}:*`;
}

function sizeOf(group: string): number {
  return (group.startsWith('arn:') ? 0 : LONGEST_ARN_START) + group.length + PUNCTUATION;
}

function isInline(groups: readonly string[]): boolean {
  return groups.reduce((sum, group) => sum + sizeOf(group), 0) <= INLINE_SIZE;
}

/** Fills policies one after the other, in order, so that a new group changes few of them. */
function split(groups: readonly string[]): readonly (readonly string[])[] {
  const policies: string[][] = [];
  let left = 0;
  for (const group of groups) {
    const last = policies.at(-1);
    if (last === undefined || sizeOf(group) > left) {
      policies.push([group]);
      left = POLICY_SIZE;
    } else last.push(group);
    left -= sizeOf(group);
  }
  return policies;
}
