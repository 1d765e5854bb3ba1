// SARIF logs, held to a schema that is written from the standard: the npm packages that carry the published one carry a
// whole tool of over 100 MB with it.

import { describe, expect, test } from 'vitest';
import { CHECKS } from '../../../lambda/checks/registry.ts';
import { wholeText } from '../../../lambda/report/exports/chunks.ts';
import { renderSarif, sarifLog } from '../../../lambda/report/exports/sarif.ts';
import { badNight, finding, healthyReport, healthyTarget } from '../builders.ts';
import { HOSTILE_NAMES, UNSAFE } from '../hostile.ts';
import { CONTEXT, eventfulReport, outcomes, textsOf } from './outcomes.ts';
import { sarifLogSchema } from './sarif-schema.ts';

const [RUN] = sarifLog(eventfulReport(), CONTEXT).runs;
const [INVOCATION] = RUN?.invocations ?? [];

function resultOf(fingerprint: string) {
  return RUN?.results?.find(({ partialFingerprints }) => partialFingerprints?.['pgTlsAuditor/v1'] === fingerprint);
}

describe('sarifLog', () => {
  test.each([
    ['a bad night without state', badNight()],
    ['an eventful run', eventfulReport()],
    ['a run without findings', healthyReport()],
    ['a run of nothing', healthyReport({ targets: [] })],
    [
      'a finding of a check that the catalogue no longer has',
      healthyReport({ findings: [finding({ check: 'retired' })] }),
    ],
  ])('%s: the log is valid', (_what, report) => {
    const { error } = sarifLogSchema.safeParse(JSON.parse(wholeText(renderSarif(report, CONTEXT))));
    expect(error).toBeUndefined();
  });

  test.each(['..', '.', 'a b', 'ä/ö', 'x?y#z', '\ud83d', '../../etc/passwd', 'a'.repeat(64)])(
    'a target named %j has a place that is relative and its own',
    (target) => {
      const log = sarifLog(healthyReport({ findings: [finding({ target }), finding({ target: 'orders' })] }), CONTEXT);
      expect(sarifLogSchema.safeParse(JSON.parse(JSON.stringify(log))).error).toBeUndefined();
      const places = log.runs[0]?.results?.map(
        ({ locations }) => locations?.[0]?.physicalLocation?.artifactLocation?.uri,
      );
      expect(new Set(places).size).toBe(2);
      expect(new URL(places?.[0] ?? '', 'file:///repository/').pathname).toMatch(/^\/repository\/targets\/[^/]+$/);
    },
  );

  test('a run holds no more results than GitHub takes, and says how many it leaves out', () => {
    const findings = Array.from({ length: 25_003 }, () => finding());
    const [run] = sarifLog(healthyReport({ findings }), CONTEXT).runs;
    expect(run?.results).toHaveLength(25_000);
    const notes = run?.invocations?.[0]?.toolExecutionNotifications?.map(({ message }) => message.text);
    expect(notes).toContain('3 more findings left out: a run holds 25000 results.');
  });

  test('rules have few tags, and a severity that GitHub sorts by', () => {
    for (const { properties } of RUN?.tool.driver.rules ?? []) {
      expect(properties?.tags?.length).toBeLessThanOrEqual(20);
      expect(properties?.['security-severity']).toMatch(/^\d\.\d$/);
    }
  });

  test('every check is a rule, with help to read', () => {
    const rules = RUN?.tool.driver.rules ?? [];
    expect(rules.map(({ id }) => id)).toEqual(CHECKS.map(({ id }) => id));
    expect(rules[0]).toMatchObject({
      id: 'plaintext-session',
      shortDescription: { text: 'Unencrypted session over the network' },
      help: { markdown: expect.stringContaining('```text\n1. Make the client verify the server:') },
      defaultConfiguration: { level: 'error' },
      properties: { 'security-severity': '8.0', tags: expect.arrayContaining(['security', 'PCI DSS v4.0.1 4.2.1']) },
    });
  });

  test.each([
    ['a new finding', '0000000000000a01', 'new', 'error'],
    ['one that is still there', '0000000000000a02', 'unchanged', 'error'],
    ['one that got worse', '0000000000000a03', 'updated', 'error'],
    ['a muted one', '0000000000000a04', 'unchanged', 'warning'],
    ['one that was not seen', '0000000000000a05', 'unchanged', 'error'],
    ['one that is over', '00000000000000f1', 'absent', 'error'],
  ])('%s', (_what, fingerprint, baselineState, level) => {
    expect(resultOf(fingerprint)).toMatchObject({ baselineState, level });
  });

  test('only what is muted is suppressed, with who says so', () => {
    const suppressed = RUN?.results?.filter(({ suppressions }) => suppressions?.length !== 0);
    expect(suppressed).toHaveLength(1);
    expect(suppressed?.[0]?.suppressions).toEqual([
      {
        kind: 'external',
        status: 'accepted',
        justification: 'muted until 2026-12-31 00:00 UTC by shop: replaced in December',
      },
    ]);
  });

  test('without state nothing is said of earlier runs', () => {
    const [run] = sarifLog(badNight(), CONTEXT).runs;
    expect(run?.results?.filter((result) => 'baselineState' in result)).toEqual([]);
  });

  test('a result says where it is: target, database, role, application', () => {
    expect(resultOf('0000000000000a02')?.locations?.[0]?.logicalLocations).toEqual([
      { name: 'orders', fullyQualifiedName: 'orders', kind: 'server', decoratedName: 'orders.db.example.com:5432' },
      { name: 'shop', fullyQualifiedName: 'orders/database/shop', kind: 'database' },
      { name: 'old', fullyQualifiedName: 'orders/role/old', kind: 'role' },
      { name: 'checkout', fullyQualifiedName: 'orders/application/checkout', kind: 'application' },
    ]);
  });

  test('what could not be seen is told, and the run did not succeed when a target was not audited', () => {
    expect(INVOCATION?.executionSuccessful).toBe(false);
    const notifications = INVOCATION?.toolExecutionNotifications ?? [];
    expect(notifications[0]).toMatchObject({
      descriptor: { id: 'not-audited' },
      level: 'error',
      message: { text: expect.stringMatching(/^ledger was not audited: The certificate .*\(certificate-expired\)/) },
    });
    const ofCrm = notifications.filter(({ message }) => message.text?.includes(' on crm: '));
    expect(ofCrm.map(({ associatedRule, level, message }) => [associatedRule?.id, level, message.text])).toEqual([
      [
        'plaintext-session',
        'warning',
        'plaintext-session on crm: not everything could be observed: 17 sessions are hidden',
      ],
      ['weak-cipher-session', 'warning', 'weak-cipher-session on crm: could not be decided: 17 sessions are hidden'],
      [
        'plaintext-allowed',
        'error',
        'plaintext-allowed on crm: could not be decided: the check crashed (TypeError: x)',
      ],
    ]);
  });

  test.each([
    ['everything was seen', healthyReport({ targets: [healthyTarget({ checks: outcomes() })] }), true, 0],
    ['nothing was looked at', healthyReport({ targets: [] }), false, 1],
    [
      'a check crashed',
      healthyReport({ targets: [healthyTarget({ checks: outcomes({ id: 'tls-disabled', status: 'error' }) })] }),
      false,
      1,
    ],
  ])('where %s', (_what, report, executionSuccessful, notifications) => {
    const [invocation] = sarifLog(report, CONTEXT).runs[0]?.invocations ?? [];
    expect(invocation?.executionSuccessful).toBe(executionSuccessful);
    expect(invocation?.toolExecutionNotifications).toHaveLength(notifications);
  });

  test.each(HOSTILE_NAMES)('shows %s harmlessly', (_what, name) => {
    const hostile = finding({ role: name, database: name, application: name, title: `Of ${name}`, evidence: { name } });
    const log = sarifLog(healthyReport({ findings: [hostile] }), CONTEXT);
    expect(sarifLogSchema.safeParse(JSON.parse(JSON.stringify(log))).error).toBeUndefined();
    const [result] = log.runs[0]?.results ?? [];
    expect(textsOf(result).filter((text) => UNSAFE.test(text.replaceAll('\n', ' ')))).toEqual([]);
    // No name can pretend to be a line of ours.
    expect(result?.message.text?.match(/^How to fix:/gm)).toHaveLength(1);
  });
});
