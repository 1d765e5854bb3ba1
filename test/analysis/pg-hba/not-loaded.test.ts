// Rules that wait to be loaded: judging the file is then no judgement of the server.

import { expect, test } from 'vitest';
import { hbaFacts, healthySnapshot, POLICY } from '../../../lab/snapshots.ts';
import { plaintextAllowed } from '../../../lambda/checks/plaintext-allowed.ts';
import { weakPasswordAuthentication } from '../../../lambda/checks/weak-password-authentication.ts';
import { known } from '../../../lambda/model/observed.ts';

test.each([plaintextAllowed, weakPasswordAuthentication])(
  '$id passes no file that the server has not loaded',
  (check) => {
    const of = (changedSinceLoad: boolean | undefined) =>
      check.evaluate(healthySnapshot([], { hba: known(hbaFacts({ changedSinceLoad })) }), POLICY);
    expect(of(false)).toEqual({ status: 'pass' });
    // Who may not look at the file is not told of it.
    expect(of(undefined)).toEqual({ status: 'pass' });
    expect(of(true)).toEqual({ status: 'unknown', reason: expect.stringContaining('SELECT pg_reload_conf();') });
  },
);

test('what the file lets in is found all the same, and there may be more', () => {
  const [rule] = hbaFacts().rules;
  if (rule === undefined) throw new Error('the snapshot has no rule');
  const hba = known(hbaFacts({ changedSinceLoad: true, rules: [{ ...rule, type: 'host' }] }));
  expect(plaintextAllowed.evaluate(healthySnapshot([], { hba }), POLICY)).toMatchObject({
    status: 'fail',
    incomplete: expect.stringContaining('changed after the server loaded it'),
  });
});
