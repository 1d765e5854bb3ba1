// Relays to a real server and breaks connections below TLS, as load balancers, NAT and failovers do.

import { once } from 'node:events';
import net from 'node:net';
import type { Upstream } from './faulty-servers.ts';

export interface FlakyRelayOptions {
  readonly upstream: Upstream;
  /** Connections to reset as soon as they are made, before any goes through. @default 0 */
  readonly resetsFirst?: number;
  /** Leave a client that says goodbye without an answer, and its connection open. @default false */
  readonly neverHangsUp?: boolean;
}

/** On 127.0.0.1. Disposing of it drops its connections. */
export interface FlakyRelay extends AsyncDisposable, Upstream {
  /** Connections made so far, those it reset included. */
  readonly connections: number;
}

export async function flakyRelay({
  upstream,
  resetsFirst = 0,
  neverHangsUp = false,
}: FlakyRelayOptions): Promise<FlakyRelay> {
  const sockets = new Set<net.Socket>();
  let connections = 0;
  const server = net.createServer({ allowHalfOpen: neverHangsUp }, (client) => {
    connections += 1;
    sockets.add(client);
    client.on('error', () => undefined);
    if (connections <= resetsFirst) {
      client.resetAndDestroy();
      return;
    }
    const behind = net.connect(upstream.port, upstream.host);
    sockets.add(behind);
    behind.on('error', () => undefined);
    client.pipe(behind);
    behind.pipe(client, { end: !neverHangsUp });
    // What the server still says would end the session within TLS.
    if (neverHangsUp) client.once('end', () => behind.unpipe(client));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as net.AddressInfo;
  return {
    host: '127.0.0.1',
    port,
    get connections() {
      return connections;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
