// A route receives its own targets, and of no other: not in a text, not in a number, not between the lines.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../lambda/config/index.ts';
import { MOST_UNOBSERVED } from '../../lambda/lifecycle/record-limit.ts';
import { type AuditState, EMPTY_STATE, type FindingRecord, REASONS } from '../../lambda/model/lifecycle.ts';
import { known } from '../../lambda/model/observed.ts';
import { SEVERITIES } from '../../lambda/model/severity.ts';
import { integrationsOf } from '../../lambda/notify/integrations.ts';
import { notify, scopeToReceiver } from '../../lambda/notify/notify.ts';
import { buildDecidedReport, type DecidedReport } from '../../lambda/report/build-report.ts';
import { buildDigest } from '../../lambda/report/digest.ts';
import { renderAlert, renderChatMessages } from '../../lambda/report/messages/sns-message.ts';
import { type Receiver, scopeDecision } from '../../lambda/report/receiver.ts';
import { decided, eventfulNight, MUTE, muteUse, type Night, night, YESTERDAY } from './lifecycle-cases.ts';

/** Everything that a subscriber may receive. */
function outputs(night: Night, receiver: Receiver): string[] {
  const { report, ...decided } = scoped(night, receiver);
  const digest = buildDigest({ report, ...decided }, receiver);
  if (digest === undefined) return [];
  const alerts = [renderAlert(digest, report, 'auditor'), ...renderChatMessages(digest, 'auditor')];
  return alerts.flatMap(({ subject, message, attributes }) => [
    subject,
    ...Object.values(JSON.parse(message) as Record<string, string>),
    JSON.stringify(attributes),
  ]);
}

/** What a run sends to a receiver is made from this. */
function scoped({ run, decision }: Night, receiver: Receiver): DecidedReport {
  const config = { alerts: ALERTS, mutes: [] };
  const { run: own, inScope } = scopeToReceiver(receiver, { run, config, targets: known([]), now: run.startedAt });
  return buildDecidedReport(own, scopeDecision(decision, receiver, inScope));
}

const { alerts: ALERTS } = parseConfig({ targets: [{ name: 'any', secret: 'any' }] }, { use: 'command-line' });

const BY_LABEL: Receiver = { route: 'ours', minSeverity: 'low', labels: { team: 'ours' } };
const BY_NAME: Receiver = { route: 'ours', minSeverity: 'low', targets: ['ours-*'] };

/** Targets of two teams, with findings at any point of their lives, some of targets that are gone. */
const runs = fc
  .array(
    fc.record({
      team: fc.constantFrom('ours', 'theirs'),
      index: fc.integer({ min: 0, max: 14 }),
      reason: fc.constantFrom(...REASONS.filter((reason) => reason !== 'observed')),
      severity: fc.constantFrom(...SEVERITIES),
      failed: fc.boolean(),
      configured: fc.boolean(),
    }),
    { minLength: 1, maxLength: 30 },
  )
  .map((entries) => {
    const targets = new Map<string, { name: string; labels: Record<string, string>; failed: boolean }>();
    const findings = entries.map(({ team, index, reason, severity, failed, configured }) => {
      const name = `${team}-${index}`;
      const here = configured || reason !== 'resolved';
      if (here && !targets.has(name)) targets.set(name, { name, labels: { team, [`of-${name}`]: name }, failed });
      const resolution = here ? 'gone' : 'target-removed';
      return decided(
        reason,
        { target: name, severity, evidence: { host: `${name}.db.example.com` } },
        reason === 'resolved' ? { resolution } : { mute: { ...MUTE, match: { target: name } } },
      );
    });
    const mutes = [...targets.keys()].map((target) =>
      muteUse({
        mute: { ...MUTE, match: { target }, reason: `${target} is old` },
        unusedSince: MUTE.expires,
        notifyUnused: true,
      }),
    );
    return night(findings, { targets: [...targets.values()], mutes });
  });

