// Tests the check tls-fallback.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { HANDSHAKE_REASONS } from '../../lambda/checks/shared/handshake-reasons.ts';
import { tlsFallback } from '../../lambda/checks/tls-fallback.ts';
import { displayText } from '../../lambda/model/display.ts';
import { problemsOfLog, silences } from './support/log-cases.ts';

describe('tls-fallback', () => {
  test('finds a client whose handshake fails and that logs in without encryption, again and again', () => {
    expect(problemsOfLog(tlsFallback, { fallbacks: [make.tlsFallback()] })).toMatchObject([
      {
        severity: 'high',
        role: 'etl',
        database: 'shop',
        application: 'nightly',
        clients: ['10.1.2.3'],
        evidence: { times: 3, handshakeFailed: ["the client does not trust the server's certificate"] },
      },
    ]);
  });

  test('has reasons that a list of evidence shows whole', () => {
    for (const reason of Object.values(HANDSHAKE_REASONS)) expect(displayText(reason)).toBe(reason);
  });

  test('leaves one pair alone: it may be of two clients behind one address', () => {
    expect(problemsOfLog(tlsFallback, { fallbacks: [make.tlsFallback({ count: 1 })] })).toEqual([]);
  });

  test('adds the causes and networks of one client together', () => {
    const fallbacks = [
      make.tlsFallback({ count: 1, reason: 'version-unsupported' }),
      make.tlsFallback({ count: 1, network: '10.9.9.0/24', addresses: ['10.9.9.9'] }),
    ];
    const found = problemsOfLog(tlsFallback, { fallbacks });
    expect(found).toMatchObject([{ clients: ['10.1.2.3', '10.9.9.9'], evidence: { times: 2 } }]);
  });

  test('leaves loopback alone unless the policy counts it as a network', () => {
    const fallbacks = [make.tlsFallback({ transport: 'loopback', addresses: ['127.0.0.1'] })];
    expect(problemsOfLog(tlsFallback, { fallbacks })).toEqual([]);
    expect(problemsOfLog(tlsFallback, { fallbacks }, {}, { loopback: 'network' })).toHaveLength(1);
  });

  test('never passes where the log may not show everything', () => {
    expect(silences(tlsFallback)).toEqual(['not-applicable', 'pass', 'unknown', 'unknown']);
  });
});
