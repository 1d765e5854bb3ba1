// The CDK app: makes the stack of an auditor, or of one of its satellites, from a configuration file.
//
// Settings: -c config=PATH, -c stackName=NAME (of the auditor), -c satellite=NAME, -c secretNamePrefixes=a/,b/.

import { join } from 'node:path';
import { App, type Environment } from 'aws-cdk-lib';
import { ConfigError } from '../lambda/config/index.ts';
import { showGiven } from '../lambda/model/given-text.ts';
import { ConfigFileError, readConfigFile } from '../lib/config-file.ts';
import { PgTlsAuditorStack } from '../lib/pg-tls-auditor-stack.ts';
import { PgTlsAuditorSatelliteStack } from '../lib/satellite-stack.ts';

// No synthesis on exit: an incomplete stack must not be written after an error.
const app = new App({ autoSynth: false });
const setting = (name: string): string | undefined => {
  const value: unknown = app.node.tryGetContext(name);
  return typeof value === 'string' && value !== '' ? value : undefined;
};

/** A setting of -c that cannot be used. */
class SettingError extends Error {
  override readonly name = 'SettingError';
}

/** CloudFormation's rule for names. The CDK would answer a bad name with a stack trace. */
function stackName(): string {
  const name = setting('stackName') ?? 'pg-tls-auditor';
  if (/^[A-Za-z][A-Za-z0-9-]{0,127}$/.test(name)) return name;
  throw new SettingError(
    `-c stackName must be 1 to 128 letters, digits and hyphens, starting with a letter, got ${showGiven(name, 160)}`,
  );
}

interface Place {
  readonly account?: string | undefined;
  readonly region?: string | undefined;
}

/** Where the stack is deployed to; without a setting, where the credentials at hand lead. */
function environmentOf({ account, region }: Place = {}): { readonly env?: Environment } {
  if (account === undefined && region === undefined) return {};
  return { env: { ...(account === undefined ? {} : { account }), ...(region === undefined ? {} : { region }) } };
}

try {
  const { path, document, configuration } = readConfigFile({
    root: join(import.meta.dirname, '..'),
    path: setting('config'),
    cwd: process.cwd(),
  });
  const satellite = setting('satellite');
  const props = { config: document, configSource: path, secretNamePrefixes: setting('secretNamePrefixes')?.split(',') };
  if (satellite === undefined) {
    new PgTlsAuditorStack(app, 'PgTlsAuditor', {
      ...props,
      configuration,
      stackName: stackName(),
      ...environmentOf(document.deployment),
    });
  } else {
    const auditorName = stackName();
    new PgTlsAuditorSatelliteStack(app, 'PgTlsAuditorSatellite', {
      ...props,
      satellite,
      auditorName,
      stackName: `${auditorName}-${satellite}`,
      ...environmentOf(document.satellites?.[satellite]),
    });
  }
  app.synth();
} catch (error) {
  if (!(error instanceof ConfigError || error instanceof ConfigFileError || error instanceof SettingError)) throw error;
  // A mistake in the input is not a defect: a stack trace would only hide the message.
  console.error(`\n${error.message}\n`);
  process.exitCode = 1;
}
