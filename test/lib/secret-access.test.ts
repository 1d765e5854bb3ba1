import { Match } from 'aws-cdk-lib/assertions';
import { Key } from 'aws-cdk-lib/aws-kms';
import { type ISecret, Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { describe, expect, test } from 'vitest';
import type { ConfigInput } from '../../lambda/config/index.ts';
import { functionStatements, readable, resourcesAllowed, synthesize } from './synthesis.ts';

const HERE = 'arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret';
const ABROAD = 'arn:aws:secretsmanager:us-east-2:210987654321:secret';

function fleet(size: number, name = (index: number) => `prod/database-${index}/tls-auditor`): Partial<ConfigInput> {
  return {
    targets: Array.from({ length: size }, (_, index) => ({ name: `database-${index}`, secret: name(index) })),
  };
}

describe('the function reads', () => {
  test('exactly the secrets that the configuration names: credentials, CA bundles, revocation lists and client certificates, each once', () => {
    const { template } = synthesize({
      defaults: { ca: { secret: 'shared/ca' }, crl: { secret: 'shared/crl' } },
      targets: [
        { name: 'orders', secret: 'prod/orders' },
        {
          name: 'billing',
          secret: 'prod/orders',
          crl: [{ secret: 'billing/crl', key: 'pem' }, { secret: 'shared/crl' }],
        },
        { name: 'orders-replica', secret: 'prod/orders', ca: ['system', { secret: 'shared/other-ca', key: 'pem' }] },
        { name: 'ledger', secret: 'prod/ledger', clientCertificate: { secret: 'prod/ledger-mtls' } },
      ],
    });

    expect(resourcesAllowed(template, 'secretsmanager:GetSecretValue')).toEqual([
      `${HERE}:billing/crl-??????`,
      `${HERE}:prod/ledger-??????`,
      `${HERE}:prod/ledger-mtls-??????`,
      `${HERE}:prod/orders-??????`,
      `${HERE}:shared/ca-??????`,
      `${HERE}:shared/crl-??????`,
      `${HERE}:shared/other-ca-??????`,
    ]);
  });

  test('a secret named by its complete ARN as it stands, also in another region and account', () => {
    const { template } = synthesize({ targets: [{ name: 'orders', secret: `${ABROAD}:prod/orders-AbC123` }] });
    expect(resourcesAllowed(template, 'secretsmanager:GetSecretValue')).toEqual([`${ABROAD}:prod/orders-AbC123`]);
  });

  test('a secret named by an ARN without its random end under whichever end it has', () => {
    const { template } = synthesize({ targets: [{ name: 'orders', secret: `${ABROAD}:prod/orders` }] });
    expect(resourcesAllowed(template, 'secretsmanager:GetSecretValue')).toEqual([`${ABROAD}:prod/orders-??????`]);
  });

  test('with customer-managed keys only through Secrets Manager, each in its region', () => {
    const key = (region: string, id: string) => `arn:aws:kms:${region}:123456789012:key/${id}`;
    const { template } = synthesize({
      deployment: { secretKmsKeyArns: [key('eu-west-1', 'a'), key('us-east-2', 'b'), key('eu-west-1', 'c')] },
    });
    const statements = functionStatements(template).filter(({ Condition }) =>
      /ViaService/.test(JSON.stringify(Condition)),
    );
    expect(statements).toEqual([
      {
        Action: 'kms:Decrypt',
        Effect: 'Allow',
        Resource: [key('eu-west-1', 'a'), key('eu-west-1', 'c')],
        Condition: { StringEquals: { 'kms:ViaService': 'secretsmanager.eu-west-1.amazonaws.com' } },
      },
      {
        Action: 'kms:Decrypt',
        Effect: 'Allow',
        Resource: key('us-east-2', 'b'),
        Condition: { StringEquals: { 'kms:ViaService': 'secretsmanager.us-east-2.amazonaws.com' } },
      },
    ]);
  });

  test("with an embedder's keys only through Secrets Manager too", () => {
    const { template } = synthesize({}, (stack) => ({ secretKeys: [new Key(stack, 'Ours')] }));
    const statements = functionStatements(template).filter(({ Condition }) =>
      /ViaService/.test(JSON.stringify(Condition)),
    );
    expect(statements).toMatchObject([
      {
        Action: 'kms:Decrypt',
        Resource: { 'Fn::GetAtt': [expect.stringMatching(/^Ours/), 'Arn'] },
        Condition: {
          StringEquals: {
            'kms:ViaService': { 'Fn::Join': ['', ['secretsmanager.', { Ref: 'AWS::Region' }, '.amazonaws.com']] },
          },
        },
      },
    ]);
  });

  test("nothing else: the whole of what the function's role may do", () => {
    const { template } = synthesize();
    expect(
      functionStatements(template).map(({ Action, Effect, Resource }) => [
        Effect,
        [Action].flat().join(' '),
        [Resource].flat().map(readable).join(' '),
      ]),
    ).toMatchInlineSnapshot(`
      [
        [
          "Allow",
          "logs:CreateLogStream logs:PutLogEvents",
          "<TlsAuditorLogGroupD97DE266.Arn>",
        ],
        [
          "Allow",
          "sqs:SendMessage",
          "<TlsAuditorDeadLetters2943EF88.Arn>",
        ],
        [
          "Allow",
          "sns:Publish sns:ListSubscriptionsByTopic",
          "<TlsAuditorAlertsTopic57544CC7>",
        ],
        [
          "Allow",
          "kms:Decrypt kms:GenerateDataKey*",
          "<TlsAuditorAlertsKey5ACB0D7E.Arn>",
        ],
        [
          "Allow",
          "dynamodb:GetItem dynamodb:Query dynamodb:PutItem dynamodb:DeleteItem",
          "<TlsAuditorState2936ADBF.Arn>",
        ],
        [
          "Allow",
          "s3:PutObject",
          "<TlsAuditorEvidence3261079C.Arn>/reports/*",
        ],
        [
          "Allow",
          "s3:PutObject",
          "<TlsAuditorEvidence3261079C.Arn>/pages/*",
        ],
        [
          "Allow",
          "secretsmanager:GetSecretValue",
          "arn:<AWS::Partition>:secretsmanager:<AWS::Region>:<AWS::AccountId>:secret:prod/orders-??????",
        ],
        [
          "Allow",
          "secretsmanager:BatchGetSecretValue",
          "*",
        ],
      ]
    `);
    const roles = template.findResources('AWS::IAM::Role');
    expect(Object.values(roles).flatMap(({ Properties }) => Properties.ManagedPolicyArns ?? [])).toEqual([]);
  });
});

describe('a secret given by reference', () => {
  test('is granted by its own ARN, with its key, and the function learns the ARN under the name in the configuration', () => {
    const { template, stack } = synthesize({ targets: [{ name: 'orders', secret: 'orders' }] }, (stack) => ({
      secrets: { orders: new Secret(stack, 'Orders', { encryptionKey: new Key(stack, 'OrdersKey') }) as ISecret },
    }));
    const secret = `<${stack.getLogicalId(stack.node.findChild('Orders').node.defaultChild as never)}>`;

    expect(resourcesAllowed(template, 'secretsmanager:GetSecretValue')).toEqual([secret]);
    expect(resourcesAllowed(template, 'kms:Decrypt').some((resource) => resource.startsWith('<OrdersKey'))).toBe(true);
    const [fn] = Object.values(template.findResources('AWS::Lambda::Function'));
    expect(readable(fn?.Properties.Environment.Variables.AUDITOR_SECRET_ARNS)).toBe(`{"orders":"${secret}"}`);
  });

  test('imported by name is granted under whichever random end it has', () => {
    const { template } = synthesize({ targets: [{ name: 'orders', secret: 'orders' }] }, (stack) => ({
      secrets: { orders: Secret.fromSecretNameV2(stack, 'Orders', 'team/orders') },
    }));
    expect(resourcesAllowed(template, 'secretsmanager:GetSecretValue')).toEqual([`${HERE}:team/orders-??????`]);
  });

  test('must be one that the configuration names', () => {
    expect(() =>
      synthesize({}, (stack) => ({ secrets: { order: Secret.fromSecretNameV2(stack, 'Orders', 'team/orders') } })),
    ).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: the config of Databases/TlsAuditor has a problem:
        secrets["order"]: is no secret that the configuration names; it names "prod/orders"]
    `);
  });

  test('is one of a few: more than the environment holds are refused, with the way out', () => {
    expect(() =>
      synthesize(fleet(40, String), (stack) => ({
        secrets: Object.fromEntries(
          Array.from({ length: 40 }, (_, index) => [`${index}`, new Secret(stack, `Secret${index}`) as ISecret]),
        ),
      })),
    ).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: the config of Databases/TlsAuditor has a problem:
        secrets: are 40 references, more than the function's environment has room for. Give secrets a fixed secretName and write that into the configuration instead]
    `);
  });
});

