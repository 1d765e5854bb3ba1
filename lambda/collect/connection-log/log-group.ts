// Reads a log group from run to run: each event is counted once, however late it comes and wherever a run ends.

import type { LogGap } from '../../model/connection-log.ts';
import { DAY_MS, endsAfter, HOUR_MS } from '../../model/time.ts';
import { orAbort } from '../../runtime/waiting.ts';
import {
  advanced,
  countedTo,
  firstPosition,
  type LogGroupPosition,
  MOST_STEPS,
  parsePosition,
  type Start,
  startOf,
} from './log-group-position.ts';
import type { LogReader, LogReading, LogReadRequest, LogSink } from './source.ts';

/** An event as the service keeps it; its times are milliseconds since 1970. */
export interface LogGroupEvent {
  readonly stream: string;
  readonly timestamp: number;
  /** When the service took it in. */
  readonly ingestionTime: number;
  readonly message: string;
}

export interface EventPage {
  readonly events: readonly LogGroupEvent[];
  /** Events that lack a field, or whose fields can't be. */
  readonly unusable: number;
  /** Undefined on the last page. */
  readonly nextToken: string | undefined;
  /** The service's own time; undefined where it does not say. */
  readonly serviceTime: number | undefined;
}

export interface EventRequest {
  /** Both included. */
  readonly startTime: number;
  readonly endTime: number;
  readonly nextToken: string | undefined;
}

/** A log group as the service gives it. */
export interface LogGroupService {
  /** The group's name and the streams' prefix, by which a position is recognised. */
  readonly log: string;
  /** As it stands in a reason. */
  readonly shownAs: string;
  /** @throws an error of the service, which `gapOf` understands */
  list(request: EventRequest, signal: AbortSignal): Promise<EventPage>;
  gapOf(error: unknown): LogGap;
}

export interface LogGroupBounds {
  /** Milliseconds of one read. @default 20000 */
  readonly timeoutMs?: number;
  /** Pages of one read. @default 200 */
  readonly pages?: number;
  /** Characters of messages of one read. @default 64000000 */
  readonly characters?: number;
  /** Characters of messages that are held at once. @default 4000000 */
  readonly held?: number;
  /** Pages of one time range. @default 10 */
  readonly rangePages?: number;
}

/**
 * How long after its intake an event may first be seen in a listing. Younger ones are left to the next run, which would
 * otherwise not know whether this one saw them.
 */
const SETTLE_MS = 120_000;
/** The service takes events in whose time is up to two hours ahead. */
const AHEAD_MS = 2 * HOUR_MS + 60_000;
/** How far back a later run goes on; no finding is of anything older. */
const LONGEST_PAUSE_MS = 7 * DAY_MS;
/** Where events come as late as this, others may come too late. */
const LATE_EDGE_MS = HOUR_MS / 4;
/** Characters per event besides its message, for the bound of what is held. */
const EVENT_OVERHEAD = 200;
/** How many times as much is held of a moment, which can't be narrowed. */
const LARGEST_MOMENT = 8;
/** How many times as much a run may read before it has read anything new. */
const NO_PROGRESS_YET = 4;
/** Of the first run. A range grows while it holds little. */
const FIRST_RANGE_MS = HOUR_MS;

/** A listing whose pages never end. */
class EndlessListingError extends Error {
  override readonly name = 'EndlessListingError';
}

/** A connection log in a log group. Ranges of time are asked for, and narrowed until one can be held at once. */
export function logGroupReader(service: LogGroupService, bounds: LogGroupBounds = {}): LogReader {
  return { read: (request) => new Pass(service, request, bounds).read() };
}

interface Listing {
  readonly events: readonly LogGroupEvent[];
  readonly size: number;
  readonly pages: number;
  /** More than can be held, or more pages than a range may have: `events` are some of it. */
  readonly isTooLarge: boolean;
}

/** One read. */
class Pass {
  readonly #service: LogGroupService;
  readonly #request: LogReadRequest;
  readonly #bounds: Required<LogGroupBounds>;
  readonly #ends: AbortSignal;
  readonly #gaps: LogGap[] = [];
  readonly #streams = new Set<string>();
  #bound: number;
  #isBoundKnown = false;
  #newest: number | undefined;
  #range: number;
  #pages = 0;
  #characters = 0;
  #unusable = 0;
  #late: number | undefined;
  /** The first moment of which not everything could be read. */
  #cutAt: number | undefined;

