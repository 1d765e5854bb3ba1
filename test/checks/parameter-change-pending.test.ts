// Tests the check parameter-change-pending.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import type { SettingName } from '../../lambda/model/posture.ts';
import { expectHonest, FAILED, ofDatabase, ofListed, outcomeOf } from './support/cloud-cases.ts';

const ID = 'parameter-change-pending';
const parameters = (forceSsl: string, minimum = 'TLSv1.2') =>
  known({
    'rds.force_ssl': { value: forceSsl, source: 'user' },
    ssl_min_protocol_version: { value: minimum, source: 'user' },
  });
const group = (status: string) => ({ name: 'orders', ofCluster: false, status });
const inEffect = (values: Partial<Record<SettingName, string>>) => ({
  settings: known({ values: { ...make.SETTINGS, ssl_min_protocol_version: 'TLSv1.2', ...values }, seesAll: true }),
});

describe('beside a server that shows its settings', () => {
  test.each([
    ['1', 'on'],
    ['0', 'off'],
    ['1', '1'],
  ])('passes where the group says %s and the server %s, whatever else waits', (inGroup, value) => {
    for (const status of ['in-sync', 'pending-reboot', 'applying']) {
      const facts = { parameters: parameters(inGroup), parameterGroup: group(status) };
      expect(ofDatabase(ID, facts, inEffect({ 'rds.force_ssl': value }))).toEqual({ status: 'pass' });
    }
  });

  test('finds another value, and names both', () => {
    expect(
      ofDatabase(ID, { parameters: parameters('0', 'TLSv1.3') }, inEffect({ 'rds.force_ssl': 'on' })),
    ).toMatchObject({
      status: 'fail',
      problems: [
        {
          severity: 'medium',
          evidence: {
            status: 'in-sync',
            differs: [
              'rds.force_ssl: 0 in the group, on in effect',
              'ssl_min_protocol_version: TLSv1.3 in the group, TLSv1.2 in effect',
            ],
          },
        },
      ],
    });
  });

  test('leaves to plaintext-allowed that the server is open though the group requires TLS', () => {
    const outcome = ofDatabase(ID, { parameters: parameters('1') }, inEffect({ 'rds.force_ssl': 'off' }));
    expect(outcome).toMatchObject({ status: 'not-applicable', reason: expect.stringContaining('plaintext-allowed') });
  });
});

describe('without the settings of the server', () => {
  const unseen = { settings: unknown('the target was not audited') };

  test.each(['pending-reboot', 'failed-to-apply'])('finds what is %s', (status) => {
    expect(ofDatabase(ID, { parameterGroup: group(status) }, unseen)).toMatchObject({
      status: 'fail',
      problems: [{ severity: 'low', evidence: { parameterGroup: 'orders', status } }],
    });
    const { findings } = ofListed(ID, known(make.cloudDatabase({ parameterGroup: group(status) })));
    expect(findings).toMatchObject([{ remedy: expect.stringContaining('reboot-db-instance') }]);
  });

  test.each(['in-sync', 'applying'])('passes what is %s', (status) => {
    expect(ofDatabase(ID, { parameterGroup: group(status) }, unseen)).toEqual({ status: 'pass' });
  });
});

test('is not known without the group, its status or its values', () => {
  for (const facts of [
    { parameterGroup: undefined },
    { parameterGroup: group('') },
    { parameters: unknown('the parameters of eu-west-1 could not be listed (Throttling)') },
  ]) {
    expect(ofDatabase(ID, facts).status).toBe('unknown');
  }
  expect(outcomeOf(ID, FAILED).status).toBe('unknown');
  expectHonest(ID);
});
