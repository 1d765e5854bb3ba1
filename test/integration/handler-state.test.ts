// What the function remembers, keeps as evidence and hands on, with the real clients of each service.

import { gunzipSync } from 'node:zlib';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { bodyFor, type TopicSubscription } from '../../lab/aws.ts';
import { rdsSecret } from '../../lab/collector.ts';
import { type FunctionLab, type Invocation, type InvocationOutcome, startFunctionLab } from '../../lab/function-lab.ts';
import { HEALTHY_HBA, healthyServer, LOOPBACK_PLAINTEXT_HBA } from '../../lab/healthy-server.ts';
import { AUDITOR, type PostgresServer, startPostgres } from '../../lab/postgres.ts';
import { type ClientSession, openSession } from '../../lab/sessions.ts';
import type { ConfigInput } from '../../lambda/config/index.ts';
import { s3Client, storeObject } from '../../lambda/deliver/evidence-archive.ts';
import { unknown } from '../../lambda/model/observed.ts';
import type { Report } from '../../lambda/report/schema.ts';
import { TARGET_SOURCES, type TargetSourceFactory } from '../../lambda/targets/index.ts';
import { listedByTags } from '../targets/listed-by-tags.ts';

const ROUTES: Partial<ConfigInput> = {
  alerts: {
    email: ['dba@example.com'],
    routes: [{ name: 'payments', labels: { team: 'payments' }, email: ['payments@example.com'] }],
  },
};

const TOPICS = ['alerts', 'routes', 'chat-all', 'chat-payments'] as const;
/** About now, as the certificates are valid. */
const START = Math.floor(Date.now() / 1_000) * 1_000;

let server: PostgresServer;
let lab: FunctionLab;
let session: ClientSession | undefined;

beforeAll(async () => {
  server = await startPostgres(healthyServer({ roles: [AUDITOR, { name: 'app' }, { name: 'legacy' }] }));
});

afterAll(() => server[Symbol.asyncDispose]());

beforeEach(async () => {
  lab = await startFunctionLab({
    secrets: { 'prod/orders': rdsSecret(server), 'shared/ca': server.ca ?? '' },
    topics: TOPICS,
  });
  await lab.useTable();
  await configure();
  session = await connect('app');
});

afterEach(async () => {
  await disconnect();
  await lab[Symbol.asyncDispose]();
});

async function configure(config: Partial<ConfigInput> = {}): Promise<void> {
  await lab.configure({
    alerts: { email: ['dba@example.com'], resolveAfterHours: 24 },
    policy: { loopback: 'network' },
    defaults: { ca: { secret: 'shared/ca' } },
    targets: [{ name: 'orders', secret: 'prod/orders', labels: { team: 'payments' } }],
    ...config,
  });
}

/** In plaintext; the rule that let it in is gone when the auditor comes. */
async function connect(role: string): Promise<ClientSession> {
  await server.setHba(LOOPBACK_PLAINTEXT_HBA);
  const opened = await openSession(server, { kind: 'plaintext', role, applicationName: role });
  await server.setHba(HEALTHY_HBA);
  return opened;
}

async function disconnect(): Promise<void> {
  await session?.[Symbol.asyncDispose]();
  session = undefined;
}

function timeOf(hours: number): Date {
  return new Date(START + hours * 3_600_000);
}

function arn(topic: string): string {
  return lab.aws.topicArn.replace(/[\w-]+$/, topic);
}

interface Logged extends InvocationOutcome {
  /** One JSON document a line. */
  readonly log: readonly Record<string, unknown>[];
}

/** Invokes the function so many hours after the start, and catches what it writes. */
async function invoke(hours: number, options: Omit<Invocation, 'at'> = {}): Promise<Logged> {
  const lines: string[] = [];
  const caught = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, 'write').mockImplementation((chunk) => {
      lines.push(...String(chunk).split('\n'));
      return true;
    }),
  );
  // The metrics leave by the console, which vitest has replaced.
  caught.push(vi.spyOn(console, 'log').mockImplementation((line: unknown) => void lines.push(String(line))) as never);
  try {
    const outcome = await lab.invoke({ at: timeOf(hours), ...options });
    const log = lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as Record<string, unknown>);
    return { ...outcome, log };
  } finally {
    for (const spy of caught) spy.mockRestore();
  }
}

