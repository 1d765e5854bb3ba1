// Reads a connection log from CloudWatch Logs, with the AWS SDK.
// The function loads it only where a target names a log group: no module that is loaded at start may import it.

import { Readable } from 'node:stream';
import {
  CloudWatchLogsClient,
  type FilteredLogEvent,
  FilterLogEventsCommand,
  type FilterLogEventsCommandOutput,
} from '@aws-sdk/client-cloudwatch-logs';
import { roleCredentials } from '../../aws/role-credentials.ts';
import { parseArn } from '../../model/arn.ts';
import type { AssumedRole } from '../../model/assumed-role.ts';
import type { LogGroupSource } from '../../model/connection-log.ts';
import { displayText } from '../../model/display.ts';
import { gapOf, nameOf } from './cloudwatch-failure.ts';
import {
  type EventPage,
  type EventRequest,
  type LogGroupBounds,
  type LogGroupEvent,
  type LogGroupService,
  logGroupReader,
} from './log-group.ts';
import { connectionFilter } from './log-group-filter.ts';
import type { LogReader, LogSettings } from './source.ts';

/** Bytes of an answer. A page has 1 MB of events, which JSON may write longer. */
const LARGEST_ANSWER = 16_000_000;

/** In a region, by all readers. */
const MOST_AT_ONCE = 5;

/** No stored event is larger. */
const LONGEST_MESSAGE = 1_048_576;
const LONGEST_STREAM = 512;
const LATEST_TIME = 8.64e15;

/** Gives the reader of a log group. @param settings - Of the server; undefined for a PgBouncer. */
export type LogGroupReaders = (
  source: LogGroupSource,
  settings: Pick<LogSettings, 'logLinePrefix'> | undefined,
) => LogReader;

/**
 * Readers with real clients, one for each account and region, with the SDK's own retries and bounded waits. Standard
 * AWS variables apply, AWS_ENDPOINT_URL included.
 */
export function logGroupReaders(bounds: LogGroupBounds = {}): LogGroupReaders {
  const clients = new Map<string, { readonly client: CloudWatchLogsClient; readonly turns: Turns }>();
  return (source, settings) => {
    const region = parseArn(source.logGroup)?.region;
    const { assumedRole } = source;
    const key = JSON.stringify([region, assumedRole?.roleArn, assumedRole?.externalId]);
    const known = clients.get(key) ?? { client: cloudWatchLogsClient(region, assumedRole), turns: new Turns() };
    clients.set(key, known);
    return cloudWatchReader(known.client, source, settings, { ...bounds, turns: known.turns });
  };
}

/** Limits the requests at once: an account may send few a second in a region. */
class Turns {
  #free = MOST_AT_ONCE;
  readonly #waiting: (() => void)[] = [];

  async take<T>(request: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
    try {
      return await request();
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free += 1;
      else next();
    }
  }
}

function cloudWatchLogsClient(region: string | undefined, assumedRole: AssumedRole | undefined): CloudWatchLogsClient {
  return new CloudWatchLogsClient({
    ...(region === undefined ? {} : { region }),
    ...(assumedRole === undefined || region === undefined ? {} : { credentials: roleCredentials(assumedRole, region) }),
    // Not the adaptive mode: after a few throttled requests it waits longer than a read has.
    retryMode: 'standard',
    maxAttempts: 4,
    requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
  });
}

/**
 * The connection log of a server or PgBouncer in a log group, or in those of its streams whose names begin with a
 * prefix.
 *
 * @param client - Of the group's region.
 */
export function cloudWatchReader(
  client: CloudWatchLogsClient,
  source: LogGroupSource,
  settings: Pick<LogSettings, 'logLinePrefix'> | undefined,
  { turns = new Turns(), ...bounds }: LogGroupBounds & { readonly turns?: Turns } = {},
): LogReader {
  return logGroupReader(serviceOf(client, source, connectionFilter(settings), turns), bounds);
}

function serviceOf(
  client: CloudWatchLogsClient,
  { logGroup, logStreamPrefix }: LogGroupSource,
  filterPattern: string,
  turns: Turns,
): LogGroupService {
  const group = parseArn(logGroup) === undefined ? { logGroupName: logGroup } : { logGroupIdentifier: logGroup };
  const streams = logStreamPrefix === undefined ? {} : { logStreamNamePrefix: logStreamPrefix };
  let region: string | undefined;
  return {
    log: `${nameOf(logGroup)} ${logStreamPrefix ?? ''}`,
    shownAs: `log group ${displayText(logGroup, 600)}`,
    async list({ startTime, endTime, nextToken }: EventRequest, signal) {
      region ??= await client.config.region();
      const command = new FilterLogEventsCommand({
        ...group,
        ...streams,
        startTime,
        endTime,
        filterPattern,
        nextToken,
      });
      const answered = bounded(command);
      const output = await turns.take(() => client.send(command, { abortSignal: signal }));
      return pageOf(output, answered.serviceTime);
    },
    gapOf: (error) => gapOf(error, { logGroup, region }),
  };
}

interface Answered {
  /** Of the last answer. */
  serviceTime: number | undefined;
}

/** Takes note of the service's time, and ends an answer that is longer than any may be. */
function bounded(command: FilterLogEventsCommand): Answered {
  const answered: Answered = { serviceTime: undefined };
  command.middlewareStack.add(
    (next) => async (args) => {
      const result = await next(args);
      const response = result.response as { readonly headers?: Readonly<Record<string, string>>; body?: unknown };
      const time = Date.parse(response.headers?.date ?? '');
      answered.serviceTime = Number.isFinite(time) ? time : undefined;
      if (response.body instanceof Readable) response.body = Readable.from(atMost(response.body));
      return result;
    },
    { step: 'deserialize', name: 'boundedAnswer', priority: 'low' },
  );
  return answered;
}

class AnswerTooLargeError extends Error {
  override readonly name = 'AnswerTooLargeError';
}

async function* atMost(body: Readable): AsyncIterable<Buffer> {
  let size = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_ANSWER) throw new AnswerTooLargeError(`an answer has more than ${LARGEST_ANSWER} bytes`);
    yield chunk;
  }
}

/** The events that can be; others are counted. */
function pageOf({ events, nextToken }: FilterLogEventsCommandOutput, serviceTime: number | undefined): EventPage {
  const given: readonly unknown[] = Array.isArray(events) ? events : [];
  const usable = given.flatMap((event) => eventOf(event) ?? []);
  return {
    events: usable,
    unusable: given.length - usable.length,
    nextToken: typeof nextToken === 'string' && nextToken !== '' ? nextToken : undefined,
    serviceTime,
  };
}

function eventOf(given: unknown): LogGroupEvent | undefined {
  const { logStreamName, timestamp, ingestionTime, message } = (given ?? {}) as FilteredLogEvent;
  if (typeof logStreamName !== 'string' || logStreamName.length > LONGEST_STREAM) return undefined;
  if (typeof message !== 'string' || message.length > LONGEST_MESSAGE) return undefined;
  if (!isTime(timestamp) || !isTime(ingestionTime)) return undefined;
  return { stream: logStreamName, timestamp, ingestionTime, message };
}

function isTime(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= LATEST_TIME;
}
