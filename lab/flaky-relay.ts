// Relays to a real server and breaks connections below TLS, as load balancers, NAT and failovers do.

import { once } from 'node:events';
import net from 'node:net';
import type { Upstream } from './faulty-servers.ts';

export interface FlakyRelayOptions {
  readonly upstream: Upstream;
  /** Connections to reset as soon as they are made, before any goes through. @default 0 */
  readonly resetsFirst?: number;
  /**
   * Leave a client that says goodbye without an answer, and its connection open so long, in milliseconds.
   *
   * @default the server hangs up
   */
  readonly hangsUpAfterMs?: number;
}

/** On 127.0.0.1. Disposing of it drops its connections. */
export interface FlakyRelay extends AsyncDisposable, Upstream {
  /** Connections made so far, those it reset included. */
  readonly connections: number;
  /** How many were open at the same time, at most, where it hangs up by itself. */
  readonly mostAtOnce: number;
}

export async function flakyRelay({
  upstream,
  resetsFirst = 0,
  hangsUpAfterMs,
}: FlakyRelayOptions): Promise<FlakyRelay> {
  const sockets = new Set<net.Socket>();
  const timers = new Set<NodeJS.Timeout>();
  const isLate = hangsUpAfterMs !== undefined;
  let connections = 0;
  let open = 0;
  let mostAtOnce = 0;
  const server = net.createServer({ allowHalfOpen: isLate }, (client) => {
    connections += 1;
    open += 1;
    mostAtOnce = Math.max(mostAtOnce, open);
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
    behind.pipe(client, { end: !isLate });
    // What the server still says would end the session within TLS.
    if (!isLate) return;
    client.once('end', () => {
      behind.unpipe(client);
      const hangUp = (): void => {
        open -= 1;
        client.end();
      };
      timers.add(setTimeout(hangUp, hangsUpAfterMs));
    });
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
    get mostAtOnce() {
      return mostAtOnce;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
