// Joins what RDS says of databases and places to what the rules made of them.

import type { CloudDatabase, CloudListing, CloudPlace, ListedPlace } from '../../model/cloud.ts';
import { displayText } from '../../model/display.ts';
import type { RdsProxy } from '../../model/inventory.ts';
import { known, type Observed, unknown } from '../../model/observed.ts';
import { compareText } from '../../model/text-order.ts';
import type { PlaceFacts } from './facts.ts';
import { describePlace, keyOf, nameOfPlace, type Place } from './place.ts';
import type { SelectedDatabase, UncoveredCluster } from './select.ts';

/** What one place answered. */
export interface ListedAnswer {
  readonly place: Place;
  /** Unknown where the place could not be listed: what an earlier run found is no fact of this one. */
  readonly facts: Observed<PlaceFacts>;
  /** What was listed and could not be used, each a sentence without its period. */
  readonly unusable: readonly string[];
  /** Unknown where they alone, or the whole place, could not be listed. */
  readonly proxies: Observed<readonly RdsProxy[]>;
}

/** What the rules made of the databases. */
interface Selected {
  readonly databases: readonly SelectedDatabase[];
  readonly uncoveredClusters: readonly UncoveredCluster[];
}

export function cloudListing(
  answers: readonly ListedAnswer[],
  { databases, uncoveredClusters }: Selected,
): CloudListing {
  const factsByPlace = new Map(answers.map(({ place, facts }) => [keyOf(place), facts]));
  const uncovered = Map.groupBy(
    [...databases.filter(({ is }) => is === 'uncovered'), ...uncoveredClusters],
    ({ place }) => keyOf(place),
  );
  return {
    databases: databases
      .filter(({ is }) => is !== 'uncovered')
      .map(({ name, labels, instance: { id, host, port, status }, place, is }) => ({
        name,
        labels,
        host,
        port,
        dormant: is === 'dormant' && !PASSING.has(status),
        facts: factsOf(id, factsByPlace.get(keyOf(place))),
      })),
    places: placesByName(
      answers.map((answer) => ({
        name: nameOfPlace(answer.place),
        facts: placeFacts(answer, uncovered.get(keyOf(answer.place)) ?? []),
      })),
    ),
  };
}

/** In these, what RDS says of a database is not yet, or soon no longer, what it will be. */
const PASSING: ReadonlySet<string> = new Set(['creating', 'deleting']);

function factsOf(id: string, facts: Observed<PlaceFacts> | undefined): Observed<CloudDatabase> {
  if (facts === undefined || !facts.known) return facts ?? unknown('its region was not listed');
  const database = facts.value.get(id);
  return database === undefined ? unknown('RDS said nothing more of it') : known(database);
}

function placeFacts(
  { place, facts, unusable, proxies }: ListedAnswer,
  uncovered: readonly UncoveredCluster[],
): CloudPlace {
  return {
    is: 'place',
    failures: [...(facts.known ? [] : [facts.reason]), ...unusable],
    uncovered: facts.known
      ? known(
          uncovered
            .map(({ name, reason }) => ({ name: displayText(name, 300), why: reason }))
            .sort((a, b) => compareText(a.name, b.name)),
        )
      : unknown(`the databases of ${describePlace(place)} are not known`),
    proxies: proxies.known
      ? known(proxies.value.map(({ name, requireTls }) => ({ name: displayText(name, 255), requireTls })))
      : proxies,
  };
}

/** One account in one region may be listed by several roles: the facts of all of them are those of the place. */
function placesByName(places: readonly ListedPlace[]): readonly ListedPlace[] {
  return [...Map.groupBy(places, ({ name }) => name)].map(([name, same]) => ({
    name,
    facts: same.map(({ facts }) => facts).reduce(together),
  }));
}

function together(a: CloudPlace, b: CloudPlace): CloudPlace {
  return {
    is: 'place',
    failures: [...a.failures, ...b.failures],
    uncovered: joined(a.uncovered, b.uncovered),
    proxies: joined(a.proxies, b.proxies),
  };
}

function joined<T>(a: Observed<readonly T[]>, b: Observed<readonly T[]>): Observed<readonly T[]> {
  if (!a.known) return a;
  return b.known ? known([...a.value, ...b.value]) : b;
}
