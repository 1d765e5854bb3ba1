// Prints an ARN as cdk-nag prints it in the id of a finding, which an acknowledgement must match.

import { Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

type Part =
  | string
  | { readonly Ref: string }
  | { readonly 'Fn::GetAtt': readonly [string, string] }
  | { readonly 'Fn::Select': unknown };

/** `arn:<AWS::Partition>:…`, `<Bucket.Arn>/…`. */
export function nagResourceId(scope: Construct, arn: string): string {
  const resolved: Part | { readonly 'Fn::Join': readonly [string, readonly Part[]] } = Stack.of(scope).resolve(arn);
  if (typeof resolved === 'string' || !('Fn::Join' in resolved)) return partAsReported(resolved);
  const [separator, parts] = resolved['Fn::Join'];
  return parts.map(partAsReported).join(separator);
}

function partAsReported(part: Part): string {
  if (typeof part === 'string') return part;
  if ('Fn::Select' in part) return JSON.stringify(part);
  return `<${'Ref' in part ? part.Ref : part['Fn::GetAtt'].join('.')}>`;
}
