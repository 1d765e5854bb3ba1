// Finds the target of the configuration that takes the place of one that a source found.

import type { Config } from '../../config/index.ts';
import { displayText } from '../../model/display.ts';
import { endpointKey } from '../../model/endpoint.ts';
import type { Target } from '../../model/target.ts';

/**
 * @returns a function that says why a found target gives way: the configuration has a target with its name, or with its
 * host and port; undefined where it does not give way
 */
export function givesWay({
  targets,
}: Pick<Config, 'targets'>): (found: Pick<Target, 'name' | 'host' | 'port'>) => string | undefined {
  const byName = new Set(targets.map(({ name }) => name));
  const byEndpoint = new Map(
    targets.flatMap((target) =>
      target.host === undefined ? [] : [[endpointKey(target.host, target.port), target.name]],
    ),
  );
  return (found) => {
    if (byName.has(found.name)) return 'the configuration has a target with this name';
    const other = found.host === undefined ? undefined : byEndpoint.get(endpointKey(found.host, found.port));
    return other === undefined ? undefined : `the target ${displayText(other)} of the configuration has this endpoint`;
  };
}
