// What the connection log shows of clients that are gone when the audit looks.

import { type CheckId, LEGACY, type Scenario } from './scenario.ts';

/** The checks that a log decides. */
const LOG_CHECKS = [
  'plaintext-session',
  'tls-fallback',
  'forged-connection-log',
  'tls-handshake-failing',
  'client-certificate-rejected',
  'plaintext-login-refused',
  'connection-log-incomplete',
] as const satisfies readonly CheckId[];

/** Clients on one machine come over loopback: rows count it as a network. */
const row = (scenario: Omit<Scenario, 'evaluates' | 'policy'>): Scenario => ({
  ...scenario,
  evaluates: LOG_CHECKS,
  policy: { loopback: 'network' },
});

const PLAINTEXT_TOO = ['local all all trust', 'host all all all scram-sha-256'];
const FORGED = 'x SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)';

export const LOG_SCENARIOS: readonly Scenario[] = [
  row({
    name: 'log: a plaintext client that is gone',
    hba: PLAINTEXT_TOO,
    log: [
      { client: 'login', kind: 'plaintext', application: 'cron' },
      { client: 'login', kind: 'plaintext', application: 'cron' },
      { client: 'login', kind: 'tlsv1.3', application: 'good' },
    ],
    finds: [
      {
        check: 'plaintext-session',
        severity: 'high',
        role: 'app',
        database: 'orders',
        application: 'cron',
        count: 0,
        evidence: { logins24h: 2, openNow: 0, sources: /^connection log$/ },
      },
    ],
    verdict: 'findings',
  }),
  row({
    name: 'log: clients over TLS and a socket, and a health check',
    log: [
      { client: 'login', kind: 'tlsv1.3', application: 'good' },
      { client: 'login', kind: 'unix-socket', application: 'local' },
      { client: 'health-check' },
    ],
    finds: [],
    verdict: 'clean',
  }),
  row({
    name: 'log: a client that falls back to plaintext twice',
    hba: PLAINTEXT_TOO,
    log: [
      { client: 'too-old' },
      { client: 'login', kind: 'plaintext', application: 'etl' },
      { client: 'too-old' },
      { client: 'login', kind: 'plaintext', application: 'etl' },
    ],
    finds: [
      { check: 'tls-fallback', severity: 'high', role: 'app', application: 'etl', evidence: { times: 2 } },
      { check: 'tls-handshake-failing', severity: 'low', evidence: { times: 2, handshakeFailed: /too old/ } },
      { check: 'plaintext-session', severity: 'high', application: 'etl', evidence: { logins24h: 2 } },
    ],
    verdict: 'findings',
  }),
  row({
    name: 'log: one failed handshake beside one plaintext login is no fallback',
    hba: PLAINTEXT_TOO,
    log: [{ client: 'too-old' }, { client: 'login', kind: 'plaintext', application: 'etl' }],
    finds: [
      { check: 'tls-handshake-failing', severity: 'low', evidence: { times: 1 } },
      { check: 'plaintext-session', severity: 'high', application: 'etl' },
    ],
    verdict: 'findings',
  }),
  row({
    name: 'log: a client certificate of an unknown authority',
    log: [{ client: 'foreign-certificate' }],
    finds: [{ check: 'client-certificate-rejected', severity: 'medium', evidence: { times: 1 } }],
    verdict: 'findings',
  }),
  row({
    name: 'log: a plaintext login that the rules refuse',
    hba: ['local all all trust', 'hostssl all all all scram-sha-256'],
    log: [{ client: 'refused' }],
    finds: [{ check: 'plaintext-login-refused', severity: 'info', role: 'app', evidence: { refused: 1 } }],
    verdict: 'findings',
  }),
  row({
    name: 'log: a client that tries plaintext first and comes back with TLS',
    hba: ['local all all trust', 'hostssl all all all scram-sha-256'],
    log: [{ client: 'refused' }, { client: 'login', kind: 'tlsv1.3', application: 'allow' }],
    finds: [],
    verdict: 'clean',
  }),
  row({
    name: 'log: a client whose name forges a TLS login',
    log: [{ client: 'login', kind: 'tlsv1.3', application: FORGED }],
    finds: [
      { check: 'forged-connection-log', severity: 'high', role: 'app', evidence: { logins24h: 1 } },
      { check: 'connection-log-incomplete', severity: 'low', evidence: { cause: 'unreadable-lines' } },
    ],
    unknown: LOG_CHECKS.filter((id) => id !== 'connection-log-incomplete'),
    verdict: 'unknown',
  }),
  row({
    name: 'log: logging is off',
    settings: { log_connections: 'off' },
    log: [{ client: 'login', kind: 'tlsv1.3', application: 'good' }],
    finds: [{ check: 'connection-log-incomplete', severity: 'low', evidence: { cause: 'logging-off' } }],
    unknown: LOG_CHECKS.filter((id) => id !== 'connection-log-incomplete'),
    verdict: 'unknown',
  }),
  row({
    name: 'log: deprecated TLS that is gone is not plaintext',
    settings: LEGACY,
    log: [{ client: 'login', kind: 'tlsv1', application: 'old' }],
    finds: [],
    verdict: 'clean',
  }),
];
