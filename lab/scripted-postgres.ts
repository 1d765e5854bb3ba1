// Starts a server that accepts every login over TLS and answers each query as a test says.

import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import type { IssuedCertificate } from './certificates.ts';
import { errorResponse, type ServerError } from './faulty-servers.ts';

/** What becomes of a query: rows of one column for each statement that is answered, or an error. */
export type Reply =
  /** One result for each text: a row with it. */
  | { readonly rows: readonly string[] }
  | { readonly error: ServerError }
  /** Nothing, for ever. */
  | 'silence';

export interface ScriptedOptions {
  readonly certificate: Pick<IssuedCertificate, 'chainPem' | 'keyPem'>;
  /** Parameters that it announces after login. */
  readonly announces?: Readonly<Record<string, string>>;
  /** @param query the text, @param session counted from 1 */
  readonly answer: (query: string, session: number) => Reply;
}

export interface ScriptedServer extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** How many logins there were. */
  readonly sessions: () => number;
}

export async function scriptedPostgres({
  certificate,
  announces = {},
  answer,
}: ScriptedOptions): Promise<ScriptedServer> {
  const context = { cert: certificate.chainPem, key: certificate.keyPem };
  const sockets = new Set<net.Socket>();
  let sessions = 0;
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.pause();
      socket.write('S');
      const secure = new tls.TLSSocket(socket, { isServer: true, secureContext: tls.createSecureContext(context) });
      secure.on('error', () => undefined);
      let session: number | undefined;
      secure.on('data', (chunk: Buffer) => {
        if (session === undefined) {
          sessions += 1;
          session = sessions;
          secure.write(greeting(announces));
        } else if (chunk[0] === 0x51) {
          const reply = answer(chunk.toString('utf8', 5, chunk.length - 1), session);
          if (reply !== 'silence') secure.write(replyBytes(reply));
        }
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: '127.0.0.1',
    port: (server.address() as net.AddressInfo).port,
    sessions: () => sessions,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

/** A message of the protocol: its type, the length of the rest, the rest. */
function message(type: string, ...parts: readonly (Buffer | string)[]): Buffer {
  const body = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(`${part}\0`) : part)));
  const head = Buffer.alloc(5);
  head.write(type);
  head.writeUInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}

const READY = message('Z', Buffer.from('I'));

function greeting(announces: Readonly<Record<string, string>>): Buffer {
  const ok = message('R', Buffer.alloc(4));
  return Buffer.concat([ok, ...Object.entries(announces).map(([name, value]) => message('S', name, value)), READY]);
}

function replyBytes(reply: Exclude<Reply, 'silence'>): Buffer {
  if ('error' in reply) return Buffer.concat([errorResponse({ severity: 'ERROR', ...reply.error }), READY]);
  const results = reply.rows.flatMap((text) => {
    const column = Buffer.alloc(18);
    column.writeUInt32BE(25, 6);
    column.writeInt16BE(-1, 10);
    const count = Buffer.from([0, 1]);
    const value = Buffer.from(text);
    const length = Buffer.alloc(4);
    length.writeUInt32BE(value.length);
    return [message('T', count, 'text', column), message('D', count, length, value), message('C', 'SELECT 1')];
  });
  return Buffer.concat([...results, READY]);
}
