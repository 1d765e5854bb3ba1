// Serves the part of Amazon SNS that publishing needs, with the service's limits.

import { randomUUID } from 'node:crypto';
import { AwsFailure } from './aws-failure.ts';
import { escapeXml } from './aws-protocols.ts';

/** A message as a topic took it. */
export interface PublishedMessage {
  readonly messageId: string;
  readonly topicArn: string;
  readonly subject: string | undefined;
  /** As it was published: with `messageStructure` `json`, a JSON object of one body per protocol. */
  readonly message: string;
  readonly messageStructure: string | undefined;
  readonly attributes: Readonly<Record<string, { readonly type: string; readonly value: string }>>;
  readonly at: Date;
}

/** A subscription as a test has it; `isConfirmed` may change while the endpoint runs. */
export interface TopicSubscription {
  /** Name of the topic. */
  readonly topic: string;
  readonly protocol: string;
  readonly endpoint: string;
  readonly isConfirmed: boolean;
}

/** Subscriptions a page ("ListSubscriptionsByTopic"). */
const PAGE = 100;

/** Bytes of a message, its attributes included ("Amazon SNS endpoints and quotas"). */
const MOST_BYTES = 262_144;

/** What a subscriber of that protocol receives: its own body, or the default one. */
export function bodyFor(published: PublishedMessage, protocol: string): string {
  if (published.messageStructure !== 'json') return published.message;
  const bodies = JSON.parse(published.message) as Readonly<Record<string, string>>;
  return bodies[protocol] ?? bodies.default ?? '';
}

export class Sns {
  readonly published: PublishedMessage[] = [];
  readonly #topics: ReadonlySet<string>;
  #subscriptions: readonly TopicSubscription[];

  /** By default each topic has a confirmed subscription by email and one by https. */
  constructor(topicArns: readonly string[]) {
    this.#topics = new Set(topicArns);
    this.#subscriptions = topicArns.flatMap((arn) =>
      ['email', 'https'].map((protocol) => ({
        topic: arn.split(':').at(-1) ?? '',
        protocol,
        endpoint: protocol === 'email' ? 'subscriber@example.com' : 'https://global.sns-api.chatbot.amazonaws.com',
        isConfirmed: true,
      })),
    );
  }

  set subscriptions(subscriptions: readonly TopicSubscription[]) {
    this.#subscriptions = subscriptions;
  }

  /** @returns what stands within the answer to ListSubscriptionsByTopic, as XML */
  listSubscriptions(form: URLSearchParams): string {
    const topicArn = form.get('TopicArn') ?? '';
    if (!this.#topics.has(topicArn)) throw new AwsFailure('NotFound', 'Topic does not exist', 404);
    const from = Number(form.get('NextToken') ?? 0);
    const all = this.#subscriptions.filter(({ topic }) => topicArn.endsWith(`:${topic}`));
    const members = all.slice(from, from + PAGE).map(({ protocol, endpoint, isConfirmed }, index) => {
      const arn = isConfirmed ? `${topicArn}:${randomUUID()}` : index % 2 === 0 ? 'PendingConfirmation' : 'Deleted';
      return (
        `<member><TopicArn>${topicArn}</TopicArn><Protocol>${protocol}</Protocol><SubscriptionArn>${arn}</SubscriptionArn>` +
        `<Owner>123456789012</Owner><Endpoint>${escapeXml(endpoint)}</Endpoint></member>`
      );
    });
    const next = all.length > from + PAGE ? `<NextToken>${from + PAGE}</NextToken>` : '';
    return `<Subscriptions>${members.join('')}</Subscriptions>${next}`;
  }

  /** Takes a message. @returns its id @throws AwsFailure where the service would refuse */
  publish(form: URLSearchParams): string {
    const topicArn = form.get('TopicArn') ?? '';
    const message = form.get('Message') ?? '';
    const subject = form.get('Subject') ?? undefined;
    const messageStructure = form.get('MessageStructure') ?? undefined;
    const attributes = readAttributes(form);
    if (!/^arn:aws[\w-]*:sns:[\w-]+:\d{12}:[\w-]{1,256}(\.fifo)?$/.test(topicArn)) throw invalid('TopicArn');
    if (!this.#topics.has(topicArn)) throw new AwsFailure('NotFound', 'Topic does not exist', 404);
    // Docs of Publish: ASCII text that begins with a letter, number or punctuation mark, without line breaks or control
    // characters.
    if (subject !== undefined && !/^[!-~][ -~]{0,99}$/.test(subject)) throw invalid('Subject');
    if (message === '') throw invalid('Empty message');
    if (Buffer.byteLength(message) + bytesOf(attributes) > MOST_BYTES) throw invalid('Message too long');
    if (messageStructure !== undefined && messageStructure !== 'json') throw invalid('MessageStructure');
    if (messageStructure === 'json') refuseBadStructure(message);
    const messageId = randomUUID();
    this.published.push({ messageId, topicArn, subject, message, messageStructure, attributes, at: new Date() });
    return messageId;
  }
}

function refuseBadStructure(message: string): void {
  let bodies: unknown;
  try {
    bodies = JSON.parse(message);
  } catch {
    bodies = undefined;
  }
  if (typeof bodies !== 'object' || bodies === null || Array.isArray(bodies)) {
    throw invalid('Message Structure - JSON message body failed to parse');
  }
  if (!('default' in bodies)) throw invalid('Message Structure - No default entry in JSON message body');
  if (!Object.values(bodies).every((body) => typeof body === 'string')) {
    throw invalid('Message Structure - JSON message body values must be strings');
  }
}

function readAttributes(form: URLSearchParams): PublishedMessage['attributes'] {
  const attributes: Record<string, { type: string; value: string }> = {};
  for (let index = 1; form.has(`MessageAttributes.entry.${index}.Name`); index += 1) {
    const entry = `MessageAttributes.entry.${index}`;
    const name = form.get(`${entry}.Name`) ?? '';
    const type = form.get(`${entry}.Value.DataType`) ?? '';
    const value = form.get(`${entry}.Value.${type === 'Binary' ? 'BinaryValue' : 'StringValue'}`) ?? '';
    if (!/^(?!\.|.*\.$|.*\.\.)[\w.-]{1,256}$/.test(name)) throw invalidValue(`attribute name '${name}'`);
    if (!/^(String|Number|Binary)(\.[\w.-]+)?$/.test(type)) throw invalidValue(`type of attribute '${name}'`);
    if (value === '') throw invalidValue(`empty value of attribute '${name}'`);
    if (type === 'Number' && !Number.isFinite(Number(value))) throw invalidValue(`number in attribute '${name}'`);
    if (type === 'String.Array' && !isArrayOfScalars(value)) throw invalidValue(`array in attribute '${name}'`);
    attributes[name] = { type, value };
  }
  return attributes;
}

function isArrayOfScalars(text: string): boolean {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) && value.every((item) => item === null || typeof item !== 'object');
  } catch {
    return false;
  }
}

function bytesOf(attributes: PublishedMessage['attributes']): number {
  return Object.entries(attributes).reduce(
    (sum, [name, { type, value }]) =>
      sum + Buffer.byteLength(name) + Buffer.byteLength(type) + Buffer.byteLength(value),
    0,
  );
}

function invalid(what: string): AwsFailure {
  return new AwsFailure('InvalidParameter', `Invalid parameter: ${what}`);
}

function invalidValue(what: string): AwsFailure {
  return new AwsFailure('ParameterValueInvalid', `Invalid parameter value: ${what}`);
}
