// The command `discover` and what goes with it: --dry-run, --region, and an audit without a configuration.

import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { run } from '../../bin/command-line/run.ts';
import { EXIT_CODES } from '../../bin/command-line/terminal/exit-code.ts';
import { type AwsEndpoint, startAwsEndpoint } from '../../lab/aws.ts';
import { rdsInstance } from '../../lab/aws-rds.ts';
import { type DiscoverDocument, discoverJsonSchema } from '../../lambda/report/discover-schema.ts';

const HERE = { account: '123456789012', region: 'eu-west-1' };

let aws: AwsEndpoint;
let folder: string;
let output: { out: string; err: string };

beforeEach(async () => {
  aws = await startAwsEndpoint();
  for (const [name, value] of Object.entries(aws.environment())) vi.stubEnv(name, value);
  // Some machines have it; with a profile, the command refuses to run then.
  vi.stubEnv('NODE_EXTRA_CA_CERTS', undefined);
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-discover-'));
  output = { out: '', err: '' };
  for (const [stream, key] of [
    [process.stdout, 'out'],
    [process.stderr, 'err'],
  ] as const) {
    vi.spyOn(stream, 'write').mockImplementation((text, ...rest) => {
      output[key] += String(text);
      for (const done of rest) if (typeof done === 'function') (done as () => void)();
      return true;
    });
  }
  aws.rds.set(HERE, {
    instances: [
      rdsInstance('orders'),
      rdsInstance('legacy', { TagList: [] }),
      rdsInstance('night', { DBInstanceStatus: 'stopped' }),
    ],
  });
});

