// Makes the connection log an observer of snapshots: it reads the log after the audit.

import type { Clock } from '../../model/time.ts';
import type { Observer } from '../connect/observer.ts';
import type { LogServices } from './source.ts';

/** Milliseconds. */
const TIMEOUT_MS = 60_000;

export function connectionLog(services: LogServices | undefined, clock: Clock): Observer {
  return {
    name: 'reading the connection log',
    facts: ['connectionLog'],
    timeoutMs: TIMEOUT_MS,
    isWanted: ({ logs }) => logs !== 'none',
    observe: async (context) => {
      // What reads logs is loaded where one is read.
      const { readConnectionLog } = await import('./reading.ts');
      return { connectionLog: await readConnectionLog(context, services ?? {}, clock) };
    },
  };
}
