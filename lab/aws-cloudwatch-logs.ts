// The part of CloudWatch Logs that reading needs: FilterLogEvents, with pages, late delivery and filter patterns.

import { AwsFailure } from './aws-failure.ts';

export interface StoredLogEvent {
  readonly logStreamName: string;
  /** Milliseconds since 1970. */
  readonly timestamp: number;
  readonly ingestionTime: number;
  readonly message: string;
}

/** How the service answers. */
export interface LogsBehaviour {
  /** @default 10000, as the service's */
  readonly eventsPerPage?: number;
  /** Pages without events, with a token, before each page with some. @default 0 */
  readonly emptyPages?: number;
  /** What is given on a page instead of what is stored, for wrong answers. */
  readonly page?: (page: LogsPage) => unknown;
  /** The time by which events are there or yet to come. @default the machine's */
  readonly now?: () => number;
  /** Milliseconds from the intake of an event until a listing shows it. @default 0 */
  readonly delay?: (event: StoredLogEvent) => number;
}

export interface LogsPage {
  readonly events: readonly StoredLogEvent[];
  readonly nextToken?: string;
}

/** What the service gives on a page at most. */
const MOST_EVENTS = 10_000;
const MOST_BYTES = 1_048_576;

export class CloudWatchLogs {
  readonly groups = new Map<string, StoredLogEvent[]>();
  /** What was asked, as it came. */
  readonly asked: Readonly<Record<string, unknown>>[] = [];
  behaviour: LogsBehaviour = {};
  readonly #region: string;
  readonly #account: string;

  constructor(region: string, account: string) {
    this.#region = region;
    this.#account = account;
  }

  arn(group: string): string {
    return `arn:aws:logs:${this.#region}:${this.#account}:log-group:${group}`;
  }

  /** Creates the group where there is none. */
  put(group: string, ...events: readonly StoredLogEvent[]): void {
    const stored = this.groups.get(group) ?? [];
    this.groups.set(group, stored);
    for (const event of events) stored.push(event);
  }

  /** @throws AwsFailure */
  filterLogEvents(input: Readonly<Record<string, unknown>>): object {
    this.asked.push(input);
    const { startTime = 0, endTime = Number.MAX_SAFE_INTEGER, logStreamNamePrefix: prefix = '', nextToken } = input;
    if (typeof startTime !== 'number' || typeof endTime !== 'number' || typeof prefix !== 'string') {
      throw invalid('a parameter has the wrong type');
    }
    if (startTime > endTime) throw invalid('startTime must not be after endTime');
    const matches = compilePattern(String(input.filterPattern ?? ''));
    const { eventsPerPage = MOST_EVENTS, emptyPages = 0, page = (made) => made, delay = () => 0 } = this.behaviour;
    const now = this.behaviour.now?.() ?? Date.now();
    const found = this.#group(input)
      .filter(({ timestamp }) => timestamp >= startTime && timestamp <= endTime)
      .filter((event) => event.ingestionTime + delay(event) <= now && event.logStreamName.startsWith(prefix))
      .filter(({ message }) => matches(message))
      .sort((a, b) => a.timestamp - b.timestamp || a.ingestionTime - b.ingestionTime);
    const question = JSON.stringify([startTime, endTime, prefix]);
    const { at, empty } = readToken(nextToken, question, emptyPages);
    if (empty > 0) return page({ events: [], nextToken: token({ at, empty: empty - 1, question }) }) as object;
    const events = ofOnePage(found.slice(at, at + Math.min(eventsPerPage, MOST_EVENTS)));
    const next = at + events.length;
    const more = next < found.length ? { nextToken: token({ at: next, empty: emptyPages, question }) } : {};
    return page({ events, ...more }) as object;
  }

  #group({ logGroupName, logGroupIdentifier }: Readonly<Record<string, unknown>>): readonly StoredLogEvent[] {
    if ((logGroupName === undefined) === (logGroupIdentifier === undefined)) {
      throw invalid('either logGroupName or logGroupIdentifier must be given');
    }
    const given = String(logGroupName ?? logGroupIdentifier);
    if (logGroupName !== undefined && !/^[\w./#-]{1,512}$/.test(given)) throw invalid('logGroupName is not a name');
    if (logGroupIdentifier !== undefined && given.endsWith('*')) throw invalid('an identifier ends in no asterisk');
    const name = given.startsWith(this.arn('')) ? given.slice(this.arn('').length) : given;
    const group = this.groups.get(name);
    if (group !== undefined) return group;
    throw new AwsFailure('ResourceNotFoundException', 'The specified log group does not exist.');
  }
}

interface Token {
  readonly at: number;
  readonly empty: number;
  readonly question: string;
}

function token(content: Token): string {
  return Buffer.from(JSON.stringify(content)).toString('base64url');
}

function readToken(given: unknown, question: string, emptyPages: number): Token {
  if (given === undefined) return { at: 0, empty: emptyPages, question };
  try {
    const read = JSON.parse(Buffer.from(String(given), 'base64url').toString()) as Token;
    if (read.question === question) return read;
  } catch {
    // refused below
  }
  throw invalid('The specified nextToken is invalid.');
}

function ofOnePage(events: readonly StoredLogEvent[]): readonly StoredLogEvent[] {
  let size = 0;
  const most = events.findIndex(({ message }) => {
    size += Buffer.byteLength(message) + 26;
    return size > MOST_BYTES;
  });
  return most < 0 ? events : events.slice(0, Math.max(1, most));
}

function invalid(message: string): AwsFailure {
  return new AwsFailure('InvalidParameterException', message);
}

/**
 * The documented syntax for unstructured events: words and quoted phrases, all of which must occur; with `?` before
 * each, any of them; with `-`, none of them. `?` means nothing beside terms without it.
 *
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 * @throws AwsFailure for patterns of JSON, of columns and with regular expressions, which no one here sends
 */
export function compilePattern(pattern: string): (message: string) => boolean {
  if (pattern.length > 1024) throw invalid('a filterPattern has at most 1024 characters');
  const terms = [...pattern.matchAll(/([?-]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))(?=\s|$)/g)];
  const whole = terms.map(([text]) => text).join(' ');
  if (whole !== pattern.trim().replaceAll(/\s+(?=(?:[^"]*"[^"]*")*[^"]*$)/g, ' '))
    throw invalid('Invalid filter pattern');
  const parsed = terms.map(([, sign, phrase, word = '']) => ({
    sign,
    text: phrase?.replaceAll(/\\(.)/g, '$1') ?? word,
  }));
  if (parsed.some(({ text }) => /^[{[%]/.test(text) || (/\W/.test(text) && !pattern.includes(`"${text}`)))) {
    throw invalid('Invalid character(s) in term');
  }
  const of = (sign: string) => parsed.filter((term) => term.sign === sign).map(({ text }) => text);
  const [any, all, none] = [of('?'), of(''), of('-')];
  if (all.length + none.length > 0) {
    return (message) => all.every((text) => message.includes(text)) && !none.some((text) => message.includes(text));
  }
  return (message) => any.length === 0 || any.some((text) => message.includes(text));
}
