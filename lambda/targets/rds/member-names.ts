// Names instances so that a name means the same database in each run, whatever comes and goes by auto scaling.

import type { RdsInstance } from '../../model/inventory.ts';
import { compareText } from '../../model/text-order.ts';

/**
 * The beginning of the identifiers that Aurora Auto Scaling gives its readers; a UUID follows, another one each time.
 *
 * @see https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Integrating.AutoScaling.html
 */
const BY_AUTO_SCALING = 'application-autoscaling-';

/** Whether auto scaling made the instance, and will delete it. */
export function isElastic({ id, cluster }: Pick<RdsInstance, 'id' | 'cluster'>): boolean {
  return cluster !== undefined && id.startsWith(BY_AUTO_SCALING);
}

/**
 * Names are `instance` or `cluster/member`. Readers by auto scaling are numbered in their cluster, as
 * `cluster/application-autoscaling-1`: they are equal to each other, and the next one is no new database.
 */
export function stableNames(instances: readonly RdsInstance[]): (instance: RdsInstance) => string {
  const ids = instances.map(({ id }) => id);
  const numbers = new Map<string, number>();
  for (const members of Map.groupBy(instances.filter(isElastic), ({ cluster }) => cluster).values()) {
    const sorted = members.map(({ id }) => id).toSorted(compareText);
    for (const [index, id] of sorted.entries()) numbers.set(id, index + 1);
  }
  return ({ id, cluster }) => {
    if (cluster === undefined) return id;
    const number = numbers.get(id);
    const numbered = `${BY_AUTO_SCALING}${number}`;
    // A person may have given an instance such a name.
    return `${cluster}/${number === undefined || ids.includes(numbered) ? id : numbered}`;
  };
}
