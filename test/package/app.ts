// CDK apps that use the package, and what is made of them: template, files of the functions, a run.

import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AwsEndpoint } from '../../lab/aws.ts';
import { compileCache } from '../../lab/compile-cache.ts';
import { type Report, reportSchema } from '../../lambda/report/schema.ts';
import { ROOT } from './install.ts';

const run = promisify(execFile);

/** Auditors by the names of their targets, with no optional part, with all of them, and as a fleet. */
const CONFIGS = {
  orders: {
    defaults: { ca: { secret: 'shared/ca' } },
    deployment: { state: 'none' },
    targets: [{ name: 'orders', secret: 'prod/orders' }],
  },
  off: { deployment: { state: 'none', evidence: 'none' }, targets: [{ name: 'off', secret: 'prod/off' }] },
  on: {
    deployment: { securityHub: true },
    targets: [{ name: 'on', credentials: 'iam', role: 'tls_auditor', host: 'on.internal', logs: { logGroup: '/on' } }],
    discovery: [
      {
        rds: { regions: ['eu-west-1'], accounts: [{ roleArn: 'arn:aws:iam::111122223333:role/reader' }] },
        credentials: 'iam',
        role: 'tls_auditor',
      },
    ],
  },
  fleet: { deployment: { fleet: {} }, targets: [{ name: 'fleet', secret: 'prod/fleet' }] },
};

/** An app as a program that CommonJS and ESM both are. @param library, cdk - Expressions that give the modules. */
export function appOf(library: string, cdk: string): string {
  return `(async () => {
    const { App, Stack } = ${cdk};
    const { PgTlsAuditor } = ${library};
    const app = new App({ analyticsReporting: false });
    const stack = new Stack(app, 'Databases');
    for (const [name, config] of Object.entries(${JSON.stringify(CONFIGS)})) new PgTlsAuditor(stack, name, { config });
    app.synth();
  })();\n`;
}

export interface Assembly {
  /** Of the only stack, without the hashes of what is uploaded. */
  readonly template: object;
  /** Folders of functions, by the names of their targets. */
  readonly assets: ReadonlyMap<string, string>;
  readonly hashes: readonly string[];
}

/** Runs an app on this Node.js. */
export async function synthesize(cwd: string, file: string): Promise<Assembly> {
  const out = await mkdtemp(join(cwd, 'cdk.out-'));
  const env = { PATH: process.env.PATH, ...compileCache(), CDK_OUTDIR: out };
  await run(process.execPath, [file], { cwd, env });
  const names = (await readdir(out)).sort();
  const hashes = names.filter((name) => /^asset\.[^.]+$/.test(name));
  const [template = ''] = names.filter((name) => name.endsWith('.template.json'));
  const text = await readFile(join(out, template), 'utf8');
  const assets = await Promise.all(
    hashes.map(async (name): Promise<[string, string]> => {
      const { targets } = JSON.parse(await readFile(join(out, name, 'auditor.config.json'), 'utf8'));
      return [(targets as readonly { name: string }[]).map((target) => target.name).join(), join(out, name)];
    }),
  );
  return {
    template: JSON.parse(text.replaceAll(/[0-9a-f]{64}/g, '<hash>')),
    assets: new Map(assets.sort(([a], [b]) => (a < b ? -1 : 1))),
    hashes,
  };
}

/** The modules of ours, and the clients of AWS, of which something is in the scripts of a function. */
export async function modulesOf(asset: string): Promise<readonly string[]> {
  const maps = (await readdir(asset)).filter((name) => name.endsWith('.map'));
  const sources = await Promise.all(
    maps.map(async (name) => {
      const map = JSON.parse(await readFile(join(asset, name), 'utf8')) as { sources: readonly string[] };
      return map.sources.map((source) => source.replace(/^.*?(?=(lambda|lib|node_modules)\/)|^(\.\.\/)+/, ''));
    }),
  );
  return [...new Set(sources.flat())].filter((source) => /^lambda\/|\/client-[\w-]+\//.test(source)).sort();
}

/** Loads a function as Lambda does, and invokes it once, with a test alert. */
export async function invoke(asset: string, aws: AwsEndpoint): Promise<Report> {
  const program = `
    const { handler } = require(process.argv[1]);
    const context = { awsRequestId: 'request-1', getRemainingTimeInMillis: () => 60_000 };
    handler({ testAlert: true }, context).then((report) => process.stdout.write('\\nREPORT' + JSON.stringify(report)));`;
  const { stdout } = await run(process.execPath, ['--eval', program, join(asset, 'index.js')], {
    cwd: asset,
    env: {
      ...aws.environment(),
      ALERT_TOPIC_ARN: aws.topicArn,
      EVIDENCE_BUCKET: aws.bucket,
      POWERTOOLS_SERVICE_NAME: 'orders',
      POWERTOOLS_METRICS_NAMESPACE: 'PgTlsAuditor',
      // Lambda's runtime brings some clients of the SDK.
      NODE_PATH: join(ROOT, 'node_modules'),
    },
    maxBuffer: 64 * 1024 * 1024,
  });
  return reportSchema.parse(
    JSON.parse(stdout.slice(stdout.indexOf('\nREPORT') + '\nREPORT'.length).split('\n')[0] ?? ''),
  );
}

/** Whether a script loads and has a handler, with nothing but itself and what Lambda's runtime brings. */
export async function loads(script: string): Promise<boolean> {
  const program = 'process.stdout.write(typeof require(process.argv[1]).handler)';
  const env = { AWS_REGION: 'eu-west-1', NODE_PATH: join(ROOT, 'node_modules') };
  const { stdout } = await run(process.execPath, ['--eval', program, script], { cwd: '/', env });
  return stdout === 'function';
}

export interface Compilation {
  readonly exitCode: number;
  readonly output: string;
}

/** Compiles the files, strictly and with the declarations of their packages. */
export async function compile(cwd: string, files: readonly string[], options: object): Promise<Compilation> {
  const compiler = createRequire(import.meta.url)
    .resolve('typescript/package.json')
    .replace('package.json', 'bin/tsc');
  const strictly = ['--noEmit', '--strict', '--skipLibCheck', 'false', '--target', 'es2022', '--types', 'node'];
  const given = Object.entries(options).flatMap(([name, value]) => [`--${name}`, String(value)]);
  return await new Promise((resolve) => {
    execFile(process.execPath, [compiler, ...strictly, ...given, ...files], { cwd }, (error, stdout, stderr) =>
      resolve({ exitCode: Number(error?.code ?? 0), output: stdout + stderr }),
    );
  });
}

/** A program that reads reports. */
export const READER = `
import { parseReport, ReportError, type AuditReport, type ReportFinding } from 'pg-tls-auditor/report';
import { PgTlsAuditor, type AuditorConfig, type PgTlsAuditorProps } from 'pg-tls-auditor';

export function worst(text: string): ReportFinding | undefined {
  try {
    const report: AuditReport = parseReport(JSON.parse(text));
    return report.findings[0];
  } catch (error) {
    if (error instanceof ReportError) return undefined;
    throw error;
  }
}
const config: AuditorConfig = { alerts: { minSeverity: 'high' }, targets: [{ name: 'a', secret: 'b' }] };
export const props: PgTlsAuditorProps = { config };
export const made: typeof PgTlsAuditor = PgTlsAuditor;
// @ts-expect-error: no severity has this name
export const wrong: AuditorConfig = { alerts: { minSeverity: 'severe' } };
`;
