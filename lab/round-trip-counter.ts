// Relays between a client and a server, and counts how often the client waits for an answer after login.

import { once } from 'node:events';
import net from 'node:net';
import { recordingTlsProxy, type Upstream } from './faulty-servers.ts';
import { labAuthority } from './postgres.ts';

export interface RoundTripCounter extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Round trips after login, one number for each client that logged in, in the order of their logins. */
  readonly counts: readonly number[];
}

/** First byte of `ReadyForQuery`, which ends a login (protocol documentation, "Message Formats"). */
const READY_FOR_QUERY = 0x5a;

/**
 * Takes TLS clients for a server, as that server would: its certificate is of the same authority. Messages are counted
 * where they have left TLS, so that nothing of TLS itself is taken for one.
 */
export async function countRoundTrips(server: Upstream): Promise<RoundTripCounter> {
  const counts: number[] = [];
  await using stack = new AsyncDisposableStack();
  const relay = stack.use(await countingRelay(server, counts));
  const certificate = await (await labAuthority()).issue();
  const { host, port } = stack.use(await recordingTlsProxy({ certificate, upstream: relay }));
  const running = stack.move();
  return { host, port, counts, [Symbol.asyncDispose]: () => running.disposeAsync() };
}

async function countingRelay(server: Upstream, counts: number[]): Promise<Upstream & AsyncDisposable> {
  const sockets = new Set<net.Socket>();
  const listener = net.createServer((client) => {
    const behind = net.connect(server.port, server.host);
    for (const socket of [client, behind]) {
      sockets.add(socket);
      socket.on('error', () => undefined);
    }
    count(client, behind, counts);
    client.pipe(behind);
    behind.pipe(client);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as net.AddressInfo;
  return {
    host: '127.0.0.1',
    port,
    async [Symbol.asyncDispose]() {
      const closed = once(listener, 'close');
      listener.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

/**
 * A round trip is whatever the client sends, in one piece or several, that the server then answers: Terminate is none.
 */
function count(client: net.Socket, server: net.Socket, counts: number[]): void {
  let beforeLogin: Buffer | undefined = Buffer.alloc(0);
  let index = -1;
  let waiting = false;
  client.on('data', () => {
    waiting = true;
  });
  server.on('data', (chunk: Buffer) => {
    if (beforeLogin !== undefined) {
      beforeLogin = Buffer.concat([beforeLogin, chunk]);
      if (!isLoggedIn(beforeLogin)) return;
      beforeLogin = undefined;
      index = counts.push(0) - 1;
    } else if (waiting) {
      counts[index] = (counts[index] ?? 0) + 1;
    }
    waiting = false;
  });
}

/** Whether what the server said so far ends the login. Each message is a byte for its type, then its length. */
function isLoggedIn(said: Buffer): boolean {
  for (let at = 0; at + 5 <= said.length; at += 1 + said.readUInt32BE(at + 1)) {
    if (said[at] === READY_FOR_QUERY) return true;
  }
  return false;
}