  constructor(service: LogGroupService, request: LogReadRequest, bounds: LogGroupBounds) {
    this.#service = service;
    this.#request = request;
    const defaults = { timeoutMs: 20_000, pages: 200, characters: 64_000_000, held: 4_000_000, rangePages: 10 };
    this.#bounds = { ...defaults, ...bounds };
    this.#ends = AbortSignal.any([request.signal, endsAfter(this.#bounds.timeoutMs)]);
    this.#bound = Math.max(0, request.now - SETTLE_MS);
    this.#range = FIRST_RANGE_MS;
  }

  async read(): Promise<LogReading> {
    const { now, from, sink } = this.#request;
    const stored = this.#stored();
    const position = (): LogGroupPosition => stored ?? firstPosition(this.#service.log, from, this.#bound);
    this.#newest = stored?.newest;
    this.#range = stored?.range ?? FIRST_RANGE_MS;
    const isBehind = stored !== undefined && stored.steps.length >= MOST_STEPS;
    if (isBehind) this.#lowerBound(stored.steps[0]?.ingestedTo ?? 0);
    const start = startOf(position(), from, this.#bound);
    if (start === undefined) return { position: stored, gaps: this.#gaps };
    const end = now + AHEAD_MS;
    const readTo = await this.#readRanges(position, start, end);
    for (const stream of this.#streams) sink.end(stream);
    if (isBehind && readTo > end) this.#addUnfinished(`as far as it was there at ${iso(this.#bound)}`);
    this.#addGaps();
    const reached =
      readTo > end
        ? advanced(position(), Number.POSITIVE_INFINITY, this.#bound)
        : readTo > start.newFrom
          ? advanced(position(), readTo, this.#bound)
          : position();
    return { position: { ...reached, newest: this.#newest, range: this.#range }, gaps: this.#gaps };
  }

  /** What earlier runs counted; undefined where none did, and where what they left is of no use. */
  #stored(): LogGroupPosition | undefined {
    const { position: stored, now, from } = this.#request;
    const { log, shownAs } = this.#service;
    if (stored === undefined || stored === null) return undefined;
    const position = parsePosition(stored, now);
    if (position === undefined) {
      this.#gaps.push({
        cause: 'failed',
        reason:
          `what is stored of how far ${shownAs} was read is not what this version writes, ` +
          'so it was read again from the start of the window',
      });
      return undefined;
    }
    if (position.log !== log) return undefined;
    const latest = Math.max(position.ingestedTo, ...position.steps.map(({ ingestedTo }) => ingestedTo));
    if (latest >= now - LONGEST_PAUSE_MS) return position;
    this.#gaps.push({
      cause: 'lost',
      reason: `${shownAs} was last read more than 7 days ago, so what came before ${iso(from)} was not read`,
    });
    return undefined;
  }

  /** @returns the first time that was not read; later than `end` where all was */
  async #readRanges(position: () => LogGroupPosition, start: Start, end: number): Promise<number> {
    let { at } = start;
    while (at <= end) {
      const endTime = Math.min(end, at + this.#range);
      const listing = this.#isSpent(at > start.newFrom ? 1 : NO_PROGRESS_YET)
        ? undefined
        : await this.#listOrGap(at, endTime);
      if (listing === undefined) {
        this.#addUnfinished(`up to ${iso(at)}`);
        return at;
      }
      if ('cause' in listing) {
        this.#gaps.push(listing);
        return at;
      }
      const { events, isTooLarge, size, pages } = listing;
      if (isTooLarge && endTime > at) {
        this.#range = narrowed(events, at, endTime);
        continue;
      }
      if (isTooLarge) this.#cutAt ??= at;
      else if (size * 8 < this.#bounds.held && pages <= 2) {
        this.#range = Math.min(Math.max(1, this.#range) * 4, DAY_MS);
      }
      this.#push(events, position(), start);
      at = endTime + 1;
    }
    return at;
  }

  /** @returns undefined where the time is up */
  async #listOrGap(startTime: number, endTime: number): Promise<Listing | LogGap | undefined> {
    try {
      return await this.#list(startTime, endTime);
    } catch (error) {
      return this.#ends.aborted ? undefined : this.#service.gapOf(error);
    }
  }

  /** @throws an error of the service; anything where the time is up */
  async #list(startTime: number, endTime: number): Promise<Listing> {
    const { held, rangePages } = this.#bounds;
    const most = startTime === endTime ? held * LARGEST_MOMENT : held;
    const events: LogGroupEvent[] = [];
    let size = 0;
    let nextToken: string | undefined;
    for (let pages = 1; ; pages += 1) {
      this.#pages += 1;
      this.#ends.throwIfAborted();
      const page = await orAbort(this.#service.list({ startTime, endTime, nextToken }, this.#ends), this.#ends);
      this.#setBound(page.serviceTime);
      this.#unusable += page.unusable;
      for (const event of page.events) {
        if (event.timestamp < startTime || event.timestamp > endTime) {
          this.#unusable += 1;
          continue;
        }
        this.#characters += event.message.length;
        size += event.message.length + EVENT_OVERHEAD;
        if (size <= most) events.push(event);
      }
      if (size > most) return { events, size, pages, isTooLarge: true };
      if (page.nextToken === undefined) return { events, size, pages, isTooLarge: false };
      if (page.nextToken === nextToken) throw new EndlessListingError('a page names itself as the next one');
      if (pages >= rangePages) return { events, size, pages, isTooLarge: true };
      nextToken = page.nextToken;
    }
  }

  /** Where the machine's clock is ahead, events that it takes for settled are yet to come. */
  #setBound(serviceTime: number | undefined): void {
    if (this.#isBoundKnown) return;
    this.#isBoundKnown = true;
    if (serviceTime !== undefined) this.#lowerBound(serviceTime - SETTLE_MS);
  }

  #lowerBound(bound: number): void {
    this.#bound = Math.max(0, Math.min(this.#bound, bound));
  }

  #isSpent(times: number): boolean {
    return this.#pages >= this.#bounds.pages * times || this.#characters >= this.#bounds.characters * times;
  }

