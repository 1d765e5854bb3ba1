// Makes the transition of a finding that this run observed.

import type { Finding } from '../model/finding.ts';
import type { FindingRecord, Reason } from '../model/lifecycle.ts';
import type { Mute } from '../model/mute.ts';
import { compareSeverity, isAtLeast } from '../model/severity.ts';
import { earlier, later, msBetween } from '../model/time.ts';
import { activeMute } from './mutes.ts';
import { lastActiveNotification, type Transition, type TransitionContext } from './transition.ts';

/** @param takenAt ISO 8601: the time of the snapshot, which may be older than the saved record */
export function observedTransition(finding: Finding, takenAt: string, context: TransitionContext): Transition {
  const known = context.previous.findings.get(finding.fingerprint);
  if (known?.resolved !== undefined && known.status === 'resolved' && msBetween(known.resolved.at, takenAt) <= 0) {
    // Another run overtook this one: its later scan has found the finding gone.
    return { reason: 'resolved', finding, isObserved: true, notify: false, record: known, isRepeatable: false };
  }
  return known?.status === 'open'
    ? updateFinding(finding, takenAt, known, context)
    : openFinding(finding, takenAt, known, context);
}

function openFinding(
  finding: Finding,
  takenAt: string,
  known: FindingRecord | undefined,
  { mutes, policy }: TransitionContext,
): Transition {
  const mute = activeMute(mutes, finding);
  // A notification of an earlier episode no longer counts. `resolved` stays, for another run that saves an older
  // record.
  const lastNotified = known?.lastNotified?.reason === 'resolved' ? known.lastNotified : undefined;
  const record: FindingRecord = {
    finding,
    status: 'open',
    firstSeen: earlier(known?.firstSeen ?? takenAt, takenAt),
    openedAt: takenAt,
    lastSeen: later(known?.lastSeen ?? takenAt, takenAt),
    ...(lastNotified === undefined ? {} : { lastNotified }),
    ...(mute === undefined ? {} : { mute }),
  };
  return {
    reason: mute === undefined ? 'new' : 'muted',
    finding,
    isObserved: true,
    notify: mute === undefined && isAtLeast(finding.severity, policy.minSeverity),
    record,
    mute,
    isRepeatable: false,
  };
}

function updateFinding(
  finding: Finding,
  takenAt: string,
  known: FindingRecord,
  context: TransitionContext,
): Transition {
  const isOlder = msBetween(known.lastSeen, takenAt) < 0;
  const mute = activeMute(context.mutes, finding) ?? (isOlder ? activeMute(context.mutes, known.finding) : undefined);
  const { mute: mutedBefore, ...rest } = known;
  const muteOfNewest = isOlder ? mutedBefore : mute;
  const record: FindingRecord = {
    ...rest,
    finding: isOlder ? known.finding : finding,
    firstSeen: earlier(known.firstSeen, takenAt),
    lastSeen: later(known.lastSeen, takenAt),
    ...(mute === undefined || muteOfNewest === undefined ? {} : { mute: muteOfNewest }),
  };
  const isAboveThreshold = isAtLeast(finding.severity, context.policy.minSeverity);
  const reason = reasonOf(finding, known, mute, isAboveThreshold);
  const message = lastActiveNotification(known);
  return {
    reason,
    finding,
    isObserved: true,
    notify: isAboveThreshold && reason !== 'muted' && reason !== 'ongoing',
    record,
    lastNotifiedSeverity: message?.severity,
    mute: reason === 'mute-expired' ? mutedBefore : mute,
    isRepeatable: reason === 'ongoing' && isAboveThreshold && message !== undefined && !isOlder,
  };
}

function reasonOf(finding: Finding, known: FindingRecord, mute: Mute | undefined, isAboveThreshold: boolean): Reason {
  if (mute !== undefined) return 'muted';
  if (known.mute !== undefined) return 'mute-expired';
  if (!isAboveThreshold) return 'ongoing';
  const message = lastActiveNotification(known);
  const isWorse = compareSeverity(finding.severity, (message ?? known.finding).severity) > 0;
  if (isWorse) return 'escalated';
  return message === undefined ? 'new' : 'ongoing';
}
