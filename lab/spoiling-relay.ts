// Relays between the SDK's clients and a local service: records requests, and refuses or delays those a test picks.

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerResponse, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';

/** One request, by what it was for. */
export interface RelayedCall {
  /** `Publish`, `PutItem`, … */
  readonly operation: string;
  /** The name of the topic, or the partition of the table. */
  readonly place: string;
}

/** What becomes of a call: it passes, or is refused as the service refuses those who may not, after any time. */
export type Treatment = 'pass' | 'refuse' | Promise<'pass' | 'refuse'>;

export interface SpoilingRelay extends AsyncDisposable {
  readonly url: string;
  /** In the order in which they came, with those that were refused. */
  readonly calls: readonly RelayedCall[];
  /** Says what becomes of each call from now on. */
  treat(treatment: (call: RelayedCall) => Treatment): void;
}

/**
 * Relays SNS and DynamoDB to where they are.
 *
 * @example
 * await using relay = await startSpoilingRelay({ sns: aws.url, dynamodb: dynamodb.url });
 * relay.treat(({ operation }) => (operation === 'Publish' ? 'refuse' : 'pass'));
 */
export async function startSpoilingRelay(upstream: {
  readonly sns: string;
  readonly dynamodb: string;
}): Promise<SpoilingRelay> {
  const calls: RelayedCall[] = [];
  let treatment: (call: RelayedCall) => Treatment = () => 'pass';
  const server = createServer((request, response) => {
    const answer = async (): Promise<void> => {
      const body = await buffer(request);
      const isSns = request.headers['x-amz-target'] === undefined;
      const call = isSns ? publishing(body) : tableCall(request.headers, body);
      calls.push(call);
      if ((await treatment(call)) === 'refuse') refuse(response, isSns);
      else await relay(`${isSns ? upstream.sns : upstream.dynamodb}${request.url}`, request.headers, body, response);
    };
    answer().catch(() => request.socket.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    treat(next) {
      treatment = next;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function publishing(body: Buffer): RelayedCall {
  const form = new URLSearchParams(body.toString());
  return { operation: form.get('Action') ?? 'unknown', place: form.get('TopicArn')?.split(':').at(-1) ?? 'nowhere' };
}

type Attribute = { readonly S?: string } | undefined;

function tableCall(headers: IncomingHttpHeaders, body: Buffer): RelayedCall {
  const { Item, Key, ExpressionAttributeValues } = JSON.parse(body.toString()) as Readonly<
    Record<string, Readonly<Record<string, Attribute>> | undefined>
  >;
  const partition = Item?.pk ?? Key?.pk ?? ExpressionAttributeValues?.[':kind'];
  return {
    operation: String(headers['x-amz-target']).split('.').at(-1) ?? 'unknown',
    place: partition?.S ?? 'nowhere',
  };
}

/** No client asks again after such an answer. */
function refuse(response: ServerResponse, isSns: boolean): void {
  if (isSns) {
    response.writeHead(403, { 'content-type': 'text/xml' });
    response.end(
      '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>' +
        '<Code>AuthorizationError</Code><Message>refused, on purpose</Message></Error></ErrorResponse>',
    );
    return;
  }
  response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' });
  response.end('{"__type":"com.amazonaws.dynamodb.v20120810#AccessDeniedException","message":"refused, on purpose"}');
}

async function relay(url: string, headers: IncomingHttpHeaders, body: Buffer, response: ServerResponse): Promise<void> {
  const forwarded = send(url, { method: 'POST', headers });
  forwarded.end(body);
  const [answered] = await once(forwarded, 'response');
  const text = await buffer(answered);
  response.writeHead(answered.statusCode ?? 500, answered.headers);
  response.end(text);
}
