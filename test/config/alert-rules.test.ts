// Which routes and mutes a configuration may have, and how the others are refused.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Config, ConfigError, type ConfigInput, parseConfig } from '../../lambda/config/index.ts';

type RouteInput = NonNullable<NonNullable<ConfigInput['alerts']>['routes']>[number];

const TARGETS = [
  { name: 'orders', secret: 'prod/orders', labels: { team: 'shop' } },
  { name: 'orders-replica', secret: 'prod/orders', labels: { team: 'shop', tier: 'replica' } },
  { name: 'payments', secret: 'prod/payments', labels: { team: 'money' } },
];
const SHOP: RouteInput = { name: 'shop', targets: ['orders*'], email: ['shop@example.com'] };
const SLACK = { workspaceId: 'T0123ABCD', channelId: 'C0123ABCD' };

function parse(document: object): Config {
  return parseConfig({ targets: TARGETS, ...document }, { source: 'auditor.config.json', use: 'deployment' });
}

function refusal(document: object): string {
  try {
    parse(document);
  } catch (error) {
    if (error instanceof ConfigError) return error.message;
    throw error;
  }
  throw new Error('the document was taken');
}

const routes = (...list: readonly object[]) => ({ alerts: { routes: list } });

describe('a route', () => {
  test('is taken with names of targets, with labels, or with both', () => {
    const { alerts } = parse(
      routes(
        SHOP,
        { ...SHOP, name: 'money', targets: undefined, labels: { team: 'money' } },
        { ...SHOP, name: 'replicas', targets: ['orders*'], labels: { team: 'shop', tier: 'replica' } },
      ),
    );
    expect(alerts.routes.map(({ name }) => name)).toEqual(['shop', 'money', 'replicas']);
  });

  test("has everyone's least severity unless it gives its own", () => {
    const { alerts } = parse({
      alerts: { minSeverity: 'high', routes: [SHOP, { ...SHOP, name: 'strict', minSeverity: 'low' }] },
    });
    expect(alerts.routes.map(({ minSeverity }) => minSeverity)).toEqual(['high', 'low']);
  });

  test('that names no targets, notifies no receiver, or shares its name is refused, all at once', () => {
    expect(
      refusal(
        routes(
          { ...SHOP, name: 'all' },
          SHOP,
          SHOP,
          { name: 'silent', targets: ['payments'] },
          { name: 'blind', labels: {}, https: ['https://example.com/hook'] },
        ),
      ),
    ).toMatchInlineSnapshot(`
      "auditor.config.json has 4 problems:
        alerts.routes[0].name: must not be "all": it stands for alerts.email and alerts.slack
        alerts.routes[2].name: must be unique, but alerts.routes[1] is named "shop" too
        alerts.routes[3]: notifies no receiver: give at least one of "email", "slack", "https", "sqs", "lambda"
        alerts.routes[4]: names no targets: give "targets" (names, in which * stands for any characters), "labels", or both"
    `);
  });

  test('with a pattern or label that no target has is refused, naming each: a typo must not silence a team', () => {
    expect(
      refusal(
        routes(
          { ...SHOP, targets: ['orders', 'oders*', 'payment'] },
          { ...SHOP, name: 'money', targets: undefined, labels: { team: 'mony', teir: 'replica' } },
          { ...SHOP, name: 'both', targets: ['payments'], labels: { team: 'shop' } },
          { ...SHOP, name: 'inherited', targets: undefined, labels: { constructor: 'x' } },
        ),
      ),
    ).toMatchInlineSnapshot(`
      "auditor.config.json has 6 problems:
        alerts.routes[0].targets[1]: matches the name of no target, got "oders*"
        alerts.routes[0].targets[2]: matches the name of no target, got "payment"
        alerts.routes[1].labels.team: is on no target with the value "mony"; targets have "shop", "money"
        alerts.routes[1].labels.teir: is on no target with the value "replica"; no target has that label
        alerts.routes[2]: matches no target: no target has all of what "targets" and "labels" ask for
        alerts.routes[3].labels.constructor: is on no target with the value "x"; no target has that label"
    `);
  });

  test('is not said to match nothing where the targets are what is wrong', () => {
    const message = refusal({ ...routes({ ...SHOP, targets: ['ledger'] }), targets: [...TARGETS, { nam: 'ledger' }] });
    expect(message).toContain('targets[3].nam');
    expect(message).not.toContain('matches');
  });

  test('takes standard queues and functions by ARN, and no FIFO queue, to which its topic does not deliver', () => {
    const sqs = 'arn:aws:sqs:eu-west-1:123456789012:shop';
    const lambda = 'arn:aws:lambda:eu-west-1:123456789012:function:shop:live';
    expect(parse(routes({ ...SHOP, sqs: [sqs], lambda: [lambda] })).alerts.routes).toMatchObject([
      { sqs: [sqs], lambda: [lambda] },
    ]);
    expect(refusal(routes({ ...SHOP, sqs: [sqs, `${sqs}.fifo`] }))).toMatchInlineSnapshot(`
      "auditor.config.json has a problem:
        alerts.routes[0].sqs[1]: must be a standard queue, got "arn:aws:sqs:eu-west-1:123456789012:shop.fifo": a standard topic does not deliver to FIFO queues"
    `);
  });

  test('has Slack channels of its own: one channel is one audience', () => {
    const other = { ...SLACK, channelId: 'C0987ZYXW' };
    expect(
      refusal({
        alerts: {
          slack: [SLACK, SLACK],
          routes: [
            { ...SHOP, slack: [other, SLACK] },
            { ...SHOP, name: 'money', slack: [other] },
          ],
        },
      }),
    ).toMatchInlineSnapshot(`
      "auditor.config.json has 3 problems:
        alerts.slack[1].channelId: must be unique, but "C0123ABCD" is named before, by alerts.slack[0]
        alerts.routes[0].slack[1].channelId: must be unique, but "C0123ABCD" is named before, by alerts.slack[0]
        alerts.routes[1].slack[0].channelId: must be unique, but "C0987ZYXW" is named before, by alerts.routes[0].slack[0]"
    `);
  });

  test('is not needed: nothing is said of a configuration without any', () => {
    expect(parse({ alerts: { slack: [SLACK] } }).alerts.routes).toEqual([]);
  });
});

