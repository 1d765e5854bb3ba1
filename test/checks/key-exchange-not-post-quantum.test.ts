// Tests the check key-exchange-not-post-quantum.

import { describe, expect, test } from 'vitest';
import { POLICY, wireProbe } from '../../lab/snapshots.ts';
import { keyExchangeNotPostQuantum } from '../../lambda/checks/key-exchange-not-post-quantum.ts';
import { known } from '../../lambda/model/observed.ts';
import { NO_ANSWER, problems, snapshot } from './support/probe-cases.ts';

describe('key-exchange-not-post-quantum', () => {
  test('names the group that was chosen', () => {
    const given = snapshot(wireProbe({ keyExchange: known({ group: 'x25519', postQuantum: false }) }));
    expect(problems(keyExchangeNotPostQuantum, given)).toMatchObject([
      { severity: 'info', evidence: { chosen: 'x25519' } },
    ]);
  });

  test('finds it where there is no TLSv1.3 either', () => {
    const given = snapshot(wireProbe({ keyExchange: known({ postQuantum: false }) }));
    expect(problems(keyExchangeNotPostQuantum, given)).toMatchObject([{ evidence: { 'TLSv1.3': 'not accepted' } }]);
  });

  test('is unknown where the group is', () => {
    expect(keyExchangeNotPostQuantum.evaluate(snapshot(wireProbe({ keyExchange: NO_ANSWER })), POLICY)).toMatchObject({
      status: 'unknown',
    });
  });
});
