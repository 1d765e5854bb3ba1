// Extracts what a fleet check may know of the other targets, and sorts them by what such checks ask for.

import ipaddr from 'ipaddr.js';
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
  /**
   * Whether nothing is known but how it is named: it is a standby only by that, and no reason to leave it open whether
   * there is a target for one. @default false
   */
  readonly isOnlyNamed?: boolean | undefined;
}

/** A target of which nothing is believed but how the configuration, or discovery, names it. */
export type NamedMember = Pick<FleetMember, 'name' | 'host'>;

/** Every target of the configuration. */
export type Fleet = readonly FleetMember[];

/**
 * @param snapshots of every configured target, but those that are only `named`: without some of them, a replica that is
 * a target would look uncovered
 */
export function fleetOf(
  snapshots: readonly Snapshot[],
  replicas: ListedReplicas = new Map(),
  named: readonly NamedMember[] = [],
): Fleet {
  const members = snapshots.map(({ target, networkPath, server, aurora }) => ({
    name: target.name,
    host: target.host,
    remoteAddress: networkPath?.remoteAddress,
    instance: aurora?.known ? aurora.value.own : undefined,
    unlistedReplicas: replicas.get(target.host?.toLowerCase() ?? ''),
    // A pooler is never the standby, though it may run on its host.
    inRecovery: target.kind === 'pgbouncer' ? false : server.known ? server.value.inRecovery : undefined,
  }));
  return [...members, ...named.map(({ name, host }) => ({ name, host, isOnlyNamed: true }))];
}

/** The members of a fleet by what each check of a target asks for: each target's is then a matter of its own size. */
export interface FleetIndex {
  /** By the name of the target; of those that discovery lists. */
  readonly unlistedReplicas: ReadonlyMap<string, readonly UnlistedReplica[]>;
  /** Those that may be a standby, by their addresses. */
  readonly byPlace: ReadonlyMap<string, readonly FleetMember[]>;
  readonly withoutPlace: readonly FleetMember[];
  /** Aurora instances by their identifier. */
  readonly byInstance: ReadonlyMap<string, readonly FleetMember[]>;
  /** Of members whose instance is not known: by the first label of the host, in lower case. */
  readonly byFirstLabel: ReadonlyMap<string, readonly FleetMember[]>;
  readonly anyInstance: readonly FleetMember[];
}

const INDEXES = new WeakMap<Fleet, FleetIndex>();

export function indexOf(fleet: Fleet): FleetIndex {
  const made = INDEXES.get(fleet);
  if (made !== undefined) return made;
  const places = fleet.map((member) => ({ member, places: placesOf(member) }));
  const index: FleetIndex = {
    unlistedReplicas: new Map(
      fleet.flatMap(({ name, unlistedReplicas }) => (unlistedReplicas === undefined ? [] : [[name, unlistedReplicas]])),
    ),
    byPlace: grouped(
      places.flatMap((each) => (each.member.inRecovery === false ? [] : each.places.map((at) => [at, each.member]))),
    ),
    withoutPlace: places
      .filter(({ member, places: at }) => at.length === 0 && !member.isOnlyNamed)
      .map(({ member }) => member),
    byInstance: grouped(fleet.flatMap((member) => (member.instance === undefined ? [] : [[member.instance, member]]))),
    byFirstLabel: grouped(
      fleet.flatMap((member) => {
        // An instance's own endpoint begins with its identifier.
        const [label] = member.instance === undefined ? (member.host?.toLowerCase().split('.') ?? []) : [];
        return label === undefined ? [] : [[label, member]];
      }),
    ),
    anyInstance: fleet.filter(mayBeAnyInstance),
  };
  INDEXES.set(fleet, index);
  return index;
}

function grouped(entries: readonly (readonly [string, FleetMember])[]): ReadonlyMap<string, readonly FleetMember[]> {
  const groups = Map.groupBy(entries, ([key]) => key);
  return new Map([...groups].map(([key, group]) => [key, group.map(([, member]) => member)]));
}

/** @param id of an Aurora instance */
export function membersOf(id: string, { byInstance, byFirstLabel }: FleetIndex): readonly FleetMember[] {
  return [...(byInstance.get(id) ?? []), ...(byFirstLabel.get(id.toLowerCase()) ?? [])];
}

/** Not audited, and by a name that is no instance's endpoint: a cluster's, or an alias. */
function mayBeAnyInstance({ inRecovery, host, isOnlyNamed }: FleetMember): boolean {
  return (
    !isOnlyNamed &&
    inRecovery === undefined &&
    !/^[^.]+\.(?!cluster-)[^.]+\.[^.]+\.rds\.amazonaws\.com(\.cn)?$/i.test(host ?? '')
  );
}

export const LOOPBACK = 'loopback';

function placesOf({ remoteAddress, host }: FleetMember): readonly string[] {
  const places = [addressKey(remoteAddress), addressKey(host)].filter((place) => place !== undefined);
  return [...new Set(places)];
}

/** An address in one spelling, all of loopback as one; undefined for what is none. */
export function addressKey(address: string | undefined): string | undefined {
  if (address === undefined || !ipaddr.isValid(address)) return undefined;
  const parsed = ipaddr.process(address);
  return parsed.range() === 'loopback' ? LOOPBACK : parsed.toString();
}
