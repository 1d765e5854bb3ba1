// The targets that the configuration lists.

import { known } from '../model/observed.ts';
import type { TargetSourceFactory } from './source.ts';

export const configuredTargets: TargetSourceFactory =
  ({ targets }) =>
  async () =>
    known(targets);
