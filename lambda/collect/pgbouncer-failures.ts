// Failures of an audit in PgBouncer's terms: it has other messages, other files and other settings than PostgreSQL.

import { displayText } from '../model/display.ts';
import { AuditFailure, type Failure, type FailureCause } from '../model/failure.ts';
import type { Credentials } from './credentials.ts';
import { isDatabaseError } from './failures.ts';
import type { Endpoint } from './network.ts';

/** In place of what to do on a PostgreSQL server. */
const REMEDIES: Partial<Readonly<Record<FailureCause, string>>> = {
  'connection-refused':
    'check that PgBouncer runs there, and its listen_addr and listen_port in pgbouncer.ini (a change needs a restart)',
  'tls-not-offered':
    'in pgbouncer.ini set client_tls_sslmode = require, client_tls_cert_file and client_tls_key_file, then RELOAD in its console',
  'tls-version-too-old': 'in pgbouncer.ini set client_tls_protocols = secure, then RELOAD in its console',
  'tls-handshake-failed':
    'compare client_tls_protocols and client_tls_ciphers in pgbouncer.ini with what the auditor offers; direct TLS needs PgBouncer 1.25 or newer',
  'client-certificate-required':
    'set "clientCertificate" of the target to a secret whose certificate is signed by a CA in client_tls_ca_file of the PgBouncer',
  'certificate-expired':
    'install a renewed certificate as client_tls_cert_file of the PgBouncer, then RELOAD in its console',
  'too-many-connections': 'raise max_client_conn in pgbouncer.ini, then RELOAD in its console',
};

/** The same failure for a target that is a PgBouncer. Anything else than an AuditFailure is returned as it is. */
export function inConsoleTerms(error: unknown, endpoint: Endpoint, { user }: Pick<Credentials, 'user'>): unknown {
  if (!(error instanceof AuditFailure)) return error;
  const { failure, transient } = error;
  const told = failure.phase === 'login' ? loginFailure(error, endpoint, user) : undefined;
  const remedy = REMEDIES[failure.cause];
  if (told === undefined && remedy === undefined) return error;
  return new AuditFailure(told ?? { ...failure, remedy: remedy ?? failure.remedy }, { cause: error.cause, transient });
}

/** What PgBouncer, or a PostgreSQL server in its place, says to whoever asks for the console. */
function loginFailure(error: AuditFailure, endpoint: Endpoint, user: string): Failure | undefined {
  const { cause } = error;
  if (!(cause instanceof Error) || !isDatabaseError(cause)) return undefined;
  const { message, code } = cause;
  const role = displayText(user);
  const said = `${displayText(message, 200)} (SQLSTATE ${code})`;
  const place = placeOf(endpoint);
  if (code === '3D000') return wrongKind(endpoint, 'a PostgreSQL server', `it has no admin console: ${said}`);
  if (/^not allowed$/.test(message)) {
    return {
      cause: 'login-refused',
      phase: 'login',
      message: `${place} does not let ${role} into PgBouncer's admin console: ${said}`,
      remedy: `in pgbouncer.ini set stats_users = ${role} (beside others that are there), then RELOAD in its console`,
    };
  }
  // It does not say whether the password is wrong or the user is not there.
  if (/^(SASL|password) authentication failed|^no such user|^auth failed/.test(message)) {
    return {
      cause: 'password-rejected',
      phase: 'login',
      message: `${place} rejects the password of ${role}, or does not know that user: ${said}`,
      remedy: `store the present password in the secret, and see that auth_file (userlist.txt) or auth_query of the PgBouncer has ${role} with the same`,
    };
  }
  return undefined;
}

/** The target answers, but is not what its `kind` says. */
export function wrongKind(endpoint: Endpoint, what: string, why: string): Failure {
  return {
    cause: 'wrong-kind',
    phase: 'login',
    message: `${placeOf(endpoint)} is ${what}, and the target is of the kind "pgbouncer": ${why}`,
    remedy:
      'give the host and port of the PgBouncer (6432 by default), or for a PostgreSQL server leave "kind" out (--kind on the command line)',
  };
}

/** A console where a database was expected. */
export function unexpectedConsole(endpoint: Endpoint, version: string): AuditFailure {
  return new AuditFailure({
    cause: 'wrong-kind',
    phase: 'login',
    message: `${placeOf(endpoint)} answers with the admin console of PgBouncer ${displayText(version)}, which is no PostgreSQL database`,
    remedy:
      'set "kind": "pgbouncer" for the target (--kind pgbouncer on the command line) to audit the PgBouncer itself; to audit the server behind it, give that server\'s own host and port, and one of its databases',
  });
}

function placeOf({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}