  #push(events: readonly LogGroupEvent[], position: LogGroupPosition, start: Start): void {
    const batch = new Batch(this.#request.sink);
    // The service sorts them; what is of one moment stays in its order.
    for (const { stream, timestamp, ingestionTime, message } of events.toSorted((a, b) => a.timestamp - b.timestamp)) {
      if (ingestionTime > this.#bound) continue;
      const isCounted = ingestionTime <= countedTo(position, timestamp);
      if (!isCounted && start.mayMissLate && timestamp < start.newFrom + LATE_EDGE_MS) {
        this.#late = Math.max(this.#late ?? 0, ingestionTime - timestamp);
      }
      this.#newest = Math.max(this.#newest ?? 0, Math.min(timestamp, this.#bound));
      this.#streams.add(stream);
      batch.add(stream, message, isCounted);
    }
    batch.flush();
  }

  #addUnfinished(howFar: string): void {
    const reason = `${this.#service.shownAs} was read ${howFar} in the time of this run, and the next run goes on there`;
    this.#gaps.push({ cause: 'not-read-to-end', reason });
  }

  #addGaps(): void {
    const { shownAs } = this.#service;
    if (this.#cutAt !== undefined) {
      this.#gaps.push({
        cause: 'lost',
        reason: `${shownAs} holds more events of ${iso(this.#cutAt)} than can be read at once, so not all of them were`,
      });
    }
    if (this.#unusable > 0) {
      this.#gaps.push({
        cause: 'unreadable-lines',
        reason: `${this.#unusable} events of ${shownAs} lack their time or their message, or were not asked for`,
      });
    }
    if (this.#late !== undefined) {
      this.#gaps.push({
        cause: 'lost',
        reason:
          `events reach ${shownAs} up to ${Math.round(this.#late / 60_000)} minutes after they were written, ` +
          'and those that come more than 60 minutes late may not be read',
      });
    }
  }
}

/** Pushes events of one stream that follow each other together. */
class Batch {
  readonly #sink: LogSink;
  #stream = '';
  #isContext = false;
  #messages: string[] = [];
  #size = 0;

  constructor(sink: LogSink) {
    this.#sink = sink;
  }

  add(stream: string, message: string, isContext: boolean): void {
    if (stream !== this.#stream || isContext !== this.#isContext || this.#size > 65_536) this.flush();
    this.#stream = stream;
    this.#isContext = isContext;
    this.#messages.push(message.endsWith('\n') ? message : `${message}\n`);
    this.#size += message.length;
  }

  flush(): void {
    if (this.#messages.length > 0) this.#sink.push(this.#stream, Buffer.from(this.#messages.join('')), this.#isContext);
    this.#messages = [];
    this.#size = 0;
  }
}

/**
 * The length of a range that can be held. Events come in order, so that all before the last one are known to fit; some
 * less leaves room for the ranges that follow. Where they did not come in order, or none came, a quarter is tried.
 */
function narrowed(events: readonly LogGroupEvent[], at: number, endTime: number): number {
  const last = events.at(-1)?.timestamp ?? at;
  const isSorted = events.every(({ timestamp }, index) => timestamp >= (events[index - 1]?.timestamp ?? 0));
  return isSorted && last > at ? Math.floor((last - at) * 0.75) : Math.floor((endTime - at) / 4);
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
