// Tests the check certificate-authority-retiring.

import { expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import { expectHonest, FAILED, ofDatabase, outcomeOf } from './support/cloud-cases.ts';

const ID = 'certificate-authority-retiring';
const endingIn = (days: number) =>
  known({ id: 'rds-ca-2019', validTill: new Date(Date.parse(make.NOW) + days * 86_400_000).toISOString() });

test.each([
  [181, undefined],
  [180, 'medium'],
  [31, 'medium'],
  [14, 'high'],
  [7, 'critical'],
  [-1, 'critical'],
])('with %i days left is %s', (days, severity) => {
  const outcome = ofDatabase(ID, { authority: endingIn(days) });
  if (severity === undefined) expect(outcome).toEqual({ status: 'pass' });
  else {
    expect(outcome).toMatchObject({
      status: 'fail',
      problems: [{ severity, subject: 'rds-ca-2019', evidence: { authority: 'rds-ca-2019', daysLeft: days } }],
    });
  }
});

test('is not known where RDS does not list the authority, or did not answer', () => {
  const unlisted = unknown('RDS lists no end of its certificate authority');
  expect(ofDatabase(ID, { authority: unlisted })).toEqual({
    status: 'unknown',
    reason: 'RDS lists no end of its certificate authority',
  });
  expect(outcomeOf(ID, FAILED).status).toBe('unknown');
  expectHonest(ID);
});
