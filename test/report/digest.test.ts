import { describe, expect, test } from 'vitest';
import type { Severity } from '../../lambda/model/severity.ts';
import { buildDecidedReport } from '../../lambda/report/build-report.ts';
import { buildDigest } from '../../lambda/report/digest.ts';
import { renderEmail } from '../../lambda/report/messages/email.ts';
import { DEFAULT_ROUTE, type Receiver, scopeDecision } from '../../lambda/report/receiver.ts';
import type { Report } from '../../lambda/report/schema.ts';
import { badNight, finding, healthyReport, healthyTarget, undecided } from './builders.ts';
import { decided, digestOfNight, eventfulNight, muteUse, night } from './lifecycle-cases.ts';

const notify = (report: Report, minSeverity: Severity) =>
  buildDigest(undecided(report), { route: DEFAULT_ROUTE, minSeverity });

describe('buildDigest', () => {
  test('has nothing to tell of a run without findings', () => {
    expect(notify(healthyReport(), 'info')).toBeUndefined();
  });

  test('has nothing to tell when every finding is below the threshold', () => {
    const report = healthyReport({ findings: [finding({ severity: 'low' })] });
    expect(notify(report, 'medium')).toBeUndefined();
  });

  test('tells findings at the threshold and counts those below', () => {
    const report = healthyReport({ findings: [finding({ severity: 'low' }), finding({ severity: 'medium' })] });
    const digest = notify(report, 'medium');
    expect(digest?.active.map((entry) => entry.finding.severity)).toEqual(['medium']);
    expect(digest?.suppressed.get('orders')).toEqual({ ongoing: 0, muted: 0, belowThreshold: 1 });
    expect(digest?.countBySeverity).toEqual({ info: 0, low: 0, medium: 1, high: 0, critical: 0 });
  });

  test('puts the worst first, then orders by target and check, whatever order they come in', () => {
    const findings = [
      finding({ severity: 'low', target: 'a' }),
      finding({ severity: 'high', target: 'b', check: 'z' }),
      finding({ severity: 'high', target: 'b', check: 'y' }),
      finding({ severity: 'critical', target: 'c' }),
      finding({ severity: 'high', target: 'a', check: 'z' }),
    ];
    const order = (of: typeof findings) =>
      notify(healthyReport({ findings: of }), 'info')?.active.map(
        ({ finding: { severity, target, check } }) => `${severity} ${target} ${check}`,
      );
    expect(order(findings)).toEqual([
      'critical c plaintext-session',
      'high a z',
      'high b y',
      'high b z',
      'low a plaintext-session',
    ]);
    expect(order(findings.toReversed())).toEqual(order(findings));
  });

  test('names every target by its verdict, with the cause where it was not audited', () => {
    const digest = notify(badNight(), 'low');
    expect(digest?.targetsByVerdict).toEqual({
      clean: [{ name: 'billing', cause: undefined, labels: {}, gaps: [] }],
      findings: [{ name: 'orders', cause: undefined, labels: {}, gaps: [] }],
      unknown: [{ name: 'crm', cause: undefined, labels: {}, gaps: [] }],
      'not-audited': [{ name: 'ledger', cause: 'certificate-expired', labels: {}, gaps: [] }],
    });
    expect(digest?.targets).toEqual(['ledger', 'orders', 'crm']);
  });

  test('says what could not be seen of a target that was looked at, each reason once', () => {
    const reason = 'the login may not read pg_hba.conf';
    const crm = healthyTarget({
      name: 'crm',
      verdict: 'unknown',
      checks: [
        { id: 'plaintext-allowed', status: 'unknown', reason },
        { id: 'weak-password-authentication', status: 'unknown', reason },
      ],
    });
    const digest = notify(healthyReport({ targets: [crm], findings: [finding({ target: 'crm' })] }), 'low');
    const expected = `${reason} (plaintext-allowed and weak-password-authentication)`;
    expect(digest?.targetsByVerdict.unknown).toMatchObject([{ name: 'crm', gaps: [expected] }]);
    expect(digest && renderEmail(digest)).toContain(`crm: ${reason}`);
  });

  test('leaves the report as it was', () => {
    const report = badNight();
    const before = structuredClone(report);
    notify(report, 'info');
    expect(report).toEqual(before);
  });
});

