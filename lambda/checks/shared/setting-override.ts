// Evaluates overrides of password_encryption, which decide in their database or for their role.

import { displayText } from '../../model/display.ts';
import type { Problem } from '../../model/finding.ts';
import type { SettingOverride } from '../../model/posture.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { quoteIdentifier } from '../../model/sql-identifier.ts';

/** Why the server's own value is not known, where the auditor's session was given another. */
export function overriddenEncryption(snapshot: Snapshot): string | undefined {
  const own = overridesOf(snapshot).filter(({ ofLogin }) => ofLogin);
  if (own.length === 0) return undefined;
  const statements = own.map((override) => `${alter(override)} SET`).join(', ');
  return `the server's password_encryption is not shown to a login that has a value of its own by ${statements}: RESET it there, or audit with a login and database that have none`;
}

/** Databases and roles in which new passwords are stored as MD5 hashes by a value of their own. */
export function weakOverrides(snapshot: Snapshot): readonly Problem[] {
  return overridesOf(snapshot)
    .filter(({ value }) => value.toLowerCase() !== 'scram-sha-256')
    .map((override) => ({
      severity: 'medium',
      title: `New passwords are stored as MD5 hashes ${whose(override)}`,
      ...(override.database === undefined ? {} : { database: displayText(override.database) }),
      ...(override.role === undefined ? {} : { role: displayText(override.role) }),
      subject: 'password_encryption',
      evidence: {
        password_encryption: displayText(override.value),
        setBy: `${alter(override)} SET`,
        shouldBe: 'scram-sha-256',
      },
      remedy: `First see that every driver can SCRAM (libpq 10, JDBC 42.2.0, Npgsql 3.2.7 or newer).
${alter(override)} RESET password_encryption;
New sessions then have the server's value. Have each role whose password was set meanwhile set it again, e.g. with \\password.`,
    }));
}

function overridesOf({ settings }: Snapshot): readonly SettingOverride[] {
  const all = settings.known ? (settings.value.overrides ?? []) : [];
  return all.filter(({ setting }) => setting === 'password_encryption');
}

function whose({ database, role }: SettingOverride): string {
  if (role === undefined) return database === undefined ? 'by a value for all roles' : 'in a database';
  return database === undefined ? 'by a role' : 'by a role in a database';
}

/** The statement that made it, up to SET or RESET. */
function alter({ database, role }: SettingOverride): string {
  if (role === undefined)
    return database === undefined ? 'ALTER ROLE ALL' : `ALTER DATABASE ${quoteIdentifier(database)}`;
  const where = database === undefined ? '' : ` IN DATABASE ${quoteIdentifier(database)}`;
  return `ALTER ROLE ${quoteIdentifier(role)}${where}`;
}
