// From what the network, OpenSSL and PostgreSQL say went wrong to a cause, a sentence and a remedy.

import { displayText } from '../model/display.ts';
import { AuditFailure, type FailureCause, type Phase } from '../model/failure.ts';
import { quoteIdentifier } from '../model/sql-identifier.ts';
import { clientCertificateAlert } from './client-certificate-alert.ts';
import type { Endpoint } from './network.ts';

interface SystemError {
  readonly code?: string;
  readonly message?: string;
  readonly errors?: readonly SystemError[];
}

const place = ({ host, port }: Pick<Endpoint, 'host' | 'port'>): string =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;

/** A fault of the network, by its code (`ECONNREFUSED`, …). */
export function networkFailure(error: unknown, endpoint: Endpoint, phase: Phase): AuditFailure {
  // With several addresses Node collects one error each. That IPv6 has no route says nothing of a server on IPv4.
  const codes = (error as SystemError).errors?.map((one) => one.code) ?? [];
  const code = codes.find((one) => !NO_ROUTE.includes(one ?? '')) ?? codes[0] ?? (error as SystemError).code;
  const suffix = code === undefined ? '' : ` (${code})`;
  const build = (cause: FailureCause, message: string, remedy: string, transient = false): AuditFailure =>
    new AuditFailure({ cause, phase, message: `${message}${suffix}`, remedy }, { cause: error, transient });
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
    case 'ENODATA':
      return build(
        'host-not-found',
        `The host ${endpoint.host} has no address`,
        'check the host name, and that the auditor can resolve it (VPC DNS, private hosted zone)',
        code === 'EAI_AGAIN',
      );
    case 'ECONNREFUSED':
      return build(
        'connection-refused',
        `${place(endpoint)} refuses TCP connections`,
        'check that PostgreSQL runs there and listens on that address (listen_addresses) and port',
      );
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
      return build(
        'host-unreachable',
        `There is no route to ${place(endpoint)}`,
        "check the auditor's subnets and route tables, and the server's security group",
      );
    case 'ETIMEDOUT':
      return timedOut(endpoint, phase);
    default:
      return build(
        'connection-reset',
        `${place(endpoint)} closed the connection ${WHILE[phase]}`,
        'look into the server log at that moment; a proxy or firewall in between may have cut it',
        true,
      );
  }
}

const NO_ROUTE: readonly string[] = ['EHOSTUNREACH', 'ENETUNREACH', 'EADDRNOTAVAIL'];

const WHILE: Readonly<Record<Phase, string>> = {
  secrets: 'while secrets were read',
  tcp: 'while TCP was opened',
  tls: 'during the TLS negotiation',
  login: 'during login',
  query: 'while the audit queries ran',
  waiting: 'before the audit began',
};

/** No answer within the target's deadline. */
export function timedOut(endpoint: Pick<Endpoint, 'host' | 'port'>, phase: Phase): AuditFailure {
  return new AuditFailure({
    cause: 'timed-out',
    phase,
    message: `${place(endpoint)} gave no answer in time ${WHILE[phase]}`,
    remedy:
      phase === 'tcp'
        ? "check the server's security group and network ACLs for the auditor's subnets: dropped packets look like this"
        : 'check that PostgreSQL itself answers on that port, and its load; raise timeoutSeconds if it is only slow',
  });
}

/** What a server answered to SSLRequest instead of a single S. */
export function protocolFailure(answer: Buffer, endpoint: Endpoint): AuditFailure {
  const phase: Phase = 'tls';
  const text = answer.toString('latin1');
  if (text === 'N') {
    return new AuditFailure({
      cause: 'tls-not-offered',
      phase,
      message: `${place(endpoint)} does not offer TLS: every session to it is in plaintext, and no credentials were sent`,
      remedy: "give the server a certificate and key, then ALTER SYSTEM SET ssl = 'on'; SELECT pg_reload_conf();",
    });
  }
  if (text.startsWith('E')) {
    return new AuditFailure(
      {
        cause: 'server-not-ready',
        phase,
        message: `${place(endpoint)} answered the request for TLS with an error: ${displayText(errorText(answer), 200)}`,
        remedy: 'look into the server log; the server may be out of processes or connections',
      },
      { transient: true },
    );
  }
  if (text.startsWith('S') && !text.startsWith('SSH-')) {
    return new AuditFailure({
      cause: 'tls-handshake-failed',
      phase,
      message: `${place(endpoint)} sent ${answer.length - 1} unencrypted bytes after agreeing to TLS: somebody in between may be injecting data`,
      remedy: 'treat it as an attack until proven otherwise; find out what proxy stands in between (CVE-2021-23222)',
    });
  }
  return new AuditFailure({
    cause: 'not-postgresql',
    phase,
    message: `${place(endpoint)} does not speak the PostgreSQL protocol: it answered "${displayText(text, 40)}"`,
    remedy: 'check host and port; a server that accepts only direct TLS needs "sslNegotiation": "direct"',
  });
}