function metricsOf({ log }: Logged): Record<string, unknown> {
  const records = log.filter((line) => '_aws' in line);
  expect(records).toHaveLength(1);
  return records[0] ?? {};
}

describe('a source of targets that fails', () => {
  const failing: TargetSourceFactory = () => async () => unknown('RDS could not be listed (AccessDenied)');

  test('resolves nothing, fails the run uncounted, and the next run goes on as if it had not been', async () => {
    expect((await invoke(0)).published).toHaveLength(1);
    await disconnect();
    const failed = await invoke(30, { sources: [failing] });
    expect(failed.error?.message).toBe(
      'Not all targets are known: RDS could not be listed (AccessDenied). The targets that are known were audited, and ' +
        'no finding was resolved because its target is missing. Correct the source of targets; the next run asks it again.',
    );
    expect(failed.published).toEqual([]);
    expect(metricsOf(failed)).not.toHaveProperty('RunsCompleted');
    const { report } = await invoke(30.25, { event: { notify: false } });
    expect(report?.resolved).toMatchObject([{ resolution: 'gone' }]);
  });

  test('is in every message and report; what is known is audited, what is not stays open', async () => {
    const crm = { name: 'crm', secret: 'prod/orders' };
    await configure({ targets: [crm] });
    await invoke(0);
    await configure();
    const failed = await invoke(0.25, { sources: [...TARGET_SOURCES, failing] });
    expect(failed.error?.name).toBe('TargetSourceError');
    expect(failed.published).toHaveLength(1);
    const [message] = failed.published;
    const [email = '', json = '{}'] = ['email', 'sqs'].map((protocol) => message && bodyFor(message, protocol));
    expect(email.replaceAll(/\s+/g, ' ')).toContain('Not all targets are known: RDS could not be listed');
    expect(JSON.parse(json)).toMatchObject({
      warnings: [{ id: 'targets-unknown' }],
      targets: [{ name: 'orders' }],
      carriedOver: [{ target: 'crm' }],
    });
    expect(JSON.parse(json)).not.toHaveProperty('resolved.0');
    const byHand = await invoke(0.5, {
      sources: [...TARGET_SOURCES, failing],
      event: { targets: ['orders'], notify: false },
    });
    expect(byHand.report).toMatchObject({ warnings: [{ id: 'targets-unknown' }], carriedOver: [{ target: 'crm' }] });
    const known = await invoke(0.75);
    expect(known.report?.resolved).toMatchObject([{ target: 'crm', resolution: 'target-removed' }]);
  });

  test('that is only registered beside the configuration has its targets audited', async () => {
    const { report } = await invoke(0, { sources: [...TARGET_SOURCES, listedByTags] });
    expect(report?.targets.map(({ name }) => name)).toEqual(['orders', 'crm']);
  });
});

