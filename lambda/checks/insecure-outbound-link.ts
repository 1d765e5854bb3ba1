// Finds connections that the server opens to other servers without verifying them.

import { displayText } from '../model/display.ts';
import type { Problem } from '../model/finding.ts';
import { majorOf } from '../model/postgres-version.ts';
import type { Outbound, OutboundLink, UnreadableLinks } from '../model/posture.ts';
import type { Platform, PlatformRemedy, Remedy } from '../model/remedy.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { Snapshot } from '../model/snapshot.ts';
import { quoteIdentifier } from '../model/sql-identifier.ts';
import type { ServerCheck } from './check.ts';
import { evaluateServerConnections } from './pgbouncer/insecure-outbound-link.ts';
import { ofSettings } from './pgbouncer/settings.ts';
import { grantRole, loginOf, whereToGrant } from './remedies/grant.ts';
import { RELOAD } from './remedies/remedy-commands.ts';
import { SSLMODE_SEVERITY } from './shared/sslmode-severity.ts';

/** Where the server finds the CA that a link of its own is verified with. */
const CA_FILES: Readonly<Record<Platform, string>> = {
  selfManaged:
    "The CA file is one that the server's operating system user may read; sslrootcert=system (PostgreSQL 16 and newer) where a public CA issued the other's certificate.",
  rds: "The CA file for links to other RDS and Aurora servers is /rdsdbdata/rds-metadata/ca-cert.pem; replication between instances is Amazon's own.",
  neon: "No file of yours gets onto the server: sslrootcert=system, where a public CA issued the other's certificate; replication between computes is Neon's own.",
  cloudSql:
    "No file of yours gets onto the server: sslrootcert=system (PostgreSQL 16 and newer) where a public CA issued the other's certificate, else sslmode=require and a mute; replication between instances is Google's own.",
  azure:
    "No file of yours gets onto the server: sslrootcert=system (PostgreSQL 16 and newer) where a public CA issued the other's certificate, else sslmode=require and a mute; replication between servers is Azure's own.",
};

export const insecureOutboundLink: ServerCheck = {
  id: 'insecure-outbound-link',
  title: 'The server connects to another one without verifying it',
  subject: 'server',
  severity: 'high',
  severityNote: 'medium for require and verify-ca, which encrypt always',
  rationale:
    'Replication, subscriptions and foreign tables carry whole tables and a password. With disable, allow, prefer or no sslmode they may go in plaintext; with require, any host may answer in place of the other server; with verify-ca, any host with a certificate of that CA. Of foreign servers, those of the audited database are seen.',
  remedy: {
    everywhere: `Subscription: ALTER SUBSCRIPTION <name> CONNECTION '<as it is> sslmode=verify-full sslrootcert=<CA file on this server>';
Foreign server: ALTER SERVER <name> OPTIONS (ADD sslmode 'verify-full', ADD sslrootcert '<CA file on this server>'); with SET in place of ADD for what it has already.`,
    ...CA_FILES,
    selfManaged: `${CA_FILES.selfManaged}
Standby: ALTER SYSTEM SET primary_conninfo = '<as it is> sslmode=verify-full sslrootcert=<CA file on this server>';
${RELOAD}`,
  },
  requirements: IN_TRANSIT,
  pgbouncer: ofSettings(evaluateServerConnections),
  references: [
    'https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-PROTECTION',
    'https://www.postgresql.org/docs/current/sql-altersubscription.html',
    'https://www.postgresql.org/docs/current/postgres-fdw.html#POSTGRES-FDW-OPTIONS-CONNECTION',
    'https://www.postgresql.org/docs/current/runtime-config-replication.html#GUC-PRIMARY-CONNINFO',
  ],
  evaluate: (snapshot, { loopback }) => {
    const { outbound } = snapshot;
    if (!outbound.known) return { status: 'unknown', reason: outbound.reason };
    const systemVerifies = (majorOf(snapshot) ?? 0) >= SYSTEM_VERIFIES_SINCE;
    const links = outbound.value.links
      .filter(({ sslrootcert }) => !(systemVerifies && sslrootcert === 'system'))
      .map((link) => (link.loopback === true && loopback === 'network' ? { ...link, local: false } : link));
    const problems = links.flatMap(linkProblem);
    const unknownReason = whatIsUnseen({ ...outbound.value, links }, snapshot);
    if (problems.length > 0) {
      return { status: 'fail', problems, ...(unknownReason === undefined ? {} : { incomplete: unknownReason }) };
    }
    return unknownReason === undefined ? { status: 'pass' } : { status: 'unknown', reason: unknownReason };
  },
};

