// Starts servers that answer the wire probe as no PostgreSQL does by itself: proxies and hostile servers.

import { once } from 'node:events';
import net from 'node:net';
import tls from 'node:tls';
import type { IssuedCertificate } from './certificates.ts';
import { SSL_REQUEST, type Upstream } from './faulty-servers.ts';

export interface WireServer extends AsyncDisposable {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** How many connections came in all. */
  readonly count: () => number;
  /** How many are open. */
  readonly open: () => number;
}

/** An authentication request for a password in clear text. */
const ASK_FOR_PASSWORD = Buffer.from([0x52, 0, 0, 0, 8, 0, 0, 0, 3]);

/**
 * A pooler that takes every TLS version and plaintext, whatever the server behind it does, and leads TLS clients there
 * in plaintext.
 */
export function carelessPooler(
  { chainPem, keyPem }: Pick<IssuedCertificate, 'chainPem' | 'keyPem'>,
  upstream: Upstream,
): Promise<WireServer> {
  return listen((socket, keep) => {
    socket.once('data', (first: Buffer) => {
      if (!first.equals(SSL_REQUEST)) {
        socket.end(ASK_FOR_PASSWORD);
        return;
      }
      socket.pause();
      socket.write('S');
      const front = tls.createServer({
        cert: chainPem,
        key: keyPem,
        minVersion: 'TLSv1',
        ciphers: 'TLS_AES_256_GCM_SHA384:ALL:@SECLEVEL=0',
      });
      front.on('tlsClientError', () => socket.destroy());
      front.once('secureConnection', (secure) => {
        const behind = keep(net.connect(upstream.port, upstream.host));
        secure.on('error', () => behind.destroy()).once('close', () => behind.destroy());
        behind.once('close', () => secure.end());
        secure.pipe(behind).pipe(secure);
      });
      front.emit('connection', socket);
    });
  });
}

/** A port that takes nothing but direct TLS, as a proxy does that ends TLS for several protocols. */
export async function takesDirectTlsOnly({
  chainPem,
  keyPem,
}: Pick<IssuedCertificate, 'chainPem' | 'keyPem'>): Promise<WireServer> {
  const server = tls.createServer({ cert: chainPem, key: keyPem, ALPNProtocols: ['postgresql'] });
  server.on('tlsClientError', () => {});
  server.on('secureConnection', (socket) => socket.on('error', () => {}));
  return listen((socket) => server.emit('connection', socket));
}

/** The same, but that it hangs up on whatever is no TLS, without a word. */
export async function takesDirectTlsSilently(
  certificate: Pick<IssuedCertificate, 'chainPem' | 'keyPem'>,
): Promise<WireServer> {
  const { chainPem, keyPem } = certificate;
  const server = tls.createServer({ cert: chainPem, key: keyPem, ALPNProtocols: ['postgresql'] });
  server.on('tlsClientError', () => {});
  server.on('secureConnection', (socket) => socket.on('error', () => {}));
  return listen((socket) => {
    socket.once('data', (first: Buffer) => {
      if (first[0] !== 22) {
        socket.destroy();
        return;
      }
      socket.pause();
      socket.unshift(first);
      server.emit('connection', socket);
    });
  });
}

/** Sends without end, whatever is said to it. */
export function neverStops(chunk: Buffer): Promise<WireServer> {
  return listen((socket) => {
    const more = (): void => {
      while (!socket.destroyed && socket.write(chunk));
    };
    socket.on('drain', more).resume();
    more();
  });
}

/** Sends one byte at a time, each so late that the whole would take for ever. */
export function drips(bytes: Buffer, everyMs: number): Promise<WireServer> {
  return listen((socket) => {
    let at = 0;
    const timer = setInterval(
      () => socket.write(bytes.subarray(at++ % bytes.length, (at % bytes.length) + 1)),
      everyMs,
    );
    socket.once('close', () => clearInterval(timer)).resume();
  });
}

/** A fatal alert: handshake_failure. */
const HANDSHAKE_FAILURE = Buffer.from([21, 3, 3, 0, 2, 2, 40]);

/**
 * Relays to a server until its part of the handshake is over, and refuses the client then: for want of a certificate.
 */
export function refusesAfterItsFlight(upstream: Upstream): Promise<WireServer> {
  return listen((socket, keep) => {
    const behind = keep(net.connect(upstream.port, upstream.host));
    behind.once('close', () => socket.destroy());
    socket.once('close', () => behind.destroy());
    behind.pipe(socket, { end: false });
    let messages = 0;
    socket.on('data', (chunk: Buffer) => {
      messages += 1;
      // The request for TLS and the ClientHello.
      if (messages <= 2) behind.write(chunk);
      else socket.end(HANDSHAKE_FAILURE);
    });
  });
}

async function listen(
  serve: (socket: net.Socket, keep: (socket: net.Socket) => net.Socket) => void,
): Promise<WireServer> {
  const sockets = new Set<net.Socket>();
  const keep = (socket: net.Socket): net.Socket => {
    sockets.add(socket.on('error', () => undefined).once('close', () => sockets.delete(socket)));
    return socket;
  };
  let count = 0;
  const server = net.createServer((socket) => {
    count += 1;
    serve(keep(socket), keep);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: '127.0.0.1',
    port: (server.address() as net.AddressInfo).port,
    count: () => count,
    open: () => sockets.size,
    async [Symbol.asyncDispose]() {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
