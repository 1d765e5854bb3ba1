// Says why a connection log, or samples of sessions, may not show every client.

import { unshownLogins } from '../../analysis/sessions/seen-sessions.ts';
import type { LogGap } from '../../model/connection-log.ts';
import type { Snapshot } from '../../model/snapshot.ts';

/** What is missing of a log that was read. That nothing is remembered limits the coverage, and hides no login. */
export function gapsOf({ connectionLog }: Snapshot): readonly LogGap[] {
  return connectionLog?.known ? connectionLog.value.gaps.filter(({ cause }) => cause !== 'no-state') : [];
}

/** Undefined where the target has no connection log, or the log shows every login. */
export function logGapReason(snapshot: Snapshot): string | undefined {
  const { connectionLog } = snapshot;
  if (connectionLog === undefined) return undefined;
  if (!connectionLog.known) return `the connection log was not read: ${connectionLog.reason}`;
  const [first, ...others] = gapsOf(snapshot);
  if (first !== undefined) {
    const more = others.length === 0 ? '' : ` (and ${others.length} more, see connection-log-incomplete)`;
    return `the connection log may not show every login: ${first.reason}${more}`;
  }
  const unshown = unshownLogins(connectionLog.value.clients);
  return unshown === 0 ? undefined : `the connection log does not show how ${unshown} logins came`;
}

/** Undefined where the target asks for no samples, or they were taken. */
export function samplingGapReason({ sampled }: Snapshot): string | undefined {
  return sampled === undefined || sampled.known ? undefined : `no samples of sessions were taken: ${sampled.reason}`;
}
