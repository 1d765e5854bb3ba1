// The connection log in CloudWatch Logs: every event is counted once, whatever the service and the runs do.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  CloudWatchLogsClient,
  CreateLogGroupCommand,
  CreateLogStreamCommand,
  PutLogEventsCommand,
} from '@aws-sdk/client-cloudwatch-logs';
import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type AwsEndpoint, startAwsEndpoint } from '../../lab/aws.ts';
import { CloudWatchLogs, compilePattern, type StoredLogEvent } from '../../lab/aws-cloudwatch-logs.ts';
import { closedPort } from '../../lab/faulty-servers.ts';
import type { ConnectionEvent } from '../../lambda/analysis/connection-log/events.ts';
import { readEvent } from '../../lambda/analysis/connection-log/message.ts';
import { cloudWatchReader, logGroupReaders } from '../../lambda/collect/connection-log/cloudwatch.ts';
import {
  type LogGroupBounds,
  type LogGroupService,
  logGroupReader,
} from '../../lambda/collect/connection-log/log-group.ts';
import { connectionFilter } from '../../lambda/collect/connection-log/log-group-filter.ts';
import type { LogReading, LogSink } from '../../lambda/collect/connection-log/source.ts';
import type { LogGroupSource } from '../../lambda/model/connection-log.ts';
import { DAY_MS, HOUR_MS } from '../../lambda/model/time.ts';

const MINUTE = 60_000;
const GROUP = '/aws/rds/instance/orders/postgresql';
const STREAM = 'orders.0';
const RDS = { logLinePrefix: '%t:%r:%u@%d:[%p]:' };
const STOCK = { logLinePrefix: '%m [%p] ' };

interface Pushed {
  readonly stream: string;
  readonly text: string;
  readonly context: boolean;
}

/** Keeps what is pushed, line by line. */
class Recorder implements LogSink {
  readonly pushed: Pushed[] = [];
  readonly ended: string[] = [];

  push(stream: string, bytes: Uint8Array, context: boolean): void {
    for (const text of Buffer.from(bytes).toString().split('\n').slice(0, -1))
      this.pushed.push({ stream, text, context });
  }

  end(stream: string): void {
    this.ended.push(stream);
  }

  get counted(): readonly string[] {
    return this.pushed.filter(({ context }) => !context).map(({ text }) => text);
  }

  get context(): readonly string[] {
    return this.pushed.filter(({ context }) => context).map(({ text }) => text);
  }
}

/** A login of the client with this number. */
function login(number: number, timestamp: number, ingestionTime = timestamp, logStreamName = STREAM): StoredLogEvent {
  return { logStreamName, timestamp, ingestionTime, message: `connection authorized: user=u${number} database=shop` };
}

const NUMBER = /user=u(\d+) /;
const numbers = (texts: readonly string[]): readonly number[] => texts.map((text) => Number(NUMBER.exec(text)?.[1]));