describe('memory', () => {
  test('keeps a second run silent', async () => {
    expect((await invoke(0)).published).toHaveLength(1);
    const second = await invoke(0.25);
    expect(second).toMatchObject({ error: undefined, published: [] });
    expect(metricsOf(second)).toMatchObject({ RunsCompleted: 1, FindingsHigh: 1 });
  });

  test('outlives the process', async () => {
    await invoke(0);
    await lab.restart();
    expect((await invoke(0.25)).published).toEqual([]);
  });

  test('that is not configured makes every run stand alone, and the message says so', async () => {
    lab.setEnvironment({ STATE_TABLE: undefined });
    for (const hours of [0, 0.25]) {
      const { published, report } = await invoke(hours);
      expect(report?.state).toBe('none');
      expect(published).toHaveLength(1);
      const [message] = published;
      const email = (message === undefined ? '' : bodyFor(message, 'email')).replaceAll(/\s+/g, ' ');
      expect(email).toContain('No state is configured, so runs are not compared.');
      expect(email).not.toMatch(/NEW|STILL THERE/);
    }
    const operations = lab.relay.calls.map(({ operation }) => operation);
    expect([...new Set(operations)].sort()).toEqual(['ListSubscriptionsByTopic', 'Publish']);
  });

  describe('that can not be read', () => {
    beforeEach(() => lab.relay.treat(({ operation }) => (operation === 'Query' ? 'refuse' : 'pass')));

    test('fails the run without a metric, and receivers are notified all the same, with a warning', async () => {
      const run = await invoke(0);
      expect(run.error?.message).toMatch(
        /^The state in DynamoDB table state-1 could not be read \(AccessDeniedException\)/,
      );
      expect(run.published).toHaveLength(1);
      const [message] = run.published;
      if (message === undefined) throw new Error('nothing was published');
      const words = ['email', 'https'].map((protocol) => bodyFor(message, protocol).replaceAll(/\s+/g, ' '));
      for (const text of words) {
        expect(text).toContain('The state could not be read');
        expect(text).toContain('this message may repeat');
        expect(text).not.toContain('No state is configured');
      }
      expect(JSON.parse(bodyFor(message, 'sqs'))).toMatchObject({
        state: 'unreadable',
        warnings: [{ id: 'state-unreadable' }],
      });
      expect(metricsOf(run)).not.toHaveProperty('RunsCompleted');
      expect(run.log.filter(({ message }) => message === 'the run failed')).toHaveLength(1);
      expect(run.log.filter(({ message }) => message === 'finding')).toHaveLength(1);
    });

    test('is notified once by a function that stays warm, until there is a new finding', async () => {
      expect((await invoke(0)).published).toHaveLength(1);
      for (const hours of [0.25, 0.5, 6]) expect((await invoke(hours)).published).toEqual([]);
      await using _legacy = await connect('legacy');
      const { published } = await invoke(6.25);
      expect(published).toHaveLength(1);
      const words = published.map((message) => bodyFor(message, 'email')).join();
      expect(words).toContain('legacy');
      expect((await invoke(24.25)).published, 'a reminder').toHaveLength(1);
    });

    test('keeps nothing back once it can be read: the first run notifies of what no record says was notified', async () => {
      await invoke(0);
      lab.relay.treat(() => 'pass');
      const next = await invoke(0.25);
      expect(next).toMatchObject({ error: undefined, report: { state: 'kept' } });
      expect(next.report?.warnings).toBeUndefined();
      expect(next.published).toHaveLength(1);
      expect((await invoke(0.5)).published).toEqual([]);
    });

    test('leaves out what is below the threshold or muted, as with state', async () => {
      await configure({ mutes: [{ role: 'app', reason: 'moves', owner: 'team', expires: timeOf(1).toISOString() }] });
      expect((await invoke(0)).published).toEqual([]);
      await configure({ alerts: { minSeverity: 'critical' } });
      expect((await invoke(0.25)).published).toEqual([]);
    });
  });

  test('that another run holds for too long is left to it: nothing is notified twice', async () => {
    const until = Date.now() + 60_000;
    const turn = { pk: 'all#run', sk: 'lease', token: 'of another', owner: 'another', since: timeOf(0).toISOString() };
    await lab.dynamodb.put({ ...turn, until }, 'state-1');
    const run = await invoke(0, { remainingMs: 8_000 });
    expect(run.error?.message).toContain('another has held it since');
    expect(run.published).toEqual([]);
  });

  test('counts what is muted apart', async () => {
    await configure({
      mutes: [{ role: 'app', reason: 'moves in spring', owner: 'team', expires: timeOf(0.5).toISOString() }],
    });
    const run = await invoke(0);
    expect(run.published).toEqual([]);
    expect(metricsOf(run)).toMatchObject({ FindingsMuted: 1, FindingsHigh: 0 });
    await configure();
    expect(metricsOf(await invoke(1))).toMatchObject({ FindingsMuted: 0, FindingsHigh: 1 });
  });
});

