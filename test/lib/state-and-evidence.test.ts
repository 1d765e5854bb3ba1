// The table that runs remember in, the bucket that keeps their reports, and Security Hub: there when on, and not when
// off.

import type { Stack } from 'aws-cdk-lib';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { AttributeType, type ITable, Table } from 'aws-cdk-lib/aws-dynamodb';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Bucket, type IBucket } from 'aws-cdk-lib/aws-s3';
import { describe, expect, test } from 'vitest';
import { EXPIRY_ATTRIBUTE, PARTITION_KEY, SORT_KEY } from '../../lambda/deliver/state/dynamodb-table.ts';
import { functionStatements, readable, resourcesAllowed, type Synthesis, synthesize } from './synthesis.ts';

function variables(template: Template): Readonly<Record<string, unknown>> {
  const [fn] = Object.values(template.findResources('AWS::Lambda::Function'));
  return fn?.Properties.Environment.Variables;
}

/** Every action of a service that the function may call. */
function actions(template: Template, service: string): readonly string[] {
  return functionStatements(template)
    .flatMap(({ Action }) => Action)
    .filter((action) => action.startsWith(`${service}:`))
    .sort();
}

function reference({ stack }: Synthesis, value: string | undefined): string {
  return readable(stack.resolve(value));
}

describe('the table', () => {
  test('costs nothing when idle, can be restored to any second, forgets what expires, and outlives the stack', () => {
    const { template } = synthesize();
    template.resourceCountIs('AWS::DynamoDB::Table', 1);
    template.hasResource('AWS::DynamoDB::Table', {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        KeySchema: [
          { AttributeName: PARTITION_KEY, KeyType: 'HASH' },
          { AttributeName: SORT_KEY, KeyType: 'RANGE' },
        ],
        AttributeDefinitions: [
          { AttributeName: PARTITION_KEY, AttributeType: 'S' },
          { AttributeName: SORT_KEY, AttributeType: 'S' },
        ],
        BillingMode: 'PAY_PER_REQUEST',
        PointInTimeRecoverySpecification: { PointInTimeRecoveryEnabled: true },
        TimeToLiveSpecification: { AttributeName: EXPIRY_ATTRIBUTE, Enabled: true },
        DeletionProtectionEnabled: true,
      },
    });
  });

  test('is known to the function, which may read and write its records and nothing more', () => {
    const synthesis = synthesize();
    const { template, auditor } = synthesis;
    expect(readable(variables(template).STATE_TABLE)).toBe(reference(synthesis, auditor.stateTable?.tableName));
    expect(actions(template, 'dynamodb')).toEqual([
      'dynamodb:DeleteItem',
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:Query',
    ]);
    for (const action of actions(template, 'dynamodb')) {
      expect(resourcesAllowed(template, action)).toEqual([reference(synthesis, auditor.stateTable?.tableArn)]);
    }
  });

  test('is not there, nor any right to one, where every run stands alone', () => {
    const { template, auditor } = synthesize({ deployment: { state: 'none' } });
    template.resourceCountIs('AWS::DynamoDB::Table', 0);
    expect(actions(template, 'dynamodb')).toEqual([]);
    expect(variables(template)).not.toHaveProperty('STATE_TABLE');
    expect(auditor.stateTable).toBeUndefined();
  });

  test("can be an embedder's own, with its key", () => {
    const synthesis = synthesize({}, (stack) => ({
      stateTable: new Table(stack, 'Ours', {
        partitionKey: { name: 'pk', type: AttributeType.STRING },
        sortKey: { name: 'sk', type: AttributeType.STRING },
        encryptionKey: new Key(stack, 'OursKey'),
      }) as ITable,
    }));
    const { template } = synthesis;
    template.resourceCountIs('AWS::DynamoDB::Table', 1);
    expect(resourcesAllowed(template, 'dynamodb:Query')).toEqual([expect.stringMatching(/^<Ours.*\.Arn>$/)]);
    expect(resourcesAllowed(template, 'kms:Decrypt')).toContainEqual(expect.stringMatching(/^<OursKey.*\.Arn>$/));
  });
});

