// Tests the check discovery-failed.

import { expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { known } from '../../lambda/model/observed.ts';
import { expectHonest, ofListed, ofPlace } from './support/cloud-cases.ts';

const ID = 'discovery-failed';
const DENIED = 'the databases of eu-west-1 could not be listed (AccessDenied): allow rds:DescribeDBInstances';

test('finds the place that could not be listed, with the error and what to do', () => {
  expect(ofPlace(ID, { failures: [DENIED] })).toMatchObject({
    status: 'fail',
    problems: [{ severity: 'high', evidence: { what: DENIED } }],
  });
});

test('is one finding while the place fails, whatever the error is', () => {
  const fingerprintOf = (failures: readonly string[]): readonly string[] =>
    ofListed(ID, known(make.cloudPlace({ failures }))).findings.map(({ fingerprint }) => fingerprint);
  expect(fingerprintOf([DENIED])).toEqual(fingerprintOf(['Throttling', 'AbortError']));
  expect(fingerprintOf([DENIED])).toHaveLength(1);
});

test('passes where the place was listed', () => {
  expect(ofPlace(ID)).toEqual({ status: 'pass' });
  expectHonest(ID);
});
