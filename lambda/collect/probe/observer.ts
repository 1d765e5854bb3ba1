// Makes the wire probe an observer of snapshots.

import { known } from '../../model/observed.ts';
import type { Observer } from '../connect/observer.ts';
import { LONGEST_PROBE_MS, probeWire } from './probe.ts';

export const wireProbe: Observer = {
  name: 'the wire probe',
  facts: ['probe'],
  timeoutMs: LONGEST_PROBE_MS,
  isWanted: ({ probe }) => probe,
  observe: async ({ signal, ...target }) => ({ probe: known(await probeWire(target, signal)) }),
};
