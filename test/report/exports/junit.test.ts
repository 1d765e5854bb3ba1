// JUnit XML, read back by an XML parser and held to a schema that is written from what Jenkins reads: no npm package
// carries one.

import { describe, expect, test } from 'vitest';
import { CHECKS } from '../../../lambda/checks/registry.ts';
import { wholeText } from '../../../lambda/report/exports/chunks.ts';
import type { ExportContext } from '../../../lambda/report/exports/exporter.ts';
import { renderJunit } from '../../../lambda/report/exports/junit.ts';
import type { Report } from '../../../lambda/report/schema.ts';
import { badNight, finding, healthyReport, healthyTarget } from '../builders.ts';
import { HOSTILE_NAMES, UNSAFE } from '../hostile.ts';
import { type JunitTestCase, readJunit } from './junit-schema.ts';
import { CONTEXT, eventfulReport, outcomes, textsOf } from './outcomes.ts';

const ALL: ExportContext = { ...CONTEXT, failOn: 'info' };

function caseOf(report: Report, suite: string, name: string, context = ALL): JunitTestCase | undefined {
  const { testsuites } = readJunit(wholeText(renderJunit(report, context)));
  return testsuites.testsuite.find((one) => one['@name'] === suite)?.testcase.find((one) => one['@name'] === name);
}

