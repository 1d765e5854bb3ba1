// Counts the plaintext and deprecated logins of each day by role, from what runs record of connection logs.

import * as z from 'zod';
import { clientLoginsSchema, momentSchema } from '../../model/connection-log-schema.ts';
import { DAY_MS, HOUR_MS } from '../../model/time.ts';
import { isOlderThan, type TlsVersion } from '../../model/tls.ts';

/** The part of a record that counts; what else is in it belongs to the reader of logs. */
const recordSchema = z.object({
  readTo: momentSchema,
  continuousSince: momentSchema.optional(),
  clients: z.array(clientLoginsSchema),
});

/** One login in one hour, of one kind. */
interface LoginCount {
  readonly role: string | undefined;
  readonly kind: 'plaintext' | 'deprecated';
  readonly logins: number;
}

export interface LoginDay {
  /** `2026-11-28`, UTC. */
  readonly day: string;
  /** Whether every login of the day was counted, on every target that was asked for. */
  readonly recorded: 'whole' | 'part' | 'none';
  readonly counts: readonly LoginCount[];
}

export interface LoginDaysOptions {
  /** Milliseconds since 1970: the last day is the one of it. */
  readonly until: number;
  readonly days: number;
  /** Older versions are deprecated. */
  readonly minTlsVersion: TlsVersion;
}

/** Records keep logins by the hour for so long. */
const KEPT_MS = DAY_MS;

/** @param records - Of each target what is recorded, from outside; undefined where nothing is. */
export function loginDays(records: readonly unknown[], { until, days, minTlsVersion }: LoginDaysOptions): LoginDay[] {
  const parsed = records.map((record) => recordSchema.safeParse(record).data);
  const last = Math.floor(until / DAY_MS);
  return Array.from({ length: days }, (_, index) => {
    const number = last - days + 1 + index;
    const [from, to] = [number * DAY_MS, Math.min((number + 1) * DAY_MS, until)];
    const known = parsed.map((record) => recordedIn(record, from, to));
    return {
      day: new Date(from).toISOString().slice(0, 10),
      recorded: known.every((part) => part === 'whole') && known.length > 0 ? 'whole' : partOrNone(known),
      counts: parsed.flatMap((record) => countsOf(record?.clients ?? [], number, minTlsVersion)),
    };
  });
}

type Recorded = LoginDay['recorded'];

function partOrNone(known: readonly Recorded[]): Recorded {
  return known.some((part) => part !== 'none') ? 'part' : 'none';
}

function recordedIn(record: z.output<typeof recordSchema> | undefined, from: number, to: number): Recorded {
  if (record === undefined) return 'none';
  const { readTo, continuousSince } = record;
  const kept = readTo - KEPT_MS;
  if (to <= kept || from >= readTo) return 'none';
  // Without a time since when nothing was missed, what is there may not be all.
  if (continuousSince === undefined) return 'part';
  return from >= Math.max(kept, continuousSince) && to - HOUR_MS <= readTo ? 'whole' : 'part';
}

function countsOf(
  clients: z.output<typeof recordSchema>['clients'],
  day: number,
  minTlsVersion: TlsVersion,
): readonly LoginCount[] {
  return clients.flatMap(({ role, transport, tls, hours = [] }): readonly LoginCount[] => {
    const isDeprecated = tls !== undefined && isOlderThan(tls.version, minTlsVersion);
    if (transport !== 'plaintext' && !isDeprecated) return [];
    const logins = hours
      .filter(([hour]) => Math.floor((hour * HOUR_MS) / DAY_MS) === day)
      .reduce((sum, [, count]) => sum + Math.max(count, 0), 0);
    return logins === 0 ? [] : [{ role, kind: transport === 'plaintext' ? 'plaintext' : 'deprecated', logins }];
  });
}
