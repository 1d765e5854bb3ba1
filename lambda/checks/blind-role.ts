// Logins that may not see what they are to audit.

import { displayText } from '../model/display.ts';
import type { Check } from './check.ts';
import { whatIsHidden } from './sessions/session-check.ts';
import { grantRole } from './shared/grant.ts';

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
    const { role, seesAllSessions } = visibility.value;
    const grant = `${AS_ADMIN}: ${grantRole('pg_monitor', snapshot)}`;
    return {
      status: 'fail',
      problems: [
        {
          severity: 'high',
          title: blindRole.title,
          role: displayText(role),
          evidence: { what: unseen, hiddenSessions: sessions.known ? sessions.value.hidden : 0 },
          remedy: seesAllSessions
            ? 'The login has pg_read_all_stats, and yet some rows of pg_stat_activity are withheld: ask the provider which sessions those are.'
            : grant,
        },
      ],
    };
  },
};
