// Makes the request for the server of --url, with the defaults of a configuration.

import {
  type ConnectionString,
  ConnectionStringError,
  isConnectionString,
  parseConnectionString,
} from '../../../lambda/collect/secrets/connection-string.ts';
import { type Config, ConfigError, parseConfig } from '../../../lambda/config/index.ts';
import { NO_CLOUD } from '../../../lambda/model/cloud.ts';
import type { LogSource } from '../../../lambda/model/connection-log.ts';
import { endpointName } from '../../../lambda/model/endpoint.ts';
import type { CaSource } from '../../../lambda/model/target.ts';
import type { AuditOptions, AuditRequest, Environment } from '../grammar/options.ts';
import { UsageError } from '../grammar/usage-error.ts';

const FORM = 'postgres://USER@HOST:5432/DATABASE';

/** TLS settings of libpq in a URL, and the options to use instead. */
const INSTEAD: Readonly<Record<string, string>> = {
  sslrootcert: '--ca FILE',
  sslcrl: '--crl FILE',
  sslpassword: '--client-key-passphrase-file FILE, or PGSSLPASSWORD',
  sslcert: '--client-certificate FILE',
  sslkey: '--client-key FILE',
  sslnegotiation: '--ssl-negotiation',
};

/** Settings of a configured target, and their options on the command line. */
const OPTION_OF: Readonly<Record<string, string>> = {
  ca: '--ca',
  crl: '--crl',
  tlsServerName: '--tls-server-name',
  sslNegotiation: '--ssl-negotiation',
  authentication: '--authentication',
  clientCertificate: '--client-certificate',
  timeoutSeconds: '--timeout',
  probe: '--probe',
  logs: '--logs',
  sampleSeconds: '--sample',
};

/** @throws UsageError */
export function oneServer(options: AuditOptions, url: string, environment: Environment): AuditRequest {
  const { host, port, password, weakParameters } = readUrl(url);
  const { targets, concurrency, policy, alerts, mutes } = withDefaults(options, environment);
  const fallback = environment.PGPASSWORD === '' ? undefined : environment.PGPASSWORD;
  return {
    targets: targets.map((target) => ({
      ...target,
      name: endpointName(host, port),
      credentials: { option: '--url' },
    })),
    concurrency,
    policy,
    alerts,
    mutes,
    configured: undefined,
    targetNotes: [],
    cloud: NO_CLOUD,
    optionContents: { '--url': JSON.stringify({ url, password: fallback }) },
    notes: [
      ...(password === undefined
        ? []
        : [
            'warning: the password in --url can be read in the process list and the history of the shell: leave it out of the URL and set PGPASSWORD',
          ]),
      ...(password === undefined && fallback === undefined && options.clientCertificate === undefined
        ? ['note: there is no password: PGPASSWORD is not set']
        : []),
      ...(weakParameters.length === 0
        ? []
        : [
            `note: ${weakParameters.join(', ')} in --url has no effect: the audit uses TLS and verifies the server's certificate`,
          ]),
      ...Object.entries(INSTEAD)
        .filter(([name]) => new RegExp(`[?&\\s]${name}\\s*=`, 'i').test(url))
        .map(([name, option]) => `note: ${name} in --url has no effect: use ${option}`),
    ],
  };
}

function readUrl(url: string): ConnectionString & { readonly host: string } {
  // The value is not shown: it may hold a password.
  if (!isConnectionString(url)) throw new UsageError(`--url must be a connection string such as ${FORM}`);
  const parsed = parse(url);
  const { host, user } = parsed;
  if (host === undefined) throw new UsageError(`--url names no host: ${FORM}`);
  if (user === undefined) throw new UsageError(`--url names no user: ${FORM}`);
  return { ...parsed, host };
}

function parse(url: string): ConnectionString {
  try {
    return parseConnectionString(url);
  } catch (error) {
    if (error instanceof ConnectionStringError) throw new UsageError(`--url: ${error.message}`);
    throw error;
  }
}

/** A configuration of one target, so that its defaults and limits are those of every target. */
function withDefaults(options: AuditOptions, environment: Environment): Config {
  const { clientCertificate: certificateFile, clientKey: keyFile, clientKeyPassphraseFile: passphraseFile } = options;
  if ((certificateFile === undefined) !== (keyFile === undefined)) {
    throw new UsageError('--client-certificate and --client-key go together: each names a PEM file');
  }
  if (passphraseFile !== undefined && keyFile === undefined) {
    throw new UsageError('--client-key-passphrase-file goes with --client-key');
  }
  const target = {
    name: 'url',
    kind: options.kind,
    // The caller replaces it: a configuration cannot name an option.
    credentials: { env: 'PGPASSWORD' },
    ca: caSources(options, environment),
    tlsServerName: options.tlsServerName,
    sslNegotiation: options.sslNegotiation,
    authentication: options.authentication,
    crl: options.crl?.map((file) => ({ file })),
    clientCertificate:
      certificateFile === undefined
        ? undefined
        : { certificateFile, keyFile, keyPassphrase: keyPassphrase(passphraseFile, environment) },
    timeoutSeconds: options.timeout,
    probe: options.probe,
    logs: options.logs === undefined ? undefined : logSource(options.logs),
    sampleSeconds: options.sample,
  };
  try {
    return parseConfig({ targets: [target] }, { use: 'command-line' });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    const problems = error.problems.map(({ path, message }) => {
      const setting = /^targets\[0\]\.(\w+)/.exec(path)?.[1] ?? '';
      return `${OPTION_OF[setting] ?? path} ${message}`;
    });
    throw new UsageError(problems.join('\n'), { cause: error });
  }
}

/** A group may have the name of a word only as its ARN. */
function logSource(given: string): LogSource {
  return given === 'none' || given === 'server' ? given : { logGroup: given };
}

function keyPassphrase(file: string | undefined, { PGSSLPASSWORD = '' }: Environment) {
  if (file !== undefined) return { file };
  return PGSSLPASSWORD === '' ? undefined : { env: 'PGSSLPASSWORD' };
}

function caSources({ ca }: AuditOptions, { PGSSLROOTCERT }: Environment): readonly CaSource[] {
  const named = ca ?? [PGSSLROOTCERT || 'system'];
  return named.map((source) => (source === 'system' ? source : { file: source }));
}