describe('a route', () => {
  test.each([
    ['labels', BY_LABEL],
    ['names', BY_NAME],
  ])('by %s learns nothing of the others', (_how, receiver) => {
    let spoke = 0;
    fc.assert(
      fc.property(runs, (run) => {
        const texts = outputs(run, receiver);
        if (texts.length > 0) spoke += 1;
        for (const text of texts) expect(text).not.toContain('theirs');
      }),
      { numRuns: 150 },
    );
    expect(spoke, 'a property about silence proves nothing').toBeGreaterThan(50);
  });

  test('would be caught if it did: the default receiver gets both', () => {
    const run = night([decided('new', { target: 'ours-1' }), decided('new', { target: 'theirs-1' })]);
    const texts = outputs(run, { route: 'all', minSeverity: 'low' });
    expect(texts.filter((text) => text.includes('theirs')).length).toBeGreaterThan(5);
    expect(outputs(run, BY_NAME).join('\n')).toContain('ours-1');
  });

  test('hears nothing when only others have something to tell', () => {
    const run = night([decided('new', { target: 'theirs-1' }), decided('ongoing', { target: 'ours-1' })]);
    expect(outputs(run, BY_NAME)).toEqual([]);
  });

  test('does not learn of its targets that others failed to be audited', () => {
    const run = night([decided('new', { target: 'ours-1' })], {
      targets: [{ name: 'ours-1' }, { name: 'theirs-1', failed: true }],
    });
    const digest = buildDigest(scoped(run, BY_NAME), BY_NAME);
    expect(digest?.targetsByVerdict['not-audited']).toEqual([]);
    expect(outputs(run, BY_NAME).join('\n')).not.toMatch(/not audited/i);
  });

  /** What `notify` publishes to the route of a team whose state holds open findings of these targets. */
  async function publishedWith(recordedOf: readonly string[]): Promise<readonly string[]> {
    const { run } = night([decided('new', { target: 'ours-1' }), decided('new', { target: 'theirs-1' })], {
      targets: ['ours', 'theirs'].map((team) => ({ name: `${team}-1`, labels: { team } })),
    });
    const { alerts } = parseConfig(
      {
        targets: [{ name: 'ours-1', secret: 'any', labels: { team: 'ours' } }],
        alerts: { minSeverity: 'low', routes: [{ name: 'ours', labels: { team: 'ours' }, email: ['o@example.com'] }] },
      },
      { use: 'deployment' },
    );
    const times = { firstSeen: YESTERDAY, openedAt: YESTERDAY, lastSeen: YESTERDAY };
    const records = recordedOf.map((target, index): FindingRecord => {
      const { finding } = decided('new', { target });
      const lastNotified = { at: YESTERDAY, severity: finding.severity, reason: 'new' } as const;
      return { finding: { ...finding, fingerprint: String(index) }, status: 'open', ...times, lastNotified };
    });
    const findings = new Map(records.map((record) => [record.finding.fingerprint, record]));
    const state: AuditState = { ...EMPTY_STATE, findings };
    const published: string[] = [];
    const integrations = integrationsOf(alerts, { alerts: 'arn:alerts', chat: { ours: 'arn:chat' } }, 'auditor');
    for (const integration of integrations.filter(({ receiver }) => receiver.route === 'ours')) {
      await notify(
        integration,
        // The page shows the targets of all teams.
        {
          run,
          config: { alerts, mutes: [] },
          targets: known(['ours-1', 'theirs-1'].map((name) => ({ name, labels: { team: name.slice(0, -2) } }))),
          now: run.startedAt,
          page: { url: 'https://console.example/theirs', opens: 'console' },
        },
        {
          store: {
            name: 'a state',
            read: async () => state,
            acquire: async () => ({ state, save: async () => {}, [Symbol.asyncDispose]: async () => {} }),
          },
          signal: new AbortController().signal,
          notifiedWithoutState: new Map(),
          publish: async (_, alert) => {
            published.push(JSON.stringify(alert));
            return 'id';
          },
        },
      );
    }
    return published;
  }

  test('receives from notify nothing of the others, whatever its state remembers of them', async () => {
    const published = await publishedWith(['theirs-2']);
    expect(published).toHaveLength(2);
    expect(published.join()).toContain('ours-1');
    expect(published.join()).not.toContain('theirs');
  });

  test('is warned which of its databases have too many findings to be recorded, and of no other', async () => {
    const flood = (target: string): readonly string[] => Array<string>(MOST_UNOBSERVED + 1).fill(target);
    expect((await publishedWith(flood('ours-1'))).join()).toContain('no longer recorded: ours-1 (1).');
    expect((await publishedWith(flood('theirs-1'))).join()).not.toMatch(/no longer recorded|theirs/);
  });

  test('has its own threshold', () => {
    const run = night([decided('new', { target: 'ours-1', severity: 'medium' })]);
    expect(outputs(run, { ...BY_NAME, minSeverity: 'high' })).toEqual([]);
    expect(outputs(run, { ...BY_NAME, minSeverity: 'medium' })).not.toEqual([]);
  });

  test('is named in its messages, with what it receives', () => {
    const receiver: Receiver = { route: 'payments', minSeverity: 'high', labels: { team: 'payments' } };
    const decided = scoped(eventfulNight(), receiver);
    const digest = buildDigest(decided, receiver);
    if (digest === undefined) throw new Error('nothing to send');
    const { subject, message, attributes } = renderAlert(digest, decided.report, 'auditor');
    const { email } = JSON.parse(message) as Record<string, string>;
    expect(subject).toMatchInlineSnapshot(`"[pg-tls-auditor] 1 critical (worse), 1 resolved: billing"`);
    expect(email?.split('='.repeat(24)).at(-1)).toMatchInlineSnapshot(`
      "
      ABOUT THIS RUN

      Run of 2026-11-10 06:15 UTC (2026-11-10T06:15:02.123Z)
      Route payments: only its own databases, and findings of severity high or
      worse.
      Result for 1 database: 1 with findings.
      Findings not listed: 1 already reported and still open, 1 muted.

      A message is sent when a finding is new, worse or resolved, and not
      after every run. Open findings are not sent again
      (alerts.repeatIntervalHours is 0).

      What to do now:
      1. Fix the findings from the top; each group says how.
      2. Check the result at once with "npx pg-tls-auditor audit --target
         NAME", or wait for the next run.
      3. To accept a finding for some time, run "npx pg-tls-auditor mute
         FINGERPRINT": it prints the entry for the configuration, with a
         reason, an owner and an end date.
      "
    `);
    expect(attributes).toMatchInlineSnapshot(`
      {
        "checks": {
          "DataType": "String.Array",
          "StringValue": "["server-certificate-expiring","plaintext-session"]",
        },
        "labels": {
          "DataType": "String.Array",
          "StringValue": "["team=payments","tier=1"]",
        },
        "reasons": {
          "DataType": "String.Array",
          "StringValue": "["escalated","resolved"]",
        },
        "route": {
          "DataType": "String",
          "StringValue": "payments",
        },
        "severity": {
          "DataType": "String",
          "StringValue": "critical",
        },
        "targets": {
          "DataType": "String.Array",
          "StringValue": "["billing"]",
        },
      }
    `);
  });
});