describe('many secrets', () => {
  test("spread over managed policies within IAM's limits, and none is lost", () => {
    const { template } = synthesize(fleet(450));
    const policies = Object.values(template.findResources('AWS::IAM::ManagedPolicy'));

    expect(resourcesAllowed(template, 'secretsmanager:GetSecretValue')).toHaveLength(450);
    expect(policies.length).toBeLessThanOrEqual(9);
    // No run starts before it may read every secret.
    template.hasResource('AWS::Lambda::Function', {
      DependsOn: Match.arrayWith(Object.keys(template.findResources('AWS::IAM::ManagedPolicy'))),
    });
    for (const policy of policies) {
      const document = JSON.stringify(policy.Properties.PolicyDocument, (_, value) =>
        typeof value === 'object' && value !== null && 'Fn::Join' in value ? longest(readable(value)) : value,
      );
      expect(document.length).toBeLessThanOrEqual(6144);
    }
    const inline = Object.values(template.findResources('AWS::IAM::Policy')).map(({ Properties }) =>
      longest(JSON.stringify(Properties.PolicyDocument)),
    );
    for (const document of inline) expect(document.length).toBeLessThanOrEqual(10_240);
  });

  test.each([20, 55, 450])("and the topics of many teams fit into a role's policies together: %i secrets", (size) => {
    const routes = Array.from({ length: 100 }, (_, n) => ({
      name: `team-${n}`,
      targets: ['*'],
      slack: [{ workspaceId: 'T0123ABCD', channelId: `C0CHANNEL${n}` }],
    }));
    const { template } = synthesize({ ...fleet(size), alerts: { routes }, deployment: { securityHub: true } });
    const sizes = (type: string) =>
      Object.values(template.findResources(type)).map(
        ({ Properties }) => JSON.stringify(Properties.PolicyDocument, asText).length,
      );
    expect(resourcesAllowed(template, 'secretsmanager:GetSecretValue')).toHaveLength(size);
    // Everyone's, the routes', and one entry for all chat topics.
    expect(resourcesAllowed(template, 'sns:Publish')).toHaveLength(3);
    expect(Math.max(...sizes('AWS::IAM::Policy'))).toBeLessThanOrEqual(10_240);
    expect(Math.max(0, ...sizes('AWS::IAM::ManagedPolicy'))).toBeLessThanOrEqual(6144);
    // One of the ten that a role may have is left for whoever runs the account.
    expect(sizes('AWS::IAM::ManagedPolicy').length).toBeLessThanOrEqual(9);
  });

  test('with more keys of their own than the role has room for are refused', () => {
    const secretKmsKeyArns = Array.from(
      { length: 80 },
      (_, n) => `arn:aws:kms:eu-west-1:123456789012:key/${String(n).padStart(36, '0')}`,
    );
    expect(() => synthesize({ deployment: { secretKmsKeyArns } })).toThrow(
      'deployment.secretKmsKeyArns: are 80 keys, whose ARNs of 6000 characters are more than',
    );
    expect(() => synthesize({ deployment: { secretKmsKeyArns: secretKmsKeyArns.slice(0, 60) } })).not.toThrow();
  });

  test('beyond what a role can hold are refused, with the ways out', () => {
    expect(() => synthesize(fleet(5000))).toThrowErrorMatchingInlineSnapshot(`
      [ConfigError: the config of Databases/TlsAuditor has a problem:
        targets: name 5000 secrets: granting each by its name takes 90 IAM policies, and a role can hold 9 beside one of your own. Either allow beginnings of names with secretNamePrefixes (from the command line -c secretNamePrefixes=a/,b/), which lets the function read every secret that begins so, most used here: "prod/" (5000); or share the targets out among several auditors]
    `);
  });

  test('fit when beginnings of names are allowed; the others are still granted one by one', () => {
    const { template } = synthesize(
      fleet(5000, (index) => (index === 0 ? 'legacy' : `prod/database-${index}`)),
      () => ({ secretNamePrefixes: ['prod/'] }),
    );
    expect(resourcesAllowed(template, 'secretsmanager:GetSecretValue')).toEqual([
      `${HERE}:legacy-??????`,
      `${HERE}:prod/*`,
    ]);
  });

  test('in other regions are allowed by their beginning there, not here', () => {
    const { template } = synthesize({ targets: [{ name: 'orders', secret: `${ABROAD}:prod/orders` }] }, () => ({
      secretNamePrefixes: ['prod/'],
    }));
    expect(resourcesAllowed(template, 'secretsmanager:GetSecretValue')).toEqual([`${ABROAD}:prod/*`]);
  });
});

