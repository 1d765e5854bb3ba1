// Refuses what is over a limit of AWS, and warns of what comes near one, before a deployment fails on it.

import { CfnResource, Stack, Validations } from 'aws-cdk-lib';
import { Policy, type Role } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import { MOST_DOCUMENT_BYTES } from '../lambda/config/file.ts';
import { type Config, type ConfigInput, type ConfigProblem, MOST_TARGETS } from '../lambda/config/index.ts';
import { deployedJsonLength } from './deployed-length.ts';

/** Subscriptions with a filter policy of one topic (https://docs.aws.amazon.com/general/latest/gr/sns.html). */
const MOST_FILTER_POLICIES = 200;
/** Of a template (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html). */
const MOST_RESOURCES = 500;
/** Resources of a route with one Slack channel: a topic with its policy, a channel configuration and its role. */
const RESOURCES_A_CHANNEL = 4;
/** Of all policies inside a role together, without whitespace. */
const MOST_POLICY_CHARACTERS = 10_240;

/** Yields a problem for more endpoints than SNS can filter on one topic. */
export function* routeLimitProblems(routes: Config['alerts']['routes']): Iterable<ConfigProblem> {
  const endpoints = routeEndpoints(routes);
  if (endpoints.size <= MOST_FILTER_POLICIES) return;
  yield {
    path: 'alerts.routes',
    message:
      `name ${endpoints.size} different addresses, URLs, queues and functions, and SNS filters for at most ` +
      `${MOST_FILTER_POLICIES} of them on one topic. Let teams share an endpoint, or share the targets out among ` +
      'several auditors',
  };
}

/** Yields a problem for more resources than a template may have. Call it when every resource is defined. */
export function* resourceProblems(scope: Construct): Iterable<ConfigProblem> {
  const resources = resourcesOf(Stack.of(scope));
  if (resources.length <= MOST_RESOURCES) return;
  yield {
    path: 'alerts.routes',
    message:
      `the stack would have ${resources.length} resources, and CloudFormation takes ${MOST_RESOURCES}: each route with a ` +
      `Slack channel takes ${RESOURCES_A_CHANNEL} of them, each other endpoint one or two. Give fewer routes a channel, or ` +
      'share the targets out among several auditors in stacks of their own',
  };
}

/** How much of a limit is used. */
export interface LimitUse {
  /** The end of the warning's id. */
  readonly id: string;
  /** What is counted, up to the number: `the stack has`. */
  readonly what: string;
  readonly used: number;
  readonly most: number;
  /** What the limit counts, and whose it is: `resources that CloudFormation takes`. */
  readonly unit: string;
  /** What to do before the limit is reached, as an instruction without its period. */
  readonly fix: string;
}

/** From this part of a limit on, synthesis warns of it: what is over a limit is refused. */
const NEAR = 0.8;

/** Warns of each limit that the configuration comes near. */
export function warnNearLimits(scope: Construct, source: string, uses: readonly LimitUse[]): void {
  for (const { id, what, used, most, unit, fix } of uses) {
    if (used < NEAR * most) continue;
    Validations.of(scope).addWarning(
      `pg-tls-auditor:near-limit:${id}`,
      `${source}: ${what} ${formatCount(used)} of the ${formatCount(most)} ${unit}. ${fix}`,
    );
  }
}

/** The endpoints of routes, of which SNS filters so many on one topic. */
export function routeLimitUse(routes: Config['alerts']['routes']): LimitUse {
  return {
    id: 'routes',
    what: 'routes name',
    used: routeEndpoints(routes).size,
    most: MOST_FILTER_POLICIES,
    unit: 'addresses, URLs, queues and functions for which SNS filters on one topic',
    fix: 'Let teams share an endpoint, or share the targets out among several auditors',
  };
}

/** The resources of the stack. Call it when every resource is defined. */
export function resourceLimitUse(scope: Construct): LimitUse {
  return {
    id: 'resources',
    what: 'the stack has',
    used: resourcesOf(Stack.of(scope)).length,
    most: MOST_RESOURCES,
    unit: 'resources that CloudFormation takes',
    fix: 'Give fewer routes a Slack channel, or share the targets out among several auditors in stacks of their own',
  };
}

/** The configuration as the function reads it at each start. */
export function documentLimitUse(document: ConfigInput): LimitUse {
  return {
    id: 'configuration',
    what: 'the configuration has',
    used: Buffer.byteLength(JSON.stringify(document)),
    most: MOST_DOCUMENT_BYTES,
    unit: 'bytes that the function reads',
    fix: 'Let "discovery" find the targets instead of naming each',
  };
}

/** The targets that the configuration names one by one. */
export function targetLimitUse({ targets }: Pick<Config, 'targets'>): LimitUse {
  return {
    id: 'targets',
    what: 'the configuration names',
    used: targets.length,
    most: MOST_TARGETS,
    unit: 'targets that a configuration may name',
    fix: 'Let "discovery" find them instead, or share them out among several auditors',
  };
}

/**
 * The policies inside a role. Call it when every right is granted.
 *
 * @see https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html
 */
export function rolePolicyUse(role: Role): LimitUse {
  const used = role.node
    .findAll()
    .filter((child) => child instanceof Policy)
    .reduce((sum, { document }) => sum + deployedJsonLength(role, document.toJSON()), 0);
  return {
    id: 'role-policy',
    what: "the policy of the function's role has about",
    used,
    most: MOST_POLICY_CHARACTERS,
    unit: 'characters that IAM takes',
    fix:
      'Let secrets share keys, allow beginnings of their names with secretNamePrefixes, or give the targets networks ' +
      'of their own with deployment.fleet: each has a role of its own',
  };
}

function routeEndpoints(routes: Config['alerts']['routes']): ReadonlySet<string> {
  return new Set(routes.flatMap(({ email, https, sqs, lambda }) => [email, https, sqs, lambda].flat().map(String)));
}

function resourcesOf(stack: Stack): readonly unknown[] {
  return stack.node.findAll().filter((child) => CfnResource.isCfnResource(child) && Stack.of(child) === stack);
}

function formatCount(count: number): string {
  return count.toLocaleString('en-US');
}