describe('topics', () => {
  test('all get a test alert, each of its own audience', async () => {
    await configure(ROUTES);
    lab.setEnvironment({
      ROUTE_TOPIC_ARN: arn('routes'),
      CHAT_TOPICS: JSON.stringify({ all: arn('chat-all'), payments: arn('chat-payments') }),
    });
    const { published, error } = await invoke(0, { event: { testAlert: true, notify: false } });
    expect(error).toBeUndefined();
    expect(published.map(({ topicArn, attributes }) => [topicArn, attributes.route?.value])).toEqual([
      [arn('alerts'), 'all'],
      [arn('chat-all'), 'all'],
      [arn('routes'), 'payments'],
      [arn('chat-payments'), 'payments'],
    ]);
    for (const message of published) {
      expect(message.subject).toContain('TEST');
      expect(JSON.parse(bodyFor(message, 'https'))).toMatchObject({ source: 'custom' });
    }
  });

  test('that can not be reached costs the others no test alert, and the run fails', async () => {
    await configure(ROUTES);
    lab.setEnvironment({
      ROUTE_TOPIC_ARN: arn('nowhere'),
      CHAT_TOPICS: JSON.stringify({ payments: arn('chat-payments') }),
    });
    const run = await invoke(0, { event: { testAlert: true, notify: false } });
    expect(run.error?.message).toContain(`could not be published to ${arn('nowhere')} (NotFoundException)`);
    expect(run.published.map(({ topicArn }) => topicArn)).toEqual([arn('alerts'), arn('chat-payments')]);
    expect(metricsOf(run)).toMatchObject({ TargetsAudited: 1 });
  });

  test('a route without a topic of its own is notified by the alert topic, under its own name', async () => {
    await configure(ROUTES);
    const { published } = await invoke(0);
    expect(published.map(({ topicArn, attributes }) => [topicArn, attributes.route?.value])).toEqual([
      [arn('alerts'), 'all'],
      [arn('alerts'), 'payments'],
    ]);
  });

  test.each(['{broken canary-Xq7', 'null', '[]x', '[]', '"text"', '{"all": 1}', '{"all": null}'])(
    '%j for those of chat channels fails the run before anything is looked at, and is not quoted',
    async (text) => {
      lab.setEnvironment({ CHAT_TOPICS: text });
      const { error, published } = await invoke(0);
      expect(error?.message).toMatch(/^CHAT_TOPICS is not a JSON object of names of routes to ARNs of topics/);
      expect(error?.message).not.toContain('canary');
      expect(published).toEqual([]);
      expect(lab.aws.requests).toEqual([]);
    },
  );
});

