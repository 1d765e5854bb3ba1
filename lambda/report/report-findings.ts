// Renders findings and mutes as the report document has them, with their history.

import { displayText } from '../model/display.ts';
import type { Evidence, Finding } from '../model/finding.ts';
import type { Decided, MuteUse } from '../model/lifecycle.ts';
import type { Mute } from '../model/mute.ts';
import type { ReportFinding, ReportMute, ResolvedFinding } from './schema.ts';
import { displayProse, remedyLines } from './text.ts';

type Episode = Pick<ResolvedFinding, 'firstSeen' | 'openedAt' | 'lastSeen' | 'lastNotifiedSeverity'>;

/** Entries of a list in a finding; further ones are counted. */
const MOST_ENTRIES = 100;
const TEXT_LENGTH = 2_000;

/**
 * Without the keys that have no value: a document of its own, not a view of ours. Every text is made safe here once
 * more, whichever check wrote it: it may come from a state that an older auditor kept.
 */
function bare(finding: Finding): ReportFinding {
  const { fingerprint, check, severity, target, title, role, database, application, clients, count } = finding;
  return {
    fingerprint,
    check,
    severity,
    target,
    title: displayProse(title, TEXT_LENGTH),
    ...(role === undefined ? {} : { role: displayText(role) }),
    ...(database === undefined ? {} : { database: displayText(database) }),
    ...(application === undefined ? {} : { application: displayText(application) }),
    ...(clients === undefined ? {} : { clients: entries(clients) }),
    ...(count === undefined ? {} : { count }),
    evidence: Object.fromEntries(
      Object.entries(finding.evidence).map(([name, fact]) => [displayText(name), evidence(fact)]),
    ),
    remedy: remedyLines(finding.remedy).join('\n'),
  };
}

function evidence(fact: Evidence[string]): ReportFinding['evidence'][string] {
  if (typeof fact === 'string') return displayProse(fact, TEXT_LENGTH);
  return typeof fact === 'object' ? entries(fact) : fact;
}

function entries(list: readonly string[]): string[] {
  const shown = list.slice(0, MOST_ENTRIES).map((entry) => displayProse(entry, TEXT_LENGTH));
  return list.length > MOST_ENTRIES ? [...shown, `and ${list.length - MOST_ENTRIES} more`] : shown;
}

/** An open finding, with its history where a decision is known. */
export function reportFinding(finding: Finding, decided: Decided | undefined): ReportFinding {
  const reported = bare(finding);
  // A second decision about the same fingerprint must not turn an open finding into a resolved one.
  if (decided === undefined || decided.reason === 'resolved') return reported;
  const { reason, mute } = decided;
  return {
    ...reported,
    lifecycle: { reason, ...episode(decided), ...(mute === undefined ? {} : { mute: agreement(mute) }) },
  };
}

/** A resolved finding, as it was last seen. */
export function resolvedFinding(decided: Decided): ResolvedFinding {
  const { finding, resolution = 'gone', detail } = decided;
  return {
    ...bare(finding),
    resolution,
    ...(detail === undefined ? {} : { detail }),
    ...episode(decided),
  };
}

function episode({ firstSeen, openedAt, lastSeen, lastNotifiedSeverity }: Decided): Episode {
  return {
    ...(firstSeen === undefined ? {} : { firstSeen }),
    ...(openedAt === undefined ? {} : { openedAt }),
    ...(lastSeen === undefined ? {} : { lastSeen }),
    ...(lastNotifiedSeverity === undefined ? {} : { lastNotifiedSeverity }),
  };
}

export function reportMute({ mute, expired, matched, unusedSince }: MuteUse): ReportMute {
  return {
    match: Object.fromEntries(Object.entries(mute.match).filter(([, value]) => value !== undefined)),
    ...agreement(mute),
    expired,
    matched,
    ...(unusedSince === undefined ? {} : { unusedSince }),
  };
}

function agreement({ reason, owner, expires }: Mute): Pick<Mute, 'reason' | 'owner' | 'expires'> {
  return { reason, owner, expires };
}
