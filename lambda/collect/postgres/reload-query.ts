// What of the configuration is not in effect yet: why the wire may answer otherwise than settings and rules say. Asked
// for targets with the wire probe only, for it takes a server a millisecond.

import { SETTING_NAMES, type SettingName } from '../../model/posture.ts';
import { answerAbout } from '../answers/answer.ts';
import type { AuditQuery } from './query.ts';

export interface Reload {
  /** Undefined where none waits. */
  readonly pendingRestart: readonly SettingName[] | undefined;
  /** Undefined where the login may not look at files. */
  readonly hbaChangedSinceLoad: boolean | undefined;
}

/** The first version in which a role other than a superuser may look at files outside the data folder. */
const SERVER_FILES_SINCE = 11;
/** The first version with other files included in pg_hba.conf, each of which the view names. */
const INCLUDES_SINCE = 16;

/**
 * SQL that is true where the login may ask when a file was changed. Both are needed: the function is for superusers
 * unless it is granted, and paths outside the data folder are for this role.
 *
 * @param privilege what membership in a predefined role takes in that version
 */
export function canReadFiles(major: number, privilege: 'USAGE' | 'MEMBER'): string {
  if (major < SERVER_FILES_SINCE) return 'false';
  return `has_function_privilege('pg_catalog.pg_stat_file(text, boolean)', 'EXECUTE')
         AND pg_has_role('pg_read_server_files', '${privilege}')`;
}

/** The function behind `pg_settings`, which is faster than the view. */
const PENDING = `SELECT string_agg(s.name, ',') FROM pg_show_all_settings() s
        WHERE s.pending_restart AND s.name IN (${SETTING_NAMES.map((name) => `'${name}'`).join(', ')})`;

/**
 * Modification times come in whole seconds, rounded down: a change within a second of a reload may be missed, and none
 * is made up. A file that is gone counts as unchanged.
 */
function changedSinceLoad(major: number): string {
  const included = major >= INCLUDES_SINCE ? ' UNION SELECT h.file_name FROM pg_hba_file_rules() h' : '';
  return `SELECT max((pg_stat_file(f.path, true)).modification) > pg_conf_load_time()
          FROM (SELECT current_setting('hba_file')${included}) f(path)`;
}

const read = answerAbout('what waits for a reload');

/**
 * @param files whether the login may read pg_hba.conf and look at files: asked without that, the whole message fails
 */
export function reloadQuery(files: boolean): AuditQuery<Reload> {
  return {
    selects: (major) => [`SELECT (${PENDING}), (${files ? changedSinceLoad(major) : 'NULL'})`],
    read: ([rows]) => {
      const [pending, changed] = read.oneRow(rows, 2);
      const names = pending?.split(',') ?? [];
      const pendingRestart = SETTING_NAMES.filter((name) => names.includes(name));
      return {
        pendingRestart: pendingRestart.length === 0 ? undefined : pendingRestart,
        hbaChangedSinceLoad: read.flagOrNull(changed, 'whether pg_hba.conf was changed'),
      };
    },
  };
}
