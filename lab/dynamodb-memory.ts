// Serves the part of DynamoDB that a state needs from memory, with the limits of the service: for thousands of records,
// which dynalite takes minutes for.

import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** Bytes of an item and of a page ("Quotas"). JSON has some more bytes than the service counts. */
const MOST_ITEM = 400 * 1024;
const MOST_PAGE = 1024 * 1024;

type Value = Readonly<Record<string, string>>;
type Item = Readonly<Record<string, Value>>;

interface Request {
  readonly Item?: Item;
  readonly Key?: Item;
  readonly ExclusiveStartKey?: Item;
  readonly ConditionExpression?: string;
  readonly ExpressionAttributeNames?: Readonly<Record<string, string>>;
  readonly ExpressionAttributeValues?: Readonly<Record<string, Value>>;
}

export interface MemoryDynamoDb extends AsyncDisposable {
  readonly url: string;
  /** Requests that came for that operation, those that were throttled included. */
  count(operation: string): number;
}

/** @param throttleEvery 50: every fiftieth write is throttled */
export async function startMemoryDynamoDb(throttleEvery: number): Promise<MemoryDynamoDb> {
  const partitions = new Map<string, Map<string, { readonly item: Item; readonly bytes: number }>>();
  const counts = new Map<string, number>();

  const carryOut = (operation: string, request: Request): object => {
    const { pk, sk } = request.Item ?? request.Key ?? request.ExpressionAttributeValues ?? {};
    const [value] = Object.values(request.ExpressionAttributeValues ?? {});
    const own = partitions.get(pk?.S ?? value?.S ?? '') ?? new Map<string, { item: Item; bytes: number }>();
    const before = own.get(sk?.S ?? '');
    switch (operation) {
      case 'PutItem': {
        mustHold(request, before?.item);
        const bytes = Buffer.byteLength(JSON.stringify(request.Item));
        if (bytes > MOST_ITEM)
          throw new Refusal('ValidationException', 'Item size has exceeded the maximum allowed size');
        own.set(sk?.S ?? '', { item: request.Item ?? {}, bytes });
        partitions.set(pk?.S ?? '', own);
        return {};
      }
      case 'DeleteItem':
        mustHold(request, before?.item);
        own.delete(sk?.S ?? '');
        return {};
      case 'GetItem':
        return before === undefined ? {} : { Item: before.item };
      case 'Query':
        return page(own, request.ExclusiveStartKey?.sk?.S ?? '');
      default:
        throw new Refusal('UnknownOperationException', operation);
    }
  };

  const server = createServer((request, response) => {
    void buffer(request).then((body) => {
      const operation = String(request.headers['x-amz-target']).split('.').at(-1) ?? '';
      const count = (counts.get(operation) ?? 0) + 1;
      counts.set(operation, count);
      const answer = (status: number, content: object): void => {
        response.writeHead(status, { 'content-type': 'application/x-amz-json-1.0' }).end(JSON.stringify(content));
      };
      try {
        if (operation === 'PutItem' && count % throttleEvery === 0) {
          throw new Refusal('ProvisionedThroughputExceededException', 'on purpose');
        }
        answer(200, carryOut(operation, JSON.parse(body.toString()) as Request));
      } catch (error) {
        const { code = 'InternalServerError', message } = error as Refusal;
        answer(400, { __type: `com.amazonaws.dynamodb.v20120810#${code}`, message });
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    count: (operation) => counts.get(operation) ?? 0,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

class Refusal extends Error {
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.code = code;
  }
}

/** Items in the order of their keys, up to the bytes of a page. */
function page(own: ReadonlyMap<string, { readonly item: Item; readonly bytes: number }>, after: string): object {
  const Items: Item[] = [];
  let bytes = 0;
  for (const key of [...own.keys()].filter((one) => one > after).sort()) {
    const stored = own.get(key);
    if (stored === undefined) continue;
    if (bytes + stored.bytes > MOST_PAGE) {
      const { pk, sk } = Items.at(-1) ?? {};
      return { Items, Count: Items.length, LastEvaluatedKey: { pk, sk } };
    }
    bytes += stored.bytes;
    Items.push(stored.item);
  }
  return { Items, Count: Items.length };
}

/** Any of the terms `attribute_not_exists(#a)`, `#a = :b`, `#a < :b` and `#a > :b`. */
function mustHold(request: Request, item: Item | undefined): void {
  const { ConditionExpression, ExpressionAttributeNames: names = {}, ExpressionAttributeValues: values = {} } = request;
  if (ConditionExpression === undefined) return;
  const holds = ConditionExpression.split(' OR ').some((term) => {
    const [, missing] = /^attribute_not_exists\((#\w+)\)$/.exec(term) ?? [];
    if (missing !== undefined) return item?.[names[missing] ?? ''] === undefined;
    const [, name = '', operator, value = ''] = /^(#\w+) ([=<>]) (:\w+)$/.exec(term) ?? [];
    if (operator === undefined) throw new Refusal('ValidationException', term);
    const [left] = Object.values(item?.[names[name] ?? ''] ?? {});
    const [right] = Object.values(values[value] ?? {});
    if (left === undefined || right === undefined) return false;
    if (operator === '=') return left === right;
    return operator === '<' ? Number(left) < Number(right) : Number(left) > Number(right);
  });
  if (!holds) throw new Refusal('ConditionalCheckFailedException', 'The conditional request failed');
}
