// Finds what discovery knows of a target, and makes the snapshots of what it lists and no audit covers.

import type { CloudDatabase, CloudFacts, CloudListing } from '../../model/cloud.ts';
import { endpointKey } from '../../model/endpoint.ts';
import { providerOfName } from '../../model/hosting.ts';
import { known, type Observed, unknown } from '../../model/observed.ts';
import type { Snapshot } from '../../model/snapshot.ts';

/**
 * The snapshots with what discovery knows of their targets, by the endpoint of each. A target that may be one of a
 * place that could not be listed has unknown facts: nothing about it is over.
 */
export function withCloudFacts({ databases, places }: CloudListing): (snapshot: Snapshot) => Snapshot {
  const byEndpoint = new Map(
    databases.flatMap(({ host, port, facts }) =>
      host === undefined ? [] : [[endpointKey(host, port), facts] as const],
    ),
  );
  const [failure] = places.flatMap(({ facts }) => facts.failures);
  const ofUnlisted = (host: string | undefined): Observed<CloudFacts> | undefined => {
    if (failure === undefined || (host !== undefined && providerOfName(host) !== 'rds')) return undefined;
    return unknown(failure);
  };
  return (snapshot) => {
    const { host, port } = snapshot.target;
    const facts = host === undefined ? undefined : byEndpoint.get(endpointKey(host, port));
    const cloud = facts ?? ofUnlisted(host);
    return cloud === undefined ? snapshot : { ...snapshot, cloud };
  };
}

/** What a worker may know of the listing: of the databases at these endpoints, and which places could not be listed. */
export function cloudOfTargets(
  { databases, places }: CloudListing,
  targets: readonly Pick<Snapshot['target'], 'host' | 'port'>[],
): CloudListing {
  const endpoints = new Set(targets.flatMap(({ host, port }) => (host === undefined ? [] : [endpointKey(host, port)])));
  return {
    databases: databases.filter(({ host, port }) => host !== undefined && endpoints.has(endpointKey(host, port))),
    places: places.flatMap(({ name, facts: { failures } }) => {
      if (failures.length === 0) return [];
      const unknownHere = unknown('the worker does not know it');
      return [{ name, facts: { is: 'place', failures, uncovered: unknownHere, proxies: unknownHere } as const }];
    }),
  };
}

/**
 * One snapshot for each place, for a configuration from outside, and for each target that can't be audited now. Nothing
 * else of them is known.
 */
export function listedSnapshots(
  { databases, places, configuration }: CloudListing,
  takenAt: string,
): readonly Snapshot[] {
  return [
    ...[...places, ...(configuration === undefined ? [] : [configuration])].map(({ name, facts }) =>
      unauditedSnapshot({ name, labels: {} }, known(facts), takenAt),
    ),
    ...databases
      .filter(({ dormant }) => dormant)
      .map(({ name, labels, host, port, facts }) => unauditedSnapshot({ name, labels, host, port }, facts, takenAt)),
  ];
}

/** The snapshot of what was not audited: nothing is known of it but what the API says. */
export function unauditedSnapshot(target: Snapshot['target'], cloud: Snapshot['cloud'], takenAt: string): Snapshot {
  const nothing = unknown('it was not audited');
  return {
    target,
    takenAt,
    credentials: nothing,
    serverChain: nothing,
    link: nothing,
    server: nothing,
    visibility: nothing,
    sessions: nothing,
    settings: nothing,
    hba: nothing,
    outbound: nothing,
    trust: nothing,
    clientCertificate: nothing,
    cloud,
  };
}

/** What the API says of the database; undefined where discovery does not know it. */
export function cloudDatabaseOf({ cloud }: Snapshot): Observed<CloudDatabase> | undefined {
  if (cloud === undefined || !cloud.known) return cloud;
  return cloud.value.is === 'database' ? known(cloud.value) : undefined;
}
