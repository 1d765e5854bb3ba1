// The texts of every cause of a failure, in the words of the configuration and in those of --url.

import { describe, expect, test } from 'vitest';
import { closedPort } from '../../../lab/faulty-servers.ts';
import { diagnose } from '../../../lambda/collect/connect/diagnose.ts';
import { IdentityError } from '../../../lambda/collect/connect/tls.ts';
import { isDatabaseError } from '../../../lambda/collect/failures/database-error.ts';
import {
  handshakeFailure,
  loginFailure,
  missingPassword,
  networkFailure,
  protocolFailure,
  queryFailure,
  timedOut,
} from '../../../lambda/collect/failures/failures.ts';
import { productOf } from '../../../lambda/collect/failures/product.ts';
import { IncompleteAnswer } from '../../../lambda/collect/failures/query-refusals.ts';
import { toConsoleFailure, unexpectedConsole, wrongKind } from '../../../lambda/collect/pgbouncer/console-failures.ts';
import { parseCaBundle, parseClientCertificate } from '../../../lambda/collect/secrets/pem.ts';
import type { Endpoint } from '../../../lambda/model/endpoint.ts';
import { AuditFailure, FAILURE_CAUSES, type Failure, type FailureCause } from '../../../lambda/model/failure.ts';
import { failureForTarget, inOptions } from '../../../lambda/model/option-words.ts';
import { HOSTILE_NAMES, UNSAFE } from '../../report/hostile.ts';

interface Names {
  readonly endpoint: Endpoint;
  readonly user: string;
  readonly database: string;
  /** What the server says. */
  readonly said: string;
}

const USUAL: Names = {
  endpoint: { host: 'db.example.com', port: 5432, verifiedName: 'db.example.com', sslNegotiation: 'postgres' },
  user: 'tls_auditor',
  database: 'orders',
  said: 'said the server',
};

type Make = (names: Names) => Failure | Promise<Failure>;

const coded = (code: string): Error => Object.assign(new Error('said Node'), { code });
const network =
  (code: string): Make =>
  ({ endpoint }) =>
    networkFailure(coded(code), endpoint, 'tcp').failure;
const handshake =
  (code: string, sslNegotiation: Endpoint['sslNegotiation'] = 'postgres'): Make =>
  ({ endpoint }) =>
    handshakeFailure(coded(code), { ...endpoint, sslNegotiation }).failure;
const login =
  (code: string, fields: Readonly<Record<string, string>> = {}): Make =>
  ({ endpoint, user, database, said }) =>
    loginFailure(databaseError(code, said, fields), endpoint, user, database).failure;
const query =
  (code: string): Make =>
  ({ endpoint, said }) =>
    queryFailure(databaseError(code, said), endpoint).failure;
const TRUST = { anchors: [], bundle: [], revocationLists: [], facts: { system: false, bundle: [] } };
const certificate =
  (code: string): Make =>
  async () => {
    const { port } = await closedPort();
    const refusal = new IdentityError(code, new Error('said OpenSSL'));
    const there = { ...USUAL.endpoint, host: '127.0.0.1', port };
    return (await diagnose(refusal, there, TRUST, AbortSignal.timeout(2_000))).failure;
  };
const thrown = (act: () => unknown): Failure => {
  try {
    act();
  } catch (error) {
    if (error instanceof AuditFailure) return error.failure;
    throw error;
  }
  throw new Error('nothing was thrown');
};

function databaseError(code: string, message: string, fields: Readonly<Record<string, string>> = {}): Error {
  const error = Object.assign(new Error(message), { severity: 'FATAL', code, ...fields });
  expect(isDatabaseError(error)).toBe(true);
  return error;
}

