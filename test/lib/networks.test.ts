// Networks and satellites in the template: who may do what, what satellites know, and what fits.

import { type App, Stack, Validations } from 'aws-cdk-lib';
import { Annotations, Match, Template } from 'aws-cdk-lib/assertions';
import { Key } from 'aws-cdk-lib/aws-kms';
import { Bucket, type IBucket } from 'aws-cdk-lib/aws-s3';
import { AwsSolutionsChecks } from 'cdk-nag';
import { beforeAll, describe, expect, test } from 'vitest';
import { allowing, type Statement } from '../../lab/iam.ts';
import { ConfigError, type ConfigInput, parseConfig } from '../../lambda/config/index.ts';
import { PgTlsAuditor } from '../../lib/pg-tls-auditor.ts';
import { satelliteDocument } from '../../lib/satellite-config.ts';
import { homeNames, satelliteNames } from '../../lib/satellite-names.ts';
import { PgTlsAuditorSatelliteStack } from '../../lib/satellite-stack.ts';
import { appWithoutBundling, readable, synthesize } from './synthesis.ts';

const HOME = { account: '123456789012', region: 'eu-west-1' };
const OTHER = '111122223333';
const BUCKET = 'arn:aws:s3:::evidence';
const vpc = (index: number) => ({
  vpcId: `vpc-${String(index).padStart(17, '0')}`,
  subnetIds: [`subnet-${String(index).padStart(17, '0')}`],
  availabilityZones: ['eu-west-1a'],
});
const of = <T>(count: number, make: (index: number) => readonly [string, T]): Readonly<Record<string, T>> =>
  Object.fromEntries(Array.from({ length: count }, (_, index) => make(index)));

/** As large as it is meant to be: five networks and twenty satellites, half of them in another region. */
const CONFIG: ConfigInput = {
  alerts: { email: ['dba@example.com'] },
  deployment: { fleet: {}, ...HOME },
  networks: of(5, (index) => [`net-${index}`, { vpc: vpc(index) }]),
  satellites: of(20, (index) => [
    `sat-${index}`,
    { account: OTHER, region: index % 2 === 0 ? 'eu-west-1' : 'us-east-1', vpc: vpc(index) },
  ]),
  targets: [
    { name: 'zero', secret: 'prod/zero', network: 'net-0' },
    { name: 'one', secret: 'prod/one', network: 'net-1', logs: { logGroup: '/logs/one' } },
    { name: 'two', host: 'two', credentials: 'iam', role: 'auditor_two', region: 'eu-west-1', network: 'net-2' },
    ...Array.from({ length: 20 }, (_, index) => ({
      name: `far-${index}`,
      secret: `far/${index}`,
      network: `sat-${index}`,
    })),
  ],
  mutes: [{ target: 'zero', reason: 'r', owner: 'o', expires: '2099-01-01' }],
  discovery: [
    {
      rds: { regions: ['us-east-1'], accounts: [{ roleArn: `arn:aws:iam::${OTHER}:role/reader` }] },
      credentials: 'iam',
      role: 'auditor_rds',
      network: 'sat-1',
    },
  ],
};

