// Tests the check log-export-off.

import { expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { known } from '../../lambda/model/observed.ts';
import { expectHonest, FAILED, ofDatabase, ofListed, ofPlace, outcomeOf, REASON } from './support/cloud-cases.ts';

const ID = 'log-export-off';

test.each([[[]], [['upgrade']], [['iam-db-auth-error', 'instance']]])(
  'finds a database that exports %j',
  (logExports) => {
    expect(ofDatabase(ID, { logExports })).toMatchObject({
      status: 'fail',
      problems: [{ severity: 'low', evidence: { exported: logExports.length === 0 ? ['none'] : logExports } }],
    });
  },
);

test('passes where the log is exported, and says nothing of a place', () => {
  expect(ofDatabase(ID, { logExports: ['postgresql', 'upgrade'] })).toEqual({ status: 'pass' });
  expect(ofPlace(ID).status).toBe('not-applicable');
  expect(outcomeOf(ID, FAILED)).toEqual({ status: 'unknown', reason: REASON });
  expectHonest(ID);
});

test('finds it of a stopped database too, as the same finding, with the commands of RDS', () => {
  const { findings } = ofListed(ID, known(make.cloudDatabase({ logExports: [] })));
  expect(findings).toMatchObject([{ target: 'orders', remedy: expect.stringContaining('aws rds modify-db-instance') }]);
});
