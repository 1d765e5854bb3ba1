// A week of the deployed function in simulated days: what people are told, when, and how often, whatever fails.

import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import type { PublishedMessage } from '../../lab/aws.ts';
import { rdsSecret } from '../../lab/collector.ts';
import { type FunctionLab, type InvocationOutcome, startFunctionLab } from '../../lab/function-lab.ts';
import type { RelayedCall } from '../../lab/spoiling-relay.ts';
import { cardOf, isWithoutState, type Read, read, TOPICS, type Topic } from './week-messages.ts';
import { createWorld, HOUR_MS, TARGETS, type World } from './week-world.ts';

/** What one run reports to each receiver, in words of `week-messages.ts`. */
interface NotifiedBy {
  readonly all?: readonly string[];
  readonly payments?: readonly string[];
}

interface ScheduledRun extends NotifiedBy {
  /** Hours after the beginning of the week. */
  readonly at: number;
  /** What happens before. */
  readonly before?: (world: World) => Promise<void>;
}

const WORKER = 'shop plaintext-session worker';
const INVOICES = 'billing plaintext-session invoices';
const LEGACY = 'billing plaintext-session legacy';
const CERTIFICATE = 'ledger server-certificate-expiring';

/** Until when `LEGACY` is muted. */
const MUTED_HOURS = 72;

/** The payments team hears of `billing` and `ledger`, and of what is high. */
const WEEK: readonly ScheduledRun[] = [
  // A worker connects in plaintext, and a certificate has 16 days left.
  { at: 0, before: (world) => world.connect('worker'), all: [`new ${WORKER}`, `new ${CERTIFICATE}`] },
  // A program connects that the payments team has muted.
  { at: 12, before: (world) => world.connect('legacy') },
  { at: 24, all: [`reminder ${WORKER}`, `reminder ${CERTIFICATE}`] },
  { at: 36, before: (world) => world.connect('invoices'), all: [`new ${INVOICES}`], payments: [`new ${INVOICES}`] },
  // The certificate has less than 14 days left. The worker is gone, but for less than a day.
  {
    at: 54,
    before: (world) => world.disconnect('worker'),
    all: [`worse ${CERTIFICATE}`],
    payments: [`worse ${CERTIFICATE}`],
  },
  // The mute has ended, and the worker is gone for more than a day.
  {
    at: 78,
    all: [`mute expired ${LEGACY}`, `reminder ${INVOICES}`, `reminder ${CERTIFICATE}`, `gone ${WORKER}`],
    payments: [`mute expired ${LEGACY}`, `reminder ${INVOICES}`, `reminder ${CERTIFICATE}`],
  },
  // A certificate comes back no more: nobody waits a day for that.
  {
    at: 96,
    before: (world) => world.present('renewed'),
    all: [`gone ${CERTIFICATE}`],
    payments: [`gone ${CERTIFICATE}`],
  },
  {
    at: 108,
    all: [`reminder ${INVOICES}`, `reminder ${LEGACY}`],
    payments: [`reminder ${INVOICES}`, `reminder ${LEGACY}`],
  },
  {
    at: 133,
    before: async (world) => {
      await world.disconnect('invoices');
      await world.disconnect('legacy');
    },
    all: [`gone ${INVOICES}`, `gone ${LEGACY}`],
    payments: [`gone ${INVOICES}`, `gone ${LEGACY}`],
  },
  { at: 156 },
];

/**
 * The runs in which faults are tried: the one with most kinds of news, or all that notify. `.ci/run` tries all;
 * `npm test` has no time for that.
 */
const FAULTY_RUNS = WEEK.map((run, index) => ({ ...run, index })).filter(
  ({ at, all }) => all !== undefined && (at === 78 || process.env.PG_TLS_AUDITOR_WEEK === 'all'),
);

/** After how many hours the schedule starts the next run. */
const NEXT = 0.25;

/** Each with a memory of its own; the table's partitions begin with the key. */
const INTEGRATIONS: readonly { readonly key: string; readonly topic: Topic; readonly receiver: keyof NotifiedBy }[] = [
  { key: 'all', topic: 'alerts', receiver: 'all' },
  { key: 'all#chat', topic: 'chat-all', receiver: 'all' },
  { key: 'payments', topic: 'routes', receiver: 'payments' },
  { key: 'payments#chat', topic: 'chat-payments', receiver: 'payments' },
];

let world: World;
let lab: FunctionLab;
/** By target. */
let threads: ReadonlyMap<string, string>;
/** The week without faults: what each run did, and the table as it was before. */
let week: readonly (InvocationOutcome & { readonly table: string })[];

