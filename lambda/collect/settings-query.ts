// Reads the settings that decide what the server allows.

import { SETTING_NAMES, type SettingName, type Settings } from '../model/posture.ts';
import type { Question } from './question.ts';

/** Superuser-only settings are left out of the view for a login that may not see them: absence alone proves nothing. */
export const settingsQuestion: Question<Settings> = {
  selects: (major) => [
    `SELECT pg_has_role('pg_read_all_settings', '${major >= 15 ? 'USAGE' : 'MEMBER'}')`,
    `SELECT name, setting, pending_restart FROM pg_settings
 WHERE name IN (${SETTING_NAMES.map((name) => `'${name}'`).join(', ')}) OR pending_restart`,
  ],
  read: ([privilege = [], rows = []]) => {
    const wanted: ReadonlySet<string> = new Set(SETTING_NAMES);
    const values: Partial<Record<SettingName, string>> = {};
    const pendingRestart: string[] = [];
    for (const [name, setting, pending] of rows) {
      if (name === null || name === undefined) continue;
      if (wanted.has(name)) values[name as SettingName] = setting ?? '';
      if (pending === 't') pendingRestart.push(name);
    }
    return { values, pendingRestart, seesAll: privilege[0]?.[0] === 't' };
  },
};
