// Finds logins that lack the privileges to see what they audit.

import { displayText } from '../model/display.ts';
import type { Outcome } from '../model/finding.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import { loginRole, resetRole } from '../model/role-setting.ts';
import type { Snapshot, Visibility } from '../model/snapshot.ts';
import type { AuditCheck } from './check.ts';
import { grantStatements, whereToGrant } from './remedies/grant.ts';
import { hiddenSessionsReason } from './shared/session-check.ts';

/** GRANT is the same everywhere; who may is not. */
const AS_ADMIN =
  "As a superuser, or the provider's administrator (rds_superuser, neon_superuser, cloudsqlsuperuser, azure_pg_admin)";

export const insufficientPrivileges: AuditCheck = {
  id: 'insufficient-privileges',
  title: "The auditor's login cannot see every session",
  subject: 'audit',
  severity: 'high',
  rationale:
    'To a role without pg_read_all_stats, pg_stat_ssl shows only its own session: plaintext sessions of others count as none. Such a target is never called clean.',
  remedy: `${AS_ADMIN}: GRANT pg_monitor TO <role>; (pg_read_all_stats is enough for sessions).`,
  requirements: IN_TRANSIT,
  hidesSessions: true,
  pgbouncer: evaluatePgBouncer,
  references: [
    'https://www.postgresql.org/docs/current/predefined-roles.html',
    'https://www.postgresql.org/docs/current/monitoring-stats.html',
  ],
  evaluate: (snapshot) => {
    const { visibility, sessions } = snapshot;
    if (!visibility.known) return { status: 'unknown', reason: visibility.reason };
    const unknownReason = hiddenSessionsReason(snapshot);
    if (unknownReason === undefined) return { status: 'pass' };
    const { role, seesAllSessions, assumed } = visibility.value;
    return {
      status: 'fail',
      problems: [
        {
          severity: 'high',
          title: insufficientPrivileges.title,
          role: displayText(role),
          evidence: {
            what: unknownReason,
            ...(assumed === undefined ? {} : { login: displayText(assumed.login), runsAs: displayText(role) }),
            hiddenSessions: sessions.known ? sessions.value.hidden : 0,
          },
          remedy: seesAllSessions
            ? 'The login has pg_read_all_stats, and yet some rows of pg_stat_activity are withheld: ask the provider which sessions those are.'
            : grantTo(visibility.value, snapshot),
        },
      ],
    };
  },
};

function evaluatePgBouncer({ visibility }: Snapshot): Outcome {
  if (!visibility.known) return { status: 'unknown', reason: visibility.reason };
  return {
    status: 'not-applicable',
    reason: "every login to PgBouncer's console sees every session of its process",
  };
}

/** One statement a line: each can be pasted into psql -c. */
function grantTo(visibility: Visibility, snapshot: Snapshot): string {
  const { role, assumed } = visibility;
  const who = `${AS_ADMIN}${whereToGrant(snapshot) === '' ? '' : ', on the primary'}:`;
  const statements = grantStatements('pg_monitor', snapshot);
  const [only] = statements;
  if (assumed === undefined) return statements.length === 1 ? `${who} ${only}` : [who, ...statements].join('\n');
  const login = displayText(loginRole(visibility));
  return [
    `The sessions of the login ${login} run as ${displayText(role)}, whose privileges count then. End that:`,
    ...howToEnd(visibility),
    `Then, where ${login} is no member of pg_monitor. ${who}`,
    ...statements,
  ].join('\n');
}

function howToEnd(visibility: Visibility): readonly string[] {
  const reset = resetRole(visibility);
  if (reset === undefined) {
    return ['No setting of the login or its database does it: look for SET ROLE in a pooler or a login trigger.'];
  }
  if (visibility.assumed?.setting?.role !== undefined) return [reset];
  return [
    "(The setting holds for other logins too: find out which need it, and connect with PGOPTIONS='-c role=none'.)",
    reset,
  ];
}