/** The message of an ErrorResponse, in the present format (fields) or that of servers that could not fork (text). */
function errorText(answer: Buffer): string {
  const fields = answer.subarray(5).toString('utf8').split('\0');
  return (
    fields.find((field) => field.startsWith('M'))?.slice(1) ??
    answer
      .subarray(1)
      .toString('utf8')
      .replace(/\n?\0.*/s, '')
  );
}

/** A handshake that OpenSSL or the server broke off, for a reason other than the server's certificate. */
export function handshakeFailure(error: unknown, endpoint: Endpoint, phase: Phase = 'tls'): AuditFailure {
  const { code = '', message: said = '' } = error as SystemError;
  const build = (cause: FailureCause, message: string, remedy: string): AuditFailure =>
    new AuditFailure({ cause, phase, message: `${message} (${code})`, remedy }, { cause: error });
  // Before the handshake is up Node reports some of OpenSSL's errors as EPROTO, and names them in the message only.
  if (
    /PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW/.test(code) ||
    /unsupported protocol|protocol version/.test(said)
  ) {
    return build(
      'tls-version-too-old',
      `${place(endpoint)} offers no TLS version from 1.2 on`,
      "upgrade the server's OpenSSL, then ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1.2'; ALTER SYSTEM RESET ssl_max_protocol_version; SELECT pg_reload_conf();",
    );
  }
  const alert = clientCertificateAlert(code);
  if (alert !== undefined) {
    return build(
      'client-certificate-required',
      `${place(endpoint)} did not accept the auditor's client certificate: ${alert.why}`,
      alert.remedy,
    );
  }
  if (code.includes('ALERT_CERTIFICATE_REQUIRED')) {
    return build(
      'client-certificate-required',
      `${place(endpoint)} wants a client certificate`,
      'set "clientCertificate" of the target to a secret whose certificate is signed by a CA in the server\'s ssl_ca_file',
    );
  }
  if (code.includes('DH_KEY_TOO_SMALL')) {
    return build(
      'tls-handshake-failed',
      `${place(endpoint)} offers Diffie-Hellman parameters that are too weak (under 2048 bits)`,
      "have the server use PostgreSQL's own of 2048 bits: ALTER SYSTEM RESET ssl_dh_params_file; then SELECT pg_reload_conf();",
    );
  }
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') {
    return build(
      'tls-handshake-failed',
      `The TLS handshake with ${place(endpoint)} failed`,
      endpoint.sslNegotiation === 'direct'
        ? '"sslNegotiation": "direct" needs PostgreSQL 17 or newer: remove it for an older server'
        : 'compare ssl_ciphers, ssl_tls13_ciphers and ssl_groups of the server with what the auditor offers',
    );
  }
  const failure = networkFailure(error, endpoint, phase);
  const atStart = endpoint.sslNegotiation === 'direct' && phase === 'tls';
  if (!atStart || failure.failure.cause !== 'connection-reset') return failure;
  // What an older server does, to which a ClientHello is an invalid startup packet.
  const remedy = '"sslNegotiation": "direct" needs PostgreSQL 17 or newer: remove it for an older server';
  return new AuditFailure(
    { ...failure.failure, remedy: `${remedy}; otherwise ${failure.failure.remedy}` },
    { cause: error, transient: failure.transient },
  );
}

interface DatabaseError extends SystemError {
  readonly severity?: string;
}

/** Whether an error is a PostgreSQL ErrorResponse: five characters of SQLSTATE, and a severity. */
export function isDatabaseError(error: unknown): error is Required<DatabaseError> {
  const { code, severity } = error as DatabaseError;
  return typeof severity === 'string' && /^[0-9A-Z]{5}$/.test(code ?? '');
}

/** Whether the server said that the password is wrong (invalid_password). */
export function isPasswordRejected(failure: AuditFailure): boolean {
  return failure.failure.cause === 'password-rejected';
}

/**
 * A server that asks for a password where the credentials hold none. The cause is that of a wrong one, which is what some
 * servers call it.
 *
 * @param source where the credentials come from, e.g. `secret prod/orders`
 */
