// Evaluates sessions and logins for a check, and never passes where some could not be seen.

import { ofProvider } from '../../analysis/provider/provider-roles.ts';
import { type Encryption, encryptedSo } from '../../analysis/sessions/encryption-classes.ts';
import { type SeenSession, seenSessions } from '../../analysis/sessions/seen-sessions.ts';
import { groupSessions, type SessionGroup } from '../../analysis/sessions/session-groups.ts';
import type { Outcome, Problem } from '../../model/finding.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { logGapReason, samplingGapReason } from './log-gaps.ts';

/**
 * The outcome for the open sessions that `isWrong` picks, with one problem for each group of them. What a provider's
 * own roles do on its service is information: only the provider can change it.
 */
export function checkSessions(
  snapshot: Snapshot,
  isWrong: (session: SeenSession) => boolean,
  toProblem: (group: SessionGroup) => Problem,
): Outcome {
  const { sessions } = snapshot;
  const visible = sessions.known ? sessions.value.visible : [];
  return outcomeOf(snapshot, visible.filter(isWrong), { toProblem, unseen: [unseenSessionsReason(snapshot)] });
}

/**
 * The same for every client that a source of the target shows: open sessions, samples, and its connection log. By
 * nothing but how they are encrypted.
 */
export function checkSessionsAndLogins(
  snapshot: Snapshot,
  isWrong: (encryption: Encryption) => boolean,
  toProblem: (group: SessionGroup) => Problem,
): Outcome {
  const unseen = [unseenSessionsReason(snapshot), samplingGapReason(snapshot), logGapReason(snapshot)];
  return outcomeOf(snapshot, encryptedSo(seenSessions(snapshot), isWrong), { toProblem, unseen });
}

interface Evaluation {
  readonly toProblem: (group: SessionGroup) => Problem;
  /** Why there may be more than was seen; undefined where there is not. */
  readonly unseen: readonly (string | undefined)[];
}

function outcomeOf(snapshot: Snapshot, wrong: readonly SeenSession[], { toProblem, unseen }: Evaluation): Outcome {
  const problems = groupSessions(wrong).map((group) => ofProvider(toProblem(group), group.first.role, snapshot));
  const reasons = unseen.filter((reason) => reason !== undefined);
  const incomplete = reasons.length === 0 ? undefined : reasons.join('; ');
  if (problems.length > 0) {
    return { status: 'fail', problems, ...(incomplete === undefined ? {} : { incomplete }) };
  }
  return incomplete === undefined ? { status: 'pass' } : { status: 'unknown', reason: incomplete };
}

function unseenSessionsReason(snapshot: Snapshot): string | undefined {
  const { sessions } = snapshot;
  return sessions.known ? hiddenSessionsReason(snapshot) : sessions.reason;
}

/** Why the sessions that are visible may not be all; undefined when they are. */
export function hiddenSessionsReason({ sessions, visibility }: Snapshot): string | undefined {
  const hidden = sessions.known ? sessions.value.hidden : 0;
  if (!visibility.known) return visibility.reason;
  if (!visibility.value.seesAllSessions) {
    return `the login may not see other roles' sessions (${hidden} hidden)`;
  }
  return hidden === 0 ? undefined : `the server did not show how ${hidden} sessions travel`;
}
