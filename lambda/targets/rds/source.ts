// Lists the databases of RDS and Aurora that the rules take, each account and region apart from the others.

import pMap from 'p-map';
import type { Config, RdsRule } from '../../config/index.ts';
import type { InventoryStore, PlaceInventory } from '../../model/inventory.ts';
import { known, unknown } from '../../model/observed.ts';
import { DAY_MS } from '../../model/time.ts';
import { givesWay } from '../contract/explicit.ts';
import type { Listing, SourceContext } from '../contract/source.ts';
import { type Describe, describeRds } from './describe.ts';
import { describeFailure } from './failure.ts';
import { cloudListing, type ListedAnswer } from './listing.ts';
import { describePlace, keyOf, type Place, placesOf } from './place.ts';
import { replicasOf } from './replicas.ts';
import { selectDatabases } from './select.ts';

/** Milliseconds for all places together: what is slow costs only itself, and the source answers in time. */
const TIMEOUT_MS = 20_000;

/** Places that are listed at the same time. */
const CONCURRENCY = 16;

interface PlaceResult extends ListedAnswer {
  /** Undefined where nothing is known of it. */
  readonly inventory: PlaceInventory | undefined;
  readonly gaps: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Never rejects for a place that can't be listed: what an earlier run found there stands for a day, and the place is a
 * gap.
 *
 * @param describe - @default the real clients
 */
export async function listRds(
  config: Pick<Config, 'discovery' | 'targets'>,
  { clock, inventory: store, expected = [] }: SourceContext,
  signal: AbortSignal,
  describe: Describe = describeRds,
): Promise<Listing> {
  const rules = config.discovery.filter((rule): rule is RdsRule => rule.source === 'rds');
  const places = placesOf(rules);
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const results = await pMap(places, (place) => readPlace(place, { clock, store, signal: limit, describe }), {
    concurrency: CONCURRENCY,
  });
  const inventories = results.flatMap(({ place, inventory }) =>
    inventory === undefined ? [] : [{ place, inventory }],
  );
  const { databases, uncoveredClusters, ...selection } = selectDatabases(inventories, {
    rules,
    places,
    givesWay: givesWay(config),
    expected,
  });
  return {
    ...selection,
    givesWay: true,
    replicas: replicasOf(inventories.map(({ inventory }) => inventory)),
    cloud: cloudListing(results, { databases, uncoveredClusters }),
    gaps: results.flatMap(({ gaps }) => gaps),
    warnings: [...results.flatMap(({ warnings }) => warnings), ...selection.warnings],
  };
}

/** What could not be understood costs only itself: the other databases of the place are known. */
function unusableGap(place: Place, unusable: readonly string[]): readonly string[] {
  const [first] = unusable;
  if (first === undefined) return [];
  const more = unusable.length > 1 ? ` and ${unusable.length - 1} more` : '';
  return [`of ${describePlace(place)}, RDS listed what can't be used: ${first}${more}; the others are audited`];
}

interface ReadOptions {
  readonly clock: SourceContext['clock'];
  readonly store: InventoryStore | undefined;
  readonly signal: AbortSignal;
  readonly describe: Describe;
}

async function readPlace(place: Place, { clock, store, signal, describe }: ReadOptions): Promise<PlaceResult> {
  const key = keyOf(place);
  try {
    const { inventory, proxyError, facts, unusable = [] } = await describe(place, signal);
    const proxies =
      proxyError === undefined ? known(inventory.proxies) : unknown(describeFailure(place, proxyError, 'proxies'));
    const warnings = [...(proxies.known ? [] : [proxies.reason]), ...(await keep(key, inventory))];
    const gaps = unusableGap(place, unusable);
    return { place, inventory, gaps, unusable: gaps, warnings, facts: known(facts), proxies };
  } catch (error) {
    const failure = describeFailure(place, error);
    const { inventory, note } = await keptInventory(key);
    const unlisted = unknown(failure);
    return {
      place,
      inventory,
      gaps: [`${failure}; ${note}`],
      warnings: [],
      unusable: [],
      facts: unlisted,
      proxies: unlisted,
    };
  }

  async function keep(of: string, inventory: PlaceInventory): Promise<readonly string[]> {
    try {
      await store?.save(of, { at: clock().toISOString(), inventory });
      return [];
    } catch {
      return [
        `what discovery found in ${of} could not be saved: should the next run fail to list it, nothing is known`,
      ];
    }
  }

  async function keptInventory(of: string): Promise<{ readonly inventory?: PlaceInventory; readonly note: string }> {
    if (store === undefined) return { note: 'none of them is audited' };
    try {
      const kept = await store.read(of);
      if (kept === undefined) return { note: 'none of them is audited, because no earlier run has found any' };
      const age = Math.abs(clock().getTime() - Date.parse(kept.at));
      if (!(age <= DAY_MS)) return { note: `none of them is audited: the list of ${kept.at} is older than a day` };
      return { inventory: kept.inventory, note: `those that were found at ${kept.at} are audited` };
    } catch {
      return { note: 'none of them is audited, because what was found before could not be read' };
    }
  }
}
