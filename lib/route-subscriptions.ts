// Subscribes the endpoints of routes, each with a filter for its own routes.

import { Annotations, Arn, ArnFormat, CfnCondition, Fn, Stack, Token } from 'aws-cdk-lib';
import { CfnPermission } from 'aws-cdk-lib/aws-lambda';
import { type ITopic, Subscription, SubscriptionFilter, SubscriptionProtocol } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { Config, Route } from '../lambda/config/index.ts';

/** The message attribute with the route of a digest. */
const ROUTE_ATTRIBUTE = 'route';

const PROTOCOLS = {
  email: SubscriptionProtocol.EMAIL,
  https: SubscriptionProtocol.HTTPS,
  sqs: SubscriptionProtocol.SQS,
  lambda: SubscriptionProtocol.LAMBDA,
} as const satisfies Partial<Record<keyof Route, SubscriptionProtocol>>;

interface RouteEndpoint {
  readonly kind: keyof typeof PROTOCOLS;
  readonly address: string;
  readonly routes: Set<string>;
}

/** Subscribes the endpoints of all routes to `topic`. */
export function subscribeRoutes(scope: Construct, topic: ITopic, routes: Config['alerts']['routes']): void {
  for (const { kind, address, routes: names } of endpoints(routes)) {
    const id = `${kind}:${address}`;
    new Subscription(scope, id, {
      topic,
      protocol: PROTOCOLS[kind],
      endpoint: address,
      filterPolicy: { [ROUTE_ATTRIBUTE]: SubscriptionFilter.stringFilter({ allowlist: [...names] }) },
    });
    if (kind === 'lambda') allowInvocation(scope, id, address, topic);
    if (kind === 'sqs') {
      Annotations.of(scope).addInfoV2(
        'pg-tls-auditor:queuePolicy',
        `${address}: its policy must allow sqs:SendMessage to the principal sns.amazonaws.com where aws:SourceArn is the ` +
          "routes' topic (output RouteTopicArn), and a customer-managed key of the queue kms:Decrypt and " +
          'kms:GenerateDataKey* to the same principal. A queue that is named by its ARN is not changed from here',
      );
    }
  }
}

/** Each endpoint once: SNS refuses a second subscription of the same endpoint to a topic. */
function endpoints(routes: Config['alerts']['routes']): Iterable<RouteEndpoint> {
  const found = new Map<string, RouteEndpoint>();
  for (const route of routes) {
    for (const kind of Object.keys(PROTOCOLS) as (keyof typeof PROTOCOLS)[]) {
      for (const address of route[kind]) {
        const key = `${kind} ${address}`;
        const endpoint = found.get(key) ?? { kind, address, routes: new Set() };
        endpoint.routes.add(route.name);
        found.set(key, endpoint);
      }
    }
  }
  return found.values();
}

/**
 * Allows the topic to invoke the function where it is in the stack's account and region. Elsewhere only its owner can;
 * a note at synthesis says so where the account and region are known.
 */
function allowInvocation(scope: Construct, id: string, functionArn: string, topic: ITopic): void {
  const stack = Stack.of(scope);
  const { account = '', region = '' } = Arn.split(functionArn, ArnFormat.COLON_RESOURCE_NAME);
  const elsewhere = [
    [stack.account, account],
    [stack.region, region],
  ].some(([ours = '', theirs]) => !Token.isUnresolved(ours) && ours !== theirs);
  if (elsewhere) {
    Annotations.of(scope).addInfoV2(
      'pg-tls-auditor:functionPolicy',
      `${functionArn}: it is in another account or region, so its owner must allow lambda:InvokeFunction to the principal ` +
        "sns.amazonaws.com where aws:SourceArn is the routes' topic (output RouteTopicArn)",
    );
    return;
  }
  const here = new CfnCondition(scope, `${id}:IsHere`, {
    expression: Fn.conditionAnd(Fn.conditionEquals(stack.account, account), Fn.conditionEquals(stack.region, region)),
  });
  const permission = new CfnPermission(scope, `${id}:Permission`, {
    action: 'lambda:InvokeFunction',
    functionName: functionArn,
    principal: 'sns.amazonaws.com',
    sourceArn: topic.topicArn,
  });
  permission.cfnOptions.condition = here;
}