beforeAll(async () => {
  vi.stubEnv('POWERTOOLS_LOG_LEVEL', 'SILENT');
  vi.stubEnv('POWERTOOLS_METRICS_DISABLED', 'true');
  world = await createWorld();
  const secrets = Object.entries(world.servers).map(([name, server]) => [`prod/${name}`, rdsSecret(server)]);
  lab = await startFunctionLab({
    secrets: { ...Object.fromEntries(secrets), 'shared/ca': world.servers.shop.ca ?? '' },
    topics: TOPICS,
  });
  const arn = (topic: Topic): string => lab.aws.topicArn.replace(/[\w-]+$/, topic);
  lab.setEnvironment({
    ALERT_TOPIC_ARN: arn('alerts'),
    ROUTE_TOPIC_ARN: arn('routes'),
    CHAT_TOPICS: JSON.stringify({ all: arn('chat-all'), payments: arn('chat-payments') }),
  });
  await lab.configure({
    alerts: {
      email: ['dba@example.com'],
      slack: [{ workspaceId: 'T0123ABCD', channelId: 'C0123ABCD' }],
      minSeverity: 'medium',
      resolveAfterHours: 24,
      repeatIntervalHours: 24,
      routes: [
        {
          name: 'payments',
          labels: { team: 'payments' },
          minSeverity: 'high',
          email: ['payments@example.com'],
          slack: [{ workspaceId: 'T0123ABCD', channelId: 'C0123ABCE' }],
        },
      ],
    },
    mutes: [
      {
        target: 'billing',
        role: 'legacy',
        reason: 'is being replaced',
        owner: 'payments team',
        expires: timeOf(MUTED_HOURS).toISOString(),
      },
    ],
    // Every client of the lab is on this machine.
    policy: { loopback: 'network' },
    defaults: { ca: { secret: 'shared/ca' } },
    targets: Object.entries(TARGETS).map(([name, team]) => ({ name, secret: `prod/${name}`, labels: { team } })),
  });
  week = await playWeek();
  threads = new Map(
    week.flatMap(({ published }) =>
      published.filter(isChat).map((message) => [targetsOf(message).join(), cardOf(message).metadata.threadId]),
    ),
  );
});

afterAll(async () => {
  await lab?.[Symbol.asyncDispose]();
  await world?.[Symbol.asyncDispose]();
});

afterEach(() => lab.relay.treat(() => 'pass'));

function timeOf(hours: number): Date {
  return new Date(world.start.getTime() + hours * HOUR_MS);
}

async function playWeek(): Promise<typeof week> {
  const played: (InvocationOutcome & { readonly table: string })[] = [];
  await world.reset();
  let table = await lab.useTable();
  for (const { at, before } of WEEK) {
    await before?.(world);
    const copy = await lab.useTable(table);
    played.push({ ...(await lab.invoke({ at: timeOf(at) })), table });
    table = copy;
  }
  return played;
}

/** Puts the databases as they were in the good week when that run began. */
async function setStage(run: number): Promise<void> {
  await world.reset();
  for (const { before } of WEEK.slice(0, run + 1)) await before?.(world);
}

/** The same for what is remembered. */
async function recall(run: number): Promise<void> {
  await lab.useTable(week[run]?.table);
}

function isChat({ topicArn }: PublishedMessage): boolean {
  return topicArn.includes(':chat-');
}

function targetsOf({ attributes }: PublishedMessage): readonly string[] {
  return JSON.parse(attributes.targets?.value ?? '[]') as string[];
}

/** The messages that people are to get: one on the topic, and a card a database in its thread. */
function messages(
  notified: NotifiedBy,
  only: (integration: (typeof INTEGRATIONS)[number]) => boolean = () => true,
): Read[] {
  return INTEGRATIONS.filter(only).flatMap(({ topic, receiver }): Read[] => {
    const entries = notified[receiver] ?? [];
    if (entries.length === 0) return [];
    if (!topic.startsWith('chat-')) return [{ topic, notified: entries }];
    const byTarget = Map.groupBy(entries, (entry) => targetOf(entry));
    return [...byTarget].map(([target, about]) => ({ topic, notified: about, thread: threads.get(target) ?? '' }));
  });
}

function targetOf(entry: string): string {
  return Object.keys(TARGETS).find((name) => entry.split(' ').includes(name)) ?? entry;
}

