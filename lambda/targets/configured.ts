// The targets that the configuration lists.

import { known } from '../model/observed.ts';
import type { TargetSourceFactory } from './contract/source.ts';

export const configuredTargets: TargetSourceFactory =
  ({ targets }) =>
  async () =>
    known(targets);
