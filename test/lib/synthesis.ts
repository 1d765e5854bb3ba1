// Builds a stack around a small, valid configuration; tests spoil or extend one thing.

import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import type { ConfigInput } from '../../lambda/config/index.ts';
import { PgTlsAuditor, type PgTlsAuditorProps } from '../../lib/pg-tls-auditor.ts';

export const MINIMAL: ConfigInput = {
  alerts: { email: ['dba@example.com'] },
  targets: [{ name: 'orders', secret: 'prod/orders' }],
};

/** An app that leaves the function's code out: only bundle.test.ts needs it. */
export function appWithoutBundling(): App {
  return new App({ context: { 'aws:cdk:bundling-stacks': [] }, analyticsReporting: false });
}

export interface Synthesis {
  readonly stack: Stack;
  readonly auditor: PgTlsAuditor;
  /** Synthesises on first use. */
  readonly template: Template;
}

/** One auditor in a stack; `props` may need the stack to make what they refer to. */
export function synthesize(
  config: Partial<ConfigInput> = {},
  props: (stack: Stack) => Partial<PgTlsAuditorProps> = () => ({}),
): Synthesis {
  const stack = new Stack(appWithoutBundling(), 'Databases');
  const auditor = new PgTlsAuditor(stack, 'TlsAuditor', { config: { ...MINIMAL, ...config }, ...props(stack) });
  return {
    stack,
    auditor,
    get template() {
      return Template.fromStack(stack);
    },
  };
}

interface Statement {
  readonly Action: string | readonly string[];
  readonly Effect: string;
  readonly Resource: unknown;
  readonly Condition?: unknown;
}

/** Every statement that lets the function's role do something, inline and managed. */
export function functionStatements(template: Template): readonly Statement[] {
  const role = Object.keys(
    template.findResources('AWS::IAM::Role', {
      Properties: { AssumeRolePolicyDocument: { Statement: [{ Principal: { Service: 'lambda.amazonaws.com' } }] } },
    }),
  );
  const policies = {
    ...template.findResources('AWS::IAM::Policy'),
    ...template.findResources('AWS::IAM::ManagedPolicy'),
  };
  return Object.values(policies)
    .filter((policy) => JSON.stringify(policy.Properties.Roles) === JSON.stringify([{ Ref: role[0] }]))
    .flatMap((policy): readonly Statement[] => policy.Properties.PolicyDocument.Statement);
}

/** An ARN or other text as people write it: `arn:<AWS::Partition>:sns:…`. */
export function readable(value: unknown): string {
  if (typeof value === 'string') return value;
  const intrinsic = value as { Ref?: string; 'Fn::GetAtt'?: [string, string]; 'Fn::Join'?: [string, unknown[]] };
  if (intrinsic.Ref !== undefined) return `<${intrinsic.Ref}>`;
  if (intrinsic['Fn::GetAtt'] !== undefined) return `<${intrinsic['Fn::GetAtt'].join('.')}>`;
  if (intrinsic['Fn::Join'] !== undefined) return intrinsic['Fn::Join'][1].map(readable).join(intrinsic['Fn::Join'][0]);
  return JSON.stringify(value);
}

/** The resources that the function may call `action` on, readable and sorted. */
export function resourcesAllowed(template: Template, action: string): readonly string[] {
  return functionStatements(template)
    .filter(({ Action }) => [Action].flat().includes(action))
    .flatMap(({ Resource }) => [Resource].flat().map(readable))
    .sort();
}
