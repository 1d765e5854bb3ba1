// Builds the function's environment variables, and checks that they fit into Lambda's limit.

import { Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { ConfigProblem } from '../lambda/config/index.ts';
import type { DeployedVariables } from '../lambda/environment.ts';

/** In all, names and values (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). */
const MOST_BYTES = 4096;
/** Quotes, colon and comma around a variable. */
const PUNCTUATION = 6;
/** The longest beginning of an ARN, of any partition, service and region. */
const ARN_START = 'arn:aws-us-gov:secretsmanager:ap-southeast-2:123456789012:secret:'.length;
/** CloudFormation names a resource after its stack and its id, with twelve random characters and hyphens between. */
const RANDOM_END = 14;
/** The assumed length of a value that only the deployment knows. */
const UNKNOWN_LENGTH = 160;

const LONGEST_PSEUDO_PARAMETERS: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws-us-gov',
  'AWS::Region': 'ap-southeast-2',
  'AWS::AccountId': '123456789012',
  'AWS::URLSuffix': 'amazonaws.com.cn',
};

/** Variables by name, as CDK takes them. */
export type Variables = Readonly<Record<string, string>>;

/** The variables of the contract that are set, and those of Node itself. */
export function functionVariables(deployed: DeployedVariables): Variables {
  const set = Object.entries(deployed).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  return { NODE_OPTIONS: '--enable-source-maps', ...Object.fromEntries(set) };
}

/** Yields a problem where the variables exceed Lambda's limit, as far as lengths are known before deployment. */
export function* environmentProblems(
  scope: Construct,
  environment: Variables,
  secrets: number,
): Iterable<ConfigProblem> {
  const size = environmentSize(scope, environment);
  if (size <= MOST_BYTES) return;
  yield {
    path: 'secrets',
    message:
      `the function's environment would hold about ${size} bytes, and Lambda takes ${MOST_BYTES}: ${secrets} secrets are ` +
      'known by reference. Give secrets a fixed secretName that the configuration names',
  };
}

/** Bytes of all variables. A value that CloudFormation fills in counts with about its greatest length. */
function environmentSize(scope: Construct, environment: Variables): number {
  const stack = Stack.of(scope);
  const length = (value: unknown): number => {
    if (typeof value === 'string') return Buffer.byteLength(value);
    const intrinsic = value as { Ref?: string; 'Fn::GetAtt'?: [string, string]; 'Fn::Join'?: [string, unknown[]] };
    const [separator, parts] = intrinsic['Fn::Join'] ?? [];
    if (parts !== undefined) {
      return parts.reduce<number>((sum, part) => sum + length(part), (parts.length - 1) * length(separator));
    }
    const id = intrinsic.Ref ?? intrinsic['Fn::GetAtt']?.[0];
    if (id === undefined) return UNKNOWN_LENGTH;
    const pseudo = LONGEST_PSEUDO_PARAMETERS[id];
    return pseudo === undefined ? ARN_START + stack.stackName.length + id.length + RANDOM_END : pseudo.length;
  };
  return Object.entries(environment).reduce(
    (sum, [name, value]) => sum + name.length + length(stack.resolve(value)) + PUNCTUATION,
    0,
  );
}