describe('every event is counted once', () => {
  interface Run {
    /** Milliseconds after the run before. */
    readonly after: number;
    readonly dies: boolean;
    /** Requests until one fails; undefined: none does. */
    readonly failsAt: number | undefined;
    /** By how much the machine's clock differs from the service's. */
    readonly skew: number;
    readonly bounds: LogGroupBounds;
    readonly eventsPerPage: number;
    readonly emptyPages: number;
  }
  const START = Date.UTC(2026, 10, 1);
  const runs = fc.array(
    fc.record<Run>({
      after: fc.oneof(fc.nat(2 * MINUTE), fc.nat(3 * HOUR_MS)),
      dies: fc.boolean(),
      failsAt: fc.option(fc.nat(8), { nil: undefined, freq: 4 }),
      skew: fc.oneof(fc.constant(0), fc.integer({ min: -10 * MINUTE, max: 30 * MINUTE })),
      bounds: fc.record({
        pages: fc.integer({ min: 1, max: 20 }),
        held: fc.integer({ min: 500, max: 3_000 }),
        rangePages: fc.integer({ min: 3, max: 10 }),
      }),
      eventsPerPage: fc.integer({ min: 1, max: 6 }),
      emptyPages: fc.nat(2),
    }),
    { maxLength: 14 },
  );
  const events = fc.array(
    fc.record({
      at: fc.oneof(
        fc.nat(12 * HOUR_MS),
        fc.nat(12).map((hour) => hour * HOUR_MS),
      ),
      // Up to an hour late, or ahead of the service's clock by what it accepts.
      late: fc.oneof(fc.constant(0), fc.nat(5_000), fc.nat(HOUR_MS), fc.integer({ min: -2 * HOUR_MS, max: 0 })),
      /** Until a listing shows it. */
      delay: fc.nat(110_000),
      stream: fc.constantFrom('a.0', 'a.1', 'b.0'),
    }),
    { maxLength: 60 },
  );

  test('over any schedule of events and runs that die, fail, and have wrong clocks', async () => {
    let interrupted = 0;
    await fc.assert(
      fc.asyncProperty(events, runs, async (schedule, plan) => {
        const logs = new CloudWatchLogs('eu-west-1', '123456789012');
        const delays = new Map<string, number>();
        schedule.forEach(({ at, late, delay, stream }, number) => {
          const event = login(number, START + at, START + at + late, stream);
          logs.put(GROUP, event);
          delays.set(event.message, delay);
        });
        if (schedule.length === 0) logs.put(GROUP);
        let position: unknown;
        const counted: number[] = [];
        let serviceNow = START + HOUR_MS;
        const run = async ({ dies, failsAt, skew, bounds, eventsPerPage, emptyPages }: Run): Promise<LogReading> => {
          let requests = 0;
          logs.behaviour = {
            eventsPerPage,
            emptyPages,
            now: () => serviceNow,
            delay: ({ message }) => delays.get(message) ?? 0,
          };
          const service: LogGroupService = {
            log: GROUP,
            shownAs: 'the group',
            async list({ nextToken, ...request }) {
              requests += 1;
              if (requests - 1 === failsAt) throw new Error('on purpose');
              const input = { logGroupName: GROUP, ...request, ...(nextToken === undefined ? {} : { nextToken }) };
              const page = logs.filterLogEvents(input) as { events: readonly StoredLogEvent[]; nextToken?: string };
              const read = page.events.map(({ logStreamName, ...event }) => ({ stream: logStreamName, ...event }));
              return { events: read, unusable: 0, nextToken: page.nextToken, serviceTime: serviceNow };
            },
            gapOf: () => ({ cause: 'failed', reason: 'on purpose' }),
          };
          const now = serviceNow + skew;
          const sink = new Recorder();
          const signal = new AbortController().signal;
          const reading = await logGroupReader(service, bounds).read({
            position,
            from: now - DAY_MS,
            now,
            sink,
            signal,
          });
          for (const stream of new Set(sink.pushed.map((pushed) => pushed.stream))) {
            const times = numbers(sink.pushed.filter((pushed) => pushed.stream === stream).map(({ text }) => text)).map(
              (number) => schedule[number]?.at ?? 0,
            );
            expect(times).toEqual(times.toSorted((a, b) => a - b));
          }
          if (reading.gaps.some(({ cause }) => cause === 'not-read-to-end')) interrupted += 1;
          expect(JSON.stringify(reading).length).toBeLessThan(3_000);
          // What this version writes, it reads.
          expect(reading.gaps.filter(({ reason }) => reason.includes('stored'))).toEqual([]);
          if (!dies) {
            position = JSON.parse(JSON.stringify(reading.position ?? null));
            counted.push(...numbers(sink.counted));
          }
          return reading;
        };
        for (const one of plan) {
          serviceNow += one.after;
          await run(one);
        }
        serviceNow = Math.max(serviceNow, START + 16 * HOUR_MS);
        const last: Run = {
          after: 0,
          dies: false,
          failsAt: undefined,
          skew: 0,
          bounds: { held: 900 },
          eventsPerPage: 3,
          emptyPages: 0,
        };
        let left = 100;
        while ((await run(last)).gaps.some(({ cause }) => cause === 'not-read-to-end') && left > 0) left -= 1;
        expect(left).toBeGreaterThan(0);
        expect(counted.toSorted((a, b) => a - b)).toEqual(schedule.map((_, number) => number));
      }),
      { numRuns: 1_000 },
    );
    expect(interrupted).toBeGreaterThan(50);
  });
});

