// Refuses variables and options of Node that would weaken an audit or reveal a secret.
//
// The TLS of the audit itself does not depend on them; that of the AWS SDK and of Node does.

/** The environment of the process, or part of it. */
export type ProcessEnvironment = Readonly<Record<string, string | undefined>>;

/** As variables name them: `AWS_ENDPOINT_URL_SECRETS_MANAGER`. */
export type AwsService =
  | 'SECRETS_MANAGER'
  | 'SNS'
  | 'DYNAMODB'
  | 'S3'
  | 'SECURITYHUB'
  | 'CLOUDWATCH_LOGS'
  | 'RDS'
  | 'STS';

/** Every service that the function may use. */
export const AWS_SERVICES: readonly AwsService[] = [
  'SECRETS_MANAGER',
  'SNS',
  'DYNAMODB',
  'S3',
  'SECURITYHUB',
  'CLOUDWATCH_LOGS',
  'RDS',
  'STS',
];

export interface ProcessFacts {
  readonly environment: ProcessEnvironment;
  /** Node's own options on the command line. */
  readonly execArgv: readonly string[];
  /** The AWS services that carry secrets, state or messages. */
  readonly services: readonly AwsService[];
}

/** The facts of the present process. */
export function thisProcess(): Pick<ProcessFacts, 'environment' | 'execArgv'> {
  return { environment: process.env, execArgv: process.execArgv };
}

/**
 * An environment in which the auditor refuses to run. The message names the variable, why, and what to do; no value.
 */
export class UnsafeEnvironmentError extends Error {
  override readonly name = 'UnsafeEnvironmentError';
}

/** Options of Node, without the leading dashes, and their effects. */
const UNSAFE_OPTIONS: ReadonlyMap<string, string> = new Map([
  ['tls-min-v1.0', 'lets deprecated TLS through to AWS'],
  ['tls-min-v1.1', 'lets deprecated TLS through to AWS'],
  ['tls-cipher-list', 'changes which ciphers are accepted'],
  ['tls-keylog', 'writes the keys of every TLS session to a file'],
  ['trace-tls', 'prints what TLS sessions carry'],
  ['openssl-config', "changes OpenSSL's rules for certificates"],
  ['openssl-shared-config', "changes OpenSSL's rules for certificates"],
  ['openssl-legacy-provider', 'brings broken algorithms back'],
  ['use-openssl-ca', 'takes the CAs for AWS from where SSL_CERT_FILE and SSL_CERT_DIR say'],
  ['insecure-http-parser', 'reads malformed answers of AWS'],
  ['security-revert', 'brings known vulnerabilities of Node back'],
  ['heapsnapshot-near-heap-limit', 'writes the memory, with every secret, to a file'],
  ['heapsnapshot-signal', 'writes the memory, with every secret, to a file'],
  ['report-uncaught-exception', 'writes the environment, with its secrets, to a file'],
  ['report-on-fatalerror', 'writes the environment, with its secrets, to a file'],
  ['report-on-signal', 'writes the environment, with its secrets, to a file'],
  ['abort-on-uncaught-exception', 'lets one broken server end the audit of all'],
]);

/** A file of Lambda's runtime, which Lambda documents for functions that need the CAs of RDS. */
const LAMBDA_CA_FILE = '/var/runtime/ca-cert.pem';

/** @throws UnsafeEnvironmentError that names every problem at once */
export function refuseUnsafeEnvironment(facts: ProcessFacts): void {
  const problems = [...environmentProblems(facts), ...optionProblems(facts)];
  if (problems.length === 0) return;
  const list = problems.map((problem) => `  ${problem}`).join('\n');
  throw new UnsafeEnvironmentError(
    `the environment would weaken the audit, and nothing was audited. Take out, then run it again:\n${list}`,
  );
}

function* environmentProblems({ environment, services, ...facts }: ProcessFacts): Iterable<string> {
  const { NODE_TLS_REJECT_UNAUTHORIZED, NODE_EXTRA_CA_CERTS, OPENSSL_CONF, NODE_DEBUG } = environment;
  // Node ignores every other value.
  if (NODE_TLS_REJECT_UNAUTHORIZED === '0') {
    yield 'NODE_TLS_REJECT_UNAUTHORIZED=0: it switches off the verification of certificates, those of AWS too';
  }
  // An empty value and this file switch OpenSSL's configuration off.
  if (OPENSSL_CONF && OPENSSL_CONF !== '/dev/null') {
    yield "OPENSSL_CONF: it changes OpenSSL's rules for certificates, protocols and ciphers, those for AWS too";
  }
  if (NODE_DEBUG && /http|tls|net|\*/i.test(NODE_DEBUG)) {
    yield 'NODE_DEBUG with http, tls or net: it prints requests to AWS with their session tokens';
  }
  if (!services.some((service) => isReachedByTls(service, environment))) return;
  if (NODE_EXTRA_CA_CERTS && NODE_EXTRA_CA_CERTS !== LAMBDA_CA_FILE) {
    yield 'NODE_EXTRA_CA_CERTS: the AWS SDK would trust its CAs with every secret; audits of targets never do';
  }
  const usesSystemCa = environment.NODE_USE_SYSTEM_CA === '1' || nodeOptions(environment, facts).has('use-system-ca');
  const moved = ['SSL_CERT_FILE', 'SSL_CERT_DIR'].filter((name) => environment[name]);
  if (usesSystemCa && moved.length > 0) {
    yield `${moved.join(' and ')} beside NODE_USE_SYSTEM_CA or --use-system-ca: the AWS SDK would trust its CAs with every secret`;
  }
}

/** A plain HTTP endpoint, as in tests, is not, unless another variable makes the SDK ignore that endpoint. */
function isReachedByTls(service: AwsService, environment: ProcessEnvironment): boolean {
  const { AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: ignored, AWS_CONFIG_FILE } = environment;
  if ((ignored && ignored !== 'false') || (AWS_CONFIG_FILE && AWS_CONFIG_FILE !== '/dev/null')) return true;
  const endpoint = environment[`AWS_ENDPOINT_URL_${service}`] || environment.AWS_ENDPOINT_URL;
  return !endpoint || !/^http:/i.test(endpoint);
}

function* optionProblems({ environment, execArgv }: ProcessFacts): Iterable<string> {
  const options = nodeOptions(environment, { execArgv });
  for (const [option, effect] of UNSAFE_OPTIONS) {
    if (options.has(option)) yield `--${option} in NODE_OPTIONS, or before the program: it ${effect}`;
  }
}

/** Names of the options that Node was started with. Node takes _ for - in them. */
function nodeOptions(
  { NODE_OPTIONS = '' }: ProcessEnvironment,
  { execArgv }: Pick<ProcessFacts, 'execArgv'>,
): Set<string> {
  const given = [...execArgv, ...NODE_OPTIONS.split(/\s+/)].map((option) => option.replaceAll(/["'\\]/g, ''));
  return new Set(
    given.flatMap((option) => {
      const [, name] = /^--([^=]+)/.exec(option) ?? [];
      return name === undefined ? [] : [name.replaceAll('_', '-')];
    }),
  );
}
