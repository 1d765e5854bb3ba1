// Converts errors before TLS, at login and of queries to audit failures: a cause, a sentence and a remedy.

import { displayText } from '../../model/display.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import { hostPort } from '../../model/endpoint.ts';
import { AuditFailure, type Phase } from '../../model/failure.ts';
import { UnusableAnswer } from '../answers/answer.ts';
import { type DatabaseError, isDatabaseError } from './database-error.ts';
import { describeError, describeForeignServer, errorFields } from './foreign-server.ts';
import { handshakeFailure } from './handshake-failures.ts';
import { refusalOf } from './login-refusals.ts';
import { networkFailure } from './network-failures.ts';
import { type Product, unsupportedProduct } from './product.ts';
import { IncompleteAnswer, incompleteAnswer, unansweredQuery } from './query-refusals.ts';
import { type Attempt, attemptOf, type Refusal, remediesOf } from './refusal.ts';
import { fieldsOf } from './system-error.ts';

export { isDatabaseError } from './database-error.ts';
export { handshakeFailure } from './handshake-failures.ts';
export { networkFailure, timedOut } from './network-failures.ts';

/** What a server answered to SSLRequest instead of a single S. */
export function protocolFailure(answer: Buffer, endpoint: Endpoint): AuditFailure {
  const phase: Phase = 'tls';
  if (answer[0] === TLS_ALERT && answer[1] === TLS_MAJOR) return directTlsOnly(endpoint);
  const text = answer.toString('latin1');
  if (text === 'N') {
    return new AuditFailure({
      cause: 'tls-not-offered',
      phase,
      message: `${hostPort(endpoint)} does not offer TLS: every session to it is in plaintext, and no credentials were sent`,
      remedy: "give the server a certificate and key, then\nALTER SYSTEM SET ssl = 'on';\nSELECT pg_reload_conf();",
    });
  }
  if (text.startsWith('E')) {
    return new AuditFailure(
      {
        cause: 'server-not-ready',
        phase,
        message: `${hostPort(endpoint)} answered the request for TLS with ${describeError(errorFields(answer.subarray(5)).get('C'))}`,
        remedy:
          "check the server's own log for the message (it is not shown here: before TLS it may come from anyone on the network path); the server may be out of processes or connections",
      },
      { transient: true },
    );
  }
  if (text.startsWith('S') && !text.startsWith('SSH-')) {
    return new AuditFailure({
      cause: 'tls-handshake-failed',
      phase,
      message: `${hostPort(endpoint)} sent ${answer.length - 1} unencrypted bytes after agreeing to TLS: something in between may be injecting data`,
      remedy: 'treat it as an attack until proven otherwise; find out what proxy stands in between (CVE-2021-23222)',
    });
  }
  return new AuditFailure({
    cause: 'not-postgresql',
    phase,
    message: `${hostPort(endpoint)} does not speak the PostgreSQL protocol: it answered with ${describeForeignServer(answer)}`,
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
    message: `${hostPort(endpoint)} accepts only direct TLS: it answered the request for TLS with an alert of TLS itself`,
    remedy: 'set "sslNegotiation": "direct" for the target',
  });
}

/** Whether the server said that the password is wrong (invalid_password). */
export function isPasswordRejected(failure: AuditFailure): boolean {
  return failure.failure.cause === 'password-rejected';
}

/**
 * A server that asks for a password where the credentials hold none. The cause is that of a wrong one, which is what
 * some servers call it.
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
      message: `${hostPort(endpoint)} asks for a password of ${role}, and the ${displayText(source, 200)} holds none`,
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

function unusableAnswer(error: UnusableAnswer, endpoint: Endpoint): AuditFailure {
  return new AuditFailure(
    {
      cause: 'answer-unusable',
      phase: 'query',
      message: `${hostPort(endpoint)} answers the audit queries, but ${error.message}`,
      remedy:
        'find out what answers there: a proxy, a pooler or a database that only resembles PostgreSQL may change rows; the audit needs the server itself',
    },
    { cause: error },
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
  if (error instanceof UnusableAnswer) return unusableAnswer(error, endpoint);
  if (!isDatabaseError(error)) return networkFailure(error, endpoint, 'query');
  return refused(error, unansweredQuery(error, hostPort(endpoint)), 'query');
}
