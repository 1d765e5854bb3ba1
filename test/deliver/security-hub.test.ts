// Findings in Security Hub: imported by the real client, in batches, updated by their Id, archived when they end.

import { SecurityHubClient } from '@aws-sdk/client-securityhub';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { type AwsEndpoint, startAwsEndpoint } from '../../lab/aws.ts';
import { awsPlace, importFindings, SecurityHubError, securityHubClient } from '../../lambda/deliver/security-hub.ts';
import type { Report } from '../../lambda/report/schema.ts';
import { finding, healthyReport } from '../report/builders.ts';
import { CONTEXT, eventfulReport } from '../report/exports/outcomes.ts';

afterEach(() => vi.unstubAllEnvs());

const PLACE = { ...CONTEXT, aws: awsPlace('123456789012', 'eu-west-1') };

/** The client that is deployed. */
function deployedClient(aws: AwsEndpoint): SecurityHubClient {
  for (const [name, value] of Object.entries(aws.environment())) vi.stubEnv(name, value);
  return securityHubClient();
}

/** One that gives up soon. */
function impatientClient(aws: AwsEndpoint): SecurityHubClient {
  const { AWS_ACCESS_KEY_ID = '' } = aws.environment();
  return new SecurityHubClient({
    endpoint: aws.url,
    region: aws.region,
    credentials: { accessKeyId: AWS_ACCESS_KEY_ID, secretAccessKey: 'kept-to-itself' },
    maxAttempts: 1,
    requestHandler: { connectionTimeout: 500, requestTimeout: 500, throwOnRequestTimeout: true },
  });
}

function recordId(fingerprint: string): string {
  return `pg-tls-auditor/eu-west-1/123456789012/${fingerprint}`;
}

const OPEN = finding({ fingerprint: '00000000000000d1' });

function run(finishedAt: string, overrides: Partial<Report>): Report {
  return healthyReport({ state: 'kept', finishedAt, ...overrides });
}

