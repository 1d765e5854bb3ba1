// Evaluates what a pooler accepts of its clients: plaintext, and weak authentication.

import { displayText } from '../../model/display.ts';
import type { Outcome, Problem } from '../../model/finding.ts';
import type { PgBouncerSettings } from '../../model/pooler.ts';
import {
  isEncryptedOnly,
  isLoopbackOnly,
  LOOPBACK_ONLY,
  RELOAD,
  readSetting,
  type SettingsEvaluation,
} from './settings.ts';

const NO_TLS = 'client_tls_sslmode is disable; reported by tls-disabled';

const SET_UP_TLS = `In pgbouncer.ini: client_tls_sslmode = require, client_tls_cert_file = <certificate>, client_tls_key_file = <key>; ${RELOAD}.
Clients with sslmode=prefer or more then use TLS by themselves; give them sslmode=verify-full and the CA.`;

/** `tls-disabled` */
export const evaluateClientTls: SettingsEvaluation = (pooler, policy, snapshot) => {
  const mode = readSetting(pooler, 'client_tls_sslmode');
  if (!mode.known) return { status: 'unknown', reason: mode.reason };
  if (isLoopbackOnly(pooler, policy, snapshot)) return LOOPBACK_ONLY;
  if (mode.value !== 'disable' && mode.value !== '') return { status: 'pass' };
  return {
    status: 'fail',
    problems: [
      {
        severity: 'critical',
        title: 'TLS is switched off for clients of the pooler',
        subject: 'client_tls_sslmode',
        evidence: {
          client_tls_sslmode: 'disable',
          note: 'this audit came over verified TLS, so something in front of PgBouncer ends it, and from there on nothing is encrypted',
        },
        remedy: SET_UP_TLS,
      },
    ],
  };
};

/** `plaintext-allowed` */
export const evaluateClientPlaintext: SettingsEvaluation = (pooler, policy, snapshot) => {
  const mode = readSetting(pooler, 'client_tls_sslmode');
  if (!mode.known) return { status: 'unknown', reason: mode.reason };
  if (mode.value === 'disable') return { status: 'not-applicable', reason: NO_TLS };
  if (isEncryptedOnly(mode.value)) return { status: 'pass' };
  if (isLoopbackOnly(pooler, policy, snapshot)) return LOOPBACK_ONLY;
  const { auth_type: method } = pooler.values;
  if (method === 'hba') {
    return {
      status: 'unknown',
      reason: `client_tls_sslmode is ${displayText(mode.value)} and auth_type is hba: whether auth_hba_file keeps plaintext out, the console does not show. client_tls_sslmode = require keeps it out whatever the file says`,
    };
  }
  // Clients without TLS have no certificate, and so are not let in.
  if (method === 'cert') return { status: 'pass' };
  const open = isWithoutAuthentication(method);
  return {
    status: 'fail',
    problems: [
      {
        severity: open ? 'critical' : 'medium',
        title: open
          ? 'The pooler lets unencrypted connections in without a password'
          : 'The pooler accepts unencrypted connections from clients',
        subject: 'client_tls_sslmode',
        evidence: {
          client_tls_sslmode: displayText(mode.value),
          shouldBe: 'require, verify-ca or verify-full',
          ...(open ? { auth_type: displayText(method ?? '') } : {}),
        },
        remedy: `In pgbouncer.ini: client_tls_sslmode = require; ${RELOAD}. Sessions that are open stay as they are until they end.`,
      },
    ],
  };
};

function isWithoutAuthentication(method: string | undefined): boolean {
  return method === 'any' || method === 'trust';
}

/** `weak-password-authentication` */
export const evaluateAuthType: SettingsEvaluation = (pooler, policy, snapshot) => {
  const method = readSetting(pooler, 'auth_type');
  if (!method.known) return { status: 'unknown', reason: method.reason };
  if (method.value === 'scram-sha-256' || method.value === 'cert') return { status: 'pass' };
  if (isLoopbackOnly(pooler, policy, snapshot)) return LOOPBACK_ONLY;
  return evaluateMethod(method.value, isEncryptedOnly(pooler.values.client_tls_sslmode ?? ''));
};

function evaluateMethod(method: string, encryptedOnly: boolean): Outcome {
  switch (method) {
    case 'any':
    case 'trust':
      return fail(method, {
        severity: 'critical',
        title: 'The pooler lets clients in without authentication',
        why:
          method === 'any'
            ? 'any asks for nothing and takes any name, in the console as an administrator'
            : "trust takes the client's word for who it is",
      });
    case 'plain':
      return fail(method, {
        severity: encryptedOnly ? 'low' : 'medium',
        title: 'The pooler asks clients for passwords in clear',
        why: encryptedOnly
          ? 'the network does not see them, but an impostor of the pooler does, where a client does not verify it'
          : 'on an unencrypted connection anyone on the path can read them',
      });
    case 'md5':
      return fail(method, {
        severity: 'medium',
        title: 'The pooler accepts MD5 passwords',
        why: 'users whose secret is stored as MD5, or in clear, log in by its hash; for those stored as SCRAM, PgBouncer uses SCRAM',
      });
    case 'pam':
    case 'ldap':
      if (encryptedOnly) return { status: 'pass' };
      return fail(method, {
        severity: 'medium',
        title: 'The pooler takes passwords in clear over unencrypted connections',
        why: `${method} needs the password itself, and client_tls_sslmode does not ask for TLS`,
        remedy: `In pgbouncer.ini: client_tls_sslmode = require; ${RELOAD}.`,
      });
    case 'hba':
      return {
        status: 'unknown',
        reason:
          'auth_type is hba: the methods are in auth_hba_file, which the console does not show. Where one method does for all clients, auth_type = scram-sha-256 (or cert) says so',
      };
    default:
      return { status: 'unknown', reason: `auth_type is ${displayText(method)}, which is not known here` };
  }
}

const USE_SCRAM = `Store SCRAM secrets in auth_file (userlist.txt), or have auth_query return them: SELECT rolname, rolpassword FROM pg_authid; of the server shows them, after each user has set the password again where it is MD5.
Then in pgbouncer.ini: auth_type = scram-sha-256; ${RELOAD}.`;

function fail(
  method: string,
  { why, ...problem }: Pick<Problem, 'severity' | 'title' | 'remedy'> & { readonly why: string },
): Outcome {
  return {
    status: 'fail',
    problems: [
      {
        remedy: USE_SCRAM,
        ...problem,
        subject: 'auth_type',
        evidence: { auth_type: method, shouldBe: 'scram-sha-256', why },
      },
    ],
  };
}

/**
 * Whether the pooler offers its clients TLS at all; checks of TLS versions and suites do not apply where it does not.
 */
export function clientTls({ values }: PgBouncerSettings): boolean {
  return values.client_tls_sslmode !== 'disable' && values.client_tls_sslmode !== '';
}