describe('a message that no confirmed subscriber receives', () => {
  const PAYMENTS = { email: ['payments@example.com'], https: ['https://user:secret@hooks.example.com/payments'] };
  const SHOP = { name: 'shop', targets: ['orders'], email: ['shop@example.com'] };
  const DBA: TopicSubscription = {
    topic: 'alerts',
    protocol: 'email',
    endpoint: 'dba@example.com',
    isConfirmed: true,
  };
  const onRoutes = (endpoint: string, isConfirmed: boolean, protocol = 'email'): TopicSubscription => ({
    topic: 'routes',
    protocol,
    endpoint,
    isConfirmed,
  });

  test.each([
    ['no one has subscribed', []],
    ['no one has confirmed', [{ ...DBA, isConfirmed: false }]],
    ['the subscribers are on another topic', [{ ...DBA, topic: 'routes' }]],
  ])(
    'is not recorded as notified where %s: the first subscriber who confirms is notified of everything',
    async (_, subscriptions) => {
      lab.aws.setSubscriptions(subscriptions);
      for (const hours of [0, 0.25, 30]) {
        const run = await invoke(hours);
        expect(run.error).toBeUndefined();
        expect(run.report?.warnings).toMatchObject([{ id: 'no-subscriber' }]);
        expect(run.report?.findings).toMatchObject([
          { lifecycle: { reason: 'new', firstSeen: timeOf(0).toISOString() } },
        ]);
        expect(metricsOf(run)).toMatchObject({ RunsCompleted: 1, AlertsWithoutSubscriber: 1 });
        expect(run.log.filter(({ warning }) => warning === 'no-subscriber')).toHaveLength(1);
      }
      lab.aws.setSubscriptions([DBA]);
      const scoped = await invoke(30.25);
      expect(scoped.published).toHaveLength(1);
      expect(scoped.published.map((message) => bodyFor(message, 'email')).join()).toContain('NEW');
      expect(scoped.report?.warnings).toBeUndefined();
      expect(metricsOf(scoped)).toMatchObject({ AlertsWithoutSubscriber: 0 });
      expect((await invoke(30.5)).published).toEqual([]);
    },
  );

  test('is not recorded as notified once the last subscriber has left, not even the end of a finding', async () => {
    lab.aws.setSubscriptions([DBA]);
    await invoke(0);
    lab.aws.setSubscriptions([]);
    await disconnect();
    await invoke(25);
    lab.aws.setSubscriptions([DBA]);
    const { published } = await invoke(25.25);
    expect(published.map(({ attributes }) => attributes.reasons?.value)).toEqual(['["resolved"]']);
    expect((await invoke(25.5)).published).toEqual([]);
  });

  test('is kept for that route, whichever others have confirmed on its topic, and the others are notified once', async () => {
    await configure({
      alerts: {
        email: ['dba@example.com'],
        routes: [{ name: 'payments', labels: { team: 'payments' }, ...PAYMENTS }, SHOP],
      },
    });
    lab.setEnvironment({ ROUTE_TOPIC_ARN: arn('routes') });
    const pending = [onRoutes('payments@example.com', false), onRoutes(PAYMENTS.https[0] ?? '', false, 'https')];
    lab.aws.setSubscriptions([DBA, onRoutes('SHOP@example.com', true), ...pending]);
    const first = await invoke(0);
    expect(first.report?.warnings).toMatchObject([
      { id: 'no-subscriber', message: expect.stringContaining('the alerts of route "payments" (topic routes)') },
    ]);
    expect(metricsOf(first)).toMatchObject({ AlertsWithoutSubscriber: 1 });
    const routesOf = ({ published }: InvocationOutcome) => published.map(({ attributes }) => attributes.route?.value);
    expect(routesOf(first)).toEqual(['all', 'payments', 'shop']);
    const [defaultReceiverOnly, , shops] = first.published.map((message) => bodyFor(message, 'email'));
    expect(defaultReceiverOnly).toContain('No confirmed subscriber');
    expect(shops).not.toContain('No confirmed subscriber');
    expect(routesOf(await invoke(0.25))).toEqual(['payments']);
    // As SNS lists an address with a password in it.
    const hook = onRoutes('https://user:****@hooks.example.com/payments', true, 'https');
    lab.aws.setSubscriptions([DBA, onRoutes('shop@example.com', true), hook]);
    expect(routesOf(await invoke(0.5))).toEqual(['payments']);
    expect(routesOf(await invoke(0.75))).toEqual([]);
  });

  test('counts as received where someone subscribed by hand: only they know what they filter', async () => {
    await configure({ alerts: { email: ['dba@example.com'], routes: [SHOP] } });
    lab.setEnvironment({ ROUTE_TOPIC_ARN: arn('routes') });
    lab.aws.setSubscriptions([DBA, onRoutes('shop@example.com', false), onRoutes('siem@example.com', true)]);
    expect((await invoke(0)).report?.warnings).toBeUndefined();
    expect((await invoke(0.25)).published).toEqual([]);
  });

  test('in chat is one without Amazon Q Developer, and is not missed by who reads the email', async () => {
    lab.setEnvironment({ CHAT_TOPICS: JSON.stringify({ all: arn('chat-all') }) });
    lab.aws.setSubscriptions([DBA, { ...DBA, topic: 'chat-all' }]);
    const topics = ({ published }: InvocationOutcome) => published.map(({ topicArn }) => topicArn);
    expect(topics(await invoke(0))).toEqual([arn('alerts'), arn('chat-all')]);
    const second = await invoke(0.25);
    expect(topics(second)).toEqual([arn('chat-all')]);
    expect(second.report?.warnings).toMatchObject([{ message: expect.stringContaining('for all databases in chat') }]);
    lab.aws.setSubscriptions([DBA, { ...DBA, topic: 'chat-all', protocol: 'https' }]);
    expect(topics(await invoke(0.5))).toEqual([arn('chat-all')]);
    expect(topics(await invoke(0.75))).toEqual([]);
  });

  test('of a route that only reads chat is nothing that someone misses', async () => {
    const slack = [{ workspaceId: 'T0123ABCD', channelId: 'C0123ABCD' }];
    await lab[Symbol.asyncDispose]();
    lab = await startFunctionLab({
      secrets: { 'prod/orders': rdsSecret(server), 'shared/ca': server.ca ?? '' },
      topics: ['alerts', 'routes', 'chat-shop'],
    });
    await lab.useTable();
    await configure({ alerts: { email: ['dba@example.com'], routes: [{ name: 'shop', targets: ['orders'], slack }] } });
    lab.setEnvironment({ ROUTE_TOPIC_ARN: arn('routes'), CHAT_TOPICS: JSON.stringify({ '*': arn('chat-*') }) });
    lab.aws.setSubscriptions([DBA, { ...DBA, topic: 'chat-shop', protocol: 'https' }]);
    const { report, published } = await invoke(0);
    expect(report?.warnings).toBeUndefined();
    expect(published.map(({ topicArn }) => topicArn)).toContain(arn('chat-shop'));
  });

  test.each([
    ['is not allowed', { code: 'AuthorizationError', status: 403 }],
    ['is throttled', { code: 'Throttled', status: 429, times: 9 }],
    ['gets no answer', { network: 'hang', times: 9 }],
  ] as const)('is not assumed where the question %s', async (_, fault) => {
    lab.aws.failNext('ListSubscriptionsByTopic', fault);
    const run = await invoke(0);
    expect(run).toMatchObject({ error: undefined, report: { warnings: [{ id: 'subscribers-unknown' }] } });
    expect(metricsOf(run)).not.toHaveProperty('AlertsWithoutSubscriber');
    lab.aws.setSubscriptions([DBA]);
    expect((await invoke(0.25)).published, 'told before').toEqual([]);
  });

  test('is known before there is anything to notify, and by a test alert', async () => {
    lab.aws.setSubscriptions([{ ...DBA, isConfirmed: false }]);
    const tested = await invoke(0, { event: { testAlert: true, notify: false } });
    expect(tested.report?.warnings).toMatchObject([
      { id: 'no-subscriber', message: expect.stringContaining('1 subscription pending') },
    ]);
    await disconnect();
    const secondRun = await invoke(0.25);
    expect(secondRun.published).toEqual([]);
    expect(metricsOf(secondRun)).toMatchObject({ AlertsWithoutSubscriber: 1 });
  });

  test('is looked for on every page', async () => {
    const many = Array.from({ length: 230 }, (_, n) => ({ ...DBA, endpoint: `p${n}@example.com`, isConfirmed: false }));
    lab.aws.setSubscriptions([...many, DBA]);
    expect((await invoke(0)).report?.warnings).toBeUndefined();
    expect(lab.aws.count('ListSubscriptionsByTopic')).toBe(3);
  });
});

