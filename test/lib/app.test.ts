// Runs bin/app.ts as the CDK command line does: a process with the context in its environment.

import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { Template } from 'aws-cdk-lib/assertions';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { compileCache } from '../../lab/compile-cache.ts';
import { readConfigFile } from '../../lib/config-file.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const EXAMPLE = join(ROOT, 'auditor.config.example.json');

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-app-'));
});
afterAll(() => rm(folder, { recursive: true }));

interface Run {
  readonly exitCode: number;
  readonly stderr: string;
  readonly template?: Template | undefined;
}

/** @param context as `-c name=value` would set it. */
async function synth(context: Record<string, string>): Promise<Run> {
  const outdir = await mkdtemp(join(folder, 'cdk.out-'));
  const env = {
    PATH: process.env.PATH,
    ...compileCache(),
    CDK_OUTDIR: outdir,
    CDK_CONTEXT_JSON: JSON.stringify({ ...context, 'aws:cdk:bundling-stacks': [] }),
  };
  const { exitCode, stderr } = await new Promise<Run>((resolve) => {
    execFile(process.execPath, [join(ROOT, 'bin', 'app.ts')], { env, cwd: folder }, (error, _stdout, stderr) =>
      resolve({ exitCode: typeof error?.code === 'number' ? error.code : 0, stderr }),
    );
  });
  const file = (await readdir(outdir)).find((name) => name.endsWith('.template.json'));
  if (file === undefined) return { exitCode, stderr };
  const template = Template.fromJSON(JSON.parse(await readFile(join(outdir, file), 'utf8')));
  return { exitCode, stderr, template };
}

async function configFile(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text);
  return name;
}

// Each is a process that loads the whole of aws-cdk-lib: slow where other tests share the processors.
describe('cdk synth', () => {
  test('of a configuration makes a template with outputs that a person needs next, from another working directory', async () => {
    await copyFile(EXAMPLE, join(folder, 'own.json'));
    const { exitCode, template } = await synth({ config: 'own.json' });

    expect(exitCode).toBe(0);
    expect(Object.keys(template?.findOutputs('*') ?? {}).sort()).toEqual([
      'ChatTopicArns',
      'EvidenceBucketName',
      'FunctionName',
      'InvokeCommand',
      'StateTableName',
      'TopicArn',
    ]);
    template?.resourceCountIs('AWS::Scheduler::Schedule', 1);
    template?.resourceCountIs('AWS::Chatbot::SlackChannelConfiguration', 1);
    expect(template?.findParameters('DeployTheExample')).toEqual({});
  });

  test('of a satellite makes its stack alone, and of one that is not configured says which there are', async () => {
    const config = await configFile(
      'fleet.json',
      JSON.stringify({
        alerts: { email: ['dba@example.com'] },
        deployment: { fleet: {}, account: '111122223333', region: 'eu-west-1' },
        satellites: { emea: { account: '444455556666', region: 'us-east-1' } },
        targets: [{ name: 'billing', secret: 'emea/billing', network: 'emea' }],
      }),
    );
    const { exitCode, stderr, template } = await synth({ config, satellite: 'emea' });
    expect([exitCode, stderr]).toEqual([0, '']);
    template?.resourceCountIs('AWS::Lambda::Function', 1);
    template?.resourceCountIs('AWS::StepFunctions::StateMachine', 0);
    template?.resourceCountIs('AWS::SNS::Topic', 0);
    template?.resourceCountIs('AWS::Scheduler::Schedule', 0);

    const wrong = await synth({ config, satellite: 'apac' });
    expect([wrong.exitCode, wrong.template]).toEqual([1, undefined]);
    expect(wrong.stderr).toContain('satellites: have none named "apac"');
    expect(wrong.stderr).not.toMatch(/^\s+at /m);
  });

  test('names every problem of the configuration at once, without a stack trace, and fails', async () => {
    const config = await configFile('wrong.json', '{"shedule":"rate(1 hour)","targets":[{"name":"orders"}]}');
    const { exitCode, stderr, template } = await synth({ config });

    expect(exitCode).toBe(1);
    expect(template).toBeUndefined();
    expect(stderr).toMatchInlineSnapshot(`
      "
      wrong.json has 2 problems:
        shedule: is not a setting; allowed here: $schema, schedule, timezone, alerts, defaults, policy, concurrency, mutes, deployment, networks, satellites, targets, discovery
        targets[0]: names no credentials: give "secret" (or, on the command line, "credentials" with "env" or "file")

      "
    `);
  });

  test.each(['1st', 'x'.repeat(129)])('refuses %j as the name of the stack in one clear line', async (stackName) => {
    await copyFile(EXAMPLE, join(folder, 'own.json'));
    const { exitCode, stderr, template } = await synth({ config: 'own.json', stackName });
    expect(exitCode).toBe(1);
    expect(template).toBeUndefined();
    expect(stderr.trim()).toBe(
      `-c stackName must be 1 to 128 letters, digits and hyphens, starting with a letter, got "${stackName}"`,
    );
  });

  test('takes the name of the stack and allowed beginnings of secret names', async () => {
    await copyFile(EXAMPLE, join(folder, 'own.json'));
    const { exitCode, template } = await synth({
      config: 'own.json',
      stackName: 'audit-staging',
      secretNamePrefixes: 'prod/,shared/',
    });
    expect(exitCode).toBe(0);
    expect(JSON.stringify(template?.toJSON())).toContain(':secret:prod/*');
    template?.hasResourceProperties('AWS::Lambda::Function', {
      Environment: { Variables: { POWERTOOLS_SERVICE_NAME: 'audit-staging-Auditor' } },
    });
  });
});

test('makes the whole assembly in a folder that is named relative to where it runs, as the CDK command line names it', {
  timeout: 120_000,
}, async () => {
  const elsewhere = await mkdtemp(join(folder, 'elsewhere-'));
  await copyFile(EXAMPLE, join(elsewhere, 'own.json'));
  const env = {
    PATH: process.env.PATH,
    ...compileCache(),
    CDK_OUTDIR: 'cdk.out',
    CDK_CONTEXT_JSON: JSON.stringify({ config: 'own.json' }),
  };
  await promisify(execFile)(process.execPath, [join(ROOT, 'bin', 'app.ts')], { env, cwd: elsewhere });
  const made = await readdir(join(elsewhere, 'cdk.out'));
  const [asset = ''] = made.filter((name) => name.startsWith('asset.'));
  expect(await readdir(join(elsewhere, 'cdk.out', asset))).toEqual(
    expect.arrayContaining(['auditor.config.json', 'index.js', 'index.js.map', 'package.json']),
  );
  expect((await readdir(elsewhere)).sort()).toEqual(['cdk.out', 'own.json']);
});

describe("where there is no configuration of one's own", () => {
  test('the example is used, and said to be', async () => {
    const root = await mkdtemp(join(folder, 'clone-'));
    await copyFile(EXAMPLE, join(root, 'auditor.config.example.json'));
    expect(readConfigFile({ root, cwd: root })).toMatchObject({
      path: 'auditor.config.example.json',
      configuration: 'example',
    });
    await copyFile(EXAMPLE, join(root, 'auditor.config.json'));
    expect(readConfigFile({ root, cwd: root })).toMatchObject({ path: 'auditor.config.json', configuration: 'own' });
  });
});
