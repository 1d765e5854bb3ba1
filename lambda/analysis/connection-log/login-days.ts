// Counts the plaintext and deprecated logins of each day by role, from what runs record of connection logs.

import * as z from 'zod';
import { clientLoginsSchema, momentSchema } from '../../model/connection-log-schema.ts';
import type { LoginCount, LoginDay } from '../../model/login-day.ts';
import type { LoopbackPolicy } from '../../model/policy.ts';
import { DAY_MS, HOUR_MS } from '../../model/time.ts';
import { isOlderThan, type TlsVersion } from '../../model/tls.ts';

/** What is recorded of one target. Times are milliseconds since 1970. */
export interface LoginRecord {
  /** From when to when every login was read. */
  readonly covered: readonly (readonly [from: number, to: number])[];
  /** The same of times of which some logins may be missing. */
  readonly coveredInPart: readonly (readonly [from: number, to: number])[];
  /** Days since 1970 (UTC) with the logins counted on them. */
  readonly uses: readonly (Pick<LoginCount, 'role' | 'kind'> & {
    readonly days: readonly (readonly [day: number, logins: number])[];
  })[];
}

export interface LoginDaysOptions {
  /** Milliseconds since 1970: the last day is the one of it. */
  readonly until: number;
  readonly days: number;
}

/** A log is read some time after it is written: today counts as whole up to here. */
const LATENESS_MS = HOUR_MS;

/** @param records - Of each target; undefined where nothing is recorded, or nothing that can be read. */
export function loginDays(
  records: readonly (LoginRecord | undefined)[],
  options: LoginDaysOptions,
): readonly LoginDay[] {
  const counter = loginDayCounter(options);
  for (const record of records) counter.add(record);
  return counter.days();
}

export interface LoginDayCounter {
  /** Adds the record of a target; undefined where nothing is recorded, or nothing that can be read. */
  add(record: LoginRecord | undefined): void;
  /** Oldest first. */
  days(): readonly LoginDay[];
}

/** Roles and kinds that are counted apart on one day: those of further roles count as of a role that is not known. */
const MOST_ROLES = 1_000;

/** Counts record by record, and keeps none of them. */
export function loginDayCounter({ until, days }: LoginDaysOptions): LoginDayCounter {
  const last = Math.floor(until / DAY_MS);
  const counted = Array.from({ length: days }, (_, index) => {
    const number = last - days + 1 + index;
    return {
      number,
      period: [number * DAY_MS, Math.min((number + 1) * DAY_MS, until - LATENESS_MS)] as const,
      known: new Set<LoginDay['recorded']>(),
      counts: new Map<string, LoginCount>(),
    };
  });
  const first = last - days + 1;
  return {
    add(record) {
      for (const { known, period } of counted) known.add(recordedIn(record, period));
      for (const { role, kind, days: counts } of record?.uses ?? []) {
        for (const [day, logins] of counts) {
          if (logins > 0) addTo(counted[day - first]?.counts, { role, kind, logins });
        }
      }
    },
    days: () =>
      counted.map(({ number, known, counts }) => ({
        day: new Date(number * DAY_MS).toISOString().slice(0, 10),
        recorded:
          known.size === 1 && known.has('whole') ? 'whole' : known.has('whole') || known.has('part') ? 'part' : 'none',
        counts: [...counts.values()],
      })),
  };
}

function addTo(counts: Map<string, LoginCount> | undefined, { role, kind, logins }: LoginCount): void {
  if (counts === undefined) return;
  const own = JSON.stringify([role ?? null, kind]);
  const isApart = counts.has(own) || counts.size < MOST_ROLES;
  const key = isApart ? own : JSON.stringify([null, kind]);
  counts.set(key, { role: isApart ? role : undefined, kind, logins: logins + (counts.get(key)?.logins ?? 0) });
}

function recordedIn(record: LoginRecord | undefined, [from, to]: readonly [number, number]): LoginDay['recorded'] {
  if (record === undefined) return 'none';
  const { covered, coveredInPart } = record;
  if (covered.some(([start, end]) => start <= from && end >= to)) return 'whole';
  return [...covered, ...coveredInPart].some(([start, end]) => start < to && end > from) ? 'part' : 'none';
}

/** The part of the record of a connection log that counts; what else is in it belongs to the reader of logs. */
const logRecordSchema = z.object({
  readTo: momentSchema,
  continuousSince: momentSchema.optional(),
  clients: z.array(clientLoginsSchema),
});

/** A log's record keeps logins by the hour for so long. */
const LOG_KEPT_MS = DAY_MS;

/**
 * From the record of a connection log, which has the hours of the last day.
 *
 * @param record - From outside.
 * @param minTlsVersion - Older versions are deprecated.
 */
export function fromLogRecord(record: unknown, minTlsVersion: TlsVersion): LoginRecord | undefined {
  const { data } = logRecordSchema.safeParse(record);
  if (data === undefined) return undefined;
  const { readTo, continuousSince, clients } = data;
  const kept: [number, number] = [readTo - LOG_KEPT_MS, readTo];
  return {
    // Without a time since when nothing was missed, what is there may not be all.
    covered: continuousSince === undefined ? [] : [[Math.max(kept[0], continuousSince), readTo]],
    coveredInPart: [kept],
    uses: clients.flatMap(({ role, transport, tls, hours = [] }) => {
      const isDeprecated = tls !== undefined && isOlderThan(tls.version, minTlsVersion);
      if (transport !== 'plaintext' && !isDeprecated) return [];
      const days = hours.map(([hour, logins]) => [Math.floor((hour * HOUR_MS) / DAY_MS), logins] as const);
      return [{ role, kind: transport === 'plaintext' ? 'plaintext' : 'deprecated', days }];
    }),
  };
}

type Days = LoginRecord['uses'][number]['days'];

/** What is kept of a target's clients from run to run, as far as it counts here. */
export interface ClientDays {
  readonly clients: readonly {
    readonly role?: string | undefined;
    readonly uses: Readonly<Partial<Record<'plaintext' | 'loopback', { readonly days: Days } | undefined>>>;
  }[];
  /** Unencrypted logins of which it is not known whose they are. */
  readonly unshown?: { readonly days: Days } | undefined;
  /** Whether clients beyond the bound were dropped. */
  readonly isCut: boolean;
  readonly covered: LoginRecord['covered'];
}

/**
 * From the record of a target's clients, which has days of weeks, and of plaintext only: it has no versions of TLS.
 *
 * @param loopback - What the policy says of it: unencrypted logins over it may count like those over the network.
 */
export function fromClientRecord(
  { clients, unshown, isCut, covered }: ClientDays,
  loopback: LoopbackPolicy,
): LoginRecord {
  const plaintext = clients.flatMap(({ role, uses }) =>
    [uses.plaintext, ...(loopback === 'network' ? [uses.loopback] : [])].flatMap((use) =>
      use === undefined ? [] : [{ role, days: use.days }],
    ),
  );
  const all = unshown === undefined ? plaintext : [...plaintext, { role: undefined, days: unshown.days }];
  return {
    covered: isCut ? [] : covered,
    coveredInPart: covered,
    uses: all.map((use) => ({ ...use, kind: 'plaintext' })),
  };
}
