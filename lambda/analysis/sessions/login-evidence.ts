// Summarises the logins of a group of sessions as evidence.

import type { Evidence } from '../../model/finding.ts';
import type { SeenSession } from './seen-sessions.ts';

/** Which source showed a client, as evidence names it. */
const SOURCES = { open: 'pg_stat_ssl', sampled: 'samples of pg_stat_ssl', logged: 'connection log' } as const;

/**
 * How many are open now, how many logins the window of the log shows, and which sources did. Empty where nothing but
 * open sessions showed the client.
 */
export function evidenceOfLogins(sessions: readonly SeenSession[]): Evidence {
  const logged = sessions.flatMap(({ logins }) => logins ?? []);
  const sampled = sessions.filter(({ isSampled }) => isSampled === true).length;
  const open = sessions.length - logged.length - sampled;
  if (logged.length === 0 && sampled === 0) return {};
  const firsts = logged.flatMap(({ first }) => first ?? []);
  const lasts = logged.flatMap(({ last }) => last ?? []);
  return {
    openNow: open,
    ...(sampled === 0 ? {} : { sampledSessions: sampled }),
    ...(logged.length === 0 ? {} : { logins24h: logged.reduce((sum, { logins }) => sum + logins, 0) }),
    ...(firsts.length === 0 ? {} : { firstLogin: iso(firsts.reduce((a, b) => Math.min(a, b))) }),
    ...(lasts.length === 0 ? {} : { lastLogin: iso(lasts.reduce((a, b) => Math.max(a, b))) }),
    sources: [
      ...(open === 0 ? [] : [SOURCES.open]),
      ...(sampled === 0 ? [] : [SOURCES.sampled]),
      ...(logged.length === 0 ? [] : [SOURCES.logged]),
    ],
  };
}

function iso(moment: number): string {
  return new Date(moment).toISOString();
}
