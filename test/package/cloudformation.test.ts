// Builds the template as it is published, checks it with cfn-lint, deploys it to local stand-ins of AWS, and runs what
// was deployed with a configuration in S3 and in SSM.

import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { unzipSync } from 'fflate';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { closedPort } from '../../lab/faulty-servers.ts';
import { allowing, type Statement } from '../../lab/iam.ts';
import { buildCloudFormation } from '../../scripts/package/cloudformation.ts';

const run = promisify(execFile);
const MODULES = join(import.meta.dirname, '..', '..', 'node_modules');
const TEMPLATE = 'pg-tls-auditor.template.json';

/** A minute of two processors: .ci/run has a step for it. */
const WANTED = process.env.PG_TLS_AUDITOR_TEMPLATE === 'all';
if (!WANTED) process.stderr.write('deployment of the template skipped: PG_TLS_AUDITOR_TEMPLATE is not "all"\n');
const HAS_MOTO = WANTED && spawnSync('python3', ['-c', 'import moto.server, boto3']).status === 0;
if (WANTED && !HAS_MOTO) process.stderr.write('deployment skipped: python3 has no moto with its server, or no boto3\n');
const HAS_LINT = WANTED && spawnSync('cfn-lint', ['--version']).status === 0;
if (WANTED && !HAS_LINT) process.stderr.write('cfn-lint on the template skipped: cfn-lint is not installed\n');

