import { describe, expect, test } from 'vitest';
import {
  MESSAGE_BYTES,
  type RenderedAlert,
  renderAlert,
  renderTestAlert,
} from '../../../lambda/report/messages/sns-message.ts';
import { type Report, reportSchema } from '../../../lambda/report/schema.ts';
import { badNight, digestOf, finding, healthyReport, healthyTarget, notAuditedTarget } from '../builders.ts';
import { HOSTILE_NAMES } from '../hostile.ts';
import { decided, digestOfNight, night } from '../lifecycle-cases.ts';

const render = (report: Report) => renderAlert(digestOf(report, 'info'), report, 'auditor');

const bodiesOf = (alert: RenderedAlert) => JSON.parse(alert.message) as Record<string, string>;

const bodyOf = (alert: RenderedAlert, protocol: string) => {
  const body = bodiesOf(alert)[protocol];
  if (body === undefined) throw new Error(`no body for ${protocol}`);
  return body;
};

/** As SNS counts: the message and the attributes, with their names and types. */
const bytesOf = ({ message, attributes }: RenderedAlert) =>
  Buffer.byteLength(message) +
  Object.entries(attributes)
    .flatMap(([name, { DataType, StringValue }]) => [name, DataType, StringValue])
    .reduce((sum, text) => sum + Buffer.byteLength(text), 0);

const SUBJECT = /^[\x20-\x7e]{1,99}$/;

