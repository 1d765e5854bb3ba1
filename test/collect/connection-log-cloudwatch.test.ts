// The connection log in CloudWatch Logs: every event is counted once, whatever the service and the runs do.

import fc from 'fast-check';
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { type AwsEndpoint, startAwsEndpoint } from '../../lab/aws.ts';
import { CloudWatchLogs, compilePattern, type StoredLogEvent } from '../../lab/aws-cloudwatch-logs.ts';
import { cloudWatchLogsClients, cloudWatchReader, type LogGroupSource } from '../../lambda/collect/connection-log/cloudwatch.ts';
import { type LogGroupBounds, type LogGroupService, logGroupReader } from '../../lambda/collect/connection-log/log-group.ts';
import { connectionFilter } from '../../lambda/collect/connection-log/log-group-filter.ts';
import type { LogReading, LogSink } from '../../lambda/collect/connection-log/source.ts';
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

class Recorder implements LogSink {
  readonly pushed: Pushed[] = [];
  readonly ended: string[] = [];

  push(stream: string, bytes: Uint8Array, context: boolean): void {
    for (const text of Buffer.from(bytes).toString().split('\n').slice(0, -1)) this.pushed.push({ stream, text, context });
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
      at: fc.oneof(fc.nat(12 * HOUR_MS), fc.nat(12).map((hour) => hour * HOUR_MS)),
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
          const reading = await logGroupReader(service, bounds).read({ position, from: now - DAY_MS, now, sink, signal });
          for (const stream of new Set(sink.pushed.map((pushed) => pushed.stream))) {
            const times = numbers(sink.pushed.filter((pushed) => pushed.stream === stream).map(({ text }) => text)).map(
              (number) => schedule[number]?.at ?? 0,
            );
            expect(times).toEqual(times.toSorted((a, b) => a - b));
          }
          if (reading.gaps.some(({ cause }) => cause === 'not-read-to-end')) interrupted += 1;
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
        const last: Run = { after: 0, dies: false, failsAt: undefined, skew: 0, bounds: { held: 900 }, eventsPerPage: 3, emptyPages: 0 };
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
