// Reads a setting of the server from a snapshot, or the reason why it is not known.

import { known, type Observed, unknown } from '../../model/observed.ts';
import type { SettingName } from '../../model/posture.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { grantRole } from '../remedies/grant.ts';

/** Shown to every login, so that their absence means that the server has none. */
const PUBLIC: readonly SettingName[] = ['ssl', 'password_encryption', 'rds.force_ssl'];

/** The value in effect, or the reason why it is not known, with the GRANT that would show it. */
export function readSetting(snapshot: Snapshot, name: SettingName): Observed<string> {
  const { settings } = snapshot;
  if (!settings.known) return settings;
  const value = settings.value.values[name];
  if (value !== undefined) return known(value);
  const reason = settings.value.unusable?.[name];
  if (reason !== undefined) return unknown(reason);
  if (settings.value.seesAll || PUBLIC.includes(name)) return unknown(`the server shows no setting ${name}`);
  return unknown(`the login may not read ${name}: ${grantRole('pg_read_all_settings', snapshot)}`);
}
