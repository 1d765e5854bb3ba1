// Logins that may not see what they are to audit.

import { displayText } from '../model/display.ts';
import { loginRole, resetRole } from '../model/role-setting.ts';
import type { Snapshot, Visibility } from '../model/snapshot.ts';
import type { Check } from './check.ts';
import { whatIsHidden } from './sessions/session-check.ts';
import { grantStatements, whereToGrant } from './shared/grant.ts';

/** GRANT is the same everywhere; who may is not. */
const AS_ADMIN =
  "As a superuser, or the provider's administrator (rds_superuser, neon_superuser, cloudsqlsuperuser, azure_pg_admin)";

export const blindRole: Check = {
  id: 'blind-role',
  title: "The auditor's login cannot see every session",
  severity: 'high',
  rationale:
    'To a role without pg_read_all_stats, pg_stat_ssl shows only its own session: plaintext sessions of others count as none. Such a target is never called clean.',
  remedy: `${AS_ADMIN}: GRANT pg_monitor TO <role>; (pg_read_all_stats is enough for sessions).`,
  references: [
    'https://www.postgresql.org/docs/current/predefined-roles.html',
    'https://www.postgresql.org/docs/current/monitoring-stats.html',
  ],
  evaluate: (snapshot) => {
    const { visibility, sessions } = snapshot;
    if (!visibility.known) return { status: 'unknown', reason: visibility.reason };
    const unseen = whatIsHidden(snapshot);
    if (unseen === undefined) return { status: 'pass' };
    const { role, seesAllSessions, assumed } = visibility.value;
    return {
      status: 'fail',
      problems: [
        {
          severity: 'high',
          title: blindRole.title,
          role: displayText(role),
          evidence: {
            what: unseen,
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

/** One statement a line: each can be pasted into psql -c. */
function grantTo(visibility: Visibility, snapshot: Snapshot): string {
  const { role, assumed } = visibility;
  const grant = [
    `${AS_ADMIN}${whereToGrant(snapshot) === '' ? '' : ', on the primary'}:`,
    ...grantStatements('pg_monitor', snapshot),
  ];
  if (assumed === undefined) return grant.join(grant.length === 2 ? ' ' : '\n');
  const login = displayText(loginRole(visibility));
  const reset = resetRole(visibility);
  return [
    `The login ${login} does not see by its own privileges: its sessions run as ${displayText(role)}, and need not. End that:`,
    reset ??
      `(No setting of ${login} does it: a pooler or a login trigger runs SET ROLE. Give the login a way without.)`,
    `Then, where ${login} is no member of pg_monitor. ${grant.join('\n')}`,
  ].join('\n');
}
