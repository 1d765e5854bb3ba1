// From what the network, OpenSSL and PostgreSQL say went wrong to a cause, a sentence and a remedy.

import { displayText } from '../model/display.ts';
import { AuditFailure, type Phase } from '../model/failure.ts';
import { type DatabaseError, isDatabaseError } from './database-error.ts';
import { refusalOf } from './login-refusals.ts';
import type { Endpoint } from './network.ts';
import { placeOf } from './place.ts';
import { type Product, unsupportedProduct } from './product.ts';
import { IncompleteAnswer, incompleteAnswer, unansweredQuery } from './query-refusals.ts';
import { type Attempt, attemptOf, type Refusal, remediesOf } from './refusal.ts';

export { isDatabaseError } from './database-error.ts';

interface SystemError {
  readonly code?: unknown;
  readonly message?: unknown;
  readonly address?: unknown;
  readonly errors?: readonly unknown[];
}

/** Whatever was thrown, as something with fields. */
function fieldsOf(error: unknown): SystemError {
  return typeof error === 'object' && error !== null ? error : {};
}

/** Node's name of a fault. Some errors have a number there, which is none. */
function codeOf(error: unknown): string | undefined {
  const { code } = fieldsOf(error);
  return typeof code === 'string' && code !== '' ? code : undefined;
}

/** A fault of the network, by its code (`ECONNREFUSED`, …). */
export function networkFailure(error: unknown, endpoint: Endpoint, phase: Phase): AuditFailure {
  const { code, told } = telling(error);
  const suffix = told === undefined ? '' : ` (${displayText(told, 200)})`;
  if (code === 'ETIMEDOUT') return timedOut(endpoint, phase);
  const { cause, message, advice, transient } = byCode(code, endpoint, phase);
  return new AuditFailure(
    { cause, phase, message: `${message}${suffix}`, ...remediesOf(advice) },
    { cause: error, transient: transient ?? false },
  );
}

/** With several addresses Node collects one error each. That IPv6 has no route says nothing of a server on IPv4. */
function telling(error: unknown): { readonly code: string | undefined; readonly told: string | undefined } {
  const { errors } = fieldsOf(error);
  const all = Array.isArray(errors) ? (errors as readonly unknown[]) : [];
  const codes = all.map(codeOf);
  const code = codes.find((one) => !NO_ROUTE.includes(one ?? '')) ?? codes[0] ?? codeOf(error);
  if (new Set(codes).size < 2) return { code, told: code };
  // Which address failed how: a name with a dead address among good ones is mended in DNS.
  const each = all.map((one, index) => {
    const { address } = fieldsOf(one);
    return `${codes[index] ?? 'no code'}${typeof address === 'string' ? ` at ${address}` : ''}`;
  });
  return { code, told: each.join(', ') };
}

function byCode(code: string | undefined, endpoint: Endpoint, phase: Phase): Refusal {
  const place = placeOf(endpoint);
  switch (code) {
    case 'ENOTFOUND':
    case 'ENODATA':
    case 'EAI_NODATA':
    case 'EAI_NONAME':
    case 'EAI_ADDRFAMILY':
      return {
        cause: 'host-not-found',
        message: `The host ${displayText(endpoint.host, 255)} has no address`,
        advice: 'check the host name, and that the auditor can resolve it (VPC DNS, private hosted zone)',
      };
    case 'EAI_AGAIN':
    case 'EAI_FAIL':
    case 'ESERVFAIL':
    case 'EREFUSED':
    case 'ETIMEOUT':
      return {
        cause: 'host-not-found',
        message: `The DNS server gave no answer for the host ${displayText(endpoint.host, 255)}`,
        advice: "check that the auditor reaches its DNS server, and that this server answers for the host's domain",
        transient: true,
      };
    case 'ECONNREFUSED':
      return {
        cause: 'connection-refused',
        message: `${place} refuses TCP connections`,
        advice: 'check that PostgreSQL runs there and listens on that address (listen_addresses) and port',
      };
    case 'EINVAL':
    case 'EAFNOSUPPORT':
    case 'EPROTONOSUPPORT':
      return {
        cause: 'host-unreachable',
        message: `The auditor's machine cannot connect to an address such as that of ${place}`,
        advice:
          'give the host by an address of the family that the machine has (IPv4 or IPv6); a link-local address (fe80::…) needs its interface, as in fe80::1%eth0',
      };
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'EADDRNOTAVAIL':
    case 'EHOSTDOWN':
    case 'ENETDOWN':
    case 'ENONET':
      return {
        cause: 'host-unreachable',
        message: `There is no route to ${place}`,
        advice: "check the auditor's subnets and route tables, and the server's security group",
      };
    case 'EACCES':
    case 'EPERM':
    case 'ERR_ACCESS_DENIED':
      return {
        cause: 'connection-forbidden',
        message: `The auditor's own machine does not allow a connection to ${place}`,
        advice: "allow it in the machine's firewall, sandbox or security policy (iptables, SELinux, seccomp)",
      };
    case 'EMFILE':
    case 'ENFILE':
    case 'ENOBUFS':
    case 'ENOMEM':
    case 'EAGAIN':
    case 'EAI_MEMORY':
    case 'EAI_SYSTEM':
      return {
        cause: 'auditor-out-of-resources',
        message: `The auditor has no socket or memory left to connect to ${place}`,
        advice: {
          configured: 'lower "concurrency" in the configuration, or raise the limit of open files (ulimit -n)',
          url: 'raise the limit of open files (ulimit -n), or end what else holds them',
        },
        transient: true,
      };
    default:
      return closed(endpoint, phase);
  }
}

