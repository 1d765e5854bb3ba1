// The contract between the stack and the function: what the one writes into the environment, the other reads.

import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { expect, test } from 'vitest';
import { parseEnvironment } from '../../lambda/environment.ts';
import { functionVariables } from '../../lib/function-environment.ts';
import { type Synthesis, synthesize } from './synthesis.ts';

const ACCOUNT = '123456789012';

/** What a reference to a resource becomes in a deployment. */
const DEPLOYED: Readonly<Record<string, string>> = {
  'AWS::SNS::Topic': `arn:aws:sns:eu-west-1:${ACCOUNT}:Databases-Topic-1A2B3C`,
  'AWS::DynamoDB::Table': 'Databases-State-1A2B3C',
  'AWS::S3::Bucket': 'databases-evidence-1a2b3c',
  'AWS::SecretsManager::Secret': `arn:aws:secretsmanager:eu-west-1:${ACCOUNT}:secret:Secret-1A2B-c3d4e5`,
};

const PSEUDO_PARAMETERS: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws',
  'AWS::Region': 'eu-west-1',
  'AWS::AccountId': ACCOUNT,
};

/** The function's variables with sample values in place of what CloudFormation fills in. */
function variablesOf({ template }: Synthesis): Readonly<Record<string, string>> {
  const resources: Readonly<Record<string, { readonly Type: string }>> = template.toJSON().Resources;
  const resolve = (value: unknown): string => {
    if (typeof value === 'string') return value;
    const intrinsic = value as { Ref?: string; 'Fn::Join'?: [string, unknown[]] };
    if (intrinsic['Fn::Join'] !== undefined)
      return intrinsic['Fn::Join'][1].map(resolve).join(intrinsic['Fn::Join'][0]);
    const id = intrinsic.Ref ?? '';
    const resolved = PSEUDO_PARAMETERS[id] ?? DEPLOYED[resources[id]?.Type ?? ''];
    if (resolved === undefined) throw new Error(`no sample for ${JSON.stringify(value)}`);
    return resolved;
  };
  const [fn] = Object.values(template.findResources('AWS::Lambda::Function'));
  const variables: Readonly<Record<string, unknown>> = fn?.Properties.Environment.Variables;
  return Object.fromEntries(Object.entries(variables).map(([name, value]) => [name, resolve(value)]));
}

test('the function reads what the stack writes, with every part on', () => {
  const synthesis = synthesize(
    {
      targets: [{ name: 'orders', secret: 'orders' }],
      alerts: {
        slack: [{ workspaceId: 'T0123ABCD', channelId: 'C0123ABCD' }],
        routes: [{ name: 'shop', targets: ['orders'], email: ['shop@example.com'] }],
      },
    },
    (stack) => ({ secrets: { orders: new Secret(stack, 'Secret') as ISecret } }),
  );
  const topic = DEPLOYED['AWS::SNS::Topic'];
  expect(parseEnvironment(variablesOf(synthesis))).toEqual({
    serviceName: 'Databases-TlsAuditor',
    region: undefined,
    topics: {
      alerts: topic,
      routes: topic,
      chat: { '*': `arn:aws:sns:eu-west-1:${ACCOUNT}:Databases-TlsAuditor-chat-*` },
    },
    stateTable: DEPLOYED['AWS::DynamoDB::Table'],
    evidenceBucket: DEPLOYED['AWS::S3::Bucket'],
    hasOwnS3Endpoint: false,
    secretArns: new Map([['orders', DEPLOYED['AWS::SecretsManager::Secret']]]),
    configFile: undefined,
    configLocation: undefined,
    deployedSettings: {},
  });
});

test('the function reads what the stack writes, with every part off', () => {
  const synthesis = synthesize({ deployment: { state: 'none', evidence: 'none' } });
  expect(parseEnvironment(variablesOf(synthesis))).toMatchObject({
    topics: { alerts: DEPLOYED['AWS::SNS::Topic'], routes: undefined, chat: {} },
    stateTable: undefined,
    evidenceBucket: undefined,
    secretArns: new Map(),
  });
});

test('a variable that the stack forgets does not compile; one that it leaves out is not set', () => {
  const given = {
    POWERTOOLS_SERVICE_NAME: 'auditor',
    POWERTOOLS_METRICS_NAMESPACE: 'PgTlsAuditor',
    ALERT_TOPIC_ARN: 'arn',
    ROUTE_TOPIC_ARN: undefined,
    CHAT_TOPICS: undefined,
    STATE_TABLE: undefined,
    EVIDENCE_BUCKET: undefined,
    AUDITOR_SECRET_ARNS: undefined,
    AUDITOR_CONFIG_LOCATION: undefined,
    DEPLOYED_SETTINGS: undefined,
  };
  expect(Object.keys(functionVariables(given)).sort()).toEqual([
    'ALERT_TOPIC_ARN',
    'NODE_OPTIONS',
    'POWERTOOLS_METRICS_NAMESPACE',
    'POWERTOOLS_SERVICE_NAME',
  ]);
  const { EVIDENCE_BUCKET: _, ...forgetful } = given;
  // @ts-expect-error EVIDENCE_BUCKET is missing
  expect(functionVariables(forgetful)).not.toHaveProperty('EVIDENCE_BUCKET');
});