describe('the digest of a run with state', () => {
  const reasonsOf = (findings: Parameters<typeof night>[0], receiver: Partial<Receiver> = {}) => {
    const { decided } = night(findings);
    return buildDigest(decided, { route: DEFAULT_ROUTE, minSeverity: 'medium', ...receiver })?.active.map(
      ({ reason }) => reason,
    );
  };

  test('sends nothing when nothing is to be told', () => {
    expect(reasonsOf([decided('ongoing'), decided('muted')])).toBeUndefined();
  });

  test('tells what the decision says is to be told, and nothing else', () => {
    const findings = [decided('ongoing'), decided('new'), decided('muted'), decided('reminder'), decided('escalated')];
    expect(reasonsOf(findings)?.toSorted()).toEqual(['escalated', 'new', 'reminder']);
  });

  test('notifies no receiver of what is below its threshold, however new', () => {
    expect(reasonsOf([decided('new', { severity: 'low' })])).toBeUndefined();
  });

  test('puts what was not notified before reminders of the same severity, and the worst first of all', () => {
    const findings = [
      decided('reminder', { target: 'a' }),
      decided('new', { target: 'b' }),
      decided('reminder', { severity: 'critical', target: 'c' }),
    ];
    const { active } = digestOfNight(night(findings));
    expect(active.map(({ finding: { target } }) => target)).toEqual(['c', 'b', 'a']);
  });

  test('tells an end to the receivers of the finding, by the severity of which they were notified', () => {
    const wasCritical = decided('resolved', { severity: 'low' }, { lastNotifiedSeverity: 'critical' });
    const { decided: run } = night([wasCritical], { targets: [{ name: 'orders' }] });
    const digestFrom = (minSeverity: Severity) => buildDigest(run, { route: DEFAULT_ROUTE, minSeverity });
    expect(digestFrom('critical')).toMatchObject({ severity: 'critical', targets: ['orders'], active: [] });
    const wasLow = night([decided('resolved', { severity: 'critical' }, { lastNotifiedSeverity: 'low' })]);
    expect(buildDigest(wasLow.decided, { route: DEFAULT_ROUTE, minSeverity: 'high' })).toBeUndefined();
  });

  test('does not tell an end that the decision keeps to itself', () => {
    const { decided: run } = night([decided('resolved', {}, { notify: false })]);
    expect(buildDigest(run, { route: DEFAULT_ROUTE, minSeverity: 'info' })).toBeUndefined();
  });

  test('is as severe as its worst notice, not as what is over', () => {
    const digest = digestOfNight(
      night([decided('new', { severity: 'medium' }), decided('resolved', { severity: 'critical' })]),
    );
    expect(digest.severity).toBe('medium');
  });

  test('counts what it does not list, by target', () => {
    const { suppressed } = digestOfNight(eventfulNight(), { minSeverity: 'high' });
    expect(Object.fromEntries(suppressed)).toEqual({
      billing: { ongoing: 1, muted: 1, belowThreshold: 0 },
      crm: { ongoing: 1, muted: 0, belowThreshold: 0 },
    });
  });

  test('tells of mutes that match nothing on no route', () => {
    const run = night([], { targets: [{ name: 'orders' }], mutes: [muteUse({ notifyUnused: true })] });
    expect(digestOfNight(run)).toMatchObject({
      severity: 'info',
      unusedMutes: [{ owner: 'payments team' }],
      targets: [],
    });
    const route = { route: 'shop', minSeverity: 'info', targets: ['*'] } as const;
    const decision = scopeDecision(run.decision, route, () => true);
    expect(buildDigest(buildDecidedReport(run.run, decision), route)).toBeUndefined();
  });

  test('says when what it lists is notified again, and that there is no such time', () => {
    const run = night([decided('new')]);
    expect(digestOfNight(run, { repeatIntervalHours: 1.5 }).nextReminder).toBe('2026-11-10T07:45:02.123Z');
    expect(digestOfNight(run, { repeatIntervalHours: undefined })).not.toHaveProperty('nextReminder');
    expect(digestOfNight(night([decided('new')], { state: false }))).not.toHaveProperty('nextReminder');
  });

  test('tells what the decision knows nothing of: better twice than never', () => {
    const { run } = night([decided('new')]);
    const none = buildDecidedReport(run, { findings: [], mutes: [] });
    expect(buildDigest(none, { route: DEFAULT_ROUTE, minSeverity: 'medium' })?.active).toHaveLength(1);
  });
});
