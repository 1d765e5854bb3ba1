// Grants the function what its rules of discovery need: to list databases, and to assume the roles they name.

import { ArnFormat, Stack, Validations } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { Config, RdsRule } from '../lambda/config/index.ts';
import { fillTemplate, placeholdersOf, templateStart } from '../lambda/model/template.ts';
import { nagResourceId } from './nag-resource-id.ts';

/** The resources that each call lists. */
const CALLS = [
  ['rds:DescribeDBInstances', 'db'],
  ['rds:DescribeDBClusters', 'cluster'],
  ['rds:DescribeDBProxies', 'db-proxy'],
  ['rds:DescribeDBParameters', 'pg'],
  ['rds:DescribeDBClusterParameters', 'cluster-pg'],
] as const;

export function rdsRules({ discovery }: Pick<Config, 'discovery'>): readonly RdsRule[] {
  return discovery.filter((rule): rule is RdsRule => rule.source === 'rds');
}

export function usesRdsDiscovery(config: Pick<Config, 'discovery'>): boolean {
  return rdsRules(config).length > 0;
}

/** Whether any rule finds databases in other accounts. */
export function usesAssumedRoles(config: Pick<Config, 'discovery'>): boolean {
  return rolesOf(config).length > 0;
}

/** Whether any rule reads log groups: of its own, or those to which the databases export their logs. */
export function usesDiscoveredLogs(config: Pick<Config, 'discovery'>): boolean {
  return rdsRules(config).some(({ logs }) => logs === 'auto' || typeof logs === 'object');
}

/** Allows `auditor` to list the databases of its own account in the regions of the rules, and to assume their roles. */
export function grantDiscovery(scope: Construct, auditor: Role, config: Pick<Config, 'discovery'>): void {
  const own = rdsRules(config).filter(({ accounts }) => accounts.includes(undefined));
  const regions = [...new Set(own.flatMap((rule) => rule.regions))].sort();
  for (const [action, resource] of regions.length === 0 ? [] : CALLS) {
    const resources = regions.map((region) =>
      Stack.of(scope).formatArn({
        service: 'rds',
        region,
        resource,
        resourceName: '*',
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
    );
    auditor.addToPolicy(new PolicyStatement({ actions: [action], resources }));
    for (const arn of resources) {
      Validations.of(auditor).acknowledge({
        id: `AwsSolutions-IAM5[Resource::${nagResourceId(scope, arn)}]`,
        reason: 'Discovery lists the databases of a region: which there are is not known before.',
      });
    }
  }
  if (regions.length > 0) {
    // The call has no resource to name.
    const conditions = { StringEquals: { 'aws:RequestedRegion': regions } };
    auditor.addToPolicy(new PolicyStatement({ actions: ['rds:DescribeCertificates'], resources: ['*'], conditions }));
    Validations.of(auditor).acknowledge({
      id: 'AwsSolutions-IAM5[Resource::*]',
      reason: 'rds:DescribeCertificates has no resource to name: it lists the authorities of RDS, in named regions.',
    });
  }
  grantAssumedRoles(auditor, config);
}

/** Allows `role` to assume the roles of rules in other accounts: to list databases there, or to log in to them. */
export function grantAssumedRoles(role: Role, config: Pick<Config, 'discovery'>): void {
  const roles = rolesOf(config);
  if (roles.length > 0) role.addToPolicy(new PolicyStatement({ actions: ['sts:AssumeRole'], resources: [...roles] }));
}

function rolesOf(config: Pick<Config, 'discovery'>): readonly string[] {
  const roles = rdsRules(config).flatMap(({ accounts }) => accounts.flatMap((account) => account?.roleArn ?? []));
  return [...new Set(roles)].sort();
}

export interface DiscoveredSecrets {
  /** Names of secrets. */
  readonly names: readonly string[];
  /** Beginnings of names: the rest follows from the databases that a run finds. */
  readonly prefixes: readonly string[];
}

/** Secrets of its own account that rules name: those of CAs one by one, where the regions alone say which they are. */
export function discoveredSecrets(config: Pick<Config, 'discovery'>): DiscoveredSecrets {
  const names = new Set<string>();
  const prefixes = new Set<string>();
  for (const { accounts, credentials, ca, regions } of rdsRules(config)) {
    // Secrets of other accounts are read with the role that is assumed there, which has that right itself.
    if ('secret' in credentials && accounts.includes(undefined)) prefixes.add(templateStart(credentials.secret));
    for (const source of ca) {
      if (typeof source === 'string' || !('secret' in source)) continue;
      if (placeholdersOf(source.secret).some((name) => name !== 'region')) prefixes.add(templateStart(source.secret));
      else {
        for (const region of regions) {
          const name = fillTemplate(source.secret, { placeholders: { region }, tags: new Map() });
          if (typeof name === 'string') names.add(name);
        }
      }
    }
  }
  return { names: [...names].sort(), prefixes: [...prefixes].sort() };
}
