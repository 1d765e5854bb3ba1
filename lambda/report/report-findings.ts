// Findings and mutes as the report document has them, with what is known of their lives.

import type { Finding } from '../model/finding.ts';
import type { Decided, MuteUse } from '../model/lifecycle.ts';
import type { Mute } from '../model/mute.ts';
import type { ReportFinding, ReportMute, ResolvedFinding } from './schema.ts';

type Episode = Pick<ResolvedFinding, 'firstSeen' | 'openedAt' | 'lastSeen' | 'toldSeverity'>;

/** Without the keys that have no value: a document of its own, not a view of ours. */
function bare(finding: Finding): ReportFinding {
  const { fingerprint, check, severity, target, title, role, database, application, clients, count } = finding;
  return {
    fingerprint,
    check,
    severity,
    target,
    title,
    ...(role === undefined ? {} : { role }),
    ...(database === undefined ? {} : { database }),
    ...(application === undefined ? {} : { application }),
    ...(clients === undefined ? {} : { clients: [...clients] }),
    ...(count === undefined ? {} : { count }),
    evidence: finding.evidence as ReportFinding['evidence'],
    remedy: finding.remedy,
  };
}

/** What is there, with what is to be done about it. */
export function reportFinding(finding: Finding, decided: Decided | undefined): ReportFinding {
  const reported = bare(finding);
  // A fingerprint decided on twice must not turn what is there into what is over.
  if (decided === undefined || decided.reason === 'resolved') return reported;
  const { reason, mute } = decided;
  return {
    ...reported,
    lifecycle: { reason, ...episode(decided), ...(mute === undefined ? {} : { mute: agreement(mute) }) },
  };
}

/** What is over, as it was last seen. */
export function resolvedFinding(decided: Decided): ResolvedFinding {
  const { finding, resolution = 'gone', detail } = decided;
  return {
    ...bare(finding),
    resolution,
    ...(detail === undefined ? {} : { detail }),
    ...episode(decided),
  };
}

function episode({ firstSeen, openedAt, lastSeen, toldSeverity }: Decided): Episode {
  return {
    ...(firstSeen === undefined ? {} : { firstSeen }),
    ...(openedAt === undefined ? {} : { openedAt }),
    ...(lastSeen === undefined ? {} : { lastSeen }),
    ...(toldSeverity === undefined ? {} : { toldSeverity }),
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
