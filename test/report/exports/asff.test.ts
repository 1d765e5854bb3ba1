// Findings for Security Hub. No npm package carries a schema of the AWS Security Finding Format: the one in
// lab/aws-security-hub.ts is written from its API reference, and holds what the real client sends to it too
// (test/deliver/security-hub.test.ts).

import { describe, expect, test } from 'vitest';
import { asffFindingSchema } from '../../../lab/aws-security-hub.ts';
import { AwsPlaceError, asffFindings, awsPlace, renderAsff } from '../../../lambda/report/exports/asff.ts';
import { wholeText } from '../../../lambda/report/exports/chunks.ts';
import { badNight, finding, healthyReport } from '../builders.ts';
import { HOSTILE_NAMES, UNSAFE } from '../hostile.ts';
import { CONTEXT, eventfulReport, textsOf } from './outcomes.ts';

const PLACE = { ...CONTEXT, aws: awsPlace('123456789012', 'eu-west-1') };

function findingOf(fingerprint: string) {
  return asffFindings(eventfulReport(), PLACE).find(({ Id }) => Id.endsWith(`/${fingerprint}`));
}

describe('asffFindings', () => {
  test.each([
    ['a bad night without state', badNight(), 7],
    ['an eventful run', eventfulReport(), 9],
    ['a run without findings', healthyReport(), 0],
  ])('%s: every finding is valid', (_what, report, count) => {
    const findings = JSON.parse(wholeText(renderAsff(report, PLACE))) as unknown[];
    expect(findings).toHaveLength(count);
    for (const one of findings) expect(asffFindingSchema.safeParse(one).error).toBeUndefined();
  });

  test('the Id is that of the finding, and the same in every run', () => {
    const [first] = asffFindings(healthyReport({ findings: [finding({ fingerprint: '00000000000000d1' })] }), PLACE);
    const again = finding({ fingerprint: '00000000000000d1', severity: 'low', count: 1, clients: [] });
    const [second] = asffFindings(healthyReport({ finishedAt: '2026-11-11T00:00:00.000Z', findings: [again] }), PLACE);
    expect(first?.Id).toBe('pg-tls-auditor/eu-west-1/123456789012/00000000000000d1');
    expect(second?.Id).toBe(first?.Id);
    expect(second?.UpdatedAt).toBe('2026-11-11T00:00:00.000Z');
  });

  test.each([
    ['a new finding', '0000000000000a01', 'ACTIVE', undefined, 'FAILED'],
    ['a muted one', '0000000000000a04', 'ACTIVE', 'SUPPRESSED', 'FAILED'],
    ['one that was not seen', '0000000000000a05', 'ACTIVE', undefined, 'FAILED'],
    ['one that is gone', '00000000000000f1', 'ARCHIVED', 'RESOLVED', 'PASSED'],
    ['one that nobody looks for any more', '00000000000000f3', 'ARCHIVED', 'RESOLVED', 'NOT_AVAILABLE'],
  ])('%s', (_what, fingerprint, RecordState, workflow, Status) => {
    expect(findingOf(fingerprint)).toMatchObject({ RecordState, Compliance: { Status } });
    expect(findingOf(fingerprint)?.Workflow?.Status).toBe(workflow);
  });

  test('says since when, where, how bad, by which requirement, and how to fix it', () => {
    expect(findingOf('0000000000000a02')).toMatchObject({
      GeneratorId: 'pg-tls-auditor/plaintext-session',
      FirstObservedAt: '2026-11-09T06:15:05.000Z',
      LastObservedAt: '2026-11-10T06:15:05.000Z',
      UpdatedAt: '2026-11-10T06:15:09.456Z',
      Severity: { Label: 'HIGH', Original: 'high' },
      FindingProviderFields: { Severity: { Label: 'HIGH', Original: 'high' } },
      Title: 'Unencrypted session over the network (orders)',
      Description: expect.stringMatching(/^role "old", database "shop", .* An attacker on the path can read/),
      Remediation: { Recommendation: { Text: expect.stringContaining('hostssl all all all scram-sha-256') } },
      Resources: [
        { Id: 'orders.db.example.com:5432', Details: { Other: { target: 'orders', role: 'old', sessions: '12' } } },
      ],
      Compliance: { RelatedRequirements: expect.arrayContaining(['PCI DSS v4.0.1 4.2.1', 'SOC 2 CC6.7']) },
    });
    expect(findingOf('0000000000000a04')?.Description).toContain('muted until 2026-12-31 00:00 UTC by shop');
  });

  test('holds the limits when everything is as long as it gets, in characters of several bytes', () => {
    const long = '日'.repeat(10_000);
    const evidence = Object.fromEntries(Array.from({ length: 80 }, (_, index) => [`${index}${'k'.repeat(200)}`, long]));
    const longest = finding({
      title: long,
      role: long,
      database: long,
      application: long,
      clients: Array.from({ length: 500 }, (_, index) => `2001:db8::${index}`),
      evidence,
      remedy: `${long}\n${long}`,
    });
    const [one] = asffFindings(healthyReport({ findings: [longest] }), PLACE);
    expect(asffFindingSchema.safeParse(one).error).toBeUndefined();
    for (const [text, most] of [
      [one?.Title, 256],
      [one?.Description, 1024],
      [one?.Remediation.Recommendation.Text, 512],
    ] as const) {
      expect(Buffer.byteLength(text ?? '')).toBeLessThanOrEqual(most);
      expect(Buffer.byteLength(text ?? '')).toBeGreaterThan(most / 2);
    }
    expect(Buffer.byteLength(JSON.stringify(one))).toBeLessThan(240_000);
  });

  test.each(HOSTILE_NAMES)('shows %s harmlessly', (_what, name) => {
    const hostile = finding({ role: name, database: name, application: name, title: `Of ${name}`, evidence: { name } });
    const findings = asffFindings(healthyReport({ findings: [hostile] }), PLACE);
    for (const one of findings) expect(asffFindingSchema.safeParse(one).error).toBeUndefined();
    expect(textsOf(findings).filter((text) => UNSAFE.test(text))).toEqual([]);
  });
});

describe('awsPlace', () => {
  test.each([
    ['eu-west-1', 'aws'],
    ['ap-southeast-7', 'aws'],
    ['cn-north-1', 'aws-cn'],
    ['us-gov-west-1', 'aws-us-gov'],
    ['us-iso-east-1', 'aws-iso'],
    ['us-isob-east-1', 'aws-iso-b'],
  ])('%s is a region of %s', (region, partition) => {
    expect(awsPlace('123456789012', region)).toEqual({ account: '123456789012', region, partition });
  });

  test.each([
    [undefined, 'eu-west-1', 'the AWS account must be 12 digits, and none was given'],
    ['12345', 'eu-west-1', 'the AWS account must be 12 digits, and "12345" was given'],
    ['123456789012', undefined, 'the AWS region must be one such as eu-west-1, and none was given'],
    [
      '123456789012',
      'Ireland\u001b[2J',
      'the AWS region must be one such as eu-west-1, and "Ireland\\u{1b}[2J" was given',
    ],
  ])('account %s and region %s are refused', (account, region, message) => {
    expect(() => awsPlace(account, region)).toThrow(AwsPlaceError);
    expect(() => awsPlace(account, region)).toThrow(message);
  });
});
