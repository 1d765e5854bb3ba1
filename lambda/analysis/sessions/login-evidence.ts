// Summarises the logins of a group of sessions as evidence.

import type { Evidence } from '../../model/finding.ts';
import type { SeenSession } from './seen-sessions.ts';

/** Which source showed a client, as evidence names it. */
const SOURCES = { open: 'pg_stat_ssl', sampled: 'samples of pg_stat_ssl', logged: 'connection log' } as const;

/**
 * How many are open now, how many logins the window of the log shows, and which sources did. Empty where nothing but
 * open sessions showed the client.
 */
export function evidenceOfLogins(seenOpen: readonly SeenSession[], seenLogged: readonly SeenSession[]): Evidence {
  const sampled = seenOpen.filter(({ isSampled }) => isSampled === true).length;
  if (seenLogged.length === 0 && sampled === 0) return {};
  const logged = seenLogged.flatMap(({ logins }) => logins ?? []);
  const open = seenOpen.length - sampled;
  const seen = seenBetween(logged);
  return {
    openNow: open,
    ...(sampled === 0 ? {} : { sampledSessions: sampled }),
    ...(logged.length === 0 ? {} : { logins24h: logged.reduce((sum, { logins }) => sum + logins, 0) }),
    ...(seen === undefined ? {} : { firstLogin: seen.first, lastLogin: seen.last }),
    sources: [
      ...(open === 0 ? [] : [SOURCES.open]),
      ...(sampled === 0 ? [] : [SOURCES.sampled]),
      ...(logged.length === 0 ? [] : [SOURCES.logged]),
    ],
  };
}

/** When rows of a log were first and last seen, ISO 8601, UTC; undefined where the log shows no times. */
export function seenBetween(
  rows: readonly { readonly first: number | undefined; readonly last: number | undefined }[],
): { readonly first: string; readonly last: string } | undefined {
  const [first, last] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  const from = rows.reduce((earliest, row) => Math.min(earliest, row.first ?? earliest), first);
  const to = rows.reduce((latest, row) => Math.max(latest, row.last ?? latest), last);
  if (from > to) return undefined;
  return { first: new Date(from).toISOString(), last: new Date(to).toISOString() };
}