test('beginnings of names that begin nothing, or hold wildcards, are refused', () => {
  expect(() => synthesize({}, () => ({ secretNamePrefixes: ['prd/', '*', ''] }))).toThrowErrorMatchingInlineSnapshot(`
    [ConfigError: the config of Databases/TlsAuditor has 3 problems:
      secretNamePrefixes: "prd/" begins no secret that the configuration names; it names "prod/orders"
      secretNamePrefixes: must be beginnings of secret names (letters, digits and /_+=.@!-), without wildcards, got "*"
      secretNamePrefixes: must be beginnings of secret names (letters, digits and /_+=.@!-), without wildcards, got ""]
  `);
});

test("a key's alias is refused, for IAM would grant nothing", () => {
  expect(() =>
    synthesize({ deployment: { secretKmsKeyArns: ['arn:aws:kms:eu-west-1:123456789012:alias/databases'] } }),
  ).toThrowErrorMatchingInlineSnapshot(`
    [ConfigError: the config of Databases/TlsAuditor has a problem:
      deployment.secretKmsKeyArns[0]: must be a key's own ARN, such as arn:aws:kms:eu-west-1:123456789012:key/…, got "arn:aws:kms:eu-west-1:123456789012:alias/databases": IAM does not follow aliases, and each key has its region]
  `);
});

/** Names that CloudFormation makes up at about the longest they get here. */
function asText(_: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value;
  if ('Fn::Join' in value) return longest(readable(value));
  return 'Ref' in value || 'Fn::GetAtt' in value ? 'x'.repeat(140) : value;
}

/** With the longest partition and region that AWS has. */
function longest(text: string): string {
  return text
    .replaceAll('<AWS::Partition>', 'aws-us-gov')
    .replaceAll('<AWS::Region>', 'ap-southeast-2')
    .replaceAll('<AWS::AccountId>', '123456789012');
}