test('ten runs over a week notify of what a person wants to know, and of nothing twice', () => {
  expect(week.map(({ published }) => published.map(read))).toEqual(WEEK.map((run) => messages(run)));
  expect(week.map(({ error }) => error)).toEqual(WEEK.map(() => undefined));
  // Three databases, three threads: whatever becomes of a database stands in its own.
  expect(new Set(threads.values()).size).toBe(3);
});

test('a team is notified of its own databases, and of no others', () => {
  const sent = week.flatMap(({ published }) => published);
  const own = sent.filter(({ attributes }) => attributes.route?.value === 'payments');
  expect(own).toHaveLength(13);
  for (const message of own) {
    expect(message.topicArn).toMatch(/:(routes|chat-payments)$/);
    expect(message.message).not.toMatch(/shop|worker/);
    expect(JSON.stringify(message.attributes)).not.toMatch(/shop/);
  }
  const others = sent.filter((message) => !own.includes(message));
  expect(others.map(({ topicArn }) => topicArn).filter((arn) => /:(routes|chat-payments)$/.test(arn))).toEqual([]);
});

describe.each(FAULTY_RUNS)('a fault in the run at $at hours', ({ index, ...run }) => {
  const notified = INTEGRATIONS.filter(({ receiver }) => (run[receiver] ?? []).length > 0);

  beforeAll(() => setStage(index));

  /** Refuses the calls of that kind from one on. */
  function refuse(isMeant: (call: RelayedCall) => boolean, from = 1): void {
    let met = 0;
    lab.relay.treat((call) => {
      if (isMeant(call)) met += 1;
      return isMeant(call) && met >= from ? 'refuse' : 'pass';
    });
  }

  /** A run with the fault, then the next one without. */
  async function runTwice(): Promise<readonly [faulty: InvocationOutcome, next: InvocationOutcome]> {
    const faulty = await lab.invoke({ at: timeOf(run.at) });
    lab.relay.treat(() => 'pass');
    return [faulty, await lab.invoke({ at: timeOf(run.at + NEXT) })];
  }

  test('in reading what one receiver was notified of: it gets what is there at once, the rest from the next run', async () => {
    for (const integration of notified) {
      await recall(index);
      refuse(({ operation, place }) => operation === 'Query' && place === `${integration.key}#finding`);
      const [faulty, next] = await runTwice();
      expect(faulty.error?.message).toContain('could not be read (AccessDeniedException)');
      const [others, own] = [false, true].map((without) =>
        faulty.published.filter((one) => isWithoutState(one) === without),
      );
      expect(others?.map(read), integration.key).toEqual(messages(run, (other) => other !== integration));
      const isThere = (run[integration.receiver] ?? []).some((entry) => !entry.startsWith('gone '));
      if (isThere) {
        expect(new Set(own?.map(({ topicArn }) => topicArn.split(':').at(-1)))).toEqual(new Set([integration.topic]));
      }
      expect(next.error).toBeUndefined();
      expect(next.published.map(read), integration.key).toEqual(messages(run, (other) => other === integration));
    }
  });

  test('in publishing any of its messages: that one and those after it come from the next run, and no other', async () => {
    for (const integration of notified) {
      const own = messages(run, (other) => other === integration);
      for (let from = 1; from <= own.length; from += 1) {
        await recall(index);
        refuse(({ operation, place }) => operation === 'Publish' && place === integration.topic, from);
        const [faulty, next] = await runTwice();
        const where = `${integration.key}, message ${from}`;
        expect(faulty.error?.message, where).toContain('could not be published to');
        expect(faulty.published.map(read), where).toEqual(without(messages(run), own.slice(from - 1)));
        expect(next.error, where).toBeUndefined();
        expect(next.published.map(read), where).toEqual(own.slice(from - 1));
      }
    }
  });

  // Whether a run that died before it saved has notified is not known: better twice than never.
  test('between publishing a message and saving that: this one message comes twice, and none is lost', async () => {
    for (const integration of notified) {
      const own = messages(run, (other) => other === integration);
      await recall(index);
      refuse(isSave(integration.key));
      const [died, next] = await runTwice();
      expect(died.error?.message).toContain('could not be saved (AccessDeniedException)');
      expect(died.published.map(read), integration.key).toEqual(without(messages(run), own.slice(1)));
      expect(next.published.map(read), integration.key).toEqual(own);
      const third = await lab.invoke({ at: timeOf(run.at + 2 * NEXT) });
      expect(third.published, integration.key).toEqual([]);
    }
  });

  test('in the middle of saving: at most what was not saved comes twice, and none is lost', async () => {
    for (const integration of notified) {
      await recall(index);
      refuse(isSave(integration.key), 2);
      const [died, next] = await runTwice();
      const others = messages(run, (other) => other !== integration);
      const first = died.published.map(read);
      expect(first.filter(({ topic }) => topic !== integration.topic)).toEqual(others);
      const second = next.published.map(read);
      expect(second.filter(({ topic }) => topic !== integration.topic)).toEqual([]);
      const entries = [...without(first, others), ...second].flatMap((message) => message.notified);
      expect(new Set(entries), integration.key).toEqual(new Set(run[integration.receiver]));
      expect(new Set(second.flatMap((message) => message.notified)).size).toBe(
        second.flatMap((message) => message.notified).length,
      );
      const third = await lab.invoke({ at: timeOf(run.at + 2 * NEXT) });
      expect(third.published, integration.key).toEqual([]);
    }
  });

  const isSave = (key: string) => (call: RelayedCall) =>
    call.operation === 'PutItem' && [`${key}#notified`, `${key}#finding`].includes(call.place);
});

