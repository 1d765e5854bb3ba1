// Reads where a database or role has a setting of its own: what the auditor's session is given is not the server's
// then.

import type { SettingOverride } from '../../model/posture.ts';
import { answerAbout } from '../answers/answer.ts';
import { boundedText, LONGEST } from '../answers/bounded-text.ts';
import { columns } from './columns.ts';
import type { AuditQuery } from './query.ts';

/** The settings that sessions may have a value of their own of. All others hold for the whole server. */
const SETTING = 'password_encryption';

const read = answerAbout('settings of databases and roles');

const OVERRIDE = columns(['database', 'role', 'value', 'ofLogin']);

/**
 * A catalogue that all databases share and everybody may read: each row holds for a database, a role or both, and 0 for
 * all of them. The settings of roles that cannot log in never come into effect.
 *
 * The role that counts is the one that logged in, whatever role it has become since.
 */
export const overrideQuery: AuditQuery<readonly SettingOverride[]> = {
  selects: () => [
    `SELECT ${OVERRIDE.list({
      database: 'd.datname',
      role: 'r.rolname',
      value: `substr(c.entry, ${SETTING.length + 2})`,
      ofLogin: '(s.setdatabase = 0 OR d.datname = current_database()) AND (s.setrole = 0 OR r.rolname = session_user)',
    })}
  FROM pg_db_role_setting s
       CROSS JOIN LATERAL unnest(s.setconfig) c(entry)
       LEFT JOIN pg_database d ON d.oid = s.setdatabase
       LEFT JOIN pg_roles r ON r.oid = s.setrole
 WHERE split_part(c.entry, '=', 1) = '${SETTING}' AND (s.setrole = 0 OR r.rolcanlogin)
 ORDER BY d.datname, r.rolname`,
  ],
  read: ([rows]) =>
    read.rows(rows, OVERRIDE.count).map((row) => ({
      setting: SETTING,
      database: shortName(OVERRIDE.cell(row, 'database')),
      role: shortName(OVERRIDE.cell(row, 'role')),
      // A value that is cut is none of those that are sound.
      value: boundedText(OVERRIDE.cell(row, 'value') ?? '', LONGEST.name),
      // Both may be gone by now, and then it holds for no login.
      ofLogin: read.flagOrNull(OVERRIDE.cell(row, 'ofLogin'), "whether a setting is the login's") ?? false,
    })),
};

function shortName(name: string | null | undefined): string | undefined {
  return name === null || name === undefined ? undefined : boundedText(name, LONGEST.name);
}
