import { describe, expect, test } from 'vitest';
import {
  handshakeFailure,
  isDatabaseError,
  isPasswordRejected,
  loginFailure,
  networkFailure,
  protocolFailure,
  queryFailure,
  timedOut,
} from '../../../lambda/collect/failures/failures.ts';
import type { Endpoint } from '../../../lambda/model/endpoint.ts';
import { AuditFailure, FAILURE_CAUSES, type FailureCause, type Phase } from '../../../lambda/model/failure.ts';
import { HOSTILE_NAMES, UNSAFE } from '../../report/hostile.ts';

const ENDPOINT: Endpoint = {
  host: 'db.example.com',
  port: 6432,
  verifiedName: 'db.example.com',
  sslNegotiation: 'postgres',
};
const IPV6: Endpoint = { ...ENDPOINT, host: '2001:db8::1' };
const DIRECT: Endpoint = { ...ENDPOINT, sslNegotiation: 'direct' };

const coded = (code: string, message = `said ${code}`): Error => Object.assign(new Error(message), { code });
const database = (code: string, message = 'said the server'): Error =>
  Object.assign(new Error(message), { code, severity: 'FATAL' });
const login = (error: unknown, endpoint = ENDPOINT): AuditFailure =>
  loginFailure(error, endpoint, 'tls_auditor', 'orders');

