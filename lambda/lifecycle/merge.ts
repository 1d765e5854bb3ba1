// Merges two states that two runs saved without knowing of each other.
//
// Every field is the greater of two by an order of its own, so that the merge is commutative, associative and
// idempotent.

import type { AuditState, FindingRecord, MuteRecord, TargetRecord } from '../model/lifecycle.ts';
import { compareSeverity } from '../model/severity.ts';
import { compareText } from '../model/text-order.ts';
import { compareMoments, earlier, later } from '../model/time.ts';

/** Every record of either state. A notification that went out is kept, and so is a sighting after a resolution. */
export function mergeState(a: AuditState, b: AuditState): AuditState {
  return {
    findings: mergeMaps(a.findings, b.findings, mergeRecords),
    targets: mergeMaps(a.targets, b.targets, mergeTargetRecords),
    mutes: mergeMaps(a.mutes, b.mutes, mergeMuteRecords),
  };
}

/**
 * Merges two records of one finding: as it was last seen, and open unless it was resolved after that. The last
 * notification counts. Where it was `resolved` and the finding is open, the next run that observes the finding notifies
 * of it as new.
 */
export function mergeRecords(a: FindingRecord, b: FindingRecord): FindingRecord {
  const { finding, mute, lastSeen } = greatest(a, b, compareSightings);
  const lastNotified = greatestDefined(a.lastNotified, b.lastNotified, compareMessages);
  const end = greatestDefined(a.resolved, b.resolved, compareEnds);
  // At the moment of the last sighting, only the removal of its check or target can have resolved it.
  const resolved = end !== undefined && compareMoments(end.at, lastSeen) >= 0 ? end : undefined;
  return {
    finding,
    status: resolved === undefined ? 'open' : 'resolved',
    firstSeen: earlier(a.firstSeen, b.firstSeen),
    openedAt: later(a.openedAt, b.openedAt),
    lastSeen,
    ...(lastNotified === undefined ? {} : { lastNotified }),
    ...(mute === undefined ? {} : { mute }),
    ...(resolved === undefined ? {} : { resolved }),
  };
}

export function mergeTargetRecords(a: TargetRecord, b: TargetRecord): TargetRecord {
  return greatest(a, b, (x, y) => compareMoments(x.takenAt, y.takenAt));
}

export function mergeMuteRecords(a: MuteRecord, b: MuteRecord): MuteRecord {
  const lastMatched = greatestDefined(a.lastMatched, b.lastMatched, compareMoments);
  const unusedNotifiedAt = greatestDefined(a.unusedNotifiedAt, b.unusedNotifiedAt, compareMoments);
  return {
    key: a.key,
    firstSeen: earlier(a.firstSeen, b.firstSeen),
    ...(lastMatched === undefined ? {} : { lastMatched }),
    ...(unusedNotifiedAt === undefined ? {} : { unusedNotifiedAt }),
  };
}

function mergeMaps<T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>, merge: (x: T, y: T) => T): Map<string, T> {
  const merged = new Map(a);
  for (const [key, value] of b) {
    const other = merged.get(key);
    merged.set(key, other === undefined ? value : merge(other, value));
  }
  return merged;
}

type Compare<T> = (a: T, b: T) => number;

function greatest<T>(a: T, b: T, compare: Compare<T>): T {
  return compare(a, b) >= 0 ? a : b;
}

function greatestDefined<T>(a: T | undefined, b: T | undefined, compare: Compare<T>): T | undefined {
  if (a === undefined || b === undefined) return a ?? b;
  return greatest(a, b, compare);
}

/** The later sighting; of one moment the worse one, then the muted one: a notification is repeated rather than lost. */
function compareSightings(a: FindingRecord, b: FindingRecord): number {
  return (
    compareMoments(a.lastSeen, b.lastSeen) ||
    compareSeverity(a.finding.severity, b.finding.severity) ||
    Number(a.mute !== undefined) - Number(b.mute !== undefined) ||
    compareText(canonical([a.finding, a.mute ?? null]), canonical([b.finding, b.mute ?? null]))
  );
}

type Message = NonNullable<FindingRecord['lastNotified']>;

function compareMessages(a: Message, b: Message): number {
  return compareMoments(a.at, b.at) || compareSeverity(a.severity, b.severity) || compareText(a.reason, b.reason);
}

type End = NonNullable<FindingRecord['resolved']>;

function compareEnds(a: End, b: End): number {
  return compareMoments(a.at, b.at) || compareText(canonical(a), canonical(b));
}

/** JSON with sorted keys. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'object' && part !== null && !Array.isArray(part)
      ? Object.fromEntries(Object.entries(part).sort(([x], [y]) => compareText(x, y)))
      : part,
  );
}