describe('renderJunit', () => {
  test.each([
    ['a bad night without state', badNight()],
    ['an eventful run', eventfulReport()],
    ['a run without findings', healthyReport()],
    ['a run of nothing', healthyReport({ targets: [] })],
  ])('%s: the document is valid, and its counts are right', (_what, report) => {
    expect(() => readJunit(wholeText(renderJunit(report, ALL)))).not.toThrow();
  });

  test('has a suite for each target and a case for each check', () => {
    const { testsuites } = readJunit(wholeText(renderJunit(eventfulReport(), ALL)));
    expect(testsuites.testsuite.map((suite) => [suite['@name'], suite['@tests']])).toEqual(
      ['orders', 'ledger', 'crm', 'billing'].map((name) => [name, CHECKS.length]),
    );
    expect(testsuites).toMatchObject({ '@tests': 4 * CHECKS.length, '@failures': 2, '@time': '7.333' });
    expect(testsuites.testsuite[0]).toMatchObject({
      '@hostname': 'orders.db.example.com',
      properties: {
        property: expect.arrayContaining([
          { '@name': 'verdict', '@value': 'findings' },
          { '@name': 'label.2', '@value': 'team=shop' },
        ]),
      },
    });
  });

  test('a failed check is a failure with every finding and how to fix it', () => {
    const failure = caseOf(eventfulReport(), 'orders', 'plaintext-session')?.failure?.[0];
    expect(failure).toMatchObject({
      '@message': 'Unencrypted session over the network and 1 more',
      '@type': 'high',
      '#text': expect.stringMatching(
        /role "new"[\s\S]*fingerprint: 0000000000000a01\nHow to fix:\n {2}Set sslmode[\s\S]*role "old"/,
      ),
    });
  });

  test('what could not be seen is an error: unknown, crashed, not audited', () => {
    expect(caseOf(eventfulReport(), 'crm', 'weak-cipher-session')?.error).toMatchObject([
      { '@type': 'unknown', '@message': '17 sessions are hidden' },
    ]);
    expect(caseOf(eventfulReport(), 'crm', 'plaintext-allowed')?.error).toMatchObject([{ '@type': 'error' }]);
    const { testsuites } = readJunit(wholeText(renderJunit(eventfulReport(), ALL)));
    const ledger = testsuites.testsuite.find((suite) => suite['@name'] === 'ledger');
    expect(ledger).toMatchObject({ '@tests': CHECKS.length, '@errors': CHECKS.length });
    expect(caseOf(eventfulReport(), 'ledger', 'target-not-audited')?.error).toMatchObject([
      { '@type': 'certificate-expired', '#text': expect.stringContaining('Renew the server certificate') },
    ]);
  });

  test('a failure that did not see everything says so', () => {
    expect(caseOf(eventfulReport(), 'crm', 'plaintext-session')?.failure?.[0]?.['#text']).toContain(
      'Not everything could be observed: 17 sessions are hidden',
    );
  });

  test('a check that does not apply is skipped, and so is one whose findings are all muted', () => {
    expect(caseOf(eventfulReport(), 'orders', 'client-certificate-expiring')?.skipped).toEqual([
      { '@message': 'no client certificate is used' },
    ]);
    expect(caseOf(eventfulReport(), 'orders', 'deprecated-tls-session')?.skipped).toEqual([
      { '@message': 'muted until 2026-12-31 00:00 UTC by shop: replaced in December' },
    ]);
  });

  test('findings below the threshold pass, and are told all the same', () => {
    const target = healthyTarget({
      verdict: 'findings',
      checks: outcomes({ id: 'plaintext-session', status: 'fail' }),
    });
    const report = healthyReport({ targets: [target], findings: [finding({ severity: 'low' })] });
    expect(caseOf(report, 'orders', 'plaintext-session')).toHaveProperty('failure');
    const calm = caseOf(report, 'orders', 'plaintext-session', { ...CONTEXT, failOn: 'medium' });
    expect(calm).not.toHaveProperty('failure');
    expect(calm?.['system-out']).toContain('LOW: Unencrypted session over the network');
    // Hidden ones may be worse: no threshold covers what was not seen.
    const unknownTarget = outcomes({ id: 'plaintext-session', status: 'fail', reason: '3 sessions are hidden' });
    const half = { ...report, targets: [{ ...target, verdict: 'unknown' as const, checks: unknownTarget }] };
    const unsure = caseOf(half, 'orders', 'plaintext-session', { ...CONTEXT, failOn: 'medium' });
    expect(unsure?.error).toMatchObject([{ '@type': 'unknown', '@message': '3 sessions are hidden' }]);
  });

  test('a run of no target is an error, not a green run of no tests', () => {
    const { testsuites } = readJunit(wholeText(renderJunit(healthyReport({ targets: [] }), ALL)));
    expect(testsuites).toMatchObject({ '@tests': 1, '@errors': 1 });
  });

  test('a target that was not fully seen is an error whatever its checks say, and whatever is muted', () => {
    const target = healthyTarget({ verdict: 'unknown', checks: outcomes() });
    expect(caseOf(healthyReport({ targets: [target] }), 'orders', 'audit')).toHaveProperty('error');
    const report = eventfulReport();
    const muted = {
      ...report,
      findings: report.findings.map((one) =>
        one.check === 'target-not-audited' ? { ...one, lifecycle: { reason: 'muted' as const } } : one,
      ),
    };
    expect(caseOf(muted, 'ledger', 'target-not-audited')).toHaveProperty('error');
  });

  test.each(HOSTILE_NAMES)('shows %s harmlessly', (_what, name) => {
    const target = healthyTarget({
      name: 'orders',
      verdict: 'findings',
      labels: { team: name },
      checks: outcomes({ id: 'plaintext-session', status: 'fail', reason: name || 'x' }),
    });
    const hostile = finding({ role: name, database: name, application: name, title: `Of ${name}`, evidence: { name } });
    const document = readJunit(wholeText(renderJunit(healthyReport({ targets: [target], findings: [hostile] }), ALL)));
    expect(textsOf(document).filter((text) => UNSAFE.test(text.replaceAll('\n', ' ')))).toEqual([]);
    expect(document.testsuites).toMatchObject({ '@tests': CHECKS.length, '@failures': 1 });
  });

  test('what looks like XML, and what XML has no way to write, stays text', () => {
    const nasty = ']]></failure></testcase><testcase name="x"/><!-- &amp; \u{fffe}\u{b}.';
    const target = healthyTarget({ checks: outcomes({ id: 'plaintext-session', status: 'fail' }) });
    const report = healthyReport({ targets: [target], findings: [finding({ remedy: nasty, role: nasty })] });
    const { '#text': text } = caseOf(report, 'orders', 'plaintext-session')?.failure?.[0] ?? {};
    expect(text).toContain(']]></failure></testcase><testcase name="x"/>\\u{3c}!-- &amp; \\u{fffe}\\u{b}.');
  });

  test('a name that means something to XML builders is a name', () => {
    const target = healthyTarget({ name: 'true', checks: outcomes() });
    const { testsuites } = readJunit(wholeText(renderJunit(healthyReport({ targets: [target] }), ALL)));
    expect(testsuites.testsuite[0]).toMatchObject({ '@name': 'true', '@tests': CHECKS.length });
  });
});