/** Failures by their causes: at least one each. */
const FAILURES: Partial<Readonly<Record<FailureCause, readonly Make[]>>> = {
  'ca-bundle-unusable': [() => thrown(() => parseCaBundle('', 'CA bundle in file ca.pem'))],
  'client-certificate-unusable': [() => thrown(() => parseClientCertificate([''], 'client certificate in file c.pem'))],
  'host-not-found': [network('ENOTFOUND'), network('EAI_AGAIN')],
  'connection-refused': [
    network('ECONNREFUSED'),
    (names) => inPooler(networkFailure(coded('ECONNREFUSED'), names.endpoint, 'tcp'), names),
  ],
  'host-unreachable': [network('EHOSTUNREACH'), network('EINVAL'), network('EAFNOSUPPORT')],
  'connection-forbidden': [network('EACCES'), network('EPERM')],
  'auditor-out-of-resources': [network('EMFILE'), network('ENOBUFS')],
  'connection-reset': [
    network('ECONNRESET'),
    network('ECONNABORTED'),
    network('ENOTCONN'),
    ({ endpoint }) => networkFailure(coded('ECONNRESET'), endpoint, 'tls').failure,
    ({ endpoint }) => queryFailure(coded('EPIPE'), endpoint).failure,
  ],
  'timed-out': (['tcp', 'tls', 'login', 'query'] as const).map(
    (phase) =>
      ({ endpoint }) =>
        timedOut(endpoint, phase).failure,
  ),
  'not-postgresql': [
    ({ endpoint, said }) => protocolFailure(Buffer.from(`HTTP ${said}`), endpoint).failure,
    handshake('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL', 'direct'),
  ],
  'wrong-kind': [
    ({ endpoint, said }) => wrongKind(endpoint, 'a PostgreSQL server', `it is no console (${said.length})`),
    ({ endpoint, said }) => unexpectedConsole(endpoint, said).failure,
  ],
  'tls-not-offered': [
    ({ endpoint }) => protocolFailure(Buffer.from('N'), endpoint).failure,
    (names) => inPooler(protocolFailure(Buffer.from('N'), names.endpoint), names),
  ],
  'tls-version-too-old': [handshake('ERR_SSL_UNSUPPORTED_PROTOCOL')],
  'tls-handshake-failed': [
    handshake('ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE'),
    handshake('ERR_SSL_WRONG_VERSION_NUMBER'),
    handshake('ERR_SSL_DH_KEY_TOO_SMALL'),
    handshake('ERR_SSL_TLSV1_UNRECOGNIZED_NAME'),
  ],
  'direct-tls-refused': [handshake('ECONNRESET', 'direct'), handshake('ERR_SSL_WRONG_VERSION_NUMBER', 'direct')],
  'direct-tls-required': [({ endpoint }) => protocolFailure(Buffer.from([21, 3, 1, 0, 2, 2, 10]), endpoint).failure],
  'client-certificate-required': [
    handshake('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'),
    handshake('ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED'),
    handshake('ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED'),
    handshake('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'),
    handshake('ERR_SSL_SSL/TLS_ALERT_UNSUPPORTED_CERTIFICATE'),
    login('28000', { routine: 'ClientAuthentication' }),
    login('28000', { routine: 'auth_failed' }),
    (names) => inPooler(handshakeFailure(coded('ERR_SSL_TLSV1_ALERT_UNKNOWN_CA'), names.endpoint), names),
  ],
  'certificate-expired': [certificate('CERT_HAS_EXPIRED')],
  'certificate-not-yet-valid': [certificate('CERT_NOT_YET_VALID')],
  'certificate-wrong-host': [certificate('ERR_TLS_CERT_ALTNAME_INVALID')],
  'certificate-untrusted': [certificate('UNABLE_TO_VERIFY_LEAF_SIGNATURE')],
  'certificate-rejected': [certificate('CERT_REJECTED')],
  'password-rejected': [
    login('28P01'),
    ({ endpoint, user }) => missingPassword(new Error('x'), endpoint, user, 'secret prod/orders').failure,
    (names) =>
      inPooler(
        loginFailure(databaseError('08P01', 'SASL authentication failed'), names.endpoint, names.user, 'x'),
        names,
      ),
  ],
  'login-refused': [
    login('28000'),
    login('28000', { routine: 'InitializeSessionUserId' }),
    ({ endpoint, user, database }) =>
      loginFailure(databaseError('28000', 'no pg_hba.conf entry for host "::1"'), endpoint, user, database).failure,
    ({ endpoint, user, database }) =>
      loginFailure(databaseError('28000', 'PAM authentication failed'), endpoint, user, database).failure,
    ({ endpoint, user, database }) =>
      loginFailure(new Error('SASL: Only mechanism(s) SCRAM-SHA-256 are supported'), endpoint, user, database).failure,
    (names) => inPooler(loginFailure(databaseError('08P01', 'not allowed'), names.endpoint, names.user, 'x'), names),
  ],
  'database-missing': [login('3D000'), login('57P04')],
  'database-refused': [
    ({ endpoint, user, database }) =>
      loginFailure(
        databaseError('42501', 'permission denied for database "x"', { routine: 'CheckMyDatabase' }),
        endpoint,
        user,
        database,
      ).failure,
    ({ endpoint, user, database }) =>
      loginFailure(
        databaseError('55000', 'database "x" is not currently accepting connections', { routine: 'CheckMyDatabase' }),
        endpoint,
        user,
        database,
      ).failure,
  ],
  'endpoint-not-found': ['Endpoint ID is not specified', 'Tenant or user not found'].map(said),
  'endpoint-disabled': ['The endpoint has been disabled', 'exceeded the compute time quota', 'project is paused'].map(
    said,
  ),
  'login-code-failed': [login('P0001', { where: 'PL/pgSQL function deny()' }), login('58P01', { file: 'dfmgr.c' })],
  'too-many-connections': [
    ...['InitializeSessionUserId', 'CheckMyDatabase', 'InitPostgres', 'InitProcess'].map((routine) =>
      login('53300', { routine }),
    ),
    (names) => inPooler(loginFailure(databaseError('53300', 'x'), names.endpoint, names.user, 'x'), names),
  ],
  'server-not-ready': [
    login('57P03'),
    login('57P03', { detail: 'Hot standby mode is disabled.' }),
    login('57P01'),
    login('57P02'),
    ({ endpoint, said }) => protocolFailure(Buffer.from(`E${said}\0`), endpoint).failure,
  ],
  'server-out-of-resources': [login('53100'), query('53200'), query('53400')],
  'server-fault': [login('58030'), query('58P01'), query('XX001')],
  'login-failed': [login('XX000'), login('0A000'), login('42501')],
  'product-unsupported': ['Redshift', 'CockroachDB', 'Greenplum', 'PgCat 1.2.0', '11.2-YB-2', 'CrateDB', 'QuestDB'].map(
    (text): Make =>
      ({ endpoint }) =>
        queryFailure(undefined, endpoint, productOf(text)).failure,
  ),
  'query-failed': [query('42P01'), query('42501'), query('XX000')],
  'query-canceled': [query('57014'), query('55P03')],
  'answer-incomplete': [({ endpoint }) => queryFailure(new IncompleteAnswer(1, 9), endpoint).failure],
  'recovery-conflict': [query('40001')],
  'session-ended': [query('57P05'), query('25P03')],
};

