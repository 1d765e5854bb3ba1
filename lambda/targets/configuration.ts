// A source without targets: says what is wrong with a configuration from outside of the bundle.

import type { ListedConfiguration } from '../model/cloud.ts';
import type { TargetSourceFactory } from './contract/source.ts';

/** A configuration that is not used may name more targets: then not all targets are known. */
export function configurationSource(listed: ListedConfiguration): TargetSourceFactory {
  const { problem, lastReadAt = 'an unknown time', added } = listed.facts;
  const names = added.names.join(', ');
  const more = added.count > added.names.length ? ` and ${added.count - added.names.length} more` : '';
  const notAudited = added.count === 0 ? '' : `, which does not name ${names}${more}`;
  const gap = `${problem}; the run followed the last good configuration, of ${lastReadAt}${notAudited}`;
  return () => async () => ({
    targets: [],
    dormant: [],
    gaps: problem === undefined ? [] : [gap],
    warnings: [],
    cloud: { databases: [], places: [], configuration: listed },
    choices: [],
  });
}
