// Whether the audit saw what it says it saw: targets that can't be audited, stored strings, what stands in between.

import { type CheckId, LEGACY, type Scenario, SESSION_CHECKS } from './scenario.ts';

/** Of a target that was not audited, every check is unknown, and there is one finding. */
function notAudited(
  name: string,
  cause: string,
  row: Pick<
    Scenario,
    'settings' | 'hba' | 'certificate' | 'via' | 'trusts' | 'wrongPassword' | 'database' | 'clientCertificate'
  >,
  severity: 'high' | 'critical' = 'high',
): Scenario {
  const sessions: readonly CheckId[] = SESSION_CHECKS.filter((id) => id !== 'missing-client-certificate');
  return {
    name: `not audited: ${name}`,
    ...row,
    sessions: [{ kind: 'unix-socket' }],
    evaluates: sessions,
    finds: [{ check: 'target-not-audited', severity, evidence: { cause } }],
    unknown: [...sessions, 'insufficient-privileges'],
    verdict: 'not-audited',
  };
}

export const HONESTY_SCENARIOS: readonly Scenario[] = [
  notAudited('nothing listens there', 'connection-refused', { via: 'closed-port' }),
  notAudited('the password is wrong', 'password-rejected', { wrongPassword: true }),
  notAudited('there is no such database', 'database-missing', { database: 'no_such_database' }),
  notAudited('no rule lets the login in', 'login-refused', {
    hba: ['local all all trust', 'hostssl all app all scram-sha-256'],
  }),
  notAudited('a rule wants a client certificate', 'client-certificate-required', {
    hba: ['local all all trust', 'hostssl all all all scram-sha-256 clientcert=verify-ca'],
  }),
  notAudited('nothing newer than TLSv1.1', 'tls-version-too-old', {
    settings: { ...LEGACY, ssl_max_protocol_version: 'TLSv1.1' },
  }),
  notAudited('certificate has ended', 'certificate-expired', { certificate: 'ended-2-days-ago' }, 'critical'),
  notAudited('certificate begins later', 'certificate-not-yet-valid', { certificate: 'begins-in-2-days' }, 'critical'),
  notAudited('certificate is for another host', 'certificate-wrong-host', { certificate: 'other-host' }, 'critical'),
  notAudited(
    'certificate of an authority not trusted',
    'certificate-untrusted',
    { certificate: 'of-unknown-authority' },
    'critical',
  ),
  notAudited(
    'certificate that vouches for itself',
    'certificate-untrusted',
    { certificate: 'self-signed' },
    'critical',
  ),
  notAudited(
    'certificate with an RSA key of 1024 bits',
    'certificate-rejected',
    { certificate: 'rsa-1024' },
    'critical',
  ),
  notAudited(
    'certificate signed with SHA-1',
    'certificate-rejected',
    { certificate: 'sha-1', trusts: ['lab', 'rsa'] },
    'critical',
  ),
  {
    name: 'stored URL: no sslmode',
    stored: { parameters: '' },
    evaluates: ['insecure-dsn-in-secret'],
    finds: [{ check: 'insecure-dsn-in-secret', severity: 'low', evidence: { sslmode: '(not set)' } }],
    verdict: 'findings',
  },
  {
    name: 'stored URL: sslmode=disable',
    stored: { parameters: '?sslmode=disable' },
    evaluates: ['insecure-dsn-in-secret', 'plaintext-session'],
    finds: [{ check: 'insecure-dsn-in-secret', severity: 'medium', evidence: { sslmode: 'disable' } }],
    verdict: 'findings',
  },
  {
    name: 'stored URL: sslmode=verify-ca',
    stored: { parameters: '?sslmode=verify-ca' },
    evaluates: ['insecure-dsn-in-secret'],
    finds: [{ check: 'insecure-dsn-in-secret', severity: 'medium' }],
    verdict: 'findings',
  },
  {
    name: 'stored as RDS stores it',
    evaluates: ['insecure-dsn-in-secret'],
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'a proxy ends TLS before the server',
    via: 'tls-proxy',
    hba: ['local all all trust', 'host all all 127.0.0.1/32 scram-sha-256'],
    evaluates: ['tls-terminated-by-proxy'],
    finds: [{ check: 'tls-terminated-by-proxy', severity: 'medium' }],
    verdict: 'findings',
  },
  {
    name: 'nothing between, without channel binding',
    // Ed25519 names no hash that a channel could be bound by.
    certificate: 'ed25519',
    evaluates: ['tls-terminated-by-proxy'],
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'a standby that no target audits',
    hba: ['local all all trust', 'hostssl all all all scram-sha-256', 'hostssl replication standby all scram-sha-256'],
    sessions: [{ kind: 'tlsv1.3', role: 'standby', replication: 'physical', applicationName: 'standby1' }],
    evaluates: ['replica-not-covered'],
    finds: [{ check: 'replica-not-covered', severity: 'low' }],
    verdict: 'findings',
  },
  {
    name: 'a standby, in a run that leaves targets out',
    fleet: 'one-of-several',
    sessions: [{ kind: 'tlsv1.3', role: 'standby', replication: 'physical', applicationName: 'standby1' }],
    evaluates: ['replica-not-covered'],
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'no standby, only a backup',
    sessions: [{ kind: 'tlsv1.3', role: 'standby', replication: 'physical', applicationName: 'pg_basebackup' }],
    evaluates: ['replica-not-covered'],
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'no standby, only logical replication',
    sessions: [{ kind: 'tlsv1.3', role: 'standby', replication: 'logical' }],
    evaluates: ['replica-not-covered'],
    finds: [],
    verdict: 'clean',
  },
];
