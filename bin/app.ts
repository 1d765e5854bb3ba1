// CDK entry point: the configuration file becomes the stack. Settings: -c config=PATH, -c stackName=NAME,
// -c secretNamePrefixes=a/,b/.

import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { ConfigError } from '../lambda/config.ts';
import { ConfigFileError, readConfigFile } from '../lib/config-file.ts';
import { PgTlsAuditorStack } from '../lib/pg-tls-auditor-stack.ts';

// Not by itself on exit: a stack that a mistake left half made must not be written.
const app = new App({ autoSynth: false });
const setting = (name: string): string | undefined => {
  const value: unknown = app.node.tryGetContext(name);
  return typeof value === 'string' && value !== '' ? value : undefined;
};

try {
  const { path, document, configuration } = readConfigFile({
    root: join(import.meta.dirname, '..'),
    path: setting('config'),
    cwd: process.cwd(),
  });
  new PgTlsAuditorStack(app, 'PgTlsAuditor', {
    config: document,
    configSource: path,
    configuration,
    stackName: setting('stackName') ?? 'pg-tls-auditor',
    secretNamePrefixes: setting('secretNamePrefixes')?.split(','),
  });
  app.synth();
} catch (error) {
  if (!(error instanceof ConfigError || error instanceof ConfigFileError)) throw error;
  // A person's mistake, not the program's: a stack trace would only hide the message.
  console.error(`\n${error.message}\n`);
  process.exitCode = 1;
}
