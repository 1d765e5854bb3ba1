// Lists clusters without instances: there is no endpoint in them that discovery could take.

import type { RdsRule } from '../../config/index.ts';
import { parseArn } from '../../model/arn.ts';
import { displayText } from '../../model/display.ts';
import type { PlaceInventory, RdsCluster } from '../../model/inventory.ts';
import { namePattern } from '../../model/name-pattern.ts';
import type { Target } from '../../model/target.ts';
import type { Choice } from '../contract/source.ts';
import { coversPlace, type Place } from './place.ts';

export interface Memberless {
  readonly choice: Choice;
  /** Clients can connect to it, no target audits it, and no setting says that it is to be left out. */
  readonly isUncovered: boolean;
}

interface Found {
  readonly place: Place;
  /** What stands before the names of the place. */
  readonly prefix: string;
  readonly inventory: PlaceInventory;
}

interface Settings {
  readonly rules: readonly RdsRule[];
  readonly givesWay: (target: Pick<Target, 'name' | 'host' | 'port'>) => string | undefined;
}

/** Aurora Limitless Database has shards in place of instances; in other clusters without instances nothing answers. */
export function memberlessClusters({ place, prefix, inventory }: Found, { rules, givesWay }: Settings): Memberless[] {
  const occupied = new Set(inventory.instances.map(({ cluster }) => cluster));
  return inventory.clusters
    .filter(({ id }) => !occupied.has(id))
    .map((cluster) => {
      const name = `${prefix}${cluster.id}`;
      const other = givesWay({ name, host: cluster.host, port: undefined });
      const out = other ?? leftOut(cluster, place, rules);
      const reason = cluster.limitless
        ? 'it is an Aurora Limitless Database, which has no instances: name its endpoint under "targets"'
        : 'it is a cluster without instances, so nothing answers there';
      return {
        choice: {
          name: displayText(name, 300),
          host: cluster.host === undefined ? null : displayText(cluster.host, 253),
          port: null,
          region: place.region,
          account: parseArn(cluster.arn ?? '')?.account ?? null,
          taken: false,
          reason: out ?? reason,
        },
        isUncovered: cluster.limitless === true && out === undefined,
      };
    });
}

function leftOut({ id, tags }: RdsCluster, place: Place, rules: readonly RdsRule[]): string | undefined {
  if (new Map(tags).get('pg-tls-auditor')?.toLowerCase() === 'off') return 'its tag pg-tls-auditor is off';
  const isExcluded = rules.some((rule) => coversPlace(rule, place) && namePattern(rule.exclude)(id));
  return isExcluded ? 'a pattern of "exclude" matches it' : undefined;
}