describe('with the real client', () => {
  /** Runs simulate another time than the machine's, which is the service's. */
  const NOW = Date.now() - 8 * HOUR_MS;
  let aws: AwsEndpoint;
  beforeAll(async () => {
    aws = await startAwsEndpoint();
    for (const [name, value] of Object.entries(aws.environment())) vi.stubEnv(name, value);
  });
  afterAll(async () => {
    vi.unstubAllEnvs();
    await aws[Symbol.asyncDispose]();
  });
  beforeEach(() => {
    aws.logs.groups.clear();
    aws.logs.asked.length = 0;
    aws.logs.behaviour = {};
  });

  interface Options {
    readonly source?: LogGroupSource;
    readonly settings?: { readonly logLinePrefix: string } | undefined;
    readonly position?: unknown;
    readonly now?: number;
    readonly bounds?: LogGroupBounds;
    readonly signal?: AbortSignal;
  }

  async function read(options: Options = {}): Promise<LogReading & { readonly sink: Recorder }> {
    const {
      source = { logGroup: GROUP },
      position,
      now = NOW,
      bounds,
      signal = new AbortController().signal,
    } = options;
    const settings = 'settings' in options ? options.settings : RDS;
    const sink = new Recorder();
    const reader = logGroupReaders(bounds)(source, settings);
    return { ...(await reader.read({ position, from: now - DAY_MS, now, sink, signal })), sink };
  }

  test('a group by its name: time range and pattern are asked for, and nothing is unmasked', async () => {
    aws.logs.put(GROUP, login(1, NOW - HOUR_MS));
    const { sink, gaps } = await read();
    expect(sink.counted).toEqual(['connection authorized: user=u1 database=shop']);
    expect(sink.ended).toEqual([STREAM]);
    expect(gaps).toEqual([]);
    for (const asked of aws.logs.asked) {
      expect(Object.keys(asked).sort()).toEqual(['endTime', 'filterPattern', 'logGroupName', 'startTime']);
      expect(asked).toMatchObject({ logGroupName: GROUP, filterPattern: connectionFilter(RDS) });
    }
    expect(aws.logs.asked.length).toBeLessThanOrEqual(5);
  });

  test('a group by its ARN, and only the streams of one member of a cluster', async () => {
    const group = '/aws/rds/cluster/shop/postgresql';
    aws.logs.put(group, login(1, NOW - HOUR_MS, undefined, 'shop-1.0'), login(2, NOW - HOUR_MS, undefined, 'shop-2.0'));
    const { sink } = await read({ source: { logGroup: aws.logs.arn(group), logStreamPrefix: 'shop-2' } });
    expect(numbers(sink.counted)).toEqual([2]);
    expect(aws.logs.asked[0]).toMatchObject({ logGroupIdentifier: aws.logs.arn(group), logStreamNamePrefix: 'shop-2' });
    expect(aws.logs.asked[0]).not.toHaveProperty('logGroupName');
  });

  test('a group that is named by its ARN is asked for in the region of the ARN', async () => {
    const logGroup = 'arn:aws:logs:ap-south-1:123456789012:log-group:x';
    const { gaps } = await read({ source: { logGroup } });
    expect(gaps).toMatchObject([{ cause: 'not-found', reason: expect.stringContaining(' in ap-south-1, ') }]);
  });

  test('lines are kept whole, end with a line feed, and are in the order of their time in each stream', async () => {
    const event = (message: string, seconds: number, logStreamName = STREAM) => ({
      ...login(0, NOW - HOUR_MS + seconds * 1_000, NOW - HOUR_MS + 10_000, logStreamName),
      message,
    });
    aws.logs.put(
      GROUP,
      event('connection authorized: user=second\n', 2),
      event('connection authorized: user=other', 1, 'orders.1'),
      event('connection authorized: user=first\n\tand its second line', 1),
      event('could not accept SSL connection: third', 2),
    );
    const { sink } = await read();
    expect(sink.pushed.filter(({ stream }) => stream === STREAM).map(({ text }) => text)).toEqual([
      'connection authorized: user=first',
      '\tand its second line',
      'connection authorized: user=second',
      'could not accept SSL connection: third',
    ]);
    expect(sink.ended.toSorted()).toEqual([STREAM, 'orders.1']);
  });

  test('pages, and empty pages with a token', async () => {
    aws.logs.behaviour = { eventsPerPage: 3, emptyPages: 2 };
    aws.logs.put(GROUP, ...Array.from({ length: 10 }, (_, number) => login(number, NOW - HOUR_MS + number)));
    const { sink, gaps } = await read({ bounds: { rangePages: 40 } });
    expect(numbers(sink.counted)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    expect(gaps).toEqual([]);
  });

  test('what an earlier run counted is context, what has just come is left to the next run, what comes late is counted', async () => {
    aws.logs.put(GROUP, login(1, NOW - 10 * MINUTE), login(2, NOW - 2 * MINUTE, NOW - MINUTE));
    const first = await read();
    expect(numbers(first.sink.counted)).toEqual([1]);
    aws.logs.put(GROUP, login(3, NOW - 40 * MINUTE, NOW + MINUTE));
    const second = await read({ position: first.position, now: NOW + 5 * MINUTE });
    expect(numbers(second.sink.counted)).toEqual([3, 2]);
    expect(numbers(second.sink.context)).toEqual([1]);
    expect(second.gaps).toEqual([]);
    const third = await read({ position: second.position, now: NOW + 5 * MINUTE });
    expect(third).toMatchObject({ position: second.position, gaps: [] });
    expect(third.sink.pushed).toEqual([]);
  });

  test("where the machine's clock is ahead, events that the service has just taken in are left", async () => {
    const machine = Date.now() + 20 * MINUTE;
    aws.logs.put(GROUP, login(1, Date.now() - 5 * MINUTE), login(2, Date.now() - MINUTE));
    const { sink } = await read({ now: machine });
    expect(numbers(sink.counted)).toEqual([1]);
  });

  test('a delivery that was interrupted for hours is made up for, from the last event before it', async () => {
    aws.logs.put(GROUP, login(1, NOW - 10 * MINUTE));
    let { position } = await read();
    for (let quarter = 1; quarter < 20; quarter += 1) {
      ({ position } = await read({ position, now: NOW + quarter * 15 * MINUTE }));
    }
    const end = NOW + 5 * HOUR_MS;
    const backlog = [0, 1, 2, 3, 4].map((hour) => login(10 + hour, NOW + hour * HOUR_MS, end - 3 * MINUTE));
    aws.logs.put(GROUP, ...backlog);
    const { sink, gaps } = await read({ position, now: end });
    expect(numbers(sink.counted)).toEqual([10, 11, 12, 13, 14]);
    expect(numbers(sink.context)).toEqual([1]);
    expect(gaps).toEqual([]);
  });

  test('events that come almost too late are a gap: others may have come too late', async () => {
    aws.logs.put(GROUP, login(1, NOW - 5 * MINUTE));
    const { position } = await read();
    aws.logs.put(GROUP, login(2, NOW - 57 * MINUTE, NOW + MINUTE));
    const { sink, gaps } = await read({ position, now: NOW + 10 * MINUTE });
    expect(numbers(sink.counted)).toEqual([2]);
    expect(gaps).toEqual([
      {
        cause: 'lost',
        reason: `events reach log group ${GROUP} up to 58 minutes after they were written, and those that come more than 60 minutes late may not be read`,
      },
    ]);
  });

  test('too much for one run: a gap says how far it was read, and the next run goes on there', async () => {
    aws.logs.put(
      GROUP,
      ...Array.from({ length: 60 }, (_, number) => login(number, NOW - 20 * HOUR_MS + number * MINUTE)),
    );
    const counted: number[] = [];
    let position: unknown;
    for (let run = 0; ; run += 1) {
      const reading = await read({ position, bounds: { pages: 4, held: 2_000 } });
      counted.push(...numbers(reading.sink.counted));
      position = reading.position;
      if (reading.gaps.length === 0) break;
      expect(reading.gaps.map(({ cause }) => cause)).toEqual(['not-read-to-end']);
      expect(run).toBeLessThan(40);
    }
    expect(counted).toEqual(Array.from({ length: 60 }, (_, number) => number));
  });

  test('many readers of one region send at most five requests at once', async () => {
    const groups = Array.from({ length: 12 }, (_, index) => `/group/${index}`);
    for (const group of groups) aws.logs.put(group, login(1, NOW - HOUR_MS));
    let [atOnce, most] = [0, 0];
    const send = vi.spyOn(CloudWatchLogsClient.prototype, 'send');
    const { send: original } = Object.getPrototypeOf(CloudWatchLogsClient.prototype) as {
      send: (...args: unknown[]) => unknown;
    };
    send.mockImplementation(async function (this: unknown, ...args: unknown[]) {
      atOnce += 1;
      most = Math.max(most, atOnce);
      try {
        return (await original.apply(this, args)) as never;
      } finally {
        atOnce -= 1;
      }
    } as never);
    const readers = logGroupReaders();
    const readings = await Promise.all(
      groups.map((logGroup) =>
        readers({ logGroup }, RDS).read({
          position: undefined,
          from: NOW - DAY_MS,
          now: NOW,
          sink: new Recorder(),
          signal: new AbortController().signal,
        }),
      ),
    );
    send.mockRestore();
    expect(readings.flatMap(({ gaps }) => gaps)).toEqual([]);
    expect(most).toBe(5);
  });

  test('an error of the sink is no gap of the log', async () => {
    aws.logs.put(GROUP, login(1, NOW - HOUR_MS));
    const broken = vi.spyOn(Recorder.prototype, 'push').mockImplementation(() => {
      throw new TypeError('a defect');
    });
    await expect(read()).rejects.toThrow('a defect');
    broken.mockRestore();
  });

  test('one throttled request is sent again; when all are throttled, the next run goes on', async () => {
    aws.logs.put(GROUP, login(1, NOW - HOUR_MS));
    aws.failNext('FilterLogEvents', { code: 'ThrottlingException' });
    const first = await read();
    expect(numbers(first.sink.counted)).toEqual([1]);
    expect(first.gaps).toEqual([]);
    aws.logs.put(GROUP, login(2, NOW));
    aws.failNext('FilterLogEvents', { code: 'ThrottlingException', times: 4 });
    const second = await read({ position: first.position, now: NOW + 5 * MINUTE });
    expect(second.gaps).toMatchObject([{ cause: 'not-read-to-end' }]);
    expect(second.sink.counted).toEqual([]);
    const third = await read({ position: second.position, now: NOW + 10 * MINUTE });
    expect(numbers(third.sink.counted)).toEqual([2]);
  });

  test.each([
    [
      '/aws/rds/instance/orders/postgresql',
      'aws rds modify-db-instance --db-instance-identifier orders --cloudwatch-logs-export-configuration EnableLogTypes=postgresql',
    ],
    [
      '/aws/rds/cluster/shop/postgresql',
      'aws rds modify-db-cluster --db-cluster-identifier shop --cloudwatch-logs-export-configuration EnableLogTypes=postgresql',
    ],
    ['/ecs/pgbouncer', 'correct targets[].logs.logGroup, or make the agent that fills the group create it'],
  ])('there is no group %s', async (logGroup, remedy) => {
    const { gaps, sink } = await read({ source: { logGroup } });
    expect(gaps).toEqual([
      { cause: 'not-found', reason: `there is no log group ${logGroup} in eu-west-1, or no stream in it`, remedy },
    ]);
    expect(sink.pushed).toEqual([]);
  });

  const DENIED =
    'User: arn:aws:sts::123456789012:assumed-role/x/y is not authorized to perform: logs:FilterLogEvents on resource: ';
  test.each([
    [GROUP, `${DENIED}arn:aws:logs:eu-west-1:123456789012:log-group:${GROUP}:log-stream: because`, '123456789012'],
    [GROUP, `${DENIED}arn:aws:logs:eu-west-1:123456789012:log-group:/another:log-stream: because`, 'ACCOUNT'],
    [GROUP, 'no', 'ACCOUNT'],
    [`arn:aws:logs:eu-west-1:210987654321:log-group:${GROUP}`, DENIED, '210987654321'],
  ])('the right is missing: the action and the ARN of %s', async (logGroup, message, account) => {
    aws.failNext('FilterLogEvents', { code: 'AccessDeniedException', message });
    const { gaps } = await read({ source: { logGroup } });
    expect(gaps).toEqual([
      {
        cause: 'not-allowed',
        reason: `the auditor may not read log group ${logGroup} (AccessDeniedException)`,
        remedy: `allow logs:FilterLogEvents on arn:aws:logs:eu-west-1:${account}:log-group:${GROUP}:*`,
      },
    ]);
  });

  test('events that cannot be are counted as unreadable, and cost no other', async () => {
    const good = login(1, NOW - HOUR_MS);
    const wrong: readonly unknown[] = [
      null,
      'text',
      [],
      { ...good, message: undefined },
      { ...good, message: 7 },
      { ...good, timestamp: undefined },
      { ...good, timestamp: -5 },
      { ...good, timestamp: 'NaN' },
      { ...good, timestamp: 1.5 },
      { ...good, ingestionTime: undefined },
      { ...good, ingestionTime: -1 },
      { ...good, logStreamName: undefined },
      { ...good, logStreamName: 'x'.repeat(600) },
      { ...good, message: 'connection authorized: '.repeat(60_000) },
      // not asked for
      { ...good, timestamp: NOW - 40 * DAY_MS },
      { ...good, timestamp: NOW + 40 * DAY_MS },
    ];
    let isFirst = true;
    aws.logs.behaviour = {
      page: ({ events }) => {
        const given = isFirst && events.length > 0 ? [...wrong, ...events] : events;
        if (events.length > 0) isFirst = false;
        return { events: given };
      },
    };
    aws.logs.put(GROUP, good);
    const { sink, gaps } = await read();
    expect(numbers(sink.counted)).toEqual([1]);
    expect(gaps).toMatchObject([{ cause: 'unreadable-lines', reason: expect.stringMatching(/^1[3-6] events of /) }]);
  });

  test('an event that was taken in later than now is left, whatever its time', async () => {
    aws.logs.put(GROUP, login(1, NOW - HOUR_MS));
    aws.logs.behaviour = {
      page: ({ events }) => ({ events: events.map((event) => ({ ...event, ingestionTime: NOW + 300 * DAY_MS })) }),
    };
    const { sink, position } = await read();
    expect(sink.pushed).toEqual([]);
    expect(position).toMatchObject({ ingestedTo: NOW - 2 * MINUTE, steps: [] });
  });

  test.each([
    ['the same token again and again', () => 'again', 'failed'],
    ['ever new tokens', () => `token ${Math.random()}`, 'not-read-to-end'],
  ])('a listing without an end: %s', async (_, nextToken, cause) => {
    const service = vi.spyOn(aws.logs, 'filterLogEvents').mockImplementation(() => {
      service.mock.calls.length = 0;
      return { events: [], nextToken: nextToken() };
    });
    const before = aws.count('FilterLogEvents');
    const { gaps, sink } = await read({ bounds: { pages: 20 } });
    service.mockRestore();
    expect(gaps.at(-1)).toMatchObject({ cause });
    expect(sink.pushed).toEqual([]);
    expect(aws.count('FilterLogEvents') - before).toBeLessThanOrEqual(90);
  });

  test('an answer of 20 MB is given up', async () => {
    aws.logs.put(GROUP);
    aws.logs.behaviour = { page: () => ({ events: [], padding: 'x'.repeat(20_000_000) }) };
    const { gaps } = await read();
    expect(gaps).toMatchObject([{ cause: 'failed', reason: expect.stringContaining('(AnswerTooLargeError)') }]);
  });

  test.each<readonly [string, unknown]>([
    ['nothing in it', {}],
    ['no events', { events: 'none', nextToken: 5 }],
    ['a list', []],
  ])('an answer that is none: %s', async (_, answer) => {
    aws.logs.put(GROUP);
    aws.logs.behaviour = { page: () => answer };
    const { sink } = await read();
    expect(sink.pushed).toEqual([]);
  });

  test('a service that is silent costs the time of the read, and nothing that was counted before', async () => {
    aws.logs.put(GROUP, login(1, NOW - HOUR_MS));
    const first = await read();
    aws.failNext('FilterLogEvents', { network: 'hang' });
    const { gaps, position } = await read({
      position: first.position,
      now: NOW + HOUR_MS,
      bounds: { timeoutMs: 200 },
    });
    expect(gaps).toMatchObject([{ cause: 'not-read-to-end' }]);
    expect(position).toMatchObject(first.position as object);
  });

  test('a signal that aborts ends the read', async () => {
    const { gaps, sink } = await read({ signal: AbortSignal.abort() });
    expect(gaps).toMatchObject([{ cause: 'not-read-to-end' }]);
    expect(sink.pushed).toEqual([]);
    expect(aws.logs.asked).toEqual([]);
  });

  test('wrong credentials, and no region', async () => {
    aws.failNext('FilterLogEvents', { code: 'UnrecognizedClientException' });
    expect((await read()).gaps).toMatchObject([{ cause: 'failed', remedy: expect.stringContaining('credentials') }]);
    vi.stubEnv('AWS_REGION', undefined);
    vi.stubEnv('AWS_CONFIG_FILE', '/nowhere');
    const { gaps } = await read();
    vi.stubEnv('AWS_REGION', aws.region);
    expect(gaps).toMatchObject([{ cause: 'failed', remedy: 'set AWS_REGION, or name the group by its ARN' }]);
  });

  test.each<readonly [string, unknown]>([
    ['text', 'yesterday'],
    ['a number', 5],
    ['no time', { log: `${GROUP} `, steps: [] }],
    ['a negative time', { log: `${GROUP} `, ingestedTo: -1, steps: [] }],
    ['the future', { log: `${GROUP} `, ingestedTo: NOW + DAY_MS, steps: [] }],
    [
      'steps that go back',
      {
        log: `${GROUP} `,
        ingestedTo: 1,
        steps: [
          { before: 5, ingestedTo: 1 },
          { before: 4, ingestedTo: 1 },
        ],
      },
    ],
    [
      'too many steps',
      {
        log: `${GROUP} `,
        ingestedTo: 1,
        steps: Array.from({ length: 50 }, (_, before) => ({ before, ingestedTo: 1 })),
      },
    ],
    ['more than this version writes', { log: `${GROUP} `, ingestedTo: 1, steps: [], more: true }],
  ])('a stored position that cannot be: %s', async (_, position) => {
    aws.logs.put(GROUP, login(1, NOW - HOUR_MS));
    const { sink, gaps } = await read({ position });
    expect(numbers(sink.counted)).toEqual([1]);
    expect(gaps).toMatchObject([{ cause: 'failed', reason: expect.stringContaining('read again') }]);
  });

  test('of another group nothing was counted; after more than a week, what came before the window is lost', async () => {
    aws.logs.put(GROUP, login(1, NOW - HOUR_MS));
    const { position } = await read({ source: { logGroup: GROUP, logStreamPrefix: 'orders' } });
    expect(numbers((await read({ position })).sink.counted)).toEqual([1]);
    // The name and the ARN of one group are the same group.
    const own = await read();
    const { sink } = await read({ position: own.position, source: { logGroup: aws.logs.arn(GROUP) } });
    expect(sink.counted).toEqual([]);
    const old = await read({ now: NOW - 8 * DAY_MS });
    const { gaps, ...again } = await read({ position: old.position });
    expect(numbers(again.sink.counted)).toEqual([1]);
    expect(gaps).toMatchObject([{ cause: 'lost', reason: expect.stringContaining('more than 7 days ago') }]);
  });

  test("PgBouncer's lines", async () => {
    const line = (message: string) => ({ ...login(0, NOW - HOUR_MS), message });
    aws.logs.put(
      GROUP,
      line('LOG C-0x1: shop/app@10.0.0.7:5 login attempt: db=shop user=app tls=no replication=no'),
      line('LOG C-0x1: shop/app@10.0.0.7:5 closing because: SSL required (age=0s)'),
      line('LOG C-0x1: shop/app@10.0.0.7:5 closing because: client close request (age=0s)'),
      line('LOG stats: 0 xacts/s'),
    );
    const { sink } = await read({ settings: undefined });
    expect(sink.counted).toEqual([
      'LOG C-0x1: shop/app@10.0.0.7:5 login attempt: db=shop user=app tls=no replication=no',
      'LOG C-0x1: shop/app@10.0.0.7:5 closing because: SSL required (age=0s)',
    ]);
  });
});

describe('the filter pattern', () => {
  /** Every line that the tests of the parser read. */
  async function realLines(): Promise<readonly ConnectionLine[]> {
    const file = join(import.meta.dirname, '..', 'analysis', 'connection-log', 'message.test.ts');
    const texts = [...(await readFile(file, 'utf8')).matchAll(/'((?:[^'\\\n]|\\.)*)'/g)].map(([, text = '']) => text);
    return texts.flatMap((message) => {
      const record = {
        time: undefined,
        connection: '1',
        host: undefined,
        role: 'r',
        database: 'd',
        application: undefined,
      };
      const event = readEvent({ ...record, message });
      return event === undefined ? [] : [{ message, event }];
    });
  }

  interface ConnectionLine {
    readonly message: string;
    readonly event: ConnectionEvent;
  }

  test('lets every line about a connection through that is needed', async () => {
    const lines = await realLines();
    expect(lines.length).toBeGreaterThan(40);
    const isPooler = ({ message }: ConnectionLine) => /^(?:login attempt|closing because)/.test(message);
    const passes = (prefix: string | undefined) =>
      compilePattern(connectionFilter(prefix === undefined ? undefined : { logLinePrefix: prefix }));
    const refused = (prefix: string | undefined, unneeded: readonly ConnectionEvent['kind'][]) =>
      lines
        .filter((line) => isPooler(line) === (prefix === undefined) && !unneeded.includes(line.event.kind))
        .filter(({ message }) => !passes(prefix)(message));
    expect(refused('%t:%r:%u@%d:[%p]:', ['authenticated', 'received', 'ready', 'disconnected'])).toEqual([]);
    expect(refused('%m [%p] ', ['authenticated', 'ready', 'disconnected'])).toEqual([]);
    expect(refused('%m [%p] %-10a %h ', ['authenticated', 'received'])).toEqual([]);
    expect(refused('%m [%p] %a', ['authenticated'])).toEqual([]);
    expect(refused(undefined, [])).toEqual([]);
  });

  test('lets nothing else through', () => {
    const matches = compilePattern(connectionFilter(RDS));
    expect(matches('duration: 12.5 ms  statement: select 1')).toBe(false);
    expect(matches('connection received: host=10.0.0.7 port=5')).toBe(false);
    expect(matches('disconnection: session time: 0:00:00.004 user=plain database=shop')).toBe(false);
  });

  test.each(['', '%t:%r:', STOCK.logLinePrefix, '%a', '%%h', undefined])(
    'is a pattern that the service takes: %s',
    (prefix) => {
      const pattern = connectionFilter(prefix === undefined ? undefined : { logLinePrefix: prefix });
      expect(() => compilePattern(pattern)).not.toThrow();
    },
  );
});

