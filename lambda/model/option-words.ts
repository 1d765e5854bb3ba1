// Rewrites advice about settings as advice about command-line options, for targets given by --url.

import type { Failure } from './failure.ts';
import type { Target } from './target.ts';

/** Settings of a configured target, and what stands for them where --url names the server. */
const OPTIONS: Readonly<Record<string, string>> = {
  ca: '--ca',
  crl: '--crl',
  tlsServerName: '--tls-server-name',
  sslNegotiation: '--ssl-negotiation',
  clientCertificate: '--client-certificate and --client-key',
  timeoutSeconds: '--timeout',
  probe: '--probe',
  kind: '--kind',
  host: 'the host in --url',
  port: 'the port in --url',
  database: 'the database in --url',
};

const NAMES = Object.keys(OPTIONS).join('|');

/** Tried in this order: a setting with its value is said in another way than a setting alone. */
const REPLACEMENTS: readonly (readonly [RegExp, string | ((found: string, ...groups: string[]) => string)])[] = [
  [/\bset "sslNegotiation": "(direct|postgres)"(?: (?:of|for) the target)?/g, 'give --ssl-negotiation $1'],
  [/"sslNegotiation": "(direct|postgres)"/g, '--ssl-negotiation $1'],
  [/\bset "kind": "(pgbouncer|postgresql)"(?: (?:of|for) the target)?/g, 'give --kind $1'],
  [/"kind": "(pgbouncer|postgresql)"/g, '--kind $1'],
  [/"ca": "system"/g, '--ca system'],
  [/"probe": true/g, '--probe'],
  [/the secret or file that its "ca" names/g, 'the file that --ca names'],
  [/\bwhere "(ca|crl)" points/g, 'into the file that --$1 names'],
  [new RegExp(`(?:the target's )?"(${NAMES})"(?: of the target)?`, 'g'), (_found, name = '') => OPTIONS[name] ?? name],
  [
    /store JSON with "certificate" and "privateKey" as PEM texts/g,
    'name PEM files that hold them with --client-certificate and --client-key',
  ],
  [/\b(?:the )?timeoutSeconds\b(?: of targets)?/g, '--timeout'],
  [/\bset policy\.loopback to "(\w+)"/gi, 'give --loopback $1'],
];

/** Whether an option of the command line names the target: no configuration and no secret is behind it. */
export function isFromOption({ credentials }: Pick<Target, 'credentials'>): boolean {
  return 'option' in credentials;
}

/** Advice that names settings of a configuration, in the words of the command line's options. */
export function inOptions(text: string): string {
  return REPLACEMENTS.reduce(
    (shown, [pattern, replacement]) =>
      typeof replacement === 'string' ? shown.replace(pattern, replacement) : shown.replace(pattern, replacement),
    text,
  );
}

/** A failure as the report of this target shows it. */
export function failureForTarget(target: Pick<Target, 'credentials'>, failure: Failure): Failure {
  const { remedyForUrl, ...shown } = failure;
  return isFromOption(target) ? { ...shown, remedy: remedyForUrl ?? inOptions(shown.remedy) } : shown;
}