describe('an event that the function does not understand', () => {
  test.each([
    [{ target: ['orders'] }, '"target" is not a setting'],
    [{ targets: ['ordres'] }, 'no target named "ordres"'],
    ['orders', 'it must be a JSON object'],
  ])('%j is answered with what is allowed: no error, nothing audited, nothing sent', async (event, problem) => {
    const run = await invoke(0, { event });
    expect(run).toMatchObject({ error: undefined, report: undefined, published: [] });
    expect(run.refusal).toMatchObject({
      refused: true,
      message: 'The event was refused: nothing was audited, and nothing was sent.',
      problem: expect.stringContaining(problem),
      allowed: expect.stringContaining('{"targets"'),
    });
    expect(lab.aws.requests).toEqual([]);
    expect(run.log).toMatchObject([{ level: 'WARN', message: 'the event was refused' }]);
  });
});

test.each([59_999, 59_998.5, 60_000.25, 13_331])(
  'an invocation that has %d milliseconds left is done, whatever fractions its deadlines come to',
  async (remainingMs) => {
    expect(await invoke(0, { remainingMs })).toMatchObject({ error: undefined });
  },
);

describe('evidence', () => {
  beforeEach(() => lab.setEnvironment({ EVIDENCE_BUCKET: lab.aws.bucket }));
  const reports = () => lab.aws.objects.filter(({ key }) => key.endsWith('.json.gz'));
  const keyOf = (hours: number, requestId: string): string => {
    const [day = '', time = ''] = timeOf(hours).toISOString().split('T');
    return `reports/${day.replaceAll('-', '/')}/${day.replaceAll('-', '')}T${time.replaceAll(/[:.]/g, '')}-${requestId}.json.gz`;
  };
  const pages = () => lab.aws.objects.filter(({ key }) => key.endsWith('.html'));

  test('is the whole report of every run, under its time, whether or not it notifies', async () => {
    const firstRun = await invoke(0, { requestId: 'first' });
    const secondRun = await invoke(0.25, { requestId: 'second' });
    const thirdRun = await invoke(23, { requestId: 'third', event: { notify: false } });
    expect(reports().map(({ key }) => key)).toEqual([keyOf(0, 'first'), keyOf(0.25, 'second'), keyOf(23, 'third')]);
    expect(reports().map(({ body }) => JSON.parse(gunzipSync(body).toString()))).toEqual(
      [firstRun, secondRun, thirdRun].map(({ report }) => report),
    );
    expect([firstRun, secondRun, thirdRun].map(({ published }) => published.length)).toEqual([1, 0, 0]);
  });

  test('that is not stored fails the run: receivers have been notified, and are not notified again', async () => {
    lab.aws.failNext('PutObject', { code: 'AccessDenied', status: 403 });
    const failed = await invoke(0);
    expect(failed.error?.message).toContain(`could not be stored in S3 bucket ${lab.aws.bucket}`);
    expect(failed.published).toHaveLength(1);
    const next = await invoke(0.25);
    expect(next).toMatchObject({ error: undefined, published: [] });
    expect(reports()).toHaveLength(1);
  });

  test('is of every target, also where the default receiver could not be notified and a team could', async () => {
    const targets = [
      { name: 'orders', secret: 'prod/orders', labels: { team: 'payments' } },
      { name: 'billing', secret: 'prod/orders', labels: { team: 'finance' } },
    ];
    await configure({ ...ROUTES, targets });
    lab.setEnvironment({ ALERT_TOPIC_ARN: arn('nowhere'), ROUTE_TOPIC_ARN: arn('routes') });
    const { error, published } = await invoke(0);
    expect(error?.message).toContain(`could not be published to ${arn('nowhere')}`);
    expect(published.map(({ topicArn }) => topicArn)).toEqual([arn('routes')]);
    const stored = reports().map(({ body }) => JSON.parse(gunzipSync(body).toString()) as Report);
    expect(stored.map((report) => report.targets.map(({ name }) => name))).toEqual([['orders', 'billing']]);
  });

  test('is stored of a run that could notify no receiver, and both failures are named', async () => {
    lab.relay.treat(({ operation }) => (operation === 'Publish' ? 'refuse' : 'pass'));
    const { error } = await invoke(0);
    expect(error?.message).toContain('could not be published to');
    expect(reports()).toHaveLength(1);
    lab.aws.failNext('PutObject', { code: 'AccessDenied', status: 403 });
    const both = await invoke(0.25);
    expect(both.error?.message).toMatch(/could not be published to [\s\S]*could not be stored in S3/);
  });

  test('has its page beside it, to which the message links, in the console', async () => {
    const { published, error } = await invoke(0);
    expect(error).toBeUndefined();
    const [page, ...others] = pages();
    expect(others.map(({ key }) => key)).toEqual(['pages/latest.html', 'pages/index.html']);
    expect(gunzipSync(page?.body ?? '').toString()).toContain('Are we encrypted?');
    const email = published.map((message) => bodyFor(message, 'email')).join();
    expect(email).toContain(
      `s3/object/${lab.aws.bucket}?region=${lab.aws.region}&prefix=${encodeURIComponent(page?.key ?? '')}`,
    );
    expect(email).not.toContain('X-Amz-');
  });

  test('has a link that needs no login only where the configuration asks for it', async () => {
    await configure({ deployment: { pageLink: 'presigned' } });
    const { published } = await invoke(0);
    expect(published.map((message) => bodyFor(message, 'email')).join()).toMatch(
      /anyone with this link[\s\S]*X-Amz-Signature=/,
    );
  });

  test('does not depend on its page, and neither do alerts: what failed is named', async () => {
    const key = keyOf(0, 'first').replace('.json.gz', '.html');
    const theirs = { bucket: lab.aws.bucket, key, body: Buffer.from('theirs'), type: 'text/html', replaces: false };
    await storeObject(s3Client({ forcePathStyle: true }), theirs, undefined);
    const { published, error } = await invoke(0, { requestId: 'first' });
    expect(published).toHaveLength(1);
    expect(reports()).toHaveLength(1);
    expect(pages().map(({ body }) => body.toString())).toEqual(['theirs']);
    expect(error?.message).toContain(`could not be stored in S3 bucket ${lab.aws.bucket} as ${key}`);
    expect(await invoke(0.25)).toMatchObject({ published: [] });
  });

  test('is none without a bucket', async () => {
    lab.setEnvironment({ EVIDENCE_BUCKET: undefined });
    await invoke(0);
    expect(lab.aws.count('PutObject')).toBe(0);
  });
});