export function missingPassword(error: unknown, endpoint: Endpoint, user: string, source: string): AuditFailure {
  return new AuditFailure(
    {
      cause: 'password-rejected',
      phase: 'login',
      message: `${place(endpoint)} asks for a password of ${displayText(user)}, and the ${source} holds none`,
      remedy:
        'add the password there; for a role that is to log in by a client certificate alone, the rule in pg_hba.conf needs the method cert',
    },
    { cause: error },
  );
}

/** A login that the server refused, by its SQLSTATE (PostgreSQL documentation, appendix A). */
export function loginFailure(error: unknown, endpoint: Endpoint, user: string, database: string): AuditFailure {
  if (!isDatabaseError(error)) {
    return (error as Error).message.startsWith('SASL:')
      ? new AuditFailure(
          {
            cause: 'login-failed',
            phase: 'login',
            message: `SCRAM authentication with ${place(endpoint)} failed: ${displayText((error as Error).message.slice(6), 160)}`,
            remedy:
              'check that nothing between the auditor and the server changes the login; a proxy that ends TLS does',
          },
          { cause: error },
        )
      : handshakeFailure(error, endpoint, 'login');
  }
  const role = displayText(user);
  const identifier = quoteIdentifier(user);
  const said = displayText(error.message, 200);
  const build = (cause: FailureCause, message: string, remedy: string, transient = false): AuditFailure =>
    new AuditFailure(
      { cause, phase: 'login', message: `${message}: ${said} (SQLSTATE ${error.code})`, remedy },
      { cause: error, transient },
    );
  switch (error.code) {
    case '28P01':
      return build(
        'password-rejected',
        `${place(endpoint)} rejects the password of ${role}`,
        `give the role's present password where the target's credentials are, or set it: ALTER ROLE ${identifier} PASSWORD …`,
      );
    case '28000': {
      // Names in quotes are left aside: a role may have that word in its own.
      const unnamed = error.message.replaceAll(/"[^"]*"/g, '');
      if (/certificate/i.test(unnamed)) {
        return build(
          'client-certificate-required',
          `${place(endpoint)} wants a client certificate of ${role}`,
          'set "clientCertificate" of the target to a secret whose certificate carries that role as its common name',
        );
      }
      return unnamed.includes('pg_hba.conf')
        ? build(
            'login-refused',
            `${place(endpoint)} has no rule that lets ${role} in`,
            `add to pg_hba.conf above other rules: hostssl ${displayText(database)} ${role} <the auditor's network> scram-sha-256, then SELECT pg_reload_conf();`,
          )
        : build(
            'login-refused',
            `${place(endpoint)} does not let ${role} in`,
            `check that the role exists and may log in: ALTER ROLE ${identifier} LOGIN; and see the server log`,
          );
    }
    case '3D000':
      return build('database-missing', `${place(endpoint)} has no such database`, 'set "database" of the target');
    case '53300':
      return build(
        'too-many-connections',
        `${place(endpoint)} has no free connection`,
        `raise max_connections, or keep a slot for the auditor: GRANT pg_use_reserved_connections TO ${identifier}; (PostgreSQL 16 and newer)`,
        true,
      );
    case '57P03':
      return build(
        'server-not-ready',
        `${place(endpoint)} is not ready`,
        'it is starting up, shutting down or recovering: see its log',
        true,
      );
    case '57P01':
    case '57P02':
      return build('server-not-ready', `${place(endpoint)} shut down`, 'see its log', true);
    default:
      return build(
        'login-failed',
        `${place(endpoint)} refuses the login of ${role}`,
        "look the SQLSTATE up in PostgreSQL's appendix A, and see the server log",
      );
  }
}

/** What JavaScript itself throws. */
function isDefect(error: unknown): boolean {
  return (
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof ReferenceError ||
    error instanceof SyntaxError
  );
}

/**
 * Audit queries that the server did not answer.
 *
 * @throws the error itself where it is a defect of ours, which is no trouble of the network
 */
export function queryFailure(error: unknown, endpoint: Endpoint): AuditFailure {
  if (isDefect(error)) throw error;
  if (!isDatabaseError(error)) return networkFailure(error, endpoint, 'query');
  const transient = ['57P01', '57P02', '57P03'].includes(error.code);
  return new AuditFailure(
    {
      cause: transient ? 'server-not-ready' : 'query-failed',
      phase: 'query',
      message: `${place(endpoint)} did not answer the audit queries: ${displayText(error.message, 200)} (SQLSTATE ${error.code})`,
      remedy: transient
        ? 'it is shutting down: see its log'
        : 'check that it is PostgreSQL 10 or newer and not overloaded; see its log',
    },
    { cause: error, transient },
  );
}