/**
 * Made by an audit as a whole, by what reads secrets or certificates, or by the protocol; walked in tests of their own.
 */
const ELSEWHERE: readonly string[] = [
  'secret-not-found',
  'secret-access-denied',
  'secret-unavailable',
  'secret-unusable',
  'iam-token-failed',
  'crl-unusable',
  'certificate-revoked',
  'certificate-revocation-unknown',
  'protocol-violation',
  'answer-too-large',
  'answer-unusable',
  'server-not-proved',
  'channel-binding-failed',
  'authentication-unsupported',
  'authentication-not-allowed',
  'version-unsupported',
  'version-unknown',
  'out-of-time',
  'worker-failed',
  'interrupted',
  'network-unknown',
  'internal-error',
];

function said(words: string): Make {
  return ({ endpoint, user, database }) =>
    loginFailure(databaseError('XX000', words), endpoint, user, database).failure;
}

function inPooler(error: AuditFailure, { endpoint, user }: Names): Failure {
  const shown = toConsoleFailure(error, endpoint, { user });
  if (!(shown instanceof AuditFailure)) throw new Error('no failure');
  return shown.failure;
}

const CASES = FAILURE_CAUSES.flatMap((cause) =>
  (FAILURES[cause] ?? []).map((make, index) => [`${cause} ${index + 1}`, cause, make] as const),
);

test('there is a case for each cause', () => {
  const walked = [...new Set(CASES.map(([, cause]) => cause)), ...ELSEWHERE];
  expect(FAILURE_CAUSES.filter((cause) => !walked.includes(cause))).toEqual([]);
});

