// Lets the function read its configuration from an object in S3, or a parameter of SSM, and nothing beside it.

import { ArnFormat, Aws, CfnCondition, Fn, Stack, Token } from 'aws-cdk-lib';
import { PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
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

/** @param location of which only its form is known where CloudFormation fills it in */
export function grantConfigLocation(scope: Construct, role: Role, location: string): void {
  const { action, resource } = Token.isUnresolved(location) ? byForm(scope, location) : byValue(scope, location);
  role.addToPolicy(new PolicyStatement({ actions: [action], resources: [resource] }));
}

interface Access {
  readonly action: string;
  readonly resource: string;
}

const [READ_OBJECT, READ_PARAMETER] = ['s3:GetObject', 'ssm:GetParameter'];

function byValue(scope: Construct, text: string): Access {
  const location = parseConfigLocation(text);
  if (location?.is === 's3') return { action: READ_OBJECT, resource: objectArn(`${location.bucket}/${location.key}`) };
  return { action: READ_PARAMETER, resource: parameterArn(scope, location?.name ?? '') };
}

/** CloudFormation chooses. It has the same two parts for both forms: `s3` and `//BUCKET/KEY`, `ssm` and `/NAME`. */
function byForm(scope: Construct, location: string): Access {
  const [form, path] = [0, 1].map((index) => Fn.select(index, Fn.split(':', location))) as [string, string];
  const inS3 = new CfnCondition(scope, 'ConfigurationInS3', { expression: Fn.conditionEquals(form, 's3') });
  const choose = (object: string, parameter: string): string =>
    Fn.conditionIf(inS3.logicalId, object, parameter).toString();
  return {
    action: choose(READ_OBJECT, READ_PARAMETER),
    resource: choose(objectArn(Fn.join('', Fn.split('//', path))), parameterArn(scope, path)),
  };
}

function objectArn(bucketAndKey: string): string {
  return `arn:${Aws.PARTITION}:s3:::${bucketAndKey}`;
}

/** @param name begins with a slash */
function parameterArn(scope: Construct, name: string): string {
  const [service, resource] = ['ssm', 'parameter'];
  return `${Stack.of(scope).formatArn({ service, resource, arnFormat: ArnFormat.NO_RESOURCE_NAME })}${name}`;
}
