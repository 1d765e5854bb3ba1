// Failures of an audit in PgBouncer's terms: it has other messages, other files and other settings than PostgreSQL.

import { displayText } from '../../model/display.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import { hostPort } from '../../model/endpoint.ts';
import { AuditFailure, type Failure, type FailureCause } from '../../model/failure.ts';
import { isDatabaseError } from '../failures/database-error.ts';
import { type Advice, followedBy, remediesOf, storePassword } from '../failures/refusal.ts';
import type { Credentials } from '../secrets/credentials.ts';

/** In place of what to do on a PostgreSQL server. */
const REMEDIES: Partial<Readonly<Record<FailureCause, Advice>>> = {
  'connection-refused':
    'check that PgBouncer runs there, and its listen_addr and listen_port in pgbouncer.ini (a change needs a restart)',
  'tls-not-offered':
    'in pgbouncer.ini set client_tls_sslmode = require, client_tls_cert_file and client_tls_key_file, then RELOAD in its console',
  'tls-version-too-old': 'in pgbouncer.ini set client_tls_protocols = secure, then RELOAD in its console',
  'tls-handshake-failed':
    'compare client_tls_protocols and client_tls_ciphers in pgbouncer.ini with what the auditor offers; direct TLS needs PgBouncer 1.25 or newer',
  'direct-tls-refused': '"sslNegotiation": "direct" needs PgBouncer 1.25 or newer: leave it out for an older one',
  'client-certificate-required': {
    configured:
      'set "clientCertificate" of the target to a certificate that a CA in client_tls_ca_file of the PgBouncer has signed',
    url: 'give with --client-certificate and --client-key a certificate that a CA in client_tls_ca_file of the PgBouncer has signed',
  },
  'certificate-expired':
    'install a renewed certificate as client_tls_cert_file of the PgBouncer, then RELOAD in its console',
  'too-many-connections': 'raise max_client_conn in pgbouncer.ini, then RELOAD in its console',
};

/** The same failure for a target that is a PgBouncer. Anything else than an AuditFailure is returned as it is. */
export function toConsoleFailure(error: unknown, endpoint: Endpoint, { user }: Pick<Credentials, 'user'>): unknown {
  if (!(error instanceof AuditFailure)) return error;
  const { failure, transient } = error;
  const explained = failure.phase === 'login' ? loginFailure(error, endpoint, user) : undefined;
  const advice = REMEDIES[failure.cause];
  if (explained === undefined && advice === undefined) return error;
  const { remedyForUrl: _postgresql, ...rest } = failure;
  const here = explained ?? { ...rest, ...(advice === undefined ? {} : remediesOf(advice)) };
  return new AuditFailure(here, { cause: error.cause, transient });
}

/** What PgBouncer, or a PostgreSQL server in its place, answers to a login to the console. */
function loginFailure(error: AuditFailure, endpoint: Endpoint, user: string): Failure | undefined {
  const { cause } = error;
  if (!isDatabaseError(cause)) return undefined;
  const { message, code } = cause;
  const role = displayText(user);
  const said = `${displayText(message, 200)} (SQLSTATE ${code})`;
  const place = hostPort(endpoint);
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
      ...remediesOf(
        followedBy(
          storePassword(role),
          `, and see that auth_file (userlist.txt) or auth_query of the PgBouncer has ${role} with the same`,
        ),
      ),
    };
  }
  return undefined;
}

/** The target answers, but is not what its `kind` says. */
export function wrongKind(endpoint: Endpoint, what: string, why: string): Failure {
  return {
    cause: 'wrong-kind',
    phase: 'login',
    message: `${hostPort(endpoint)} is ${what}, and the target is of the kind "pgbouncer": ${why}`,
    ...remediesOf({
      configured:
        'give the host and port of the PgBouncer (6432 by default), or for a PostgreSQL server leave "kind" of the target out',
      url: 'give the host and port of the PgBouncer (6432 by default), or for a PostgreSQL server leave --kind out',
    }),
  };
}

/** A console where a database was expected. */
export function unexpectedConsole(endpoint: Endpoint, version: string): AuditFailure {
  return new AuditFailure({
    cause: 'wrong-kind',
    phase: 'login',
    message: `${hostPort(endpoint)} answers with the admin console of PgBouncer ${displayText(version)}, which is no PostgreSQL database`,
    remedy:
      'set "kind": "pgbouncer" of the target to audit the PgBouncer itself; to audit the server behind it, give that server\'s own host and port, and one of its databases',
  });
}
