// The life of a finding in words: why it is told now, since when it is there, and how it ended.

import type { Resolution } from '../model/lifecycle.ts';
import { type Digest, type DigestEntry, notifiedSeverity, type SuppressedCounts } from './digest.ts';
import { DEFAULT_ROUTE } from './receiver.ts';
import type { ReportMute, ResolvedFinding } from './schema.ts';
import { displayProse, displayTime, plural, type Style } from './text.ts';

/** `NEW`, `WORSE (was medium)`, `STILL THERE since 2026-11-09 06:15 UTC`; undefined where runs are not compared. */
export function label({ reason, finding: { lifecycle }, isObserved }: DigestEntry): string | undefined {
  switch (reason) {
    case 'new':
      return 'NEW';
    case 'escalated':
      return lifecycle?.lastNotifiedSeverity === undefined ? 'WORSE' : `WORSE (was ${lifecycle.lastNotifiedSeverity})`;
    case 'mute-expired':
      return hasExpired(lifecycle) ? 'MUTE EXPIRED' : 'NO LONGER MUTED';
    case 'reminder':
    case 'ongoing': {
      const since = lifecycle?.openedAt === undefined ? '' : ` since ${displayTime(lifecycle.openedAt)}`;
      return `${isObserved ? 'STILL THERE' : 'STILL OPEN'}${since}`;
    }
    case 'muted':
      return 'MUTED';
    case 'observed':
      return undefined;
  }
}

/** What the label does not say of its life, one fact a line. */
export function historyLines({ reason, finding: { lifecycle }, isObserved }: DigestEntry, style: Style): string[] {
  if (lifecycle === undefined) return [];
  const { firstSeen, openedAt, lastSeen, mute } = lifecycle;
  const lines: string[] = [];
  if (reason === 'mute-expired' && mute !== undefined) {
    const until = hasExpired(lifecycle) ? ` until ${displayTime(mute.expires)}` : '';
    lines.push(`was muted${until} by ${style.prose(mute.owner)}: ${style.prose(mute.reason)}`);
  }
  const labelSaysSince = reason === 'new' || reason === 'reminder' || reason === 'ongoing';
  if (!labelSaysSince && openedAt !== undefined) lines.push(`since ${displayTime(openedAt)}`);
  if (firstSeen !== undefined && openedAt !== undefined && firstSeen < openedAt) {
    lines.push(`first seen ${displayTime(firstSeen)}, and gone in between`);
  }
  if (!isObserved && lastSeen !== undefined) lines.push(`last seen ${displayTime(lastSeen)}, not seen by this run`);
  return lines;
}

/** A mute may also end because it was taken out of the configuration, or matches no more. */
function hasExpired(lifecycle: DigestEntry['finding']['lifecycle']): boolean {
  const { mute, lastSeen } = lifecycle ?? {};
  return mute === undefined || lastSeen === undefined || mute.expires <= lastSeen;
}

/** The first two are mended; of the others nobody knows. */
const ENDS: Readonly<Record<Resolution, string>> = {
  gone: 'gone: looked for and not found',
  'not-applicable': 'over: the check does not apply any more',
  'check-removed': 'no longer looked for: the auditor has no such check any more',
  'target-removed': 'no longer looked at: the configuration has no such target any more',
};

/** Why it is over, and when it was there, one fact a line. */
export function resolutionLines(finding: ResolvedFinding, style: Style): string[] {
  const { resolution, detail, openedAt, lastSeen } = finding;
  const lines = [detail === undefined ? ENDS[resolution] : `${ENDS[resolution]} (${style.prose(detail)})`];
  if (openedAt !== undefined && lastSeen !== undefined) {
    lines.push(
      openedAt === lastSeen
        ? `seen once, ${displayTime(openedAt)}`
        : `seen from ${displayTime(openedAt)} to ${displayTime(lastSeen)}`,
    );
  }
  return lines;
}

/** `Unencrypted session over the network (was high)`. */
export function resolvedTitle(finding: ResolvedFinding, style: Style): string {
  return `${style.prose(finding.title)} (was ${notifiedSeverity(finding)})`;
}

/** `check "weak-*", target "orders"`: what a mute matches. */
export function muteMatch({ match }: ReportMute, style: Style): string {
  return Object.entries(match)
    .map(([what, pattern = '']) => `${what} ${style.value(pattern)}`)
    .join(', ');
}

/** Whose it is, why, and until when. */
export function muteAgreement({ owner, reason, expires }: ReportMute, style: Style): string {
  return `${style.prose(owner)}, until ${displayTime(expires)}: ${style.prose(reason)}`;
}

/** How many open findings a digest does not list, and why; undefined when it lists all. */
export function notListed(digest: Digest): string | undefined {
  const parts = [
    [suppressed(digest, 'ongoing'), 'told before and still open'],
    [suppressed(digest, 'muted'), 'muted'],
    [suppressed(digest, 'belowThreshold'), `below ${digest.receiver.minSeverity}`],
  ] as const;
  const listed = parts.filter(([count]) => count > 0).map(([count, why]) => `${count} ${why}`);
  return listed.length === 0 ? undefined : `Findings not listed: ${listed.join(', ')}.`;
}

/** Where nothing is listed that is to be fixed. What was told before may still be there: that is not nothing. */
export function nothingToDo(digest: Digest): string {
  if (digest.unusedMutes.length > 0) return 'Nothing to fix here; the mutes want tidying up.';
  const ongoing = suppressed(digest, 'ongoing');
  if (ongoing === 0) return 'Nothing to do.';
  return `Nothing to do here; ${plural(ongoing, 'finding')} told before ${ongoing === 1 ? 'is' : 'are'} still open.`;
}

function suppressed(digest: Digest, what: keyof SuppressedCounts): number {
  return [...digest.suppressed.values()].reduce((sum, counts) => sum + counts[what], 0);
}

/** What is told and what not where runs are compared, and when the next message about what is listed comes. */
export function stateLines({ state, nextReminder, active }: Digest): string[] {
  if (state === 'none') return [];
  if (state === 'unreadable') return ['The state could not be read: this message may repeat.'];
  const reminder =
    nextReminder === undefined
      ? 'Nothing is told again while it stays as it is (alerts.repeatIntervalHours is 0).'
      : `Next reminder of what is listed and still there: by ${displayTime(nextReminder)}.`;
  return [
    'State is kept: you hear of what is new, worse or gone, and not of every run.',
    ...(active.length > 0 ? [reminder] : []),
  ];
}

/** Which part of the run a route hears of; undefined for everyone. */
export function routeLine({ receiver: { route, minSeverity } }: Digest): string | undefined {
  if (route === DEFAULT_ROUTE) return undefined;
  return `Route ${displayProse(route)}: its databases only, findings from ${minSeverity} up.`;
}
