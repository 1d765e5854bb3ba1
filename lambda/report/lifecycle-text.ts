// Puts the history of a finding into words: why it is sent now, since when it is open, how it was resolved.

import type { Resolution } from '../model/lifecycle.ts';
import { type Digest, type DigestEntry, notifiedSeverity, type SuppressedCounts } from './digest.ts';
import { DEFAULT_ROUTE, type Receiver } from './receiver.ts';
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

/** The history that the label does not give, one fact a line. */
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
    lines.push(`first seen ${displayTime(firstSeen)}, absent in between`);
  }
  if (!isObserved && lastSeen !== undefined) lines.push(`last seen ${displayTime(lastSeen)}, not seen by this run`);
  return lines;
}

/** A mute may also end because it was taken out of the configuration, or matches no more. */
function hasExpired(lifecycle: DigestEntry['finding']['lifecycle']): boolean {
  const { mute, lastSeen } = lifecycle ?? {};
  return mute === undefined || lastSeen === undefined || mute.expires <= lastSeen;
}

/** Only the first two are proof that the finding is fixed. */
const ENDS: Readonly<Record<Resolution, string>> = {
  gone: 'resolved: this run looked for it and did not find it',
  'not-applicable': 'resolved: the check no longer applies',
  'check-removed': 'closed, not proven fixed: the auditor no longer has this check',
  'target-removed': 'closed, not proven fixed: the configuration no longer has this target',
};

/** How it was resolved, and from when to when it was seen, one fact a line. */
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
    [suppressed(digest, 'ongoing'), 'already reported and still open'],
    [suppressed(digest, 'muted'), 'muted'],
    [suppressed(digest, 'belowThreshold'), `below ${threshold(digest.receiver)}`],
  ] as const;
  const listed = parts.filter(([count]) => count > 0).map(([count, why]) => `${count} ${why}`);
  return listed.length === 0 ? undefined : `Findings not listed: ${listed.join(', ')}.`;
}

/** What to do where no active finding is listed. Findings that were reported before may still be open. */
function nothingToDo(digest: Digest): string {
  if (digest.unusedMutes.length > 0) return 'Nothing to fix. Update the mutes that are listed here.';
  const ongoing = suppressed(digest, 'ongoing');
  if (ongoing === 0) return 'Nothing to do.';
  return `Nothing to do now. ${plural(ongoing, 'finding')} reported before ${ongoing === 1 ? 'is' : 'are'} still open.`;
}

function threshold({ route, minSeverity }: Receiver): string {
  return route === DEFAULT_ROUTE ? `alerts.minSeverity (${minSeverity})` : `the route's minSeverity (${minSeverity})`;
}

/** What to do now, one step each. @param command - Shows a command to be copied. */
export function nextSteps(digest: Digest, command: (text: string) => string): string[] {
  if (digest.active.length === 0) return [nothingToDo(digest)];
  return [
    'Fix the findings from the top; each group says how.',
    `Check the result at once with ${command('npx pg-tls-auditor audit --target NAME')}, or wait for the next run.`,
    `To accept a finding for some time, run ${command('npx pg-tls-auditor mute FINGERPRINT')}: it prints the entry for the configuration, with a reason, an owner and an end date.`,
  ];
}

function suppressed(digest: Digest, what: keyof SuppressedCounts): number {
  return [...digest.suppressed.values()].reduce((sum, counts) => sum + counts[what], 0);
}

/** When messages are sent where runs are compared, and when the findings of this one are sent again. */
export function stateLines({ state, nextReminder, active }: Digest): string[] {
  if (state === 'none') return [];
  if (state === 'unreadable') return ['The state could not be read, so this message may repeat an earlier one.'];
  const reminder =
    nextReminder === undefined
      ? 'Open findings are not sent again (alerts.repeatIntervalHours is 0).'
      : `The findings listed here are sent again by ${displayTime(nextReminder)} if they are still open.`;
  return [
    'A message is sent when a finding is new, worse or resolved, and not after every run.',
    ...(active.length > 0 ? [reminder] : []),
  ];
}

/** The part of the run that a route gets; undefined for the default receiver. */
export function routeLine({ receiver: { route, minSeverity } }: Digest): string | undefined {
  if (route === DEFAULT_ROUTE) return undefined;
  return `Route ${displayProse(route)}: only its own databases, and findings of severity ${minSeverity} or worse.`;
}
