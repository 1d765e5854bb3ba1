// Evaluates sessions for a check, and never passes where sessions could not be seen.

import { ofProvider } from '../../analysis/provider/provider-roles.ts';
import { groupSessions, type SessionGroup } from '../../analysis/sessions/session-groups.ts';
import type { Outcome, Problem } from '../../model/finding.ts';
import type { Session, Snapshot } from '../../model/snapshot.ts';

/**
 * The outcome for the sessions that `isWrong` picks, with one problem for each group of them. What a provider's own
 * roles do on its service is information: only the provider can change it.
 */
export function checkSessions(
  snapshot: Snapshot,
  isWrong: (session: Session) => boolean,
  toProblem: (group: SessionGroup) => Problem,
): Outcome {
  const { sessions } = snapshot;
  if (!sessions.known) return { status: 'unknown', reason: sessions.reason };
  const problems = groupSessions(sessions.value.visible.filter(isWrong)).map((group) =>
    ofProvider(toProblem(group), group.first.role, snapshot),
  );
  const unknownReason = hiddenSessionsReason(snapshot);
  if (problems.length > 0) {
    return { status: 'fail', problems, ...(unknownReason === undefined ? {} : { incomplete: unknownReason }) };
  }
  return unknownReason === undefined ? { status: 'pass' } : { status: 'unknown', reason: unknownReason };
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
