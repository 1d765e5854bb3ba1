// Connections that the server itself opens to others, and that do not make sure whom they reach.

import { displayText } from '../model/display.ts';
import type { Problem } from '../model/finding.ts';
import type { Outbound, OutboundLink } from '../model/posture.ts';
import type { Severity } from '../model/severity.ts';
import type { Check } from './check.ts';

export const insecureOutboundLink: Check = {
  id: 'insecure-outbound-link',
  title: 'The server connects to another one without verifying it',
  severity: 'high',
  severityNote: 'medium for require and verify-ca, which encrypt always',
  rationale:
    'Replication, subscriptions and foreign tables carry whole tables and a password. With disable, allow, prefer or no sslmode they may go in plaintext; with require anybody may answer in the place of the other server, with verify-ca anybody with a certificate of that CA. Of foreign servers, those of the audited database are seen.',
  remedy: `Subscription: ALTER SUBSCRIPTION <name> CONNECTION '<as it is> sslmode=verify-full sslrootcert=<CA file on this server>';
Foreign server: ALTER SERVER <name> OPTIONS (ADD sslmode 'verify-full', ADD sslrootcert '<CA file on this server>');
Standby: ALTER SYSTEM SET primary_conninfo = '<as it is> sslmode=verify-full sslrootcert=<CA file on this server>'; SELECT pg_reload_conf();
RDS and Aurora: sslrootcert=/rdsdbdata/rds-metadata/ca-cert.pem for links to other RDS servers; their own replication is the provider's.`,
  references: [
    'https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION',
    'https://www.postgresql.org/docs/current/sql-altersubscription.html',
    'https://www.postgresql.org/docs/current/postgres-fdw.html#POSTGRES-FDW-OPTIONS-CONNECTION',
    'https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-PRIMARY-CONNINFO',
  ],
  evaluate: ({ outbound, visibility }) => {
    if (!outbound.known) return { status: 'unknown', reason: outbound.reason };
    const problems = outbound.value.links.flatMap(problemOf);
    const role = visibility.known ? identifier(visibility.value.role) : '<role>';
    const unseen = whatIsUnseen(outbound.value, role);
    if (problems.length > 0) {
      return { status: 'fail', problems, ...(unseen === undefined ? {} : { incomplete: unseen }) };
    }
    return unseen === undefined ? { status: 'pass' } : { status: 'unknown', reason: unseen };
  },
};

/** What libpq knows. Anything else may be a secret in the wrong place, and is not shown. */
const SEVERITY_OF: Readonly<Record<string, Severity | undefined>> = {
  disable: 'high',
  allow: 'high',
  prefer: 'high',
  require: 'medium',
  'verify-ca': 'medium',
  'verify-full': undefined,
};

const SUBJECTS = {
  subscription: 'A subscription',
  'foreign-server': 'A foreign server',
  primary: 'The replication from the primary',
} as const;

function problemOf(link: OutboundLink): Problem[] {
  const { kind, name, database, sslmode, local, gssEncrypted } = link;
  if (local || gssEncrypted || isHidden(link)) return [];
  const isKnownMode = sslmode !== undefined && Object.hasOwn(SEVERITY_OF, sslmode);
  const severity = isKnownMode ? SEVERITY_OF[sslmode] : 'high';
  if (severity === undefined) return [];
  const how = severity === 'high' ? 'may go unencrypted' : 'does not verify whom it reaches';
  return [
    {
      severity,
      title: `${SUBJECTS[kind]} ${how}`,
      database: database === undefined ? undefined : displayText(database),
      subject: name === undefined ? kind : `${kind} ${displayText(name, 128)}`,
      evidence: {
        link: kind,
        ...(name === undefined ? {} : { name: displayText(name) }),
        sslmode: isKnownMode ? sslmode : sslmode === undefined ? '(not set: prefer)' : '(not a known mode)',
      },
      remedy: remedyOf(link),
    },
  ];
}

/** What a service file says beside it is not known; what the link says itself wins over the file. */
function isHidden({ serviceFile, sslmode }: OutboundLink): boolean {
  return serviceFile && sslmode === undefined;
}

function remedyOf({ kind, name, database, sslmode }: OutboundLink): string {
  const where = database === undefined ? '' : `In database ${displayText(database)}: `;
  const settings = 'sslmode=verify-full sslrootcert=<CA file on this server>';
  switch (kind) {
    case 'subscription':
      return `${where}ALTER SUBSCRIPTION ${identifier(name ?? '')} CONNECTION '<as it is, without sslmode> ${settings}';`;
    case 'foreign-server':
      return `${where}ALTER SERVER ${identifier(name ?? '')} OPTIONS (${sslmode === undefined ? 'ADD' : 'SET'} sslmode 'verify-full', ADD sslrootcert '<CA file on this server>');`;
    case 'primary':
      return `On this standby: ALTER SYSTEM SET primary_conninfo = '<as it is, without sslmode> ${settings}'; SELECT pg_reload_conf();
PostgreSQL 12 needs a restart for it, 10 and 11 have it in recovery.conf. RDS and Aurora replicas: the provider sets it; mute the finding.`;
  }
}

function whatIsUnseen({ links, unreadable }: Outbound, role: string): string | undefined {
  const reasons = unreadable.map(({ kind, count }) => unreadableReason(kind, count, role));
  const hidden = links.filter((link) => !link.local && !link.gssEncrypted && isHidden(link));
  if (hidden.length > 0) {
    const names = hidden.map(({ kind, name }) => (name === undefined ? kind : `${kind} ${displayText(name)}`));
    reasons.push(`a service file that SQL does not show says how these connect: ${names.slice(0, 5).join(', ')}`);
  }
  return reasons.length === 0 ? undefined : reasons.join('; ');
}

function unreadableReason(kind: OutboundLink['kind'], count: number, role: string): string {
  switch (kind) {
    case 'subscription':
      // Privileges on a catalogue that databases share are kept in each database all the same.
      return `the login may not read how ${count === 1 ? 'a subscription connects' : `${count} subscriptions connect`}: in the audited database, GRANT SELECT (subconninfo) ON pg_catalog.pg_subscription TO ${role}; (it lets the role read the passwords in them, which the auditor does not)`;
    case 'primary':
      return `how this standby reaches its primary is not shown to the login: GRANT pg_monitor TO ${role}; (10 and 11 show it only while the primary is connected)`;
    case 'foreign-server':
      return `the options of ${count === 1 ? 'a foreign server' : `${count} foreign servers`} could not be read`;
  }
}

/** Quoted where SQL wants it. */
function identifier(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${displayText(name).replaceAll('"', '""')}"`;
}
