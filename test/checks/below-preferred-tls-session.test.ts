// Tests the check below-preferred-tls-session.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { belowPreferredTlsSession } from '../../lambda/checks/below-preferred-tls-session.ts';
import { problems } from './support/session-cases.ts';

describe('below-preferred-tls-session', () => {
  test('reports TLSv1.2 as information where TLSv1.3 is preferred, and nothing below the minimum', () => {
    const sessions = [make.tlsSession({ version: 'TLSv1.2' }), make.tlsSession({ version: 'TLSv1.1' }), make.session()];
    expect(problems(belowPreferredTlsSession, sessions)).toMatchObject([
      { severity: 'info', count: 1, evidence: { tlsVersion: 'TLSv1.2', preferred: 'TLSv1.3 or newer' } },
    ]);
  });

  test('is content with TLSv1.2 where the policy prefers no more', () => {
    expect(problems(belowPreferredTlsSession, [make.tlsSession({})], { preferredTlsVersion: 'TLSv1.2' })).toEqual([]);
  });
});
