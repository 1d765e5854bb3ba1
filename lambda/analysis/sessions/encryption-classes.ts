// Picks sessions by how they are encrypted, and decides once for all that are encrypted alike.

import { cachedBy } from '../../model/cached-by.ts';
import type { SessionTls } from '../../model/snapshot.ts';
import type { Transport } from '../../model/transport.ts';
import type { SeenSession } from './seen-sessions.ts';

/** All that a check may pick sessions by. */
export type Encryption = Pick<SeenSession, 'transport' | 'tls'>;

/**
 * Sessions of one transport and the same TLS facts are of one class. There may be tens of thousands of sessions, of a
 * few classes, and several checks ask for them.
 */
const classesOf = cachedBy((sessions: readonly SeenSession[]) => {
  const classes: Encryption[] = [];
  const numbers = new Map<Transport | SessionTls, number>();
  const numberOf = (session: SeenSession): number => {
    const { transport, tls } = session;
    // A reader of many sessions gives those that are alike one and the same object.
    const key = transport === 'tls' && tls !== undefined ? tls : transport;
    const known = numbers.get(key);
    if (known !== undefined) return known;
    numbers.set(key, classes.length);
    return classes.push(session) - 1;
  };
  return { classes, ofSessions: sessions.map(numberOf) };
});

/** The sessions that are encrypted in such a way, in their order. */
export function encryptedSo(
  sessions: readonly SeenSession[],
  isSo: (encryption: Encryption) => boolean,
): readonly SeenSession[] {
  const { classes, ofSessions } = classesOf(sessions);
  const areSo = classes.map(isSo);
  return areSo.includes(true) ? sessions.filter((_, place) => areSo[ofSessions[place] ?? -1]) : [];
}