describe('Security Hub', () => {
  beforeEach(() => configure({ deployment: { securityHub: true } }));

  const states = () =>
    [...lab.aws.findings.values()].map(({ Title, RecordState, imports }) => [Title, RecordState, imports]);
  const TITLE = expect.stringContaining('Unencrypted session over the network') as string;

  test('has every finding, updated by each run, and archived when it is over', async () => {
    await invoke(0);
    expect(states()).toEqual([[TITLE, 'ACTIVE', 1]]);
    await invoke(0.25);
    expect(states()).toEqual([[TITLE, 'ACTIVE', 2]]);
    await disconnect();
    await invoke(12);
    expect(states()).toEqual([[TITLE, 'ACTIVE', expect.any(Number)]]);
    const { published } = await invoke(25);
    expect(published).toHaveLength(1);
    expect(states()).toEqual([[TITLE, 'ARCHIVED', expect.any(Number)]]);
  });

  test('that refuses fails the run: receivers have been notified, and the next run imports', async () => {
    lab.aws.failNext('BatchImportFindings', { code: 'AccessDeniedException', status: 403 });
    const failed = await invoke(0);
    expect(failed.error?.message).toContain('could not be imported into Security Hub');
    expect(failed.published).toHaveLength(1);
    const next = await invoke(0.25);
    expect(next).toMatchObject({ error: undefined, published: [] });
    expect(states()).toEqual([[TITLE, 'ACTIVE', 1]]);
  });

  test('that refuses just when a finding is over has it archived by the next run', async () => {
    await invoke(0);
    await disconnect();
    lab.aws.failNext('BatchImportFindings', { code: 'AccessDeniedException', status: 403 });
    const failed = await invoke(25);
    expect(failed.error?.message).toContain('could not be imported into Security Hub');
    expect(failed.published).toHaveLength(1);
    const next = await invoke(25.25);
    expect(next).toMatchObject({ error: undefined, published: [] });
    expect(states()).toEqual([[TITLE, 'ARCHIVED', expect.any(Number)]]);
  });

  test('is left alone by a run that does not notify, and where it is off', async () => {
    await invoke(0, { event: { notify: false } });
    await configure();
    await invoke(0.25);
    expect(lab.aws.count('BatchImportFindings')).toBe(0);
  });
});
