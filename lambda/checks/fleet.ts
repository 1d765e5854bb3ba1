// Extracts what a fleet check may know of the other targets: where they are and which of them are standbys.

import type { ListedReplicas, UnlistedReplica } from '../model/listed-replicas.ts';
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
  /** Undefined where the target was not audited. */
  readonly inRecovery?: boolean | undefined;
  /** Its replicas that discovery does not list. Undefined where discovery does not list the target itself. */
  readonly unlistedReplicas?: readonly UnlistedReplica[] | undefined;
}

/** Every target of the configuration. */
export type Fleet = readonly FleetMember[];

/**
 * @param snapshots of every configured target: without some of them, a replica that is a target would look uncovered
 */
export function fleetOf(snapshots: readonly Snapshot[], replicas: ListedReplicas = new Map()): Fleet {
  return snapshots.map(({ target, networkPath, server, aurora }) => ({
    name: target.name,
    host: target.host,
    remoteAddress: networkPath?.remoteAddress,
    instance: aurora?.known ? aurora.value.own : undefined,
    unlistedReplicas: replicas.get(target.host?.toLowerCase() ?? ''),
    // A pooler is never the standby, though it may run on its host.
    inRecovery: target.kind === 'pgbouncer' ? false : server.known ? server.value.inRecovery : undefined,
  }));
}
