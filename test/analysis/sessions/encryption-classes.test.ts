// Sessions that are picked by how they are encrypted: those of a plain filter, in the same order, and asked for once.

import { expect, test } from 'vitest';
import { plaintextSession, session, tlsSession } from '../../../lab/snapshots.ts';
import { encryptedSo } from '../../../lambda/analysis/sessions/encryption-classes.ts';

const OLD = { version: 'TLSv1.1', cipher: 'ECDHE-RSA-AES256-SHA', bits: 256 };
const sessions = [
  session({ tls: OLD }),
  plaintextSession(),
  session(),
  session({ transport: 'loopback', tls: undefined }),
  session({ tls: OLD }),
  tlsSession(OLD),
  plaintextSession(),
];

test('are those of a filter, in their order, also where several kinds are picked', () => {
  const isWrong = ({ transport, tls }: Pick<(typeof sessions)[number], 'transport' | 'tls'>): boolean =>
    transport === 'plaintext' || tls?.version === 'TLSv1.1';
  expect(encryptedSo(sessions, isWrong)).toEqual(sessions.filter(isWrong));
  expect(encryptedSo(sessions, () => true)).toEqual(sessions);
  expect(encryptedSo(sessions, () => false)).toEqual([]);
});

test('are asked about once for all that have the same facts', () => {
  let asked = 0;
  encryptedSo(sessions, () => {
    asked += 1;
    return true;
  });
  // The shared facts, those of their own with the same texts, plaintext, TLSv1.3 and loopback.
  expect(asked).toBe(5);
});
