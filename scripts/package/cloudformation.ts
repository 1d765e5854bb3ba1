// Writes the CloudFormation template of an auditor and the files that it deploys, for those who do without CDK.

import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { zipSync } from 'fflate';
import { PgTlsAuditorTemplateStack } from '../../lib/template-stack.ts';
import { DIST, ROOT } from './folders.ts';

/** The first moment that a zip file can name: the same files give the same bytes. */
const FILE_TIME = new Date(1980, 0, 1);

const TEMPLATE = 'pg-tls-auditor.template.json';

export function buildCloudFormation(folder = join(DIST, 'cloudformation')): void {
  mkdirSync(DIST, { recursive: true });
  // In the checkout: the bundler's names of files go by the way from here to the sources.
  const outdir = mkdtempSync(join(DIST, 'template-'));
  try {
    const { context } = JSON.parse(readFileSync(join(ROOT, 'cdk.json'), 'utf8')) as {
      context: Record<string, unknown>;
    };
    const app = new App({ outdir, context, analyticsReporting: false });
    const { artifactId } = new PgTlsAuditorTemplateStack(app, 'PgTlsAuditor');
    const { template } = app.synth().getStackArtifact(artifactId);
    mkdirSync(join(folder, 'assets'), { recursive: true });
    writeFileSync(join(folder, TEMPLATE), `${JSON.stringify(template, undefined, 1)}\n`);
    for (const name of readdirSync(outdir).filter((entry) => entry.startsWith('asset.'))) {
      const zip = zipped(join(outdir, name));
      writeFileSync(join(folder, 'assets', `${name.slice('asset.'.length)}.zip`), zip);
    }
  } finally {
    rmSync(outdir, { recursive: true });
  }
}

function zipped(folder: string): Uint8Array {
  const names = readdirSync(folder).sort();
  const files = names.map((name) => [name, new Uint8Array(readFileSync(join(folder, name)))] as const);
  return zipSync(Object.fromEntries(files), { mtime: FILE_TIME, level: 9 });
}
