// What the mutes of the configuration do in a run, and since when one does nothing.

import type { Finding } from '../model/finding.ts';
import type { MuteRecord, MuteUse } from '../model/lifecycle.ts';
import { DAY_MS, later, msBetween } from '../model/time.ts';
import type { ConfiguredMute } from './mutes.ts';

/** How long a mute may match nothing before people are told, and told again. */
const UNUSED_MS = 30 * DAY_MS;

/** Without state: nobody knows how long a mute has matched nothing. */
export function muteUses(mutes: readonly ConfiguredMute[], isObserved: readonly Finding[]): readonly MuteUse[] {
  return mutes.map((configured) => useOf(configured, isObserved));
}

/**
 * What each mute did, and what to remember of it. Mutes that are no longer configured are forgotten: one that comes back
 * has its 30 days again.
 *
 * @param remembered what is open and was not seen now: of a target that is down for a month the mutes are in use
 */
export function trackMutes(
  mutes: readonly ConfiguredMute[],
  isObserved: readonly Finding[],
  remembered: readonly Finding[],
  known: ReadonlyMap<string, MuteRecord>,
  now: string,
): { readonly uses: readonly MuteUse[]; readonly records: ReadonlyMap<string, MuteRecord> } {
  const records = new Map<string, MuteRecord>();
  const uses = mutes.map((configured): MuteUse => {
    const { key, expired, matches } = configured;
    const use = useOf(configured, isObserved);
    // Two mutes of one key match the same: the second finds what the first has noted.
    const record = records.get(key) ?? known.get(key) ?? { key, firstSeen: now };
    if (use.matched > 0 || remembered.some(matches)) {
      records.set(key, { ...record, lastMatched: later(record.lastMatched ?? now, now) });
      return use;
    }
    const since = later(record.firstSeen, record.lastMatched ?? record.firstSeen);
    const isUnused = msBetween(since, now) >= UNUSED_MS;
    const notifyUnused =
      isUnused &&
      !expired &&
      (record.unusedNotifiedAt === undefined || msBetween(record.unusedNotifiedAt, now) >= UNUSED_MS);
    records.set(key, notifyUnused ? { ...record, unusedNotifiedAt: now } : record);
    return isUnused ? { ...use, unusedSince: since, notifyUnused } : use;
  });
  return { uses, records };
}

function useOf({ mute, key, expired, matches }: ConfiguredMute, isObserved: readonly Finding[]): MuteUse {
  return { mute, key, expired, matched: isObserved.filter(matches).length, notifyUnused: false };
}