/** The connection ended. Before TLS that is also how a server answers that knows direct TLS only. */
function closed(endpoint: Endpoint, phase: Phase): Refusal {
  const place = placeOf(endpoint);
  const advice = 'look into the server log at that moment; a proxy or firewall in between may have cut it';
  return {
    cause: 'connection-reset',
    message: `${place} closed the connection ${WHILE[phase]}`,
    advice:
      phase === 'tls' && endpoint.sslNegotiation === 'postgres'
        ? `${advice}; a port that accepts only direct TLS does the same, and needs "sslNegotiation": "direct"`
        : advice,
    transient: true,
  };
}

const NO_ROUTE: readonly string[] = [
  'EHOSTUNREACH',
  'ENETUNREACH',
  'EADDRNOTAVAIL',
  'EHOSTDOWN',
  'ENETDOWN',
  'EAFNOSUPPORT',
  'EINVAL',
];

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
    message: `${placeOf(endpoint)} gave no answer in time ${WHILE[phase]}`,
    remedy: SILENCE[phase] ?? SLOW,
  });
}

const SLOW =
  'check that PostgreSQL itself answers on that port, and its load; raise "timeoutSeconds" of the target if it is only slow';

const SILENCE: Partial<Readonly<Record<Phase, string>>> = {
  tcp: "check the server's security group and network ACLs for the auditor's subnets: dropped packets look like this",
  tls: `${SLOW}; a port that accepts only direct TLS may wait like this too, and needs "sslNegotiation": "direct"`,
};

/** What a server answered to SSLRequest instead of a single S. */
export function protocolFailure(answer: Buffer, endpoint: Endpoint): AuditFailure {
  const phase: Phase = 'tls';
  if (answer[0] === TLS_ALERT && answer[1] === TLS_MAJOR) return directTlsOnly(endpoint);
  const text = answer.toString('latin1');
  if (text === 'N') {
    return new AuditFailure({
      cause: 'tls-not-offered',
      phase,
      message: `${placeOf(endpoint)} does not offer TLS: every session to it is in plaintext, and no credentials were sent`,
      remedy: "give the server a certificate and key, then\nALTER SYSTEM SET ssl = 'on';\nSELECT pg_reload_conf();",
    });
  }
  if (text.startsWith('E')) {
    return new AuditFailure(
      {
        cause: 'server-not-ready',
        phase,
        message: `${placeOf(endpoint)} answered the request for TLS with an error: ${displayText(errorText(answer), 200)}`,
        remedy: 'look into the server log; the server may be out of processes or connections',
      },
      { transient: true },
    );
  }
  if (text.startsWith('S') && !text.startsWith('SSH-')) {
    return new AuditFailure({
      cause: 'tls-handshake-failed',
      phase,
      message: `${placeOf(endpoint)} sent ${answer.length - 1} unencrypted bytes after agreeing to TLS: something in between may be injecting data`,
      remedy: 'treat it as an attack until proven otherwise; find out what proxy stands in between (CVE-2021-23222)',
    });
  }
  return new AuditFailure({
    cause: 'not-postgresql',
    phase,
    message: `${placeOf(endpoint)} does not speak the PostgreSQL protocol: it answered "${displayText(text, 40)}"`,
    remedy: 'check host and port; a server that accepts only direct TLS needs "sslNegotiation": "direct"',
  });
}

/** The content type of a TLS alert, and the first byte of every TLS version (RFC 8446, section 5.1). */
const TLS_ALERT = 21;
const TLS_MAJOR = 3;

