// Finds the read replicas that RDS names and discovery does not list: they are where no rule looks.

import type { PlaceInventory } from '../../model/inventory.ts';
import type { ListedReplicas, UnlistedReplica } from '../../model/listed-replicas.ts';

/**
 * Members of a cluster need no names: a place that is listed lists all of them. What its rules make of a database that
 * is listed, and of a member that has come or gone since, is no question of replicas.
 *
 * @param inventories of every place of the rules
 */
export function replicasOf(inventories: readonly PlaceInventory[]): ListedReplicas {
  const arns = new Set(inventories.flatMap(({ instances }) => instances.map(({ arn }) => arn)));
  const hosts = new Map<string, readonly UnlistedReplica[]>();
  for (const { instances, clusters } of inventories) {
    for (const { host } of clusters) if (host !== undefined) hosts.set(host.toLowerCase(), []);
    for (const { host, arn, replicas } of instances) {
      if (host === undefined || replicas === undefined) continue;
      // In its own region and account, RDS names a replica by its identifier.
      const arnOf = (name: string): string => (name.startsWith('arn:') ? name : arn.replace(/[^:]*$/, name));
      hosts.set(
        host.toLowerCase(),
        replicas.filter((name) => !arns.has(arnOf(name))),
      );
    }
  }
  return hosts;
}