afterEach(async () => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
  await aws[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function config(discovery: object = {}): Promise<string> {
  const file = join(folder, 'auditor.config.json');
  const rule = { rds: { regions: ['eu-west-1'] }, credentials: 'iam', role: 'tls_auditor', ...discovery };
  await writeFile(file, JSON.stringify({ discovery: [rule] }));
  return file;
}

const document = (): DiscoverDocument => JSON.parse(output.out) as DiscoverDocument;

test('discover prints each database with the reason why an audit covers it or not, by its published schema', async () => {
  expect(await run(['discover', '--config', await config(), '--format', 'json'])).toBe(EXIT_CODES.passed);
  expect(document()).toMatchObject({
    complete: true,
    problems: [],
    targets: [
      { name: 'legacy', taken: false, reason: 'it lacks the tag pg-tls-auditor=on' },
      { name: 'night', taken: false, reason: 'it is stopped; its findings stay open' },
      {
        name: 'orders',
        host: 'orders.abcdefghijkl.eu-west-1.rds.amazonaws.com',
        port: 5432,
        region: 'eu-west-1',
        account: '123456789012',
        taken: true,
        reason: 'it has the tag pg-tls-auditor=on',
      },
    ],
  });
  const validate = new Ajv2020({ formats: { 'date-time': true } }).compile(discoverJsonSchema());
  expect(validate(document()), JSON.stringify(validate.errors)).toBe(true);
});

test('audit --dry-run connects to no database, assumes no role and reads no secret', async () => {
  let connections = 0;
  const server = createServer((socket) => {
    connections += 1;
    socket.destroy();
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const Endpoint = { Address: '127.0.0.1', Port: (server.address() as AddressInfo).port };
  aws.rds.set(HERE, { instances: [rdsInstance('orders', { Endpoint })] });
  try {
    for (const login of [{}, { credentials: { secret: 'audit/${name}' }, role: undefined, probe: true }]) {
      expect(await run(['audit', '--config', await config(login), '--dry-run'])).toBe(EXIT_CODES.passed);
    }
  } finally {
    server.close();
  }
  expect(output.out.match(/Audited: 1 database/g)).toHaveLength(2);
  expect(connections).toBe(0);
  expect(new Set(aws.requests.map(({ operation }) => operation.replace(/^Describe.*/, 'Describe')))).toEqual(
    new Set(['Describe']),
  );
});

test('AWS_PROFILE and AWS_REGION are honoured', async () => {
  const { AWS_ACCESS_KEY_ID = '' } = aws.environment();
  const file = join(folder, 'credentials');
  await writeFile(file, `[audit]\naws_access_key_id = ${AWS_ACCESS_KEY_ID}\naws_secret_access_key = not-a-secret\n`);
  vi.stubEnv('AWS_ACCESS_KEY_ID', undefined);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', undefined);
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', file);
  vi.stubEnv('AWS_CONFIG_FILE', join(folder, 'no-config'));
  vi.stubEnv('AWS_PROFILE', 'audit');
  vi.stubEnv('AWS_REGION', 'us-east-1');
  expect(await run(['audit', '--discover', '--dry-run']), `${output.err}${output.out}`).toBe(EXIT_CODES.passed);
  expect(aws.requests[0]?.caller).toEqual({ account: HERE.account, region: 'us-east-1' });
});

test.each([
  ['no credentials', {}],
  ['a profile that does not exist', { AWS_PROFILE: 'no-such-profile' }],
])('with %s, the error says what to do, and the exit code is 2', async (_what, variables) => {
  const none = { AWS_ACCESS_KEY_ID: undefined, AWS_SECRET_ACCESS_KEY: undefined, AWS_EC2_METADATA_DISABLED: 'true' };
  const files = { AWS_SHARED_CREDENTIALS_FILE: join(folder, 'none'), AWS_CONFIG_FILE: join(folder, 'none') };
  for (const [name, value] of Object.entries({ ...none, ...files, ...variables })) vi.stubEnv(name, value);
  expect(await run(['discover', '--region', 'eu-west-1']), output.err).toBe(EXIT_CODES.failed);
  expect(`${output.err}${output.out}`.replaceAll(/\s+/g, ' ')).toContain(
    'the databases of eu-west-1 could not be listed (CredentialsProviderError): no AWS credentials were found: log in (aws sso login), set AWS_PROFILE to a profile that exists, or set AWS_ACCESS_KEY_ID; none of them is audited',
  );
});

test('without a configuration, each command names what it takes in its place', async () => {
  const missing = join(folder, 'none.json');
  expect(await run(['discover', '--config', missing])).toBe(EXIT_CODES.failed);
  expect(output.err).toContain('or the databases of an AWS account with --region NAME');
  expect(output.err).not.toContain('--url');
});

test('audit --dry-run prints the same', async () => {
  expect(await run(['audit', '--config', await config(), '--dry-run'])).toBe(EXIT_CODES.passed);
  expect(output.out).toBe(
    [
      'Audited: 1 database',
      '  orders  orders.abcdefghijkl.eu-west-1.rds.amazonaws.com:5432  (account 123456789012, eu-west-1)',
      '    it has the tag pg-tls-auditor=on',
      '',
      'Left out: 2',
      '  legacy  legacy.abcdefghijkl.eu-west-1.rds.amazonaws.com:5432  (account 123456789012, eu-west-1)',
      '    it lacks the tag pg-tls-auditor=on',
      '  night  night.abcdefghijkl.eu-west-1.rds.amazonaws.com:5432  (account 123456789012, eu-west-1)',
      '    it is stopped; its findings stay open',
      '',
    ].join('\n'),
  );
});

test('without a configuration, every PostgreSQL of a region counts, whatever its tags', async () => {
  expect(await run(['discover', '--region', 'eu-west-1', '--format', 'json'])).toBe(EXIT_CODES.passed);
  expect(document().targets.map(({ name, taken }) => [name, taken])).toEqual([
    ['legacy', true],
    ['night', false],
    ['orders', true],
  ]);
  output.out = '';
  expect(await run(['audit', '--discover', '--dry-run', '--format', 'json'])).toBe(EXIT_CODES.passed);
  expect(document().targets).toHaveLength(3);
});

test('what cannot be listed makes the exit code 2, and is named with what to do', async () => {
  aws.rds.refuse(HERE, { code: 'AccessDenied', status: 403 });
  expect(await run(['discover', '--config', await config()])).toBe(EXIT_CODES.failed);
  expect(output.out.replaceAll(/\s+/g, ' ')).toContain(
    'Could not be listed: the databases of eu-west-1 could not be listed (AccessDenied): allow rds:DescribeDBInstances',
  );
});

test.each([
  [['audit', '--discover', '--config', 'x.json'], /cannot be used with/],
  [['audit', '--discover', '--url', 'postgres://a@b/c'], /cannot be used with/],
  [['audit', '--role', 'x'], /--role goes with --discover or --region/],
  [['audit', '--discover', '--probe'], /--probe can only be used with --url/],
  [['audit', '--discover', '--dry-run', '--format', 'sarif'], /--dry-run prints a table, or --format json/],
  [['discover', '--region', 'Frankfurt'], /must be an AWS region such as eu-west-1/],
])('%j is wrong usage', async (argv, message) => {
  expect(await run(argv)).toBe(EXIT_CODES.failed);
  expect(output.err).toMatch(message);
});

test('without a region, discovery asks for one', async () => {
  vi.stubEnv('AWS_REGION', '');
  vi.stubEnv('AWS_DEFAULT_REGION', '');
  expect(await run(['audit', '--discover'])).toBe(EXIT_CODES.failed);
  expect(output.err).toContain('--discover needs a region: give --region, or set AWS_REGION');
});