/** An SSLRequest is no ClientHello to a port that begins with TLS at once: it answers with an alert. */
function directTlsOnly(endpoint: Endpoint): AuditFailure {
  return new AuditFailure({
    cause: 'direct-tls-required',
    phase: 'tls',
    message: `${placeOf(endpoint)} accepts only direct TLS: it answered the request for TLS with an alert of TLS itself`,
    remedy: 'set "sslNegotiation": "direct" for the target',
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
  const code = codeOf(error) ?? '';
  const { message: raw } = fieldsOf(error);
  const said = typeof raw === 'string' ? raw : '';
  const refusal = brokenHandshake(code, said, endpoint, phase);
  if (refusal === undefined) return networkFailure(error, endpoint, phase);
  const { cause, message, advice, transient = false } = refusal;
  return new AuditFailure(
    { cause, phase, message: `${message} (${displayText(code === '' ? 'ECONNRESET' : code)})`, ...remediesOf(advice) },
    { cause: error, transient },
  );
}

/** Undefined where it is trouble of the network alone. */
function brokenHandshake(code: string, said: string, endpoint: Endpoint, phase: Phase): Refusal | undefined {
  const place = placeOf(endpoint);
  // Before the handshake is up Node reports some of OpenSSL's errors as EPROTO, and names them in the message only.
  const has = (codes: RegExp, words?: RegExp): boolean => codes.test(code) || (words?.test(said) ?? false);
  if (has(/PROTOCOL_VERSION|UNSUPPORTED_PROTOCOL|VERSION_TOO_LOW/, /unsupported protocol|protocol version/)) {
    return {
      cause: 'tls-version-too-old',
      message: `${place} offers no TLS version from 1.2 on`,
      advice: `upgrade the server's OpenSSL, then
ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1.2';
ALTER SYSTEM RESET ssl_max_protocol_version;
SELECT pg_reload_conf();`,
    };
  }
  const alert = CERTIFICATE_ALERTS.find(({ codes, words }) => has(codes, words));
  if (alert !== undefined) {
    return {
      cause: 'client-certificate-required',
      message: `${place} ${alert.message}`,
      advice: {
        configured: `set "clientCertificate" of the target to ${alert.advice}`,
        url: `give with --client-certificate and --client-key ${alert.advice}`,
      },
    };
  }
  if (has(/DH_KEY_TOO_SMALL/, /dh key too small/)) {
    return {
      cause: 'tls-handshake-failed',
      message: `${place} exchanges keys with Diffie-Hellman parameters of less than 2,048 bits, which the auditor refuses`,
      advice: `take ssl_dh_params_file out of postgresql.conf, so that PostgreSQL uses its own parameters, then
ALTER SYSTEM RESET ssl_dh_params_file;
SELECT pg_reload_conf();`,
    };
  }
  if (has(/NO_APPLICATION_PROTOCOL/, /no application protocol/)) {
    return {
      cause: 'not-postgresql',
      message: `${place} speaks TLS, and does not know the protocol "postgresql"`,
      advice: `check host and port; ${NEEDS_17}`,
    };
  }
  if (has(/UNRECOGNIZED_NAME/, /unrecognized name/)) {
    return {
      cause: 'tls-handshake-failed',
      message: `${place} knows no server of the name ${displayText(endpoint.verifiedName, 255)}`,
      advice: 'set "tlsServerName" of the target to the name by which the proxy there knows the server',
    };
  }
  if (code.startsWith('ERR_SSL_') || code === 'EPROTO') {
    const isTls = !has(/WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNKNOWN_PROTOCOL/);
    return {
      cause: 'tls-handshake-failed',
      message: isTls ? `The TLS handshake with ${place} failed` : `${place} answered with something that is not TLS`,
      advice:
        endpoint.sslNegotiation === 'direct'
          ? isTls
            ? NEEDS_17
            : `check host and port; ${NEEDS_17}`
          : isTls
            ? 'compare ssl_ciphers, ssl_tls13_ciphers and ssl_groups of the server with what the auditor offers'
            : 'check host and port, and what proxy stands in between',
    };
  }
  const atStart = endpoint.sslNegotiation === 'direct' && phase === 'tls';
  if (!atStart || byCode(code, endpoint, phase).cause !== 'connection-reset' || code === 'ETIMEDOUT') return undefined;
  // What an older server does, to which a ClientHello is an invalid startup packet.
  return {
    cause: 'direct-tls-refused',
    message: `${place} closed the connection when direct TLS began`,
    advice: `${NEEDS_17}; otherwise look into the server log at that moment`,
    transient: true,
  };
}

const NEEDS_17 = '"sslNegotiation": "direct" needs PostgreSQL 17 or newer: leave it out for an older server';

/** Alerts by which a server refuses our certificate, or asks for one (RFC 8446, section 6.2). */
const CERTIFICATE_ALERTS = [
  {
    codes: /ALERT_CERTIFICATE_EXPIRED/,
    words: /alert certificate expired/,
    message: "says that the auditor's client certificate has expired",
    advice: 'a renewed certificate',
  },
  {
    codes: /ALERT_CERTIFICATE_REVOKED/,
    words: /alert certificate revoked/,
    message: "says that the auditor's client certificate is revoked",
    advice: "a new certificate: the old one is on the list in the server's ssl_crl_file",
  },
  {
    codes: /ALERT_UNKNOWN_CA/,
    words: /alert unknown ca/,
    message: "does not know the CA of the auditor's client certificate",
    advice:
      "a certificate that a CA in the server's ssl_ca_file has signed, with the intermediate certificates after it",
  },
  {
    codes: /ALERT_CERTIFICATE_REQUIRED/,
    words: /alert certificate required/,
    message: 'wants a client certificate',
    advice: "a certificate that a CA in the server's ssl_ca_file has signed",
  },
  {
    codes: /ALERT_BAD_CERTIFICATE|ALERT_UNSUPPORTED_CERTIFICATE|ALERT_CERTIFICATE_UNKNOWN/,
    words: /alert (?:bad|unsupported) certificate|alert certificate unknown/,
    message: "did not accept the auditor's client certificate, or wants one",
    advice: "a certificate for client authentication that a CA in the server's ssl_ca_file has signed",
  },
] as const;

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
  const role = displayText(user);
  const otherwise =
    '; for a role that is to log in by a client certificate alone, the rule in pg_hba.conf needs the method cert';
  return new AuditFailure(
    {
      cause: 'password-rejected',
      phase: 'login',
      message: `${placeOf(endpoint)} asks for a password of ${role}, and there is none in the ${displayText(source, 200)}`,
      ...remediesOf({
        configured: `add the password of ${role} to the ${displayText(source, 200)}${otherwise}`,
        url: `set PGPASSWORD to the password of ${role}${otherwise}`,
      }),
    },
    { cause: error },
  );
}

/**
 * A login that the server refused.
 *
 * @throws the error itself where it is a defect of ours, which is no trouble of the network
 */
export function loginFailure(error: unknown, endpoint: Endpoint, user: string, database: string): AuditFailure {
  if (isDefect(error)) throw error;
  const attempt = attemptOf(endpoint, user, database);
  if (!isDatabaseError(error)) {
    const { message: raw } = fieldsOf(error);
    const said = typeof raw === 'string' ? raw : '';
    return said.startsWith('SASL:')
      ? saslFailure(error, said.slice(6), attempt)
      : handshakeFailure(error, endpoint, 'login');
  }
  return refused(error, refusalOf(error, attempt), 'login');
}

function refused(
  error: Error & DatabaseError,
  { cause, message, advice, transient = false }: Refusal,
  phase: Phase,
): AuditFailure {
  const said = displayText(error.message.replace(/[.\s]+$/, ''), 200);
  const words = said === '' ? `SQLSTATE ${error.code}` : `${said} (SQLSTATE ${error.code})`;
  return new AuditFailure(
    { cause, phase, message: `${message}: ${words}`, ...remediesOf(advice) },
    { cause: error, transient },
  );
}

/** What pg itself finds wrong with the exchange of SASL messages. */
function saslFailure(error: unknown, said: string, { place, role }: Attempt): AuditFailure {
  if (/^Only mechanism/.test(said)) {
    return new AuditFailure(
      {
        cause: 'login-refused',
        phase: 'login',
        message: `${place} asks for the login of ${role} by a method that the auditor does not have, such as OAuth`,
        remedy: `put above that rule in pg_hba.conf one for ${role} with the method scram-sha-256`,
      },
      { cause: error },
    );
  }
  return new AuditFailure(
    {
      cause: 'login-failed',
      phase: 'login',
      message: `SCRAM authentication with ${place} failed: ${displayText(said, 160)}`,
      remedy: 'check that nothing between the auditor and the server changes the login; a proxy that ends TLS does',
    },
    { cause: error },
  );
}

/** What JavaScript and its platform throw themselves. */
function isDefect(error: unknown): boolean {
  return (
    error instanceof TypeError ||
    error instanceof RangeError ||
    error instanceof ReferenceError ||
    error instanceof SyntaxError ||
    error instanceof DOMException
  );
}

/**
 * Audit queries that the server did not answer.
 *
 * @param product what the server says it is, where that is not PostgreSQL
 * @throws the error itself where it is a defect of ours, which is no trouble of the network
 */
export function queryFailure(error: unknown, endpoint: Endpoint, product?: Product): AuditFailure {
  if (error instanceof AuditFailure) return error;
  if (product !== undefined) return unsupportedProduct(product, endpoint);
  if (error instanceof IncompleteAnswer) return incompleteAnswer(error, endpoint);
  if (isDefect(error)) throw error;
  if (!isDatabaseError(error)) return networkFailure(error, endpoint, 'query');
  return refused(error, unansweredQuery(error, placeOf(endpoint)), 'query');
}
