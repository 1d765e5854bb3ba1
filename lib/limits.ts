// Checks limits of AWS that a large configuration exceeds, before a deployment fails on them.

import { CfnResource, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Config, ConfigProblem } from '../lambda/config/index.ts';

/** Subscriptions with a filter policy of one topic (https://docs.aws.amazon.com/general/latest/gr/sns.html). */
const MOST_FILTER_POLICIES = 200;
/** Of a template (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html). */
const MOST_RESOURCES = 500;
/** Resources of a route with one Slack channel: a topic with its policy, a channel configuration and its role. */
const RESOURCES_A_CHANNEL = 4;

/** Yields a problem for more endpoints than SNS can filter on one topic. */
export function* routeLimitProblems(routes: Config['alerts']['routes']): Iterable<ConfigProblem> {
  const endpoints = new Set(
    routes.flatMap(({ email, https, sqs, lambda }) => [email, https, sqs, lambda].flat().map(String)),
  );
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
  const resources = Stack.of(scope)
    .node.findAll()
    .filter((child) => CfnResource.isCfnResource(child) && Stack.of(child) === Stack.of(scope));
  if (resources.length <= MOST_RESOURCES) return;
  yield {
    path: 'alerts.routes',
    message:
      `the stack would have ${resources.length} resources, and CloudFormation takes ${MOST_RESOURCES}: each route with a ` +
      `Slack channel takes ${RESOURCES_A_CHANNEL} of them, each other endpoint one or two. Give fewer routes a channel, or ` +
      'share the targets out among several auditors in stacks of their own',
  };
}
