// Tests the check database-not-covered.

import { expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { known } from '../../lambda/model/observed.ts';
import { expectHonest, FAILED, ofDatabase, ofListed, ofPlace, REASON } from './support/cloud-cases.ts';

const ID = 'database-not-covered';
const legacy = { name: 'legacy', why: 'it lacks the tag pg-tls-auditor=on' };
const spare = { name: 'spare', why: 'no pattern of "include" matches it' };

test('finds each database that no rule takes, once, with the reason', () => {
  expect(ofPlace(ID, { uncovered: known([legacy, spare, legacy]) })).toMatchObject({
    status: 'fail',
    problems: [
      { severity: 'medium', subject: 'legacy', evidence: { instance: 'legacy', why: legacy.why } },
      { severity: 'medium', subject: 'spare' },
    ],
  });
});

test('passes where all are taken or left out on purpose, and says nothing of a database itself', () => {
  expect(ofPlace(ID)).toEqual({ status: 'pass' });
  expect(ofDatabase(ID).status).toBe('not-applicable');
  expectHonest(ID);
});

test('is not known where the place could not be listed', () => {
  expect(ofPlace(ID, { uncovered: FAILED })).toEqual({ status: 'unknown', reason: REASON });
});

test('a database is another finding than its neighbour, and the remedy has the two tags', () => {
  const { findings } = ofListed(ID, known(make.cloudPlace({ uncovered: known([legacy, spare]) })));
  expect(new Set(findings.map(({ fingerprint }) => fingerprint)).size).toBe(2);
  expect(findings[0]?.remedy).toMatch(/Value=on[\s\S]*Value=off/);
});
