// Describes how the server authenticated the auditor, the only login whose method a snapshot shows.

import { displayText } from '../../model/display.ts';
import type { PlatformRemedy } from '../../model/remedy.ts';
import { loginRole } from '../../model/role-setting.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { quoteIdentifier } from '../../model/sql-identifier.ts';
import type { PartialOutcome } from './outcome.ts';

/** @param remedy for roles whose password is stored as an MD5 hash, where a platform has its own */
export function evaluateOwnLogin(
  { link, visibility }: Snapshot,
  remedy: Omit<PlatformRemedy, 'selfManaged'>,
): PartialOutcome {
  // Without a session nothing was asked for; why there is none is a finding of its own.
  if (!link.known || link.value.authentication !== 'md5') return { problems: [] };
  const role = visibility.known ? loginRole(visibility.value) : undefined;
  return {
    problems: [
      {
        severity: 'medium',
        title: 'The server asked the auditor for an MD5 hash of its password',
        subject: 'own-login',
        ...(role === undefined ? {} : { role }),
        evidence: {
          authentication: 'md5',
          why: 'the password of the role is stored as an MD5 hash, or the rule in pg_hba.conf asks for one',
        },
        remedy: {
          ...remedy,
          selfManaged: `ALTER SYSTEM SET password_encryption = 'scram-sha-256';
SELECT pg_reload_conf();
Then set the password of the role again, e.g. in psql: \\password ${role === undefined ? '<role>' : displayText(quoteIdentifier(role))}`,
        },
      },
    ],
  };
}