describe('renderAlert', () => {
  test('says in the subject how bad it is, what and where', () => {
    expect(render(badNight()).subject).toMatchInlineSnapshot(
      `"[pg-tls-auditor] 2 critical, 4 high, 1 info (1 not audited): ledger, orders and crm"`,
    );
    expect(
      render(healthyReport({ findings: ['a', 'b', 'c', 'd', 'e'].map((target) => finding({ target })) })).subject,
    ).toBe('[pg-tls-auditor] 5 high: a, b, c and 2 more');
  });

  test('has a body for each protocol', () => {
    const alert = render(badNight());
    expect(Object.keys(bodiesOf(alert)).sort()).toEqual(['default', 'email', 'https', 'lambda', 'sms', 'sqs']);
    expect(bodyOf(alert, 'default')).toMatchInlineSnapshot(`
      "[pg-tls-auditor] 2 critical, 4 high, 1 info (1 not audited): ledger, orders and crm
      Run of 2026-11-10 06:15 UTC. Email subscriptions receive the text, sqs and lambda subscriptions the report as JSON."
    `);
    expect(bodyOf(alert, 'email')).toContain('How to fix:');
    expect(JSON.parse(bodyOf(alert, 'https'))).toMatchObject({ version: '1.0', source: 'custom' });
  });

  test('gives machines the whole report', () => {
    const report = badNight();
    expect(JSON.parse(bodyOf(render(report), 'sqs'))).toEqual(report);
    expect(bodyOf(render(report), 'lambda')).toBe(bodyOf(render(report), 'sqs'));
  });

  test('has attributes to filter by', () => {
    expect(render(badNight()).attributes).toMatchInlineSnapshot(`
      {
        "checks": {
          "DataType": "String.Array",
          "StringValue": "["target-not-audited","plaintext-session","insufficient-privileges","deprecated-tls-session","below-preferred-tls-session"]",
        },
        "reasons": {
          "DataType": "String.Array",
          "StringValue": "["observed"]",
        },
        "route": {
          "DataType": "String",
          "StringValue": "all",
        },
        "severity": {
          "DataType": "String",
          "StringValue": "critical",
        },
        "targets": {
          "DataType": "String.Array",
          "StringValue": "["ledger","orders","crm"]",
        },
      }
    `);
  });

  test('leaves nothing out of an ordinary run', () => {
    const findings = Array.from({ length: 60 }, (_, index) => finding({ role: `app_${index}` }));
    const alert = render(healthyReport({ findings }));
    expect(bodyOf(alert, 'email')).not.toContain('left out');
    expect(JSON.parse(bodyOf(alert, 'sqs'))).not.toHaveProperty('omittedFindings');
  });

  test.each([
    ['5,000 findings', 5_000, 1, 'app'],
    ['5,000 findings on 1,000 databases', 5_000, 1_000, 'app'],
    ['few findings on 1,000 databases', 10, 1_000, 'app'],
    ['names of many bytes', 5_000, 300, '注文'.repeat(30)],
  ])('holds the limit with %s, in whole findings and targets, counted', (_what, howMany, databases, role) => {
    const targets = Array.from({ length: databases }, (_, index) => healthyTarget({ name: `database-${index}` }));
    const findings = Array.from({ length: howMany }, (_, index) =>
      finding({
        target: `database-${index % databases}`,
        role: `${role}_${index}`,
        severity: index < 3 ? 'critical' : 'low',
      }),
    );
    const alert = render(healthyReport({ targets, findings }));

    expect(bytesOf(alert)).toBeLessThanOrEqual(MESSAGE_BYTES);
    const json = reportSchema.parse(JSON.parse(bodyOf(alert, 'sqs')));
    expect(json.findings.length + (json.omittedFindings ?? 0)).toBe(howMany);
    expect(json.targets.length + (json.omittedTargets ?? 0)).toBe(databases);
    expect(json.findings).toEqual(findings.slice(0, json.findings.length));
    expect(json.findings.length).toBeGreaterThanOrEqual(10);
    expect(json.targets.length).toBeGreaterThanOrEqual(Math.min(databases, 5));

    const email = bodyOf(alert, 'email');
    const listed = email.match(/^ {2}role\b/gm)?.length ?? 0;
    const leftOut = /(\d+) more findings left out: (\d+) low\./.exec(email);
    expect(listed + Number(leftOut?.[1] ?? 0)).toBe(howMany);
    expect(listed).toBeGreaterThanOrEqual(10);
    // It fills the message rather than giving up early.
    if (howMany === 5_000) expect(bytesOf(alert)).toBeGreaterThan(MESSAGE_BYTES * 0.9);
  });

  test('renders the email a few times, not once a finding, to find what fits', () => {
    let read = 0;
    const findings = Array.from({ length: 5_000 }, (_, index) => {
      const one = finding({ role: `app_${index}` });
      return Object.defineProperty({ ...one }, 'remedy', {
        enumerable: true,
        get: () => {
          read += 1;
          return one.remedy;
        },
      });
    });
    render(healthyReport({ findings }));
    expect(read / findings.length).toBeLessThan(10);
  });

  test('keeps targets that were not audited when it leaves others out', () => {
    const targets = Array.from({ length: 500 }, (_, index) => healthyTarget({ name: `database-${index}` }));
    const alert = render(healthyReport({ targets: [...targets, notAuditedTarget('ledger')], findings: [finding()] }));
    const json = reportSchema.parse(JSON.parse(bodyOf(alert, 'sqs')));
    expect(json.omittedTargets).toBeGreaterThan(0);
    expect(json.targets[0]?.name).toBe('ledger');
  });

  test('names "*" for the targets that the attribute cannot hold, so that no filter policy misses its own', () => {
    const findings = Array.from({ length: 5_000 }, (_, index) =>
      finding({ target: `a-rather-long-database-name-${index}` }),
    );
    const { attributes } = render(healthyReport({ findings }));
    const names = JSON.parse(attributes.targets?.StringValue ?? '') as string[];
    expect(Buffer.byteLength(attributes.targets?.StringValue ?? '')).toBeLessThanOrEqual(32 * 1_024);
    expect(names.at(-1)).toBe('*');
    expect(attributes.targetsOmitted).toEqual({
      DataType: 'Number',
      StringValue: String(5_000 - (names.length - 1)),
    });
  });

  test('bounds labels as it does targets, and has none where there are none', () => {
    const findings = Array.from({ length: 2_000 }, (_, index) => finding({ target: `database-${index}` }));
    const targets = findings.map(({ target: name }) => healthyTarget({ name, labels: { [name]: 'v'.repeat(250) } }));
    const alert = render(healthyReport({ targets, findings }));
    const labels = JSON.parse(alert.attributes.labels?.StringValue ?? '') as string[];
    expect(Buffer.byteLength(alert.attributes.labels?.StringValue ?? '')).toBeLessThanOrEqual(32 * 1_024);
    expect(labels.at(-1)).toBe('*');
    expect(alert.attributes.labelsOmitted?.StringValue).toBe(String(2_000 - (labels.length - 1)));
    expect(bytesOf(alert)).toBeLessThanOrEqual(MESSAGE_BYTES);
    expect(Object.keys(alert.attributes).length).toBeLessThanOrEqual(10);
    expect(render(badNight()).attributes).not.toHaveProperty('labels');
  });

  test('has the labels of what there is to tell of, each once, and no others', () => {
    const targets = [
      { name: 'orders', labels: { team: 'shop', tier: '1' } },
      { name: 'billing', labels: { team: 'shop' } },
      { name: 'crm', labels: { team: 'sales' } },
    ];
    const run = night(
      [decided('new'), decided('reminder', { target: 'billing' }), decided('ongoing', { target: 'crm' })],
      {
        targets,
      },
    );
    const { attributes } = renderAlert(digestOfNight(run), run.report, 'auditor');
    expect(attributes.labels?.StringValue).toBe('["team=shop","tier=1"]');
  });

  test('holds the limit with thousands that are over, counted', () => {
    const findings = [
      decided('new'),
      ...Array.from({ length: 3_000 }, (_, index) => decided('resolved', { role: `app_${index}` })),
    ];
    const run = night(findings);
    const alert = renderAlert(digestOfNight(run), run.report, 'auditor');
    expect(bytesOf(alert)).toBeLessThanOrEqual(MESSAGE_BYTES);
    const json = reportSchema.parse(JSON.parse(bodyOf(alert, 'sqs')));
    expect((json.resolved?.length ?? 0) + (json.omittedResolved ?? 0)).toBe(3_000);
    const email = bodyOf(alert, 'email');
    const listed = email.match(/^- orders: Unencrypted/gm)?.length ?? 0;
    expect(listed).toBeGreaterThan(100);
    expect(listed + Number(/(\d+) resolved left out\./.exec(email)?.[1] ?? 0)).toBe(3_000);
  });

  test('says in the subject that something is over, or only reminds', () => {
    const subjectOf = (...findings: Parameters<typeof night>[0]) => {
      const run = night(findings);
      return renderAlert(digestOfNight(run), run.report, 'auditor').subject.replace('[pg-tls-auditor] ', '');
    };
    expect(subjectOf(decided('new'), decided('escalated'))).toBe('2 high (1 new, 1 worse): orders');
    expect(subjectOf(decided('reminder'), decided('reminder'))).toBe('2 high (reminder): orders');
    expect(subjectOf(decided('new'), decided('resolved'))).toBe('1 high (new), 1 resolved: orders');
    expect(subjectOf(decided('resolved'), decided('resolved', { target: 'crm' }))).toBe('2 resolved: crm and orders');
    const many = ['new', 'escalated', 'mute-expired', 'reminder', 'resolved'].flatMap((reason) =>
      (['critical', 'high', 'medium', 'low'] as const).flatMap((severity) =>
        Array.from({ length: 300 }, () =>
          decided(reason as 'new', { severity, target: 'a-database-with-a-long-name' }),
        ),
      ),
    );
    expect(subjectOf(...many)).toBe('1200 critical, 1200 high, 1200 medium, 1200 low, 1200 resolved: 1 database');
  });

  test.each(HOSTILE_NAMES)('is a valid message with %s for a name', (_what, name) => {
    const target = name === '' ? 'orders' : name;
    const alert = render(healthyReport({ findings: [finding({ target, role: name, application: name })] }));
    expect(alert.subject).toMatch(SUBJECT);
    expect(bytesOf(alert)).toBeLessThanOrEqual(MESSAGE_BYTES);
    expect(JSON.parse(bodyOf(alert, 'sqs'))).toHaveProperty('findings');
    expect(bodyOf(alert, 'sms')).toMatch(/^[\x20-\x7e]{1,140}$/);
    expect(bodyOf(alert, 'default').split('\n')).toHaveLength(2);
  });
});