describe('the bucket', () => {
  test('is private, encrypted, versioned, takes TLS 1.2 and newer only, and outlives the stack', () => {
    const { template } = synthesize();
    template.resourceCountIs('AWS::S3::Bucket', 1);
    template.hasResource('AWS::S3::Bucket', {
      DeletionPolicy: 'Retain',
      UpdateReplacePolicy: 'Retain',
      Properties: {
        PublicAccessBlockConfiguration: {
          BlockPublicAcls: true,
          BlockPublicPolicy: true,
          IgnorePublicAcls: true,
          RestrictPublicBuckets: true,
        },
        OwnershipControls: { Rules: [{ ObjectOwnership: 'BucketOwnerEnforced' }] },
        BucketEncryption: {
          ServerSideEncryptionConfiguration: [{ ServerSideEncryptionByDefault: { SSEAlgorithm: 'AES256' } }],
        },
        VersioningConfiguration: { Status: 'Enabled' },
      },
    });
    const [policy] = Object.values(template.findResources('AWS::S3::BucketPolicy'));
    const denied = policy?.Properties.PolicyDocument.Statement.map(
      ({ Effect, Condition }: { Effect: string; Condition: unknown }) => [Effect, Condition],
    );
    expect(denied).toEqual([
      ['Deny', { Bool: { 'aws:SecureTransport': 'false' } }],
      ['Deny', { NumericLessThan: { 's3:TlsVersion': 1.2 } }],
    ]);
  });

  test.each([1, 400])(
    'keeps a report for its %d days, and moves it nowhere: none is of a size that S3 would move',
    (days) => {
      const { template } = synthesize({ deployment: { evidenceRetentionDays: days } });
      template.hasResourceProperties('AWS::S3::Bucket', {
        LifecycleConfiguration: {
          Rules: [
            {
              Status: 'Enabled',
              ExpirationInDays: days,
              NoncurrentVersionExpiration: { NoncurrentDays: days },
              AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 },
              Transitions: Match.absent(),
            },
          ],
        },
      });
    },
  );

  test('refuses the function a request that could overwrite a report', () => {
    const statement = functionStatements(synthesize().template).find(({ Action }) => Action === 's3:PutObject');
    expect(statement?.Condition).toEqual({ Null: { 's3:if-none-match': 'false' } });
  });

  test('is known to the function, which may add reports and do nothing else with it', () => {
    const synthesis = synthesize();
    const { template, auditor } = synthesis;
    expect(readable(variables(template).EVIDENCE_BUCKET)).toBe(
      reference(synthesis, auditor.evidenceBucket?.bucketName),
    );
    expect([...new Set(actions(template, 's3'))]).toEqual(['s3:PutObject']);
    expect(resourcesAllowed(template, 's3:PutObject')).toEqual([
      `${reference(synthesis, auditor.evidenceBucket?.bucketArn)}/pages/*`,
      `${reference(synthesis, auditor.evidenceBucket?.bucketArn)}/reports/*`,
    ]);
  });

  test('is read by the function where it signs links to pages: the pages, and no report', () => {
    const synthesis = synthesize({ deployment: { pageLink: 'presigned' } });
    expect(resourcesAllowed(synthesis.template, 's3:GetObject')).toEqual([
      `${reference(synthesis, synthesis.auditor.evidenceBucket?.bucketArn)}/reports/*.html`,
    ]);
  });

  test('is not there, nor any right to one, where reports stay in the log', () => {
    const { template, auditor } = synthesize({ deployment: { evidence: 'none' } });
    template.resourceCountIs('AWS::S3::Bucket', 0);
    template.resourceCountIs('AWS::S3::BucketPolicy', 0);
    expect(actions(template, 's3')).toEqual([]);
    expect(variables(template)).not.toHaveProperty('EVIDENCE_BUCKET');
    expect(auditor.evidenceBucket).toBeUndefined();
  });

  test("can be an embedder's own, with its key", () => {
    const { template } = synthesize({}, (stack) => ({
      evidenceBucket: new Bucket(stack, 'Ours', { encryptionKey: new Key(stack, 'OursKey') }) as IBucket,
    }));
    template.resourceCountIs('AWS::S3::Bucket', 1);
    expect(resourcesAllowed(template, 's3:PutObject')).toEqual([
      expect.stringMatching(/^<Ours.*\.Arn>\/pages\/\*$/),
      expect.stringMatching(/^<Ours.*\.Arn>\/reports\/\*$/),
    ]);
    expect(resourcesAllowed(template, 'kms:GenerateDataKey*')).toContainEqual(
      expect.stringMatching(/^<OursKey.*\.Arn>$/),
    );
  });
});

