// Reads where a database or role has a setting of its own: what the auditor's session is given is not the server's then.

import type { SettingOverride } from '../model/posture.ts';
import type { Question } from './question.ts';

/** The settings that sessions may have a value of their own of. All others hold for the whole server. */
const SETTING = 'password_encryption';

/**
 * A catalogue that all databases share and everybody may read: each row holds for a database, a role or both, and 0 for
 * all of them. The settings of roles that cannot log in come into effect for nobody.
 *
 * The role that counts is the one that logged in, whatever role it has become since.
 */
export const overrideQuestion: Question<readonly SettingOverride[]> = {
  selects: () => [
    `SELECT d.datname, r.rolname, substr(c.entry, ${SETTING.length + 2}),
       (s.setdatabase = 0 OR d.datname = current_database()) AND (s.setrole = 0 OR r.rolname = session_user)
  FROM pg_db_role_setting s
       CROSS JOIN LATERAL unnest(s.setconfig) c(entry)
       LEFT JOIN pg_database d ON d.oid = s.setdatabase
       LEFT JOIN pg_roles r ON r.oid = s.setrole
 WHERE split_part(c.entry, '=', 1) = '${SETTING}' AND (s.setrole = 0 OR r.rolcanlogin)
 ORDER BY 1, 2`,
  ],
  read: ([rows = []]) =>
    rows.map(([database, role, value, ofLogin]) => ({
      setting: SETTING,
      database: database ?? undefined,
      role: role ?? undefined,
      value: value ?? '',
      ofLogin: ofLogin === 't',
    })),
};
