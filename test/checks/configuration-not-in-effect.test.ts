// Tests the check configuration-not-in-effect.

import { expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import type { ConfigurationFacts } from '../../lambda/model/cloud.ts';
import { known } from '../../lambda/model/observed.ts';
import { expectHonest, ofListed, outcomeOf } from './support/cloud-cases.ts';

const ID = 'configuration-not-in-effect';
const HOUR = 3_600_000;
const before = (hours: number): string => new Date(Date.parse(make.NOW) - hours * HOUR).toISOString();

const of = (facts: Partial<ConfigurationFacts>) => outcomeOf(ID, known(make.configuration(facts)));

test('passes where runs follow what the location holds', () => {
  expect(of({})).toEqual({ status: 'pass' });
  expectHonest(ID);
});

test.each([
  [1, 'high'],
  [72, 'high'],
  [73, 'critical'],
  [-1, 'high'],
  [-2, 'critical'],
  [-9_000, 'critical'],
])('a configuration that is not used, with a last good one of %i hours ago, is %s', (hours, severity) => {
  expect(of({ problem: 'it is gone', lastReadAt: before(hours) })).toMatchObject({
    status: 'fail',
    problems: [{ severity, evidence: { what: 'it is gone', lastGood: before(hours) } }],
  });
});

test('how long it has not been used is not known: critical', () => {
  expect(of({ problem: 'it is gone' })).toMatchObject({ problems: [{ severity: 'critical' }] });
});

test('names the first targets that are not audited', () => {
  expect(of({ problem: 'it is wrong', added: { count: 7, names: ['a', 'b'] } })).toMatchObject({
    problems: [{ evidence: { notAudited: 'a, b and 5 more' } }],
  });
});

test('settings that need a deployment are a finding of their own, medium', () => {
  expect(
    of({ problem: 'it is gone', lastReadAt: before(1), notInEffect: ['schedule', 'deployment.vpc'] }),
  ).toMatchObject({
    problems: [{ severity: 'high' }, { severity: 'medium', evidence: { settings: 'schedule, deployment.vpc' } }],
  });
});

test('is one finding while it lasts, whatever is wrong at the moment', () => {
  const fingerprintOf = (problem: string): readonly string[] =>
    ofListed(ID, known(make.configuration({ problem }))).findings.map(({ fingerprint }) => fingerprint);
  expect(fingerprintOf('it is gone')).toEqual(fingerprintOf('Throttling'));
  expect(fingerprintOf('it is gone')).toHaveLength(1);
});