/** What every failure owes to people: a stable cause, a sentence without a period, a remedy of one or more lines. */
function expectWhole(failure: AuditFailure): void {
  expect(FAILURE_CAUSES).toContain(failure.failure.cause);
  expect(failure.message).toBe(failure.failure.message);
  expect(failure.message).toMatch(/^\S.*[^.\s]$/);
  expect(failure.failure.remedy).toMatch(/^\S.+[^.\s]$/s);
  expect(`${failure.message}\n${failure.failure.remedy}`).not.toMatch(/undefined|null|NaN|\[object|\(\)$/m);
}

describe('the network', () => {
  test.each<[string, FailureCause, boolean, RegExp]>([
    ['ENOTFOUND', 'host-not-found', false, /^The host db\.example\.com has no address \(ENOTFOUND\)$/],
    ['ENODATA', 'host-not-found', false, /no address \(ENODATA\)$/],
    [
      'EAI_AGAIN',
      'host-not-found',
      true,
      /^The DNS server gave no answer for the host db\.example\.com \(EAI_AGAIN\)$/,
    ],
    ['ECONNREFUSED', 'connection-refused', false, /^db\.example\.com:6432 refuses TCP connections \(ECONNREFUSED\)$/],
    ['EHOSTUNREACH', 'host-unreachable', false, /no route to db\.example\.com:6432 \(EHOSTUNREACH\)$/],
    ['ENETUNREACH', 'host-unreachable', false, /no route to db\.example\.com:6432/],
    ['EADDRNOTAVAIL', 'host-unreachable', false, /no route to db\.example\.com:6432/],
    ['ETIMEDOUT', 'timed-out', false, /^db\.example\.com:6432 gave no answer in time while TCP was opened$/],
    ['ECONNRESET', 'connection-reset', true, /^db\.example\.com:6432 closed the connection .* \(ECONNRESET\)$/],
    ['EPIPE', 'connection-reset', true, /closed the connection .* \(EPIPE\)$/],
    ['EAI_FAIL', 'host-not-found', true, /DNS server gave no answer/],
    ['EAI_NONAME', 'host-not-found', false, /has no address/],
    ['EHOSTDOWN', 'host-unreachable', false, /no route/],
    ['ENETDOWN', 'host-unreachable', false, /no route/],
    ['EAFNOSUPPORT', 'host-unreachable', false, /cannot connect to an address such as/],
    ['EINVAL', 'host-unreachable', false, /cannot connect to an address such as/],
    [
      'EACCES',
      'connection-forbidden',
      false,
      /own machine does not allow a connection to db\.example\.com:6432 \(EACCES\)$/,
    ],
    ['EPERM', 'connection-forbidden', false, /own machine does not allow/],
    ['EMFILE', 'auditor-out-of-resources', true, /has no socket or memory left/],
    ['ENFILE', 'auditor-out-of-resources', true, /has no socket or memory left/],
    ['ENOBUFS', 'auditor-out-of-resources', true, /has no socket or memory left/],
    ['ECONNABORTED', 'connection-reset', true, /closed the connection/],
    ['ENOTCONN', 'connection-reset', true, /closed the connection/],
    ['ESOMETHING', 'connection-reset', true, /closed the connection .* \(ESOMETHING\)$/],
  ])('%s is %s', (code, cause, transient, message) => {
    const error = coded(code);
    const failure = networkFailure(error, ENDPOINT, 'tcp');
    expectWhole(failure);
    expect(failure.failure).toMatchObject({ cause, phase: 'tcp' });
    expect(failure.message).toMatch(message);
    expect(failure.transient).toBe(transient);
    if (cause !== 'timed-out') expect(failure.cause).toBe(error);
  });

  test('an error without a code is a connection that broke', () => {
    const failure = networkFailure(new Error('Connection terminated unexpectedly'), ENDPOINT, 'query');
    expectWhole(failure);
    expect(failure.failure.cause).toBe('connection-reset');
    expect(failure.message).toBe('db.example.com:6432 closed the connection while the audit queries ran');
  });

  test.each<[string, readonly string[], FailureCause]>([
    ['all refuse', ['ECONNREFUSED', 'ECONNREFUSED'], 'connection-refused'],
    ['IPv6 has no route, IPv4 refuses', ['ENETUNREACH', 'ECONNREFUSED'], 'connection-refused'],
    ['IPv6 has no address to leave from, IPv4 is silent', ['EADDRNOTAVAIL', 'ETIMEDOUT'], 'timed-out'],
    ['IPv4 refuses, IPv6 has no route', ['ECONNREFUSED', 'EHOSTUNREACH'], 'connection-refused'],
    ['none has a route', ['ENETUNREACH', 'EHOSTUNREACH'], 'host-unreachable'],
    ['none is known', [], 'connection-reset'],
  ])('of several addresses, the one that says most tells the cause: %s', (_what, codes, cause) => {
    const error = new AggregateError(codes.map((code) => coded(code)));
    const failure = networkFailure(error, ENDPOINT, 'tcp');
    expectWhole(failure);
    expect(failure.failure.cause).toBe(cause);
  });

  test('of several addresses that fail in different ways, each is named', () => {
    const errors = [
      Object.assign(coded('ECONNREFUSED'), { address: '2001:db8::1' }),
      Object.assign(coded('ETIMEDOUT'), { address: '192.0.2.1' }),
    ];
    const { message } = networkFailure(new AggregateError(errors), ENDPOINT, 'tcp');
    expect(message).toMatch(/refuses TCP connections \(ECONNREFUSED at 2001:db8::1, ETIMEDOUT at 192\.0\.2\.1\)$/);
  });

  test.each([[28], [null], [{}], ['']])('a code that is none, such as %j, is left out', (code) => {
    const error = Object.assign(new Error('odd'), { code });
    for (const failure of [networkFailure(error, ENDPOINT, 'tcp'), handshakeFailure(error, ENDPOINT), login(error)]) {
      expectWhole(failure);
      expect(failure.failure.cause).toBe('connection-reset');
      expect(failure.message).not.toMatch(/\(/);
    }
    expect(isDatabaseError(error)).toBe(false);
  });

  test.each([undefined, null, 'a text', 7])('what is no error, such as %j, crashes nothing', (thrown) => {
    expect(isDatabaseError(thrown)).toBe(false);
    for (const failure of [networkFailure(thrown, ENDPOINT, 'tcp'), handshakeFailure(thrown, ENDPOINT)]) {
      expectWhole(failure);
    }
  });

  test.each<[Phase, RegExp, RegExp]>([
    ['tcp', /while TCP was opened/, /security group and network ACLs/],
    ['tls', /during the TLS negotiation/, /timeoutSeconds/],
    ['login', /during login/, /timeoutSeconds/],
    ['query', /while the audit queries ran/, /timeoutSeconds/],
    ['secrets', /while secrets were read/, /timeoutSeconds/],
    ['waiting', /before the audit began/, /timeoutSeconds/],
  ])('silence and resets say in which phase they came: %s', (phase, message, remedy) => {
    for (const failure of [timedOut(ENDPOINT, phase), networkFailure(coded('ECONNRESET'), ENDPOINT, phase)]) {
      expectWhole(failure);
      expect(failure.failure.phase).toBe(phase);
      expect(failure.message).toMatch(message);
    }
    expect(timedOut(ENDPOINT, phase).failure.remedy).toMatch(remedy);
    expect(timedOut(ENDPOINT, phase).transient).toBe(false);
  });
});

describe('the answer to SSLRequest', () => {
  const errorResponse = (message: string): Buffer => {
    const fields = Buffer.from(`SFATAL\0VFATAL\0C53300\0M${message}\0Fpostmaster.c\0\0`);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(fields.length + 4);
    return Buffer.concat([Buffer.from('E'), length, fields]);
  };

  test.each<[string, Buffer, FailureCause, RegExp]>([
    ['N', Buffer.from('N'), 'tls-not-offered', /does not offer TLS.*no credentials were sent$/],
    [
      'an ErrorResponse',
      errorResponse('sorry, too many clients already'),
      'server-not-ready',
      /with an error \(SQLSTATE 53300: too many connections\)$/,
    ],
    [
      'an error of a server that could not fork',
      Buffer.from('Ecould not fork new process for connection: Cannot allocate memory\n\0'),
      'server-not-ready',
      /with an error without an SQLSTATE$/,
    ],
    [
      'S and more',
      Buffer.from('SR\0\0\0\b\0\0\0\0'),
      'tls-handshake-failed',
      /sent 9 unencrypted bytes after agreeing to TLS/,
    ],
    ['S twice', Buffer.from('SS'), 'tls-handshake-failed', /sent 1 unencrypted bytes/],
    ['SSH', Buffer.from('SSH-2.0-OpenSSH_9.6\r\n'), 'not-postgresql', /it answered with an SSH banner$/],
    ['HTTP', Buffer.from('HTTP/1.1 400 Bad Request\r\n\r\n'), 'not-postgresql', /it answered with an HTTP answer$/],
    ['N and more', Buffer.from('NO'), 'not-postgresql', /2 bytes that are not PostgreSQL's$/],
    ['MySQL', Buffer.from('J\0\0\0\n8.0.36\0'), 'not-postgresql', /a greeting of MySQL or MariaDB$/],
    ['random bytes', Buffer.of(0xde, 0xad, 0xbe, 0xef), 'not-postgresql', /4 bytes that are not PostgreSQL's$/],
    ['Redis', Buffer.from("-ERR unknown command '\0'\r\n"), 'not-postgresql', /an answer of Redis/],
    ['SMTP', Buffer.from('220 mail.example.com ESMTP'), 'not-postgresql', /a greeting of a mail or file server$/],
    ['a TLS alert', Buffer.of(0x15, 3, 1, 0, 2, 2, 40), 'direct-tls-required', /with an alert of TLS itself$/],
  ])('%s', (_what, answer, cause, message) => {
    const failure = protocolFailure(answer, ENDPOINT);
    expectWhole(failure);
    expect(failure.failure).toMatchObject({ cause, phase: 'tls' });
    expect(failure.message).toMatch(message);
    expect(failure.message).toMatch(/^db\.example\.com:6432 /);
    expect(failure.transient).toBe(cause === 'server-not-ready');
  });

  test('bytes after the S are called an attack, and nothing else is', () => {
    expect(protocolFailure(Buffer.from('SR'), ENDPOINT).failure.remedy).toMatch(/attack.*CVE-2021-23222/);
    for (const answer of ['N', 'SSH-2.0', 'HTTP/1.1', 'Eno']) {
      expect(protocolFailure(Buffer.from(answer), ENDPOINT).failure.remedy).not.toMatch(/attack/);
    }
  });

  test.each([...HOSTILE_NAMES, ['a canary', 'canary-Xq7'] as const])(
    '%s in an answer is not quoted',
    (_what, hostile) => {
      for (const answer of [errorResponse(hostile), Buffer.from(`E${hostile}\0`), Buffer.from(`x${hostile}`)]) {
        const { message } = protocolFailure(answer, ENDPOINT);
        expect(message).not.toMatch(UNSAFE);
        expect(message).not.toMatch(/canary|evil|channel/);
        expect(message.length).toBeLessThan(200);
      }
    },
  );

  test('an ErrorResponse without a message, or cut off, is an error all the same', () => {
    for (const answer of ['E', 'E\0\0\0\x08', 'E\0\0\0\x0cSFATAL\0\0']) {
      expect(protocolFailure(Buffer.from(answer), ENDPOINT).failure.cause).toBe('server-not-ready');
    }
  });
});

describe('the handshake', () => {
  test.each<[string, string, FailureCause]>([
    ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', '', 'tls-version-too-old'],
    ['ERR_SSL_UNSUPPORTED_PROTOCOL', '', 'tls-version-too-old'],
    ['ERR_SSL_VERSION_TOO_LOW', '', 'tls-version-too-old'],
    ['EPROTO', 'write EPROTO 00:error:0A000102:SSL routines::unsupported protocol:', 'tls-version-too-old'],
    ['EPROTO', 'write EPROTO 00:error:0A00042E:SSL routines::tlsv1 alert protocol version:', 'tls-version-too-old'],
    ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', '', 'client-certificate-required'],
    ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', '', 'client-certificate-required'],
    ['ERR_SSL_SSLV3_ALERT_BAD_CERTIFICATE', '', 'client-certificate-required'],
    ['ERR_SSL_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE', '', 'client-certificate-required'],
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_EXPIRED', '', 'client-certificate-required'],
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_REVOKED', '', 'client-certificate-required'],
    ['ERR_SSL_SSLV3_ALERT_CERTIFICATE_UNKNOWN', '', 'client-certificate-required'],
    ['ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE', '', 'tls-handshake-failed'],
    ['ERR_SSL_WRONG_VERSION_NUMBER', '', 'tls-handshake-failed'],
    ['EPROTO', 'write EPROTO 00:error:0A000438:SSL routines::tlsv1 alert internal error', 'tls-handshake-failed'],
    ['ECONNRESET', '', 'connection-reset'],
    ['ETIMEDOUT', '', 'timed-out'],
  ])('%s %s', (code, message, cause) => {
    const failure = handshakeFailure(coded(code, message), ENDPOINT);
    expectWhole(failure);
    expect(failure.failure).toMatchObject({ cause, phase: 'tls' });
    expect(failure.message).toContain('db.example.com:6432');
    expect(failure.transient).toBe(cause === 'connection-reset');
  });

  test('an error without a code is a connection that broke', () => {
    const failure = handshakeFailure(new Error('socket hang up'), ENDPOINT);
    expectWhole(failure);
    expect(failure.failure.cause).toBe('connection-reset');
  });

  test('a failed direct negotiation says which servers know it', () => {
    const remedyOf = (endpoint: Endpoint): string =>
      handshakeFailure(coded('ERR_SSL_WRONG_VERSION_NUMBER'), endpoint).failure.remedy;
    expect(remedyOf(DIRECT)).toMatch(/PostgreSQL 17/);
    expect(remedyOf(ENDPOINT)).not.toMatch(/PostgreSQL 17/);
  });

  test('a reset in a direct handshake says so too: it is what older servers do', () => {
    const failure = handshakeFailure(coded('ECONNRESET'), DIRECT);
    expectWhole(failure);
    expect(failure.failure).toMatchObject({ cause: 'direct-tls-refused', phase: 'tls' });
    expect(failure.failure.remedy).toMatch(/PostgreSQL 17/);
    expect(failure.transient).toBe(true);
    for (const other of [handshakeFailure(coded('ECONNRESET'), ENDPOINT), login(coded('ECONNRESET'), DIRECT)]) {
      expect(other.failure.remedy).not.toMatch(/PostgreSQL 17/);
    }
  });
});

describe('login', () => {
  test.each<[string, string, FailureCause, boolean, RegExp]>([
    [
      '28P01',
      'password authentication failed for user "tls_auditor"',
      'password-rejected',
      false,
      /ALTER ROLE tls_auditor PASSWORD/,
    ],
    [
      '28000',
      'no pg_hba.conf entry for host "10.0.0.9", user "tls_auditor", database "orders", SSL encryption',
      'login-refused',
      false,
      /hostssl orders tls_auditor .* scram-sha-256/,
    ],
    ['28000', 'role "tls_auditor" is not permitted to log in', 'login-refused', false, /ALTER ROLE tls_auditor LOGIN/],
    [
      '28000',
      'no pg_hba.conf entry for host "10.0.0.9", user "certificate_bot", database "certificates"',
      'login-refused',
      false,
      /pg_hba/,
    ],
    [
      '28000',
      'connection requires a valid client certificate',
      'client-certificate-required',
      false,
      /"clientCertificate"/,
    ],
    [
      '28000',
      'certificate authentication failed for user "tls_auditor"',
      'client-certificate-required',
      false,
      /common name/,
    ],
    ['3D000', 'database "orders" does not exist', 'database-missing', false, /"database"/],
    ['53300', 'sorry, too many clients already', 'too-many-connections', true, /max_connections/],
    ['57P03', 'the database system is starting up', 'server-not-ready', true, /starting up/],
    ['57P01', 'terminating connection due to administrator command', 'server-not-ready', true, /log/],
    ['57P02', 'terminating connection because of crash of another server process', 'server-not-ready', true, /log/],
    ['42501', 'permission denied for database "orders"', 'database-refused', false, /GRANT CONNECT ON DATABASE orders/],
    ['42501', 'must be superuser to connect in binary upgrade mode', 'login-failed', false, /appendix A/],
    ['XX000', 'tenant or user not found', 'endpoint-not-found', false, /project reference/],
  ])('%s: %s', (code, said, cause, transient, remedy) => {
    const error = database(code, said);
    const failure = login(error);
    expectWhole(failure);
    expect(failure.failure).toMatchObject({ cause, phase: 'login' });
    expect(failure.message).toMatch(/^db\.example\.com:6432 /);
    expect(failure.message).toContain(`: ${said} (SQLSTATE ${code})`);
    expect(failure.failure.remedy).toMatch(remedy);
    expect(failure.transient).toBe(transient);
    expect(failure.cause).toBe(error);
    expect(isPasswordRejected(failure)).toBe(cause === 'password-rejected');
  });

  test('what pg says of SCRAM is said without its prefix, and nothing of it passes later', () => {
    const failure = login(new Error('SASL: SCRAM-SERVER-FINAL-MESSAGE: server signature does not match'));
    expectWhole(failure);
    expect(failure.failure).toMatchObject({ cause: 'login-failed', phase: 'login' });
    expect(failure.message).toMatch(/failed: SCRAM-SERVER-FINAL-MESSAGE: server signature does not match$/);
    expect(failure.transient).toBe(false);
  });

  test.each<[unknown, FailureCause]>([
    [coded('ECONNRESET'), 'connection-reset'],
    [new Error('Connection terminated unexpectedly'), 'connection-reset'],
    [coded('ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED'), 'client-certificate-required'],
    [coded('28P01'), 'connection-reset'],
    [Object.assign(new Error('numbers are no codes'), { code: 28 }), 'connection-reset'],
    ['a text', 'connection-reset'],
    [undefined, 'connection-reset'],
  ])('%s is no answer of PostgreSQL’s', (error, cause) => {
    const failure = login(error);
    expectWhole(failure);
    expect(failure.failure).toMatchObject({ cause, phase: 'login' });
  });

  test.each(HOSTILE_NAMES)(
    '%s is shown, not obeyed, from the server, as the role and as the database',
    (_what, hostile) => {
      for (const code of ['28P01', '28000', '3D000', '53300', '57P03', '57P01', 'XX000']) {
        const { failure } = loginFailure(database(code, hostile), ENDPOINT, hostile, hostile);
        expect(failure.message).not.toMatch(UNSAFE);
        // Line breaks of our own only: a name brings none.
        expect(failure.remedy.replaceAll('\n', '')).not.toMatch(UNSAFE);
        expect(failure.message.length).toBeLessThan(500);
        expect(failure.remedy.length).toBeLessThan(1_200);
      }
      const { message } = loginFailure(new Error(`SASL: ${hostile}`), ENDPOINT, hostile, hostile);
      expect(message).not.toMatch(UNSAFE);
    },
  );
});

describe('the audit queries', () => {
  test.each<[string, FailureCause, boolean]>([
    ['57014', 'query-canceled', false],
    ['55P03', 'query-canceled', false],
    ['40001', 'recovery-conflict', true],
    ['42P01', 'query-failed', false],
    ['53200', 'server-out-of-resources', false],
    ['58030', 'server-fault', false],
    ['57P01', 'server-not-ready', true],
    ['57P02', 'server-not-ready', true],
    ['57P03', 'server-not-ready', true],
  ])('%s is %s', (code, cause, transient) => {
    const failure = queryFailure(database(code), ENDPOINT);
    expectWhole(failure);
    expect(failure.failure).toMatchObject({ cause, phase: 'query' });
    expect(failure.message).toMatch(/^db\.example\.com:6432 .*: said the server \(SQLSTATE \w{5}\)$/);
    expect(failure.transient).toBe(transient);
  });

  test('a connection that breaks meanwhile is one that broke', () => {
    const failure = queryFailure(coded('ECONNRESET'), ENDPOINT);
    expect(failure.failure).toMatchObject({ cause: 'connection-reset', phase: 'query' });
    expect(failure.transient).toBe(true);
  });

  test.each(HOSTILE_NAMES)('%s from the server is shown, not obeyed', (_what, hostile) => {
    expect(queryFailure(database('XX000', hostile), ENDPOINT).message).not.toMatch(UNSAFE);
  });
});

test('an error is PostgreSQL’s when it has a SQLSTATE and a severity', () => {
  expect(isDatabaseError(database('28P01'))).toBe(true);
  expect(isDatabaseError(database('XX000'))).toBe(true);
  expect(isDatabaseError(coded('28P01'))).toBe(false);
  expect(isDatabaseError(database('ECONNRESET'))).toBe(false);
  expect(isDatabaseError(Object.assign(new Error(), { severity: 'FATAL' }))).toBe(false);
  expect(isDatabaseError(Object.assign(new Error(), { severity: 7, code: '28P01' }))).toBe(false);
  expect(isDatabaseError(new Error('28P01'))).toBe(false);
});

test('an IPv6 address stands in brackets, so that its port is clear', () => {
  const failures = [
    networkFailure(coded('ECONNREFUSED'), IPV6, 'tcp'),
    timedOut(IPV6, 'tcp'),
    protocolFailure(Buffer.from('N'), IPV6),
    handshakeFailure(coded('EPROTO'), IPV6),
    login(database('28P01'), IPV6),
    queryFailure(database('57014'), IPV6),
  ];
  for (const { message } of failures) expect(message).toContain('[2001:db8::1]:6432');
});

test('no other failure asks for a fresh password', () => {
  expect(isPasswordRejected(timedOut(ENDPOINT, 'login'))).toBe(false);
  for (const cause of FAILURE_CAUSES) {
    const failure = new AuditFailure({ cause, phase: 'login', message: 'm', remedy: 'r' });
    expect(isPasswordRejected(failure)).toBe(cause === 'password-rejected');
  }
});

test('a defect of ours is reported as one, not as a network error', () => {
  const defect = new TypeError("Cannot read properties of undefined (reading 'code')");
  expect(() => queryFailure(defect, ENDPOINT)).toThrow(defect);
  expect(() => login(defect)).toThrow(defect);
  const platform = new DOMException('not supported', 'NotSupportedError');
  expect(() => login(platform)).toThrow(platform);
});
