// Counts what each mute of the configuration matches, and since when a mute matches nothing.

import type { Finding } from '../model/finding.ts';
import type { MuteRecord, MuteUse } from '../model/lifecycle.ts';
import { DAY_MS, later, msBetween } from '../model/time.ts';
import type { ConfiguredMute } from './mutes.ts';

/** Milliseconds that a mute may match nothing before the receiver is notified, and before each repeat. */
const UNUSED_MS = 30 * DAY_MS;

/** The uses in a run without state, where it is not known how long a mute has matched nothing. */
export function muteUses(mutes: readonly ConfiguredMute[], observedFindings: readonly Finding[]): readonly MuteUse[] {
  return mutes.map((configured) => useOf(configured, observedFindings));
}

/**
 * The use of each mute, and the record to save. The record of a mute that is no longer configured is dropped: a mute
 * that comes back starts its 30 days again.
 *
 * @param carriedOver open findings that this run did not observe: mutes for a target that is down are still in use
 */
export function trackMutes(
  mutes: readonly ConfiguredMute[],
  observedFindings: readonly Finding[],
  carriedOver: readonly Finding[],
  known: ReadonlyMap<string, MuteRecord>,
  now: string,
): { readonly uses: readonly MuteUse[]; readonly records: ReadonlyMap<string, MuteRecord> } {
  const records = new Map<string, MuteRecord>();
  const uses = mutes.map((configured): MuteUse => {
    const { key, expired, matches } = configured;
    const use = useOf(configured, observedFindings);
    // Two mutes with one key match the same findings: the second one continues the record of the first one.
    const record = records.get(key) ?? known.get(key) ?? { key, firstSeen: now };
    if (use.matched > 0 || carriedOver.some(matches)) {
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

function useOf({ mute, key, expired, matches }: ConfiguredMute, observedFindings: readonly Finding[]): MuteUse {
  return { mute, key, expired, matched: observedFindings.filter(matches).length, notifyUnused: false };
}