interface BucketStatement {
  readonly Effect: string;
  readonly Action: unknown;
  readonly Resource: unknown;
  readonly Principal: { readonly AWS: unknown };
  readonly Condition: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

let app: App;
let template: Template;
let satellite: Template;
beforeAll(() => {
  app = appWithoutBundling();
  const stack = new Stack(app, 'Auditor', { env: HOME });
  new PgTlsAuditor(stack, 'TlsAuditor', { config: CONFIG, auditorName: 'tls' });
  const far = new PgTlsAuditorSatelliteStack(app, 'Satellite', {
    config: CONFIG,
    satellite: 'sat-1',
    auditorName: 'tls',
    env: { account: OTHER, region: 'us-east-1' },
  });
  template = Template.fromStack(stack);
  satellite = Template.fromStack(far);
});

/** References as they are in a deployment, as far as these tests ask for them. */
function deployed(value: unknown): string {
  return readable(value)
    .replaceAll('<AWS::Partition>', 'aws')
    .replaceAll(/<[^<>]*Evidence[^<>]*\.Arn>/g, BUCKET)
    .replaceAll(/<([^<>]+)>/g, 'other:$1');
}

/** The statements of the one role whose logical id, or name, holds these words. */
function statementsOf(from: Template, words: string): readonly Statement[] {
  const roles = Object.entries(from.findResources('AWS::IAM::Role')).filter(
    ([id, { Properties }]) => id.includes(words) || String(Properties.RoleName).includes(words),
  );
  expect(roles.map(([id]) => id)).toHaveLength(1);
  const policies = { ...from.findResources('AWS::IAM::Policy'), ...from.findResources('AWS::IAM::ManagedPolicy') };
  return Object.values(policies)
    .filter(({ Properties }) => JSON.stringify(Properties.Roles) === JSON.stringify([{ Ref: roles[0]?.[0] }]))
    .flatMap(({ Properties }) => Properties.PolicyDocument.Statement)
    .map((statement) => ({ ...statement, Resource: [statement.Resource].flat().map(deployed) }));
}

const actionsOf = (statements: readonly Statement[]): readonly string[] =>
  [...new Set(statements.flatMap(({ Action }) => Action))].sort();
const resourcesOf = (statements: readonly Statement[], action: string): readonly string[] =>
  statements.filter(({ Action }) => [Action].flat().includes(action)).flatMap(({ Resource }) => Resource);

describe('without a fleet', () => {
  const made = (config: Partial<ConfigInput>) => () => synthesize(config);

  test.each<readonly [string, Partial<ConfigInput>, string]>([
    [
      'a target in a network that there is not',
      { targets: [{ name: 'orders', secret: 'prod/orders', network: 'dmz' }], networks: { prod: {} } },
      'targets[0].network: must be one of "prod", or add it under "networks", got "dmz"',
    ],
    [
      'a second network',
      { networks: { prod: {}, partners: {} } },
      'networks: are 2 with "prod", "partners", and one function is in one: set "deployment": { "fleet": {} }',
    ],
  ])('synthesis refuses %s', (_, config, problem) => {
    expect(made(config)).toThrow(ConfigError);
    expect(made(config)).toThrow(problem);
  });

  test('the function is in the only network, and what a tag names is known in a run', () => {
    const network = { vpc: vpc(1) };
    const { template: one } = synthesize({
      networks: { prod: network },
      discovery: [
        { rds: { regions: ['eu-west-1'] }, credentials: 'iam', role: 'tls_auditor', network: '${tag:network}' },
      ],
    });
    one.hasResourceProperties('AWS::Lambda::Function', { VpcConfig: { SubnetIds: network.vpc.subnetIds } });
  });
});

describe('the worker of a network', () => {
  test('reads the secrets, log groups and logins of its own targets, and of no others', () => {
    const [zero, one, two, three] = ['AuditorRole', 'Workernet1', 'Workernet2', 'Workernet3'].map((id) =>
      statementsOf(template, id),
    ) as [readonly Statement[], readonly Statement[], readonly Statement[], readonly Statement[]];
    const secret = (name: string): readonly string[] => [
      `arn:aws:secretsmanager:eu-west-1:123456789012:secret:${name}-??????`,
    ];
    expect(resourcesOf(zero, 'secretsmanager:GetSecretValue')).toEqual(secret('prod/zero'));
    expect(resourcesOf(one, 'secretsmanager:GetSecretValue')).toEqual(secret('prod/one'));
    expect(resourcesOf(one, 'logs:FilterLogEvents')).toEqual([
      'arn:aws:logs:eu-west-1:123456789012:log-group:/logs/one:*',
    ]);
    expect(resourcesOf(zero, 'logs:FilterLogEvents')).toEqual([]);
    expect(resourcesOf(two, 'rds-db:connect')).toEqual(['arn:aws:rds-db:eu-west-1:123456789012:dbuser:*/auditor_two']);
    expect(resourcesOf(two, 'secretsmanager:GetSecretValue')).toEqual([]);
    expect(actionsOf(three).filter((action) => /^(secretsmanager|rds-db|sts|logs:Filter)/.test(action))).toEqual([]);
  });

  test('writes parts of its own and reads targets of its own; it publishes nothing', () => {
    const one = statementsOf(template, 'Workernet1');
    expect(actionsOf(one).filter((action) => /^(sns|securityhub|states|lambda|kms)/.test(action))).toEqual([]);
    const may = (action: string, key: string, context = { 's3:if-none-match': '*' }): boolean =>
      allowing(
        one.filter(({ Action }) => [Action].flat().includes(action)),
        { action, resource: `${BUCKET}/${key}`, context },
      ).length > 0;
    expect(may('s3:PutObject', 'runs/net-1/run-1/parts/0-100.json.gz')).toBe(true);
    expect(may('s3:GetObject', 'runs/net-1/run-1/targets.json.gz')).toBe(true);
    for (const key of ['runs/net-0/run-1/parts/0-100.json.gz', 'plans/run-1.json.gz', 'reports/2026/x.json']) {
      expect([key, may('s3:PutObject', key), may('s3:GetObject', key)]).toEqual([key, false, false]);
    }
    expect(may('s3:PutObject', 'runs/net-1/run-1/targets.json.gz')).toBe(false);
    expect(may('s3:PutObject', 'runs/net-1/run-1/parts/0-100.json.gz', {} as never)).toBe(false);
  });

  test('runs in its own VPC, with a group of its own', () => {
    const functions = Object.entries(template.findResources('AWS::Lambda::Function')).filter(
      ([id]) => id.includes('Worker') || id.includes('AuditorFunction'),
    );
    const subnets = functions.map(([, { Properties }]) => Properties.VpcConfig.SubnetIds);
    expect(new Set(subnets.flat()).size).toBe(5);
    const groups = functions.map(([, { Properties }]) => JSON.stringify(Properties.VpcConfig.SecurityGroupIds));
    expect(new Set(groups).size).toBe(5);
  });
});

test('Digest reads no secret of a database, and no role but it publishes', () => {
  const digest = statementsOf(template, 'FleetDigest');
  expect(actionsOf(digest).filter((action) => /^(secretsmanager|rds-db|sts|logs:Filter)/.test(action))).toEqual([]);
  expect(actionsOf(digest)).toContain('sns:Publish');
  for (const words of ['FleetPlan', 'FleetRepair', 'FleetRelay', 'FleetMachineRole', 'AuditorRole', 'Workernet4']) {
    expect(actionsOf(statementsOf(template, words))).not.toContain('sns:Publish');
  }
});

describe('a satellite', () => {
  const names = satelliteNames({ auditor: 'tls' }, { name: 'sat-1', account: OTHER, region: 'us-east-1' });
  const home = homeNames({ ...HOME, auditor: 'tls' });
  const asText = (text: string): string => deployed(text).replaceAll(/\$\{Token\[AWS\.Partition\.\d+\]\}/g, 'aws');

  test('is called as the auditor expects, and lets only its machine and relay in, with the ARN of the machine', () => {
    satellite.hasResourceProperties('AWS::Lambda::Function', { FunctionName: names.function.name });
    const roles = Object.values(satellite.findResources('AWS::IAM::Role'));
    const invoke = roles.find(({ Properties }) => Properties.RoleName === names.invokeRole.name);
    const [trust, ...more] = invoke?.Properties.AssumeRolePolicyDocument.Statement ?? [];
    expect(more).toEqual([]);
    expect(deployed(trust.Principal.AWS)).toBe(`arn:aws:iam::${HOME.account}:root`);
    expect(trust.Condition.ArnEquals['aws:PrincipalArn'].map(deployed)).toEqual(
      [home.machineRole.arn, home.relayRole.arn].map(asText),
    );
    expect(deployed(trust.Condition.StringEquals['sts:ExternalId'])).toBe(asText(home.machine.arn));
    template.hasResourceProperties('AWS::IAM::Role', { RoleName: home.machineRole.name });
    template.hasResourceProperties('AWS::IAM::Role', { RoleName: home.relayRole.name });
    template.hasResourceProperties('AWS::StepFunctions::StateMachine', { StateMachineName: home.machine.name });
  });

  test('may invoke its worker, and nothing else, by the role for that', () => {
    const statements = statementsOf(satellite, 'Invoke');
    expect(actionsOf(statements)).toEqual(['lambda:InvokeFunction']);
    expect(statements.flatMap(({ Resource }) => Resource)).toHaveLength(1);
  });

  test('reads its own targets and writes its own parts, in buckets of the auditor alone', () => {
    const worker = statementsOf(satellite, names.workerRole.name);
    const s3 = worker.filter(({ Action }) => String(Action).startsWith('s3:'));
    const may = (action: string, key: string, account = HOME.account): boolean =>
      allowing(s3, {
        action,
        resource: `${BUCKET}/${key}`,
        context: { 's3:if-none-match': '*', 's3:ResourceAccount': account },
      }).length > 0;
    expect(may('s3:GetObject', 'runs/sat-1/run-1/targets.json.gz')).toBe(true);
    expect(may('s3:PutObject', 'runs/sat-1/run-1/parts/0-1.json.gz')).toBe(true);
    expect(may('s3:PutObject', 'runs/sat-1/run-1/parts/0-1.json.gz', OTHER)).toBe(false);
    for (const key of [
      'runs/sat-10/run-1/targets.json.gz',
      'runs/sat-0/run-1/parts/0-1.json.gz',
      'plans/run-1.json.gz',
    ]) {
      expect([key, may('s3:GetObject', key), may('s3:PutObject', key)]).toEqual([key, false, false]);
    }
    expect(resourcesOf(worker, 'secretsmanager:GetSecretValue')).toEqual([
      `arn:aws:secretsmanager:us-east-1:${OTHER}:secret:far/1-??????`,
    ]);
    // Discovery finds databases of its account with a role there; the worker logs in to them with its own.
    expect(resourcesOf(worker, 'rds-db:connect')).toEqual([`arn:aws:rds-db:us-east-1:${OTHER}:dbuser:*/auditor_rds`]);
    expect(actionsOf(worker).filter((action) => /^(sns|states|lambda|sts|dynamodb|securityhub)/.test(action))).toEqual(
      [],
    );
  });

  test('is let into the bucket under its own prefix, by its role alone, and overwrites nothing', () => {
    const [policy] = Object.values(template.findResources('AWS::S3::BucketPolicy'));
    const statements: readonly BucketStatement[] = policy?.Properties.PolicyDocument.Statement;
    const role = asText(names.workerRole.arn);
    const own = statements.filter(
      ({ Condition }) => deployed(Condition?.ArnEquals?.['aws:PrincipalArn'] ?? '') === role,
    );
    expect(
      own.map(({ Action, Resource, Principal, Condition }) => [
        Action,
        deployed(Resource),
        deployed(Principal.AWS),
        Condition.Null,
      ]),
    ).toEqual([
      ['s3:GetObject', `${BUCKET}/runs/sat-1/*/targets.json.gz`, `arn:aws:iam::${OTHER}:root`, undefined],
      ['s3:PutObject', `${BUCKET}/runs/sat-1/*/parts/*`, `arn:aws:iam::${OTHER}:root`, { 's3:if-none-match': 'false' }],
    ]);
    const allowed = statements.filter(({ Effect }) => Effect === 'Allow');
    expect(allowed).toHaveLength(40);
    for (const { Condition } of allowed) expect(Condition.ArnEquals?.['aws:PrincipalArn']).toBeDefined();
  });

  test('may use the key of the bucket, where that is yours, and an imported one is for you to open', () => {
    const config: ConfigInput = {
      alerts: { email: ['dba@example.com'] },
      deployment: { fleet: {}, ...HOME },
      satellites: { 'sat-0': { account: OTHER, region: 'eu-west-1' } },
      targets: [{ name: 'far', secret: 'far/0', network: 'sat-0' }],
    };
    const app = appWithoutBundling();
    const stack = new Stack(app, 'Own', { env: HOME });
    const evidenceBucket = new Bucket(stack, 'Bucket', { encryptionKey: new Key(stack, 'Key') }) as IBucket;
    new PgTlsAuditor(stack, 'TlsAuditor', { config, auditorName: 'tls', evidenceBucket });
    const [key] = Object.values(Template.fromStack(stack).findResources('AWS::KMS::Key', {}));
    const worker = satelliteNames(
      { auditor: 'tls' },
      { name: 'sat-0', account: OTHER, region: 'eu-west-1' },
    ).workerRole;
    const statements: readonly BucketStatement[] = key?.Properties.KeyPolicy.Statement ?? [];
    const own = statements.filter(
      ({ Condition }) => deployed(Condition?.ArnEquals?.['aws:PrincipalArn'] ?? '') === asText(worker.arn),
    );
    expect(own.map(({ Action, Principal }) => [Action, deployed(Principal.AWS)])).toEqual([
      [['kms:Decrypt', 'kms:GenerateDataKey'], `arn:aws:iam::${OTHER}:root`],
    ]);

    const other = new Stack(app, 'Imported', { env: HOME });
    const imported = Bucket.fromBucketName(other, 'Bucket', 'evidence');
    new PgTlsAuditor(other, 'TlsAuditor', { config, auditorName: 'tls', evidenceBucket: imported });
    Annotations.fromStack(other).hasWarning('*', Match.stringLikeRegexp('the evidence bucket.*is imported.*sat-0'));
  });

  test('is invoked by the machine in its region, and by the relay in another', () => {
    const [machine] = Object.values(template.findResources('AWS::StepFunctions::StateMachine'));
    const { States } = JSON.parse(readable(machine?.Properties.DefinitionString));
    const child = States.Fleet.ItemProcessor.States;
    expect(child['Audit by sat-0']).toMatchObject({
      Resource: expect.stringMatching(/:states:::lambda:invoke$/),
      Credentials: { RoleArn: expect.stringMatching(new RegExp(`:iam::${OTHER}:role/tls-sat-0-invoke$`)) },
      Parameters: {
        FunctionName: expect.stringMatching(new RegExp(`:lambda:eu-west-1:${OTHER}:function:tls-sat-0$`)),
        Payload: { 'run.$': '$.run', bucket: { region: 'eu-west-1' } },
      },
      Catch: [{ ErrorEquals: ['States.ALL'] }],
    });
    expect(child['Audit by sat-1']).toMatchObject({
      Parameters: {
        functionArn: expect.stringMatching(new RegExp(`:lambda:us-east-1:${OTHER}:function:tls-sat-1$`)),
        batch: { 'worker.$': '$.worker', bucket: { region: 'eu-west-1' } },
      },
    });
    const assumed = (words: string): readonly string[] => resourcesOf(statementsOf(template, words), 'sts:AssumeRole');
    expect(assumed('FleetMachineRole')).toHaveLength(10);
    expect(assumed('FleetMachineRole')).toContain(`arn:aws:iam::${OTHER}:role/tls-sat-0-invoke`);
    expect(assumed('FleetRelay')).toHaveLength(10);
    expect(assumed('FleetRelay')).toContain(`arn:aws:iam::${OTHER}:role/tls-sat-1-invoke`);
    expect(resourcesOf(statementsOf(template, 'FleetMachineRole'), 'lambda:InvokeFunction').join()).not.toContain(
      OTHER,
    );
  });

  test('knows neither the targets of others nor the alerts', () => {
    const text = JSON.stringify(satelliteDocument(CONFIG, parseConfig(CONFIG, { use: 'deployment' }), 'sat-1'));
    for (const other of ['zero', 'far-2', 'net-', 'sat-', 'example.com', 'reader', 'mutes', HOME.account]) {
      expect(text).not.toContain(other);
    }
    const own = parseConfig(JSON.parse(text), { use: 'deployment' });
    expect(own.targets.map(({ name }) => name)).toEqual(['far-1']);
    expect(own.discovery).toHaveLength(1);
  });

  test.each([
    ['nowhere', { account: OTHER, region: 'us-east-1' }, 'satellites: have none named "nowhere"'],
    ['sat-1', HOME, `satellites.sat-1.account: is ${OTHER}, and the stack is deployed to ${HOME.account}`],
  ])('%s in %j is refused', (name, env, problem) => {
    const make = () =>
      new PgTlsAuditorSatelliteStack(appWithoutBundling(), 'Satellite', {
        config: CONFIG,
        satellite: name,
        auditorName: 'tls',
        env,
      });
    expect(make).toThrow(ConfigError);
    expect(make).toThrow(problem);
  });
});

test('five networks and twenty satellites fit, and pass the pack AwsSolutions of cdk-nag', () => {
  const json = template.toJSON();
  expect(Object.keys(json.Resources).length).toBeLessThan(150);
  expect(JSON.stringify(json).length).toBeLessThan(250_000);
  const [policy] = Object.values(template.findResources('AWS::S3::BucketPolicy'));
  expect(readable(policy?.Properties.PolicyDocument).length).toBeLessThan(20 * 1024);
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  expect(() => app.synth({ force: true })).not.toThrow();
});
