// Lets the function read its configuration from an object in S3, or a parameter of SSM, and nothing beside it.

import { ArnFormat, Aws, CfnCondition, Fn, Stack, Token } from 'aws-cdk-lib';
import { CfnPolicy, PolicyDocument, PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';
import type { Config, ConfigProblem } from '../lambda/config/index.ts';
import { CONFIG_LOCATION_FORMS, parseConfigLocation } from '../lambda/model/config-location.ts';
import { showGiven } from '../lambda/model/given-text.ts';

/** Yields a problem for a location that can't be one, and for parts that do not go with it. */
export function* configLocationProblems(
  location: string | undefined,
  { deployment }: Pick<Config, 'deployment'>,
): Iterable<ConfigProblem> {
  if (location === undefined) return;
  const problem = (message: string): ConfigProblem => ({ path: 'configLocation', message });
  if (!Token.isUnresolved(location) && parseConfigLocation(location) === undefined) {
    yield problem(`must be ${CONFIG_LOCATION_FORMS}, got ${showGiven(location, 160)}`);
  }
  if (deployment.fleet !== undefined) {
    yield problem('does not go with deployment.fleet, whose functions share the configuration of the bundle');
  }
  if (deployment.state === 'none') {
    yield problem('needs deployment.state "dynamodb", which keeps the last good configuration');
  }
}

/** @param location - Of which only its form is known where CloudFormation fills it in. */
export function grantConfigLocation(scope: Construct, role: Role, location: string): void {
  if (Token.isUnresolved(location)) {
    grantByForm(scope, role, location);
    return;
  }
  const parsed = parseConfigLocation(location);
  if (parsed?.is === 's3') role.addToPolicy(readObject(`${parsed.bucket}/${parsed.key}`));
  if (parsed?.is === 'ssm') role.addToPolicy(readParameter(scope, parsed.name));
}

/** CloudFormation chooses. It may evaluate both forms, so that each must find as many parts in a text of the other. */
function grantByForm(scope: Construct, role: Role, location: string): void {
  const form = Fn.select(0, Fn.split(':', location));
  const bucketAndKey = Fn.select(1, Fn.split('//', Fn.join('', [location, '//'])));
  const name = Fn.select(1, Fn.split(':', location));
  const policies = [
    { id: 'ConfigurationInS3', is: 's3', statement: readObject(bucketAndKey) },
    { id: 'ConfigurationInSsm', is: 'ssm', statement: readParameter(scope, name) },
  ];
  for (const { id, is, statement } of policies) {
    const policy = new CfnPolicy(scope, `${id}Policy`, {
      policyName: id,
      roles: [role.roleName],
      policyDocument: new PolicyDocument({ statements: [statement] }),
    });
    policy.cfnOptions.condition = new CfnCondition(scope, id, { expression: Fn.conditionEquals(form, is) });
  }
}

function readObject(bucketAndKey: string): PolicyStatement {
  return new PolicyStatement({
    actions: ['s3:GetObject'],
    resources: [`arn:${Aws.PARTITION}:s3:::${bucketAndKey}`],
  });
}

/** @param name - It begins with a slash. */
function readParameter(scope: Construct, name: string): PolicyStatement {
  const [service, resource] = ['ssm', 'parameter'];
  const arn = Stack.of(scope).formatArn({ service, resource, arnFormat: ArnFormat.NO_RESOURCE_NAME });
  return new PolicyStatement({ actions: ['ssm:GetParameter'], resources: [`${arn}${name}`] });
}
