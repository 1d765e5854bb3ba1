// Deploys the synthesised template to a local AWS stand-in, runs the deployed asset as the deployed function would run,
// and reads back what it did. Where Python's moto is installed; elsewhere it is skipped, and says so.

import { execFile, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { App, DefaultStackSynthesizer, type IStackSynthesizer, Stack } from 'aws-cdk-lib';
import { expect, test } from 'vitest';
import { closedPort } from '../../lab/faulty-servers.ts';
import { allowing, type Statement } from '../../lab/iam.ts';
import type { ConfigInput } from '../../lambda/config/index.ts';
import { PgTlsAuditor } from '../../lib/pg-tls-auditor.ts';

const run = promisify(execFile);
/** What Lambda's runtime brings of the AWS SDK stands in no asset. */
const MODULES = join(import.meta.dirname, '..', '..', 'node_modules');
const STAND_IN = spawnSync('python3', ['-c', 'import moto.server, boto3']).status === 0;
if (!STAND_IN) process.stderr.write('acceptance test skipped: python3 has no moto with its server, or no boto3\n');

const CONFIG: ConfigInput = {
  alerts: { email: ['dba@example.com'] },
  defaults: { ca: 'system', timeoutSeconds: 5 },
  targets: [{ name: 'orders', secret: 'prod/orders' }],
};

/** Makes the secret, the stack and a queue that hears the alerts; prints what the deployment made of the function. */
const DEPLOY = `
import boto3, json, sys, os
made = lambda service: boto3.client(service)
made('secretsmanager').create_secret(Name='prod/orders', SecretString=os.environ['SECRET'])
made('ssm').put_parameter(Name='/cdk-bootstrap/hnb659fds/version', Value='21', Type='String')
s3 = made('s3')
where = {'CreateBucketConfiguration': {'LocationConstraint': 'eu-west-1'}}
s3.create_bucket(Bucket='cdk-hnb659fds-assets-123456789012-eu-west-1', **where)
template = json.load(open(sys.argv[1]))
function = [r for r in template['Resources'].values() if r['Type'] == 'AWS::Lambda::Function'][0]
s3.upload_file(sys.argv[2], 'cdk-hnb659fds-assets-123456789012-eu-west-1', function['Properties']['Code']['S3Key'])
# moto has no ARN of an alarm, which the dashboard names.
template['Resources'] = {name: r for name, r in template['Resources'].items() if r['Type'] != 'AWS::CloudWatch::Dashboard'}
made('cloudformation').create_stack(StackName='Databases', TemplateBody=json.dumps(template), Capabilities=['CAPABILITY_IAM'])
[deployed] = [f for f in made('lambda').list_functions()['Functions'] if f['Handler'] == 'index.handler']
iam = made('iam')
role = deployed['Role'].split('/')[-1]
documents = [iam.get_role_policy(RoleName=role, PolicyName=name)['PolicyDocument'] for name in iam.list_role_policies(RoleName=role)['PolicyNames']]
variables = deployed['Environment']['Variables']
sqs = made('sqs')
queue = sqs.create_queue(QueueName='heard')['QueueUrl']
arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=['QueueArn'])['Attributes']['QueueArn']
made('sns').subscribe(TopicArn=variables['ALERT_TOPIC_ARN'], Protocol='sqs', Endpoint=arn)
print(json.dumps({'variables': variables, 'statements': [s for d in documents for s in d['Statement']],
  'secret': made('secretsmanager').describe_secret(SecretId='prod/orders')['ARN'], 'timeout': deployed['Timeout']}))
`;

/** Prints what the run left behind. */
const READ_BACK = `
import boto3, json, os
variables = json.loads(os.environ['VARIABLES'])
sqs = boto3.client('sqs')
messages = sqs.receive_message(QueueUrl=sqs.get_queue_url(QueueName='heard')['QueueUrl'], MaxNumberOfMessages=10).get('Messages', [])
objects = boto3.client('s3').list_objects_v2(Bucket=variables['EVIDENCE_BUCKET']).get('Contents', [])
items = boto3.client('dynamodb').scan(TableName=variables['STATE_TABLE'])['Items']
print(json.dumps({'messages': [m['Body'] for m in messages], 'objects': [o['Key'] for o in objects], 'kinds': sorted(i['pk']['S'] for i in items)}))
`;

const INVOKE = `
import(process.argv[1]).then(({ default: module, handler = module.handler }) =>
  handler({ source: 'aws.scheduler', 'detail-type': 'Scheduled Event' }, {
    awsRequestId: 'acceptance', getRemainingTimeInMillis: () => Number(process.argv[2]) * 1000,
  })).then((report) => require('node:fs').writeFileSync(process.argv[3], JSON.stringify(report))).then(() => process.exit());
`;

test.skipIf(!STAND_IN)(
  'what is deployed audits, tells, remembers and keeps evidence, within its rights',
  { timeout: 400_000 },
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-acceptance-'));
    await using cleanup = new AsyncDisposableStack();
    cleanup.defer(() => rm(folder, { recursive: true }));

    const app = new App({ outdir: join(folder, 'cdk.out'), analyticsReporting: false });
    const synthesizer = new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }) as IStackSynthesizer;
    const stack = new Stack(app, 'Databases', { env: { account: '123456789012', region: 'eu-west-1' }, synthesizer });
    new PgTlsAuditor(stack, 'TlsAuditor', { config: CONFIG });
    const { directory } = app.synth();
    const asset = join(directory, (await readdir(directory)).find((name) => name.startsWith('asset.')) ?? '');
    const zip = join(folder, 'asset.zip');
    await run('python3', ['-m', 'zipfile', '-c', zip, ...(await readdir(asset)).map((name) => join(asset, name))]);

    // The port is free again at once: nothing listened on it.
    const { port } = await closedPort();
    const server = spawn('python3', ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
    cleanup.defer(async () => {
      const ended = once(server, 'exit');
      server.kill('SIGKILL');
      await ended;
    });
    const url = `http://127.0.0.1:${port}`;
    await answers(url);
    const aws = {
      PATH: process.env.PATH ?? '',
      AWS_ENDPOINT_URL: url,
      AWS_REGION: 'eu-west-1',
      AWS_DEFAULT_REGION: 'eu-west-1',
      AWS_ACCESS_KEY_ID: 'AKIALABACCEPTANCE000',
      AWS_SECRET_ACCESS_KEY: 'not-a-secret',
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    const secret = { ...(await closedPort()), username: 'a', password: 'b', dbname: 'orders' };
    const python = async (script: string, args: readonly string[], env: Readonly<Record<string, string>>) => {
      const file = join(folder, 'script.py');
      await writeFile(file, script);
      const { stdout } = await run('python3', [file, ...args], { env: { ...aws, ...env }, timeout: 120_000 });
      return JSON.parse(stdout);
    };
    const template = join(directory, 'Databases.template.json');
    const deployed = await python(DEPLOY, [template, zip], { SECRET: JSON.stringify(secret) });

    const answer = join(folder, 'answer.json');
    await run(process.execPath, ['-e', INVOKE, join(asset, 'index.js'), String(deployed.timeout), answer], {
      env: { ...aws, ...deployed.variables, NODE_OPTIONS: '', NODE_PATH: MODULES },
      timeout: 120_000,
    });
    const report = JSON.parse(await readFile(answer, 'utf8'));
    expect(report).toMatchObject({
      state: 'kept',
      targets: [{ name: 'orders', verdict: 'not-audited' }],
      findings: [{ check: 'target-not-audited', lifecycle: { reason: 'new' } }],
    });

    const left = await python(READ_BACK, [], { VARIABLES: JSON.stringify(deployed.variables) });
    expect(left.messages).toHaveLength(1);
    expect(left.messages[0]).toContain('target-not-audited');
    expect(left.objects.toSorted()).toEqual([
      'pages/index.html',
      'pages/latest.html',
      expect.stringMatching(/^reports\/\d{4}\/\d\d\/\d\d\/.*-acceptance\.html$/),
      expect.stringMatching(/^reports\/\d{4}\/\d\d\/\d\d\/.*-acceptance\.json\.gz$/),
    ]);
    expect(left.kinds).toEqual(['all#finding', 'all#scans']);

    const { ALERT_TOPIC_ARN, EVIDENCE_BUCKET, STATE_TABLE } = deployed.variables;
    const table = `arn:aws:dynamodb:eu-west-1:123456789012:table/${STATE_TABLE}`;
    const statements: readonly Statement[] = deployed.statements;
    for (const request of [
      { action: 'secretsmanager:GetSecretValue', resource: deployed.secret },
      { action: 'sns:Publish', resource: ALERT_TOPIC_ARN },
      { action: 'sns:ListSubscriptionsByTopic', resource: ALERT_TOPIC_ARN },
      { action: 'dynamodb:PutItem', resource: table },
      { action: 'dynamodb:Query', resource: table },
      {
        action: 's3:PutObject',
        resource: `arn:aws:s3:::${EVIDENCE_BUCKET}/${left.objects.find((key: string) => key.endsWith('.json.gz'))}`,
        context: { 's3:if-none-match': '*' },
      },
      { action: 's3:PutObject', resource: `arn:aws:s3:::${EVIDENCE_BUCKET}/pages/latest.html` },
    ]) {
      expect([request, allowing(statements, request).length]).toEqual([request, 1]);
    }
    const config = JSON.parse(await readFile(join(asset, 'auditor.config.json'), 'utf8'));
    expect(config).toEqual(CONFIG);
  },
);

/** Waits until the stand-in answers. */
async function answers(url: string): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    try {
      await fetch(`${url}/moto-api/`, { signal: AbortSignal.timeout(2_000) });
      return;
    } catch {
      await sleep(200);
    }
  }
  throw new Error(`${url} did not answer`);
}
