// Adds what a run read of a connection log to the window of logins that is remembered.

import * as z from 'zod';
import type { ClientLogins, ConnectionLogFacts, LogGap } from '../../model/connection-log.ts';
import { connectionLogSchema } from '../../model/connection-log-schema.ts';
import { DAY_MS } from '../../model/time.ts';
import type { Logins } from './logins.ts';

type Source = ConnectionLogFacts['source'];

export interface LogRead {
  readonly logins: Logins;
  /** JSON: where the next run goes on. */
  readonly position: unknown;
  readonly gaps: readonly LogGap[];
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly now: number;
  readonly source: Source;
  /** The name by which the auditor's own login is found in the log. */
  readonly marker: string;
}

const storedSchema = z.object({ position: z.unknown(), facts: connectionLogSchema });

export function positionOf(stored: unknown): unknown {
  return storedSchema.safeParse(stored).data?.position;
}

export function advance(
  stored: unknown,
  { logins, position, gaps, from, now, source }: LogRead,
): { readonly state: unknown; readonly facts: ConnectionLogFacts } {
  const before = storedSchema.safeParse(stored).data?.facts;
  const continuousSince =
    gaps.length > 0
      ? undefined
      : (before?.continuousSince ?? new Date(before === undefined ? from : now).toISOString());
  const clients = new Map<string, ClientLogins>();
  for (const client of [...(before?.clients ?? []), ...logins.clients]) {
    const { logins: _, first: __, last: ___, addresses: ____, ...identity } = client;
    const key = JSON.stringify(identity);
    const same = clients.get(key);
    clients.set(
      key,
      same === undefined ? client : { ...client, first: same.first, logins: same.logins + client.logins },
    );
  }
  const facts: ConnectionLogFacts = {
    source,
    window: { from: new Date(now - DAY_MS).toISOString(), to: new Date(now).toISOString() },
    continuousSince,
    clients: [...clients.values()].filter(({ logins: count }) => count > 0),
    failures: [...(before?.failures ?? []), ...logins.failures],
    fallbacks: [],
    gaps,
  };
  return { state: { position, facts }, facts };
}

export function factsFrom(stored: unknown, now: number, source: Source): ConnectionLogFacts {
  const facts = storedSchema.safeParse(stored).data?.facts;
  const window = { from: new Date(now - DAY_MS).toISOString(), to: new Date(now).toISOString() };
  return facts ?? { source, window, clients: [], failures: [], fallbacks: [], gaps: [] };
}