const PARAMETERS = {
  SecretArns: 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/*',
  AlertEmail: 'dba@example.com',
  Schedule: 'cron(0 6 * * ? *)',
  RunOverdueHours: '25',
  LogRetentionDays: '365',
  AssetBucket: 'my-assets',
  AssetPrefix: 'pg-tls-auditor/',
  KmsKeyArns: 'arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d-0000-0000-0000-000000000000',
};

/** Copies the assets and creates the stack, as the two commands do; prints what was made. */
const DEPLOY = `
import boto3, json, os, sys
made = lambda service: boto3.client(service)
s3 = made('s3')
for bucket in ['my-assets', 'my-config']:
    try: s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={'LocationConstraint': 'eu-west-1'})
    except s3.exceptions.BucketAlreadyOwnedByYou: pass
folder, stack, given = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
for name in os.listdir(folder + '/assets'): s3.upload_file(folder + '/assets/' + name, 'my-assets', 'pg-tls-auditor/' + name)
s3.put_object(Bucket='my-config', Key='audit/config.json', Body=os.environ['CONFIG'].encode())
made('ssm').put_parameter(Name='/audit/config', Value=os.environ['CONFIG'], Type='SecureString', Overwrite=True)
try: made('secretsmanager').create_secret(Name='prod/orders', SecretString=os.environ['SECRET'])
except Exception: pass
cfn = made('cloudformation')
template = json.load(open(folder + '/${TEMPLATE}'))
# moto fails at the tags of keys, and does not resolve the alarms that a dashboard names.
template['Resources'] = {k: r for k, r in template['Resources'].items() if r['Type'] != 'AWS::CloudWatch::Dashboard'}
for resource in template['Resources'].values():
  if resource['Type'] == 'AWS::KMS::Key': del resource['Properties']['Tags']
cfn.create_stack(StackName=stack, TemplateBody=json.dumps(template), Capabilities=['CAPABILITY_IAM'],
  Parameters=[{'ParameterKey': k, 'ParameterValue': v} for k, v in given.items()])
described = cfn.describe_stacks(StackName=stack)['Stacks'][0]
resources = {r['LogicalResourceId']: r for r in cfn.list_stack_resources(StackName=stack)['StackResourceSummaries']}
outputs = {o['OutputKey']: o['OutputValue'] for o in described['Outputs']}
function = made('lambda').get_function(FunctionName=outputs['FunctionName'])
configuration = function['Configuration']
iam = made('iam')
role = configuration['Role'].split('/')[-1]
documents = [iam.get_role_policy(RoleName=role, PolicyName=name)['PolicyDocument'] for name in iam.list_role_policies(RoleName=role)['PolicyNames']]
print(json.dumps({'status': described['StackStatus'], 'types': sorted(r['ResourceType'] for r in resources.values()), 'outputs': outputs,
  'variables': configuration['Environment']['Variables'], 'timeout': configuration['Timeout'], 'vpc': configuration.get('VpcConfig', {}),
  'statements': [s for d in documents for s in d['Statement']]}))
`;

const INVOKE = `
import(process.argv[1]).then(({ default: module, handler = module.handler }) =>
  handler({ source: 'aws.scheduler', 'detail-type': 'Scheduled Event' }, {
    awsRequestId: 'template', getRemainingTimeInMillis: () => Number(process.argv[2]) * 1000,
  })).then((report) => require('node:fs').writeFileSync(process.argv[3], JSON.stringify(report))).then(() => process.exit());
`;

describe.skipIf(!WANTED)('the template', () => {
  let folder: string;
  let built: string;

  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-template-'));
    built = join(folder, 'cloudformation');
    buildCloudFormation(built);
  });
  afterAll(() => rm(folder, { recursive: true }));

  test('has the same bytes each time, and names its files by what they hold', async () => {
    const again = join(folder, 'again');
    buildCloudFormation(again);
    const assets = await readdir(join(built, 'assets'));
    expect(assets).toEqual([expect.stringMatching(/^[0-9a-f]{64}\.zip$/)]);
    for (const name of [TEMPLATE, ...assets.map((asset) => join('assets', asset))]) {
      expect((await readFile(join(again, name))).equals(await readFile(join(built, name)))).toBe(true);
    }
    expect(await readFile(join(built, TEMPLATE), 'utf8')).toContain(assets[0]);
  });

  test('names no bucket, role or version of a bootstrapped account, and no path of this machine', async () => {
    const template = await readFile(join(built, TEMPLATE), 'utf8');
    expect(template).not.toMatch(/hnb659fds|cdk-|BootstrapVersion|aws:cdk|aws:asset/);
    expect(template).not.toContain(tmpdir());
    // What a request of CloudFormation may hold; a larger template would have to be copied to the bucket too.
    expect(template.length).toBeLessThan(51_200);
  });

  test.skipIf(!HAS_LINT)('passes cfn-lint', async () => {
    // W3005: CDK writes dependencies that references imply already.
    await run('cfn-lint', ['--ignore-checks', 'W3005', '--', join(built, TEMPLATE)]);
  });

  describe.skipIf(!HAS_MOTO)('in an account of moto', () => {
    let stop: () => Promise<void>;
    let aws: Readonly<Record<string, string>>;

    beforeAll(async () => {
      // The port is free again at once: nothing listened on it.
      const { port } = await closedPort();
      const server = spawn('python3', ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], {
        stdio: 'ignore',
      });
      const ended = once(server, 'exit');
      stop = async () => {
        server.kill('SIGKILL');
        await ended;
      };
      const url = `http://127.0.0.1:${port}`;
      aws = {
        PATH: process.env.PATH ?? '',
        AWS_ENDPOINT_URL: url,
        AWS_REGION: 'eu-west-1',
        AWS_DEFAULT_REGION: 'eu-west-1',
        AWS_ACCESS_KEY_ID: 'AKIALABTEMPLATE00000',
        AWS_SECRET_ACCESS_KEY: 'not-a-secret',
        AWS_EC2_METADATA_DISABLED: 'true',
      };
      await vi.waitFor(() => fetch(`${url}/moto-api/`), { timeout: 60_000, interval: 200 });
    });
    afterAll(() => stop());

    test.each([
      ['S3', 's3://my-config/audit/config.json', 's3:GetObject', 'arn:aws:s3:::my-config/audit/config.json'],
      ['SSM', 'ssm:/audit/config', 'ssm:GetParameter', 'arn:aws:ssm:eu-west-1:123456789012:parameter/audit/config'],
    ])(
      'it is deployed with its configuration in %s, and its function follows it, within its rights',
      async (name, location, action, resource) => {
        const nothing = await closedPort();
        const config = {
          defaults: { ca: 'system', timeoutSeconds: 5 },
          schedule: PARAMETERS.Schedule,
          targets: [{ name: `orders-${name}`, secret: 'prod/orders' }],
        };
        const script = join(folder, 'deploy.py');
        await writeFile(script, DEPLOY);
        const parameters = { ...PARAMETERS, ConfigurationLocation: location };
        const { stdout } = await run('python3', [script, built, `Audit${name}`, JSON.stringify(parameters)], {
          env: {
            ...aws,
            CONFIG: JSON.stringify(config),
            SECRET: JSON.stringify({ ...nothing, username: 'a', password: 'b', dbname: 'orders' }),
          },
          timeout: 120_000,
        });
        const deployed = JSON.parse(stdout);
        // moto makes no schedules, subscriptions and alarms of a template.
        expect(deployed).toMatchObject({ status: 'CREATE_COMPLETE', timeout: 300 });
        expect(deployed.types).toContain('AWS::KMS::Key');

        const [asset = ''] = await readdir(join(built, 'assets'));
        const unpacked = join(folder, name);
        await mkdir(unpacked);
        for (const [file, bytes] of Object.entries(unzipSync(await readFile(join(built, 'assets', asset))))) {
          await writeFile(join(unpacked, file), bytes);
        }
        const answer = join(folder, `${name}.json`);
        await run(process.execPath, ['-e', INVOKE, join(unpacked, 'index.js'), String(deployed.timeout), answer], {
          env: { ...aws, ...deployed.variables, NODE_OPTIONS: '', NODE_PATH: MODULES },
          timeout: 120_000,
        });
        const report = JSON.parse(await readFile(answer, 'utf8'));
        expect(report).toMatchObject({
          state: 'kept',
          targets: [{ name: `orders-${name}`, verdict: 'not-audited' }],
          findings: [{ check: 'target-not-audited' }],
        });

        // Outside of a VPC the statement about network interfaces refuses.
        const statements = (deployed.statements as readonly Statement[]).filter(({ Effect }) => Effect === 'Allow');
        const secret = 'arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/orders-AbCdEf';
        for (const request of [
          { action, resource },
          { action: 'secretsmanager:GetSecretValue', resource: secret },
        ]) {
          expect([request, allowing(statements, request).length]).toEqual([request, 1]);
        }
        for (const request of [
          { action, resource: `${resource}.old` },
          { action: action === 's3:GetObject' ? 'ssm:GetParameter' : 's3:GetObject', resource },
          { action: 'secretsmanager:GetSecretValue', resource: secret.replace('prod/', 'other/') },
          { action: 'ec2:CreateNetworkInterface', resource: '*' },
        ]) {
          expect([request, allowing(statements, request).length]).toEqual([request, 0]);
        }
      },
    );
  });
});