describe('the syntax of patterns, as documented', () => {
  test.each([
    ['', 'anything', true],
    ['ERROR', 'an ERROR came', true],
    ['ERROR', 'an error came', false],
    ['"a b"', 'x a b y', true],
    ['"a b"', 'x a  b y', false],
    ['one two', 'two one', true],
    ['one two', 'one', false],
    ['?one ?two', 'two', true],
    ['?one ?two', 'three', false],
    ['?"o n e" ?two', 'o n e', true],
    ['one -two', 'one', true],
    ['one -two', 'one two', false],
    // A term with ? means nothing beside others.
    ['?one two', 'two', true],
    ['?one two', 'one', false],
  ])('%s on %s', (pattern, message, expected) => {
    expect(compilePattern(pattern)(message)).toBe(expected);
  });

  test.each(['{ $.a = 1 }', '[a, b]', '%a%', 'a"b', 'a:b', 'x'.repeat(1025)])('%s is refused', (pattern) => {
    expect(() => compilePattern(pattern)).toThrow();
  });
});

const MOTO = spawnSync('python3', ['-c', 'import moto.server']).status === 0;
if (!MOTO) process.stderr.write('CloudWatch Logs of moto skipped: python3 has no moto with its server\n');

test.skipIf(!MOTO)("moto's CloudWatch Logs: pages and time bounds", async () => {
  // The port is free again at once: nothing listened on it.
  const { port } = await closedPort();
  const server = spawn('python3', ['-m', 'moto.server', '-H', '127.0.0.1', '-p', String(port)], { stdio: 'ignore' });
  const ended = once(server, 'exit');
  await using cleanup = new AsyncDisposableStack();
  cleanup.defer(async () => {
    server.kill('SIGKILL');
    await ended;
  });
  const endpoint = `http://127.0.0.1:${port}`;
  const credentials = { accessKeyId: 'AKIALABMOTO000000000', secretAccessKey: 'not-a-secret' };
  const client = new CloudWatchLogsClient({ endpoint, region: 'eu-west-1', credentials });
  await vi.waitFor(() => fetch(`${endpoint}/moto-api/`), { timeout: 50_000, interval: 200 });
  await client.send(new CreateLogGroupCommand({ logGroupName: GROUP }));
  await client.send(new CreateLogStreamCommand({ logGroupName: GROUP, logStreamName: STREAM }));
  const written = Date.now();
  const put = (first: number, count: number, at: number) =>
    client.send(
      new PutLogEventsCommand({
        logGroupName: GROUP,
        logStreamName: STREAM,
        logEvents: Array.from({ length: count }, (_, index) => login(first + index, at + index)),
      }),
    );
  await put(0, 1, written - 30 * HOUR_MS);
  await put(1, 9_000, written - HOUR_MS);
  await put(9_001, 1_500, written - HOUR_MS + 9_000);
  const read = async (now: number, position: unknown) => {
    const sink = new Recorder();
    const reader = cloudWatchReader(client, { logGroup: GROUP }, RDS);
    const signal = AbortSignal.timeout(50_000);
    return { ...(await reader.read({ position, from: now - DAY_MS, now, sink, signal })), sink };
  };
  // What it has just taken in is not settled by its own clock, whatever the machine's is.
  expect((await read(written + 3 * MINUTE, undefined)).sink.counted).toEqual([]);
  const { requestHandler } = client.config;
  const handle = requestHandler.handle.bind(requestHandler);
  vi.spyOn(requestHandler, 'handle').mockImplementation(async (...request) => {
    const answer = await handle(...request);
    delete answer.response.headers.date;
    return answer;
  });
  const first = await read(written + 3 * MINUTE, undefined);
  expect(first.gaps).toEqual([]);
  expect(numbers(first.sink.counted)).toEqual(Array.from({ length: 10_500 }, (_, index) => index + 1));
  const second = await read(written + 4 * MINUTE, first.position);
  expect(second.sink.counted).toEqual([]);
});
