// A finding that this run saw, against what is remembered of it.

import type { Finding } from '../model/finding.ts';
import type { FindingRecord, Reason } from '../model/lifecycle.ts';
import type { Mute } from '../model/mute.ts';
import { compareSeverity, isAtLeast } from '../model/severity.ts';
import { earlier, later, msBetween } from '../model/time.ts';
import { activeMute } from './mutes.ts';
import { type Circumstances, type Judged, standingMessage } from './transition.ts';

/** @param takenAt ISO 8601: of the snapshot that shows it, which may be older than what is remembered */
export function judgeSeen(finding: Finding, takenAt: string, circumstances: Circumstances): Judged {
  const known = circumstances.previous.findings.get(finding.fingerprint);
  if (known?.resolved !== undefined && known.status === 'resolved' && msBetween(known.resolved.at, takenAt) <= 0) {
    // A run that was overtaken: a later look has found it gone.
    return { reason: 'resolved', finding, seen: true, notify: false, record: known, canRemind: false };
  }
  return known?.status === 'open'
    ? judgeOpen(finding, takenAt, known, circumstances)
    : judgeNew(finding, takenAt, known, circumstances);
}

function judgeNew(
  finding: Finding,
  takenAt: string,
  known: FindingRecord | undefined,
  { mutes, policy }: Circumstances,
): Judged {
  const mute = activeMute(mutes, finding);
  // A message of an earlier episode counts no more. That it is over stays, for another run that saves what was before it.
  const told = known?.told?.reason === 'resolved' ? known.told : undefined;
  const record: FindingRecord = {
    finding,
    status: 'open',
    firstSeen: earlier(known?.firstSeen ?? takenAt, takenAt),
    openedAt: takenAt,
    lastSeen: later(known?.lastSeen ?? takenAt, takenAt),
    ...(told === undefined ? {} : { told }),
    ...(mute === undefined ? {} : { mute }),
  };
  return {
    reason: mute === undefined ? 'new' : 'muted',
    finding,
    seen: true,
    notify: mute === undefined && isAtLeast(finding.severity, policy.minSeverity),
    record,
    mute,
    canRemind: false,
  };
}

function judgeOpen(finding: Finding, takenAt: string, known: FindingRecord, circumstances: Circumstances): Judged {
  const isOlder = msBetween(known.lastSeen, takenAt) < 0;
  const mute =
    activeMute(circumstances.mutes, finding) ?? (isOlder ? activeMute(circumstances.mutes, known.finding) : undefined);
  const { mute: mutedBefore, ...rest } = known;
  const remembered = isOlder ? mutedBefore : mute;
  const record: FindingRecord = {
    ...rest,
    finding: isOlder ? known.finding : finding,
    firstSeen: earlier(known.firstSeen, takenAt),
    lastSeen: later(known.lastSeen, takenAt),
    ...(mute === undefined || remembered === undefined ? {} : { mute: remembered }),
  };
  const isLoud = isAtLeast(finding.severity, circumstances.policy.minSeverity);
  const reason = reasonOf(finding, known, mute, isLoud);
  const message = standingMessage(known);
  return {
    reason,
    finding,
    seen: true,
    notify: isLoud && reason !== 'muted' && reason !== 'ongoing',
    record,
    toldSeverity: message?.severity,
    mute: reason === 'mute-expired' ? mutedBefore : mute,
    canRemind: reason === 'ongoing' && isLoud && message !== undefined && !isOlder,
  };
}

function reasonOf(finding: Finding, known: FindingRecord, mute: Mute | undefined, isLoud: boolean): Reason {
  if (mute !== undefined) return 'muted';
  if (known.mute !== undefined) return 'mute-expired';
  if (!isLoud) return 'ongoing';
  const message = standingMessage(known);
  const isWorse = compareSeverity(finding.severity, (message ?? known.finding).severity) > 0;
  if (isWorse) return 'escalated';
  return message === undefined ? 'new' : 'ongoing';
}
