// Lists the databases of RDS by the rules of the configuration; its client is loaded where there is a rule only.

import { NO_CLOUD } from '../model/cloud.ts';
import type { TargetSourceFactory } from './contract/source.ts';

export const rdsTargets: TargetSourceFactory = (config, context) => async (signal) => {
  if (!config.discovery.some(({ source }) => source === 'rds')) {
    return { targets: [], dormant: [], gaps: [], warnings: [], cloud: NO_CLOUD, choices: [] };
  }
  const { listRds } = await import('./rds/source.ts');
  return await listRds(config, context, signal);
};
