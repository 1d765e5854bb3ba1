// Tests the check deprecated-tls-session.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { deprecatedTlsSession } from '../../lambda/checks/deprecated-tls-session.ts';
import type { Session } from '../../lambda/model/snapshot.ts';
import { problems } from './support/session-cases.ts';

describe('deprecated-tls-session', () => {
  const ofVersion = (version: string): Session => make.tlsSession({ version }, { role: version });

  test.each([
    ['TLSv1.2' as const, ['SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv9 unheard of']],
    ['TLSv1.3' as const, ['SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv9 unheard of']],
  ])('with the minimum %s finds exactly what is below it or not known at all', (minTlsVersion, expected) => {
    const sessions = ['SSLv3', 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3', 'TLSv1.4', 'TLSv9 unheard of'].map(ofVersion);
    const found = problems(deprecatedTlsSession, sessions, { minTlsVersion });
    expect(found.map(({ evidence }) => evidence.tlsVersion)).toEqual(expected);
  });

  test('is high, and says which versions it saw and which it wants', () => {
    const sessions = [make.tlsSession({ version: 'TLSv1.1' }), make.tlsSession({ version: 'TLSv1' })];
    expect(problems(deprecatedTlsSession, sessions)).toMatchObject([
      { severity: 'high', count: 2, evidence: { tlsVersion: ['TLSv1', 'TLSv1.1'], required: 'TLSv1.2 or newer' } },
    ]);
  });
});
