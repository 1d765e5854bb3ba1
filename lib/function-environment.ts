// The function's environment variables, and whether they fit.

import { Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { ConfigProblem } from '../lambda/config/index.ts';

/** In all, names and values (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). */
const MOST_BYTES = 4096;
/** Quotes, colon and comma around a variable. */
const PUNCTUATION = 6;
/** The longest that an ARN can begin, whatever the partition, service and region. */
const ARN_START = 'arn:aws-us-gov:secretsmanager:ap-southeast-2:123456789012:secret:'.length;
/** CloudFormation names a resource after its stack and its id, with twelve random characters and hyphens between. */
const RANDOM_END = 14;
/** A value of which only the deployment knows anything. */
const UNKNOWN_LENGTH = 160;

const LONGEST_PSEUDO_PARAMETERS: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws-us-gov',
  'AWS::Region': 'ap-southeast-2',
  'AWS::AccountId': '123456789012',
  'AWS::URLSuffix': 'amazonaws.com.cn',
};

export type FunctionEnvironment = Readonly<Record<string, string>>;

/** More than Lambda takes, as far as lengths can be told before the resources have their names. */
export function* environmentProblems(
  scope: Construct,
  environment: FunctionEnvironment,
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

/** Bytes, with each value that CloudFormation fills in at about the longest it gets. */
function environmentSize(scope: Construct, environment: FunctionEnvironment): number {
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