describe('a whole week', () => {
  /** What fails in the first attempt of each run: another delivery and another part every time. */
  const FAULTS: readonly ((call: RelayedCall) => boolean)[] = [
    ({ operation }) => operation === 'Publish',
    ({ operation }) => operation === 'Query',
    ({ operation, place }) => operation === 'PutItem' && place.endsWith('#run'),
    ({ place }) => place === 'chat-all',
    ({ place }) => place === 'alerts',
    ({ operation, place }) => operation === 'Query' && place.startsWith('all#'),
    ({ place }) => place === 'routes' || place === 'chat-payments',
    ({ operation, place }) => operation === 'PutItem' && place === 'payments#run',
    ({ operation }) => operation === 'Publish',
    ({ operation, place }) => operation === 'Query' && place === 'payments#chat#target',
  ];

  test('in which no run but a repeated one comes through notifies of the same, each run as soon as it can', async () => {
    await world.reset();
    await lab.useTable();
    const notified: Read[][] = [];
    const failed: boolean[] = [];
    for (const [index, { at, before }] of WEEK.entries()) {
      await before?.(world);
      lab.relay.treat((call) => (FAULTS[index]?.(call) ? 'refuse' : 'pass'));
      const faulty = await lab.invoke({ at: timeOf(at) });
      lab.relay.treat(() => 'pass');
      const next = await lab.invoke({ at: timeOf(at + NEXT) });
      failed.push(faulty.error !== undefined && next.error === undefined);
      notified.push([...faulty.published, ...next.published].filter((message) => !isWithoutState(message)).map(read));
    }
    const order = (sent: readonly Read[]): string[] => sent.map((message) => JSON.stringify(message)).sort();
    expect(notified.map(order)).toEqual(WEEK.map((run) => order(messages(run))));
    expect(failed).toEqual(WEEK.map(() => true));
  });

  test('in which every run is started twice, as schedulers do, notifies of the same', async () => {
    await world.reset();
    await lab.useTable();
    const repeated: PublishedMessage[] = [];
    for (const { at, before } of WEEK) {
      await before?.(world);
      await lab.invoke({ at: timeOf(at), requestId: 'once' });
      repeated.push(...(await lab.invoke({ at: timeOf(at), requestId: 'once' })).published);
    }
    expect(repeated).toEqual([]);
  });
});

