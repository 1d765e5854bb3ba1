// What a check of one target may know of the others: where they are, and which of them are standbys.

import type { Snapshot } from '../model/snapshot.ts';

export interface FleetMember {
  /** The target's name. */
  readonly name: string;
  /** The host that the target names; undefined where its credentials could not be read. */
  readonly host?: string | undefined;
  /** What its connection reached; undefined where there was none. */
  readonly remoteAddress?: string | undefined;
  /** Identifier of the Aurora instance, where it is one. */
  readonly instance?: string | undefined;
  /** Undefined where nobody could look. */
  readonly inRecovery?: boolean | undefined;
}

/** Every target of the configuration. */
export type Fleet = readonly FleetMember[];

/** @param snapshots of every target: with some left out, replicas would seem to be no target's */
export function fleetOf(snapshots: readonly Snapshot[]): Fleet {
  return snapshots.map(({ target, networkPath, server, aurora }) => ({
    name: target.name,
    host: target.host,
    remoteAddress: networkPath?.remoteAddress,
    instance: aurora?.known ? aurora.value.own : undefined,
    // A pooler is never the standby, though it may run on its host.
    inRecovery: target.kind === 'pgbouncer' ? false : server.known ? server.value.inRecovery : undefined,
  }));
}