describe('renderTestAlert', () => {
  const alert = renderTestAlert({ route: 'all', targets: ['orders', 'billing'], at: '2026-11-10T06:15:02Z' });

  test('says in every body that it is a test and nothing is wrong', () => {
    expect(alert.subject).toMatchInlineSnapshot(`"[pg-tls-auditor] TEST - nothing is wrong"`);
    for (const body of Object.values(bodiesOf(alert))) expect(body).toMatch(/TEST [-–] nothing is wrong/);
    expect(bodyOf(alert, 'email')).toMatchInlineSnapshot(`
      "TEST - nothing is wrong

      This is a test message of pg-tls-auditor, requested at 2026-11-10 06:15
      UTC (2026-11-10T06:15:02Z). It works: alerts about 2 databases reach
      this address.

      It says nothing about any database, and there is nothing to do.
      "
    `);
    expect(JSON.parse(bodyOf(alert, 'lambda'))).toMatchObject({ test: true });
    expect(bodyOf(alert, 'sms').length).toBeLessThanOrEqual(140);
  });

  test('passes every filter policy on severity and targets', () => {
    expect(JSON.parse(alert.attributes.severity?.StringValue ?? '')).toEqual([
      'info',
      'low',
      'medium',
      'high',
      'critical',
    ]);
    expect(JSON.parse(alert.attributes.targets?.StringValue ?? '')).toEqual(['orders', 'billing']);
    expect(alert.attributes.reasons?.StringValue).toBe('["test"]');
    expect(alert.attributes.route?.StringValue).toBe('all');
  });
});
