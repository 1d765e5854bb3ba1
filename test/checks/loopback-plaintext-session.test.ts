// Tests the check loopback-plaintext-session.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { loopbackPlaintextSession } from '../../lambda/checks/loopback-plaintext-session.ts';
import { EVERY_TRANSPORT, problems } from './support/session-cases.ts';

describe('loopback-plaintext-session', () => {
  test('reports loopback as information', () => {
    const found = problems(loopbackPlaintextSession, EVERY_TRANSPORT);
    expect(found.map(({ application, severity }) => [application, severity])).toEqual([['loopback', 'info']]);
  });

  test.each(['ignore', 'network'] as const)('does not apply when the policy says %s', (loopback) => {
    const outcome = loopbackPlaintextSession.evaluate(make.healthySnapshot(EVERY_TRANSPORT), {
      ...make.POLICY,
      loopback,
    });
    expect(outcome.status).toBe('not-applicable');
  });
});
