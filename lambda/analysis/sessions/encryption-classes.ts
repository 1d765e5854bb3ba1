// Picks sessions by how they are encrypted, and decides once for all that are encrypted alike.

import { cachedBy } from '../../model/cached-by.ts';
import type { SessionTls } from '../../model/snapshot.ts';
import type { Transport } from '../../model/transport.ts';
import type { SeenSession } from './seen-sessions.ts';

/** All that a check may pick sessions by. */
export type Encryption = Pick<SeenSession, 'transport' | 'tls'>;

/** Sessions of one transport and the same TLS facts, by their places in the list. */
interface EncryptionClass {
  readonly encryption: Encryption;
  readonly places: number[];
}

/** There may be tens of thousands of sessions, of a few classes, and several checks ask for them. */
const classesOf = cachedBy((sessions: readonly SeenSession[]): readonly EncryptionClass[] => {
  const classes = new Map<Transport | SessionTls, EncryptionClass>();
  for (const [place, session] of sessions.entries()) {
    const { transport, tls } = session;
    // A reader of many sessions gives those that are alike one and the same object.
    const key = transport === 'tls' && tls !== undefined ? tls : transport;
    const known = classes.get(key);
    if (known === undefined) classes.set(key, { encryption: session, places: [place] });
    else known.places.push(place);
  }
  return [...classes.values()];
});

/** The sessions that are encrypted in such a way, in their order. */
export function encryptedSo(
  sessions: readonly SeenSession[],
  isSo: (encryption: Encryption) => boolean,
): readonly SeenSession[] {
  const places = classesOf(sessions).flatMap((one) => (isSo(one.encryption) ? one.places : []));
  return Uint32Array.from(places)
    .sort()
    .reduce<SeenSession[]>((found, place) => {
      found.push(sessions[place] as SeenSession);
      return found;
    }, []);
}