/**
 * As of this version `sslrootcert=system` is verify-full, and libpq refuses to connect with any weaker sslmode beside
 * it; before, it is the name of a file.
 */
const SYSTEM_VERIFIES_SINCE = 16;

const SUBJECTS = {
  subscription: 'A subscription',
  'foreign-server': 'A foreign server',
  primary: 'The replication from the primary',
} as const;

function linkProblem(link: OutboundLink): Problem[] {
  const { kind, name, database, sslmode, local, gssEncrypted } = link;
  if (local || gssEncrypted || isHidden(link)) return [];
  const isKnownMode = sslmode !== undefined && Object.hasOwn(SSLMODE_SEVERITY, sslmode);
  const severity = isKnownMode ? SSLMODE_SEVERITY[sslmode] : 'high';
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

function remedyOf({ kind, name, database, sslmode, emptySslmode, sslrootcert }: OutboundLink): Remedy {
  const where = database === undefined ? '' : `In database ${displayText(database)}: `;
  const settings = 'sslmode=verify-full sslrootcert=<CA file on this server>';
  switch (kind) {
    case 'subscription':
      return {
        everywhere: `${where}ALTER SUBSCRIPTION ${quoteIdentifier(name ?? '')} CONNECTION '<as it is, without sslmode and sslrootcert> ${settings}';`,
        ...CA_FILES,
      };
    case 'foreign-server': {
      const mode = `${setOrAdd(sslmode !== undefined || emptySslmode === true)} sslmode 'verify-full'`;
      const rootcert = `${setOrAdd(sslrootcert !== undefined)} sslrootcert '<CA file on this server>'`;
      return {
        everywhere: `${where}ALTER SERVER ${quoteIdentifier(name ?? '')} OPTIONS (${mode}, ${rootcert});`,
        ...CA_FILES,
      };
    }
    case 'primary':
      return {
        selfManaged: `On this standby: ALTER SYSTEM SET primary_conninfo = '<as it is, without sslmode and sslrootcert> ${settings}';
${RELOAD}
PostgreSQL 12 needs a restart for it, 10 and 11 have it in recovery.conf.`,
        ...PROVIDERS_OWN,
      };
  }
}

/** ADD fails for an option that is there, SET for one that is not. */
function setOrAdd(isThere: boolean): string {
  return isThere ? 'SET' : 'ADD';
}

const SET_BY_PROVIDER = 'Nothing to set: the provider connects its own replicas; mute the finding, or ask its support.';

const PROVIDERS_OWN: Omit<PlatformRemedy, 'selfManaged' | 'everywhere'> = {
  rds: SET_BY_PROVIDER,
  neon: SET_BY_PROVIDER,
  cloudSql: SET_BY_PROVIDER,
  azure: SET_BY_PROVIDER,
};

function whatIsUnseen({ links, unreadable }: Outbound, snapshot: Snapshot): string | undefined {
  const reasons = unreadable.map((kind) => unreadableReason(kind, snapshot));
  const hidden = links.filter((link) => !link.local && !link.gssEncrypted && isHidden(link));
  if (hidden.length > 0) {
    const names = hidden.map(({ kind, name }) => (name === undefined ? kind : `${kind} ${displayText(name)}`));
    reasons.push(`a service file that SQL does not show says how these connect: ${names.slice(0, 5).join(', ')}`);
  }
  return reasons.length === 0 ? undefined : reasons.join('; ');
}

const KINDS = { subscription: 'subscriptions', 'foreign-server': 'foreign servers', primary: 'primary' } as const;

function unreadableReason({ kind, count, refusal }: UnreadableLinks, snapshot: Snapshot): string {
  if (refusal !== undefined) return `the server did not tell how its ${KINDS[kind]} connect: ${refusal}`;
  switch (kind) {
    case 'subscription':
      // Privileges on a catalogue that databases share are kept in each database all the same.
      return `the login may not read how ${count === 1 ? 'a subscription connects' : `${count} subscriptions connect`}: in the audited database, ${whereToGrant(snapshot)}GRANT SELECT (subconninfo) ON pg_catalog.pg_subscription TO ${loginOf(snapshot)}; (it lets the role read the passwords in them, which the auditor does not)`;
    case 'primary':
      return `how this standby reaches its primary is not shown to the login: ${grantRole('pg_monitor', snapshot)} (10 and 11 show it only while the primary is connected)`;
    case 'foreign-server':
      return `the options of ${count === 1 ? 'a foreign server' : `${count} foreign servers`} could not be read`;
  }
}
