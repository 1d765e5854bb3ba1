// Limits of AWS that only a large configuration meets, said before a deployment fails on them.

import { CfnResource, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Config, ConfigProblem } from '../lambda/config/index.ts';

/** Subscriptions with a filter policy of one topic (https://docs.aws.amazon.com/general/latest/gr/sns.html). */
const MOST_FILTER_POLICIES = 200;
/** Of a template (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html). */
const MOST_RESOURCES = 500;
/** What an audience with a Slack channel takes: a topic with its policy, and for each channel a configuration and its role. */
const RESOURCES_A_CHANNEL = 4;

/** More endpoints of routes than one topic can tell apart. */
export function* routeLimitProblems(routes: Config['alerts']['routes']): Iterable<ConfigProblem> {
  const endpoints = new Set(
    routes.flatMap(({ email, https, sqs, lambda }) => [email, https, sqs, lambda].flat().map(String)),
  );
  if (endpoints.size <= MOST_FILTER_POLICIES) return;
  yield {
    path: 'alerts.routes',
    message:
      `name ${endpoints.size} different addresses, URLs, queues and functions, and SNS tells at most ` +
      `${MOST_FILTER_POLICIES} of them apart on one topic. Let teams share an endpoint, or share the targets out among ` +
      'several auditors',
  };
}

/** More resources than a template holds, once everything is in it. */
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
