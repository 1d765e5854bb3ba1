// Estimates how long a value will be in a deployment that only CloudFormation knows in full.

import { Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

/** The longest beginning of an ARN, of any partition, service and region. */
const ARN_START = 'arn:aws-us-gov:secretsmanager:ap-southeast-2:123456789012:secret:'.length;
/** CloudFormation names a resource after its stack and its id, with twelve random characters and hyphens between. */
const RANDOM_END = 14;
/** The assumed length of a value that nothing is known of. */
const UNKNOWN_LENGTH = 160;
/** Quotes around a text, and the comma or colon behind it. */
const PUNCTUATION = 3;

const LONGEST_PSEUDO_PARAMETERS: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws-us-gov',
  'AWS::Region': 'ap-southeast-2',
  'AWS::AccountId': '123456789012',
  'AWS::URLSuffix': 'amazonaws.com.cn',
};

/** Bytes of a text. What CloudFormation fills in counts with about its greatest length. */
export function deployedLength(scope: Construct, text: unknown): number {
  const stack = Stack.of(scope);
  return lengthOf(stack, stack.resolve(text));
}

/** Bytes of a document as JSON without whitespace, as IAM counts policies. */
export function deployedJsonLength(scope: Construct, document: unknown): number {
  const stack = Stack.of(scope);
  const size = (value: unknown): number => {
    if (isIntrinsic(value)) return lengthOf(stack, value) + PUNCTUATION;
    if (typeof value !== 'object' || value === null) return String(value).length + PUNCTUATION;
    const brackets = 2;
    if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + size(item), brackets);
    return Object.entries(value).reduce((sum, [key, item]) => sum + key.length + PUNCTUATION + size(item), brackets);
  };
  return size(stack.resolve(document));
}

interface Intrinsic {
  readonly Ref?: string;
  readonly 'Fn::GetAtt'?: readonly [string, string];
  readonly 'Fn::Join'?: readonly [string, readonly unknown[]];
}

function isIntrinsic(value: unknown): value is Intrinsic {
  const [key, ...others] = typeof value === 'object' && value !== null ? Object.keys(value) : [];
  return others.length === 0 && key !== undefined && (key === 'Ref' || key.startsWith('Fn::'));
}

function lengthOf(stack: Stack, value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  const intrinsic = value as Intrinsic;
  const [separator, parts] = intrinsic['Fn::Join'] ?? [];
  if (parts !== undefined) {
    return parts.reduce<number>(
      (sum, part) => sum + lengthOf(stack, part),
      (parts.length - 1) * lengthOf(stack, separator),
    );
  }
  const id = intrinsic.Ref ?? intrinsic['Fn::GetAtt']?.[0];
  if (id === undefined) return UNKNOWN_LENGTH;
  const pseudo = LONGEST_PSEUDO_PARAMETERS[id];
  return pseudo === undefined ? ARN_START + stack.stackName.length + id.length + RANDOM_END : pseudo.length;
}
