// What the demo plants, and what an audit must therefore find: no more, no less.

import type { SessionKind } from '../lab/sessions.ts';
import type { Verdict } from '../lambda/model/finding.ts';
import type { Severity } from '../lambda/model/severity.ts';

/** A client program with its open sessions, one for each application name. */
export interface PlantedClient {
  readonly kind: SessionKind;
  readonly role: string;
  readonly database: string;
  readonly applications: readonly string[];
  /** How it came and went before the audit: the connection log alone shows it. @default its sessions are open */
  readonly gone?: 'logged-in' | 'fell-back';
  /** What the audit must find; nothing where the client is as it should be. */
  readonly findings?: readonly PlantedFinding[];
  /** The one name under which the sessions of several applications are reported. @default the first application */
  readonly reportedAs?: string;
}

export interface PlantedFinding {
  readonly check: string;
  readonly severity: Severity;
  /** Whether it says how many sessions are open. @default true */
  readonly counted?: false;
  /** Whether it is over the next day. @default false */
  readonly passes?: true;
}

/** A database with its clients. */
export interface PlantedTarget {
  readonly name: string;
  /** In a few words, for the person who watches. */
  readonly about: string;
  readonly clients: readonly PlantedClient[];
  /** What is wrong with the target itself. */
  readonly findings?: readonly PlantedFinding[];
  readonly verdict: Verdict;
}

/** Has the attribute SUPERUSER. */
export const SUPERUSER = 'dba';

/** A client in plaintext that is fixed after the first run. */
export const MENDED = { target: 'shop', role: SUPERUSER, database: 'postgres', applicationName: 'psql' } as const;

/** A client in plaintext that its team has muted for some hours. */
export const MUTED = { role: 'migration', owner: 'shop team', reason: 'moves to TLS with the next release' } as const;
export const MUTED_HOURS = 20;

export const TARGETS = [
  {
    name: 'shop',
    about: 'busy, and open to all: plaintext, TLSv1 and newer, weak ciphers',
    verdict: 'findings',
    clients: [
      {
        kind: 'tlsv1.3',
        role: 'checkout',
        database: 'shop',
        applications: ['checkout-api-1', 'checkout-api-2'],
      },
      {
        kind: 'plaintext',
        role: 'checkout',
        database: 'shop',
        applications: ['checkout-worker-1', 'checkout-worker-2', 'checkout-worker-3'],
        reportedAs: 'checkout-worker-#',
        findings: [{ check: 'plaintext-session', severity: 'high' }],
      },
      {
        kind: 'plaintext',
        role: MENDED.role,
        database: MENDED.database,
        applications: [MENDED.applicationName],
        findings: [{ check: 'plaintext-session', severity: 'critical' }],
      },
      {
        kind: 'plaintext',
        role: MUTED.role,
        database: 'shop',
        applications: ['flyway'],
        findings: [{ check: 'plaintext-session', severity: 'high' }],
      },
      {
        kind: 'tlsv1',
        role: 'warehouse',
        database: 'shop',
        applications: ['stock-scanner'],
        findings: [{ check: 'deprecated-tls-session', severity: 'high' }],
      },
      {
        kind: 'tlsv1.1',
        role: 'reporting',
        database: 'shop',
        applications: ['nightly-report'],
        findings: [{ check: 'deprecated-tls-session', severity: 'high' }],
      },
      {
        kind: 'tlsv1.2-weak-cipher',
        role: 'erp',
        database: 'shop',
        applications: ['erp-connector'],
        findings: [
          { check: 'weak-cipher-session', severity: 'medium' },
          { check: 'below-preferred-tls-session', severity: 'info' },
        ],
      },
      {
        kind: 'tlsv1.2',
        role: 'analytics',
        database: 'shop',
        applications: ['metabase'],
        findings: [{ check: 'below-preferred-tls-session', severity: 'info' }],
      },
      {
        kind: 'plaintext',
        gone: 'logged-in',
        role: 'backup',
        database: 'shop',
        applications: ['nightly-dump'],
        findings: [{ check: 'plaintext-session', severity: 'high' }],
      },
      {
        kind: 'plaintext',
        gone: 'fell-back',
        role: 'crm',
        database: 'shop',
        applications: ['crm-sync'],
        findings: [
          { check: 'tls-fallback', severity: 'high', counted: false },
          { check: 'plaintext-session', severity: 'high' },
        ],
      },
      { kind: 'unix-socket', role: 'maintenance', database: 'shop', applications: ['vacuum-cron'] },
    ],
    // What lets such clients in.
    findings: [
      { check: 'plaintext-allowed', severity: 'medium' },
      { check: 'deprecated-tls-allowed', severity: 'medium' },
      { check: 'weak-ciphers-allowed', severity: 'low' },
      { check: 'tls-handshake-failing', severity: 'low', passes: true },
    ],
  },
  {
    name: 'billing',
    about: 'its certificate ends soon, and its secret says sslmode=require',
    verdict: 'findings',
    clients: [{ kind: 'tlsv1.3', role: 'invoicing', database: 'billing', applications: ['invoice-api'] }],
    findings: [
      { check: 'server-certificate-expiring', severity: 'high' },
      { check: 'insecure-dsn-in-secret', severity: 'medium' },
    ],
  },
  {
    name: 'ledger',
    about: 'as it should be',
    verdict: 'clean',
    clients: [
      { kind: 'tlsv1.3', role: 'accounting', database: 'ledger', applications: ['ledger-api-1', 'ledger-api-2'] },
    ],
  },
  {
    name: 'archive',
    about: 'its certificate comes from a CA that is not in the CA bundle',
    verdict: 'not-audited',
    // The auditor cannot look behind that certificate: a report of 0 plaintext sessions here would be wrong.
    clients: [{ kind: 'plaintext', role: 'records', database: 'archive', applications: ['records-export'] }],
    findings: [{ check: 'target-not-audited', severity: 'critical' }],
  },
] as const satisfies readonly PlantedTarget[];

export type TargetName = (typeof TARGETS)[number]['name'];

/** The same once `MENDED` connects with TLS, and a day after the clients that were gone before. */
export const AFTER_MENDING: readonly PlantedTarget[] = TARGETS.map(
  (target: PlantedTarget): PlantedTarget => ({
    ...target,
    clients: target.clients
      .filter(({ gone }) => gone === undefined)
      .map((client) => (client.role === MENDED.role ? { ...client, kind: 'tlsv1.3', findings: [] } : client)),
    findings: (target.findings ?? []).filter(({ passes }) => passes === undefined),
  }),
);