describe('two runs that overlap', () => {
  /** Minutes between the moments at which they look. */
  const MINUTE = 1 / 60;

  /** Resolves when the run has the turn of everyone's delivery. */
  async function leaseOf(requestId: string): Promise<void> {
    await vi.waitFor(
      async () => {
        const { Items = [] } = await lab.dynamodb.client.send(
          new ScanCommand({ TableName: process.env.STATE_TABLE, ConsistentRead: true }),
        );
        expect(Items.some(({ owner }) => owner?.S === requestId)).toBe(true);
      },
      { interval: 2, timeout: 5_000 },
    );
  }

  test.each([
    ['the one that looked first decides first', 0, MINUTE],
    ['the one that looked last decides first', MINUTE, 0],
  ])('tell once, where %s', async (_, first, second) => {
    for (const index of [0, 4, 5, 8]) {
      await setStage(index);
      await recall(index);
      const { at, ...notified } = WEEK[index] ?? { at: 0 };
      const leading = lab.invoke({ at: timeOf(at + first), requestId: 'leading' });
      await leaseOf('leading');
      const following = lab.invoke({ at: timeOf(at + second), requestId: 'following' });
      const outcomes = await Promise.all([leading, following]);
      expect(outcomes.map(({ error }) => error)).toEqual([undefined, undefined]);
      // What either has published, the other one's list has too: they ran at the same time.
      const sent = new Map(outcomes.flatMap(({ published }) => published).map((each) => [each.messageId, each]));
      expect([...sent.values()].map(read), `at ${at} hours`).toEqual(messages(notified));
    }
  });

  test('and see different things: what the later run found gone is not notified again by the earlier one', async () => {
    // Given: a run that has seen the old certificate and the clients, and is held before it decides,
    await setStage(5);
    await recall(5);
    await lab.invoke({ at: timeOf(78) });
    const held = Promise.withResolvers<'pass'>();
    let asked = false;
    lab.relay.treat(() => {
      asked = true;
      return held.promise;
    });
    const overtaken = lab.invoke({ at: timeOf(96) });
    await expect.poll(() => asked, { interval: 2 }).toBe(true);
    // and another that looks when the certificate is renewed, and tells so.
    await world.present('renewed');
    lab.relay.treat(() => 'pass');
    const overtaking = await lab.invoke({ at: timeOf(96 + MINUTE) });
    expect(overtaking.published.map(read)).toEqual(messages(WEEK[6] ?? {}));
    // When the first one goes on,
    held.resolve('pass');
    const { published, error } = await overtaken;
    // Then it has nothing to add, and neither has the next one.
    expect(error).toBeUndefined();
    expect(published.filter((message) => !overtaking.published.includes(message))).toEqual([]);
    expect((await lab.invoke({ at: timeOf(96 + NEXT) })).published).toEqual([]);
  });
});

test('a database that is down for a day is notified once a day, and its findings are not resolved', async () => {
  const DOWN = 'shop target-not-audited';
  await setStage(0);
  await recall(0);
  const notified: (readonly string[])[] = [];
  const run = async (at: number): Promise<void> => {
    const { published } = await lab.invoke({ at: timeOf(at) });
    notified.push(
      published.filter(({ topicArn }) => topicArn.endsWith(':alerts')).flatMap((message) => read(message).notified),
    );
  };
  await run(0);
  await world.stop('shop');
  try {
    for (const at of [6, 18, 30.25]) await run(at);
  } finally {
    await world.restart('shop');
  }
  // The worker did not come back with it: a day has passed since anybody saw it.
  await run(31);
  expect(notified).toEqual([
    [`new ${WORKER}`, `new ${CERTIFICATE}`],
    [`new ${DOWN}`],
    [],
    [`reminder ${DOWN}`, `reminder ${CERTIFICATE}`],
    [`gone ${DOWN}`, `gone ${WORKER}`],
  ]);
});

test('a run by hand of one database notifies of that one, and ends nothing elsewhere', async () => {
  await setStage(5);
  await recall(5);
  const byHand = await lab.invoke({ at: timeOf(78), event: { targets: ['shop'] } });
  expect(byHand.published.map(read)).toEqual(messages({ all: [`gone ${WORKER}`] }));
  // The scheduled run tells the rest, and that not again.
  const { all = [], payments = [] } = WEEK[5] ?? {};
  const next = await lab.invoke({ at: timeOf(78 + NEXT) });
  expect(next.published.map(read)).toEqual(
    messages({ all: all.filter((entry) => entry !== `gone ${WORKER}`), payments }),
  );
});

test('a run that does not notify changes nothing, and says what it would send', async () => {
  await setStage(5);
  await recall(5);
  const table = async () =>
    (await lab.dynamodb.client.send(new ScanCommand({ TableName: process.env.STATE_TABLE, ConsistentRead: true })))
      .Items;
  const before = await table();
  const { report, published } = await lab.invoke({ at: timeOf(78), event: { notify: false } });
  expect(published).toEqual([]);
  expect(await table()).toEqual(before);
  expect(report?.findings.map(({ role, check, lifecycle }) => [role ?? check, lifecycle?.reason])).toEqual([
    ['invoices', 'reminder'],
    ['legacy', 'mute-expired'],
    ['server-certificate-expiring', 'reminder'],
  ]);
  expect(report?.resolved?.map(({ role }) => role)).toEqual(['worker']);
  expect((await lab.invoke({ at: timeOf(78 + NEXT) })).published.map(read)).toEqual(messages(WEEK[5] ?? {}));
});

function without(all: readonly Read[], some: readonly Read[]): Read[] {
  const left = new Set(some.map((message) => JSON.stringify(message)));
  return all.filter((message) => !left.has(JSON.stringify(message)));
}