/** What an instruction begins with. */
const VERBS =
  /^(add|allow|audit|check|compare|create|enable|export|find|free|give|in pgbouncer\.ini set|install|issue|leave|let|look|lower|name|put|raise|restore|resume|set|store|take|treat|upgrade|use|wait)\b/;
const SETTINGS =
  /"(ca|crl|tlsServerName|sslNegotiation|clientCertificate|host|port|database|timeoutSeconds|kind|probe|concurrency|secret)"|timeoutSeconds|of the target\b|\bsecret\b/;
const OPTIONS = /(^|\s)--(?:url|ca|crl|tls-server-name|ssl-negotiation|client-|timeout|kind|probe)|PGPASSWORD/;
const CONFIGURED = { credentials: { secret: 'prod/orders' } } as const;
const FROM_URL = { credentials: { option: '--url' } } as const;

describe.each(CASES)('%s', (_name, cause, make) => {
  test('is one sentence, and an instruction in the words of where the target came from', async () => {
    const failure = await make(USUAL);
    expect(failure.cause).toBe(cause);
    const configured = failureForTarget(CONFIGURED, failure);
    const fromUrl = failureForTarget(FROM_URL, failure);
    for (const shown of [configured, fromUrl]) {
      expect(shown).not.toHaveProperty('remedyForUrl');
      expect(shown.message).toMatch(/^\S[^\n]*[^.\s]$/);
      expect(shown.message).not.toMatch(/[.!?] [A-Z]|undefined|\[object/);
      expect(shown.remedy.replace(/^"sslNegotiation".*?:|^--ssl-negotiation direct needs/, 'check')).toMatch(VERBS);
      expect(shown.remedy).not.toMatch(/undefined|\[object|\bwhoever\b|\bsomebody\b|\bnobody\b/);
    }
    expect(configured.remedy).not.toMatch(OPTIONS);
    expect(fromUrl.remedy).not.toMatch(SETTINGS);
    for (const line of configured.remedy.split('\n')) expect(statementsIn(line)).toBeLessThanOrEqual(1);
  });

  test.each(HOSTILE_NAMES)('escapes %s in what comes from outside', async (_what, hostile) => {
    const failure = await make({
      endpoint: { ...USUAL.endpoint, host: `h${hostile}`, verifiedName: `h${hostile}` },
      user: hostile,
      database: hostile,
      said: hostile,
    });
    for (const shown of [failureForTarget(CONFIGURED, failure), failureForTarget(FROM_URL, failure)]) {
      expect(shown.message).not.toMatch(UNSAFE);
      expect(shown.remedy.replaceAll('\n', '')).not.toMatch(UNSAFE);
      expect(shown.message.length).toBeLessThan(1_000);
      expect(shown.remedy.length).toBeLessThan(1_500);
    }
  });
});

/** psql -c sends a line in one message, in which ALTER SYSTEM stands beside nothing. */
function statementsIn(line: string): number {
  return line.match(/\b(?:ALTER|SELECT|GRANT|CREATE|REVOKE)\b[^;]*;/g)?.length ?? 0;
}

test.each([
  ['set the target\'s "ca" to the CA', 'set --ca to the CA'],
  [
    'set "host" to a name it carries, or "tlsServerName" when',
    'set the host in --url to a name it carries, or --tls-server-name when',
  ],
  [
    'check host and port; "sslNegotiation": "direct" needs PostgreSQL 17',
    'check host and port; --ssl-negotiation direct needs PostgreSQL 17',
  ],
  ['set "sslNegotiation": "direct" for the target', 'give --ssl-negotiation direct'],
  ['in the secret or file that its "ca" names', 'in the file that --ca names'],
  ['trust those of the system ("ca": "system")', 'trust those of the system (--ca system)'],
  ['("probe": true turns it on)', '(--probe turns it on)'],
  ['raise "timeoutSeconds" of the target if it is only slow', 'raise --timeout if it is only slow'],
  ['GRANT pg_monitor TO "host owner";', 'GRANT pg_monitor TO "host owner";'],
])('advice in options: %s', (configured, options) => {
  expect(inOptions(configured)).toBe(options);
});
