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

/** The first version with other files included in pg_hba.conf, each of which the view names. */
const INCLUDES_SINCE = 16;

/**
 * SQL that is true where the login may ask when a file was changed: for superusers unless it is granted. Paths outside
 * the data folder take `pg_read_server_files` besides.
 */
export const CAN_STAT_FILES = "has_function_privilege('pg_catalog.pg_stat_file(text, boolean)', 'EXECUTE')";

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