test("Security Hub takes findings as this account's own product, where that is on", () => {
  const { template } = synthesize({ deployment: { securityHub: true } });
  expect(actions(template, 'securityhub')).toEqual(['securityhub:BatchImportFindings']);
  expect(resourcesAllowed(template, 'securityhub:BatchImportFindings')).toEqual([
    'arn:<AWS::Partition>:securityhub:<AWS::Region>:<AWS::AccountId>:product/<AWS::AccountId>/default',
  ]);
  expect(actions(synthesize().template, 'securityhub')).toEqual([]);
});

test('with everything off the function may do and knows what it did before there was any of it', () => {
  const { template } = synthesize({ deployment: { state: 'none', evidence: 'none' } });
  expect(Object.keys(variables(template)).sort()).toEqual([
    'ALERT_TOPIC_ARN',
    'NODE_OPTIONS',
    'POWERTOOLS_METRICS_NAMESPACE',
    'POWERTOOLS_SERVICE_NAME',
  ]);
  const services = functionStatements(template).flatMap(({ Action }) => [Action].flat().map((a) => a.split(':')[0]));
  expect([...new Set(services)].sort()).toEqual(['kms', 'logs', 'secretsmanager', 'sns', 'sqs']);
});

test('with everything on no right has a wildcard for an action; reports and chat topics have one in a resource', () => {
  const { template } = synthesize({
    deployment: { securityHub: true },
    alerts: {
      slack: [{ workspaceId: 'T0123ABCD', channelId: 'C0123ABCD' }],
      routes: [{ name: 'shop', targets: ['orders'], email: ['shop@example.com'] }],
    },
  });
  const statements = functionStatements(template);
  expect(statements.flatMap(({ Action }) => Action).filter((action) => action.includes('*'))).toEqual([
    'kms:GenerateDataKey*',
  ]);
  const wide = statements.flatMap(({ Action, Resource }) =>
    [Resource]
      .flat()
      .map(readable)
      .filter((resource) => resource.includes('*'))
      .map((resource) => `${Action}: ${resource}`),
  );
  expect(wide.sort()).toEqual([
    expect.stringMatching(/^s3:PutObject: <.*\.Arn>\/pages\/\*$/),
    expect.stringMatching(/^s3:PutObject: <.*\.Arn>\/reports\/\*$/),
    'secretsmanager:BatchGetSecretValue: *',
    expect.stringMatching(/^sns:Publish,sns:ListSubscriptionsByTopic: arn:.*:Databases-TlsAuditor-chat-\*$/),
  ]);
});

test('a table or bucket for what is switched off is refused', () => {
  expect(() =>
    synthesize({ deployment: { state: 'none', evidence: 'none' } }, (stack: Stack) => ({
      stateTable: Table.fromTableName(stack, 'Table', 'ours'),
      evidenceBucket: Bucket.fromBucketName(stack, 'Bucket', 'ours'),
    })),
  ).toThrowErrorMatchingInlineSnapshot(`
    [ConfigError: the config of Databases/TlsAuditor has 2 problems:
      deployment.state: is "none" while the prop "stateTable" is given: remove one of them
      deployment.evidence: is "none" while the prop "evidenceBucket" is given: remove one of them]
  `);
});