describe('a mute', () => {
  const terms = { reason: 'moves in spring', owner: 'team shop', expires: '2027-03-31' };

  test.each([
    ['fingerprint', '0123456789abcdef'],
    ['check', 'plaintext-*'],
    ['target', 'orders'],
    ['role', 'legacy'],
    ['database', 'shop'],
    ['application', 'cron-*'],
    ['client', '10.1.0.0/16'],
  ])('by %s alone is taken, whether or not anything has it today but a target its name', (match, value) => {
    expect(parse({ mutes: [{ ...terms, [match]: value }] }).mutes).toEqual([
      { match: { [match]: value }, reason: terms.reason, owner: terms.owner, expires: '2027-04-01T00:00:00.000Z' },
    ]);
  });

  test('that would match every finding is refused', () => {
    expect(refusal({ mutes: [{ ...terms, role: 'legacy' }, terms] })).toMatchInlineSnapshot(`
      "auditor.config.json has a problem:
        mutes[1]: would mute everything: give at least one of "fingerprint", "check", "target", "role", "database", "application", "client""
    `);
  });

  test('needs a reason, an owner and an end', () => {
    const message = refusal({ mutes: [{ role: 'legacy' }] });
    for (const name of ['reason', 'owner', 'expires']) expect(message).toContain(`mutes[0].${name}`);
  });
});

test('whatever stands where routes and mutes belong, it is taken or refused with a ConfigError', () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), fc.jsonValue(), (alerts, mutes, labels) => {
      for (const document of [{ alerts }, { mutes }, routes({ ...SHOP, labels }), { alerts: { routes: alerts } }]) {
        try {
          parse(document);
        } catch (error) {
          expect(error).toBeInstanceOf(ConfigError);
        }
      }
    }),
  );
});

test('a label __proto__ beside a wrong one is refused with a ConfigError', () => {
  const labels: unknown = JSON.parse('{"__proto__":0,"":""}');
  expect(refusal(routes({ ...SHOP, labels }))).toContain('labels');
});

describe('a mute that names a target', () => {
  const mute = (target: string) => ({ mutes: [{ target, reason: 'r', owner: 'o', expires: '2999-01-01' }] });

  test.each(['orders', 'orders*', '*', '*ment*'])('%s is taken', (target) => {
    expect(parse(mute(target)).mutes).toHaveLength(1);
  });

  test.each(['ordres', 'db.example.com:5432', 'orders-', '*-eu', 'Orders'])(
    '%s that no target has is refused: it would mute nothing',
    (target) => {
      expect(refusal(mute(target))).toContain(
        'mutes[0].target: matches the name of no target, so it would mute nothing; targets are "orders", "orders-replica", "payments"',
      );
    },
  );
});

describe('a name of version 0.1.0 that was given up', () => {
  test.each([
    [{ alerts: { quietHours: 12 } }, 'alerts.quietHours: is not a setting: its name is now alerts.resolveAfterHours'],
    [
      { alerts: { reminderHours: 0 } },
      'alerts.reminderHours: is not a setting: its name is now alerts.repeatIntervalHours',
    ],
    ...[
      ['blind-role', 'insufficient-privileges'],
      ['tls-terminated-upstream', 'tls-terminated-by-proxy'],
    ].map(([old, name]): [object, string] => [
      { mutes: [{ check: old, reason: 'known', owner: 'dba', expires: '2030-01-01' }] },
      `mutes[0].check: is the old name of a check: its name is now ${name}`,
    ]),
  ])('is answered with the new one: %j', (document, wanted) => {
    expect(refusal(document)).toContain(wanted);
  });
});