describe('importFindings', () => {
  test('imports every finding of a run: open ones, muted ones, those not seen, and those that are over', async () => {
    await using aws = await startAwsEndpoint();
    const answer = await importFindings(deployedClient(aws), eventfulReport(), PLACE);
    expect(answer).toEqual({ imported: 9, requests: 1 });
    const kept = [...aws.findings.values()];
    expect(
      kept.map(({ RecordState, Workflow, Compliance }) => [RecordState, Workflow?.Status, Compliance?.Status]),
    ).toEqual([
      ['ACTIVE', undefined, 'FAILED'],
      ['ACTIVE', undefined, 'FAILED'],
      ['ACTIVE', undefined, 'FAILED'],
      ['ACTIVE', undefined, 'FAILED'],
      ['ACTIVE', 'SUPPRESSED', 'FAILED'],
      ['ACTIVE', undefined, 'FAILED'],
      ['ARCHIVED', 'RESOLVED', 'PASSED'],
      ['ARCHIVED', 'RESOLVED', 'NOT_AVAILABLE'],
      ['ARCHIVED', 'RESOLVED', 'NOT_AVAILABLE'],
    ]);
  });

  test('a run without findings asks for nothing', async () => {
    await using aws = await startAwsEndpoint();
    expect(await importFindings(deployedClient(aws), healthyReport(), PLACE)).toEqual({ imported: 0, requests: 0 });
    expect(aws.requests).toHaveLength(0);
  });

  test('the next run updates what is there, a worse severity included, and the end archives it', async () => {
    await using aws = await startAwsEndpoint();
    const client = deployedClient(aws);
    await importFindings(client, run('2026-11-10T06:15:09.456Z', { findings: [OPEN] }), PLACE);
    const worse = { ...OPEN, severity: 'critical' as const };
    await importFindings(client, run('2026-11-10T06:30:09.456Z', { findings: [worse] }), PLACE);
    expect([...aws.findings.keys()]).toEqual([recordId(OPEN.fingerprint)]);
    expect(aws.findings.get(recordId(OPEN.fingerprint))).toMatchObject({
      imports: 2,
      Severity: { Label: 'CRITICAL', Original: 'critical' },
      UpdatedAt: '2026-11-10T06:30:09.456Z',
      RecordState: 'ACTIVE',
    });
    const over = { ...OPEN, resolution: 'gone' as const };
    await importFindings(client, run('2026-11-11T06:15:09.456Z', { resolved: [over] }), PLACE);
    expect(aws.findings.get(recordId(OPEN.fingerprint))).toMatchObject({ imports: 3, RecordState: 'ARCHIVED' });
    await importFindings(client, run('2026-11-12T06:15:09.456Z', { findings: [OPEN] }), PLACE);
    expect(aws.findings.get(recordId(OPEN.fingerprint))).toMatchObject({
      imports: 4,
      RecordState: 'ACTIVE',
      Workflow: { Status: 'NEW' },
    });
  });

  test('sends a hundred findings a request', async () => {
    await using aws = await startAwsEndpoint();
    const findings = Array.from({ length: 201 }, (_, index) => finding({ role: `app_${index}` }));
    const answer = await importFindings(deployedClient(aws), healthyReport({ findings }), PLACE);
    expect(answer).toEqual({ imported: 201, requests: 3 });
    expect(aws.findings.size).toBe(201);
  });

  test('findings with the most evidence there can be keep within the size of a request', async () => {
    await using aws = await startAwsEndpoint();
    const evidence = Object.fromEntries(Array.from({ length: 60 }, (_, index) => [`fact${index}`, '"'.repeat(5_000)]));
    const findings = Array.from({ length: 150 }, (_, index) => finding({ role: `app_${index}`, evidence }));
    const { imported, requests } = await importFindings(deployedClient(aws), healthyReport({ findings }), PLACE);
    expect(imported).toBe(150);
    // More than two, which would do for their number.
    expect(requests).toBeGreaterThan(2);
  });

  test('what is refused is named with its code, once everything else is imported', async () => {
    const findings = Array.from({ length: 120 }, (_, index) => finding({ role: `app_${index}` }));
    const refused = [0, 110].map((index) => recordId(findings[index]?.fingerprint ?? ''));
    await using aws = await startAwsEndpoint({ securityHub: { refused } });
    const failure = await importFindings(deployedClient(aws), healthyReport({ findings }), PLACE).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(SecurityHubError);
    expect((failure as Error).message).toContain('Security Hub refused 2 of 120 findings: ');
    for (const id of refused)
      expect((failure as Error).message).toContain(`${id} (InternalError: refused, on purpose)`);
    expect(aws.findings.size).toBe(118);
  });

  test('where very many are refused, some are named and the others counted', async () => {
    const findings = Array.from({ length: 40 }, (_, index) => finding({ role: `app_${index}` }));
    await using aws = await startAwsEndpoint({
      securityHub: { refused: findings.map(({ fingerprint }) => recordId(fingerprint)) },
    });
    await expect(importFindings(deployedClient(aws), healthyReport({ findings }), PLACE)).rejects.toThrow(
      /refused 40 of 40 findings: .* and 30 more\. /,
    );
  });

  test('a finding of another account is refused, and the error says so', async () => {
    await using aws = await startAwsEndpoint();
    const elsewhere = { ...CONTEXT, aws: awsPlace('999999999999', 'eu-west-1') };
    await expect(importFindings(deployedClient(aws), healthyReport({ findings: [OPEN] }), elsewhere)).rejects.toThrow(
      /InvalidInput: AwsAccountId is not the account that calls/,
    );
  });

  test('Security Hub that is not on: the error says where, and what to do', async () => {
    await using aws = await startAwsEndpoint({ securityHub: { enabled: false } });
    await expect(importFindings(deployedClient(aws), healthyReport({ findings: [OPEN] }), PLACE)).rejects.toThrow(
      'The findings could not be imported into Security Hub (InvalidAccessException). Security Hub is not on in account ' +
        '123456789012 and region eu-west-1: switch it on there ("aws securityhub enable-security-hub"), or set ' +
        'deployment.securityHub to false.',
    );
  });

  test('throttling is met by the retries of the SDK', async () => {
    await using aws = await startAwsEndpoint();
    aws.failNext('BatchImportFindings', { code: 'TooManyRequestsException', status: 429, times: 2 });
    await importFindings(deployedClient(aws), healthyReport({ findings: [OPEN] }), PLACE);
    expect(aws.count('BatchImportFindings')).toBe(3);
    expect(aws.findings.size).toBe(1);
  });

  test('an answer that got lost is no failure: the same findings are sent again', async () => {
    await using aws = await startAwsEndpoint();
    aws.failNext('BatchImportFindings', { network: 'lost-answer' });
    const answer = await importFindings(deployedClient(aws), healthyReport({ findings: [OPEN] }), PLACE);
    expect(answer.imported).toBe(1);
    expect(aws.findings.size).toBe(1);
  });

  test.each([
    [
      'denied',
      { code: 'AccessDeniedException', status: 403 },
      /Allow .* securityhub:BatchImportFindings on arn:aws:securityhub:eu-west-1:123456789012:product\/123456789012\/default/,
    ],
    ['anything else', { code: 'InternalException', status: 500 }, /\(InternalException\)\. If it persists/],
    ['silence', { network: 'hang' }, /\(ETIMEDOUT\)\. Check the route to Security Hub/],
  ] as const)('%s: an error that says what to do, and no secret', async (_name, fault, message) => {
    await using aws = await startAwsEndpoint();
    aws.failNext('BatchImportFindings', fault);
    const failure = await importFindings(impatientClient(aws), healthyReport({ findings: [OPEN] }), PLACE).catch(
      (error: unknown) => error,
    );
    expect(failure).toBeInstanceOf(SecurityHubError);
    expect((failure as Error).message).toMatch(message);
    expect((failure as Error).message).not.toContain('kept-to-itself');
  });

  test('a request that fails after others says how much is imported', async () => {
    await using aws = await startAwsEndpoint();
    const findings = Array.from({ length: 150 }, (_, index) => finding({ role: `app_${index}` }));
    const report = healthyReport({ findings });
    const client = impatientClient(aws);
    client.middlewareStack.add(
      (next) => async (args) => {
        if (aws.count('BatchImportFindings') === 1) {
          aws.failNext('BatchImportFindings', { code: 'InternalException', status: 500 });
        }
        return await next(args);
      },
      { step: 'initialize' },
    );
    await expect(importFindings(client, report, PLACE)).rejects.toThrow('into Security Hub after 100 had been (');
    expect(aws.findings.size).toBe(100);
  });
});
