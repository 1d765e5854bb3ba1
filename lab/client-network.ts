// Gives clients addresses of their own in a second network namespace, because PostgreSQL sees every client of one
// machine as loopback.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { createInterface, type Interface } from 'node:readline';

/** What a client sends, from which of its addresses, to which of the server's. */
export interface Call {
  readonly host: string;
  readonly port: number;
  readonly localAddress: string;
  readonly message: Buffer;
  /** Whether it asks for TLS first. It verifies nothing. @default false */
  readonly tls?: boolean;
}

export interface ClientNetwork extends AsyncDisposable {
  /** The server's addresses towards the clients, to listen on. */
  readonly server: { readonly ipv4: string; readonly ipv6: string };
  /** The clients' addresses. */
  readonly clients: readonly string[];
  /** What the server says first. Rejects where it says nothing. */
  call(call: Call): Promise<Buffer>;
}

/** Documentation has no networks to route, so these are private ones (RFC 1918, RFC 4193), of this process. */
const NUMBER = process.pid % 200;
const SERVER = { ipv4: `10.213.${NUMBER}.1`, ipv6: `fd97:213:${NUMBER}::1` } as const;
const CLIENTS = [`10.213.${NUMBER}.2`, `10.213.${NUMBER}.130`, `fd97:213:${NUMBER}::2`] as const;

const NAMESPACE = `pgtls${process.pid}`;
const HERE = `pgh${process.pid}`;
const THERE = `pgc${process.pid}`;

/** Reads a call a line, and answers it in a line: within the namespace, nothing of ours is loaded. */
const RELAY = `
const { connect } = require('node:net');
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { id, host, port, localAddress, message, tls } = JSON.parse(line);
  const socket = connect({ host, port, localAddress });
  let reply = Buffer.alloc(0);
  const report = () => { socket.destroy(); process.stdout.write(JSON.stringify({ id, reply: reply.toString('hex') }) + '\\n'); };
  const talk = (channel) => {
    channel.on('error', () => {});
    channel.write(Buffer.from(message, 'hex'));
    channel.on('data', (chunk) => {
      reply = Buffer.concat([reply, chunk]);
      if (reply.length >= 9 && reply.length > reply.readInt32BE(1)) socket.destroy();
    });
  };
  socket.once('connect', () => {
    if (!tls) return talk(socket);
    socket.write(Buffer.from('0000000804d2162f', 'hex'));
    socket.once('data', (answer) => {
      if (answer.toString() !== 'S') return socket.destroy();
      // Which rule the server goes by is what is asked; it sends no password.
      const secured = require('node:tls').connect({ socket, rejectUnauthorized: false });
      secured.once('secureConnect', () => talk(secured));
      secured.on('error', () => {});
    });
  });
  socket.on('error', () => {});
  socket.once('close', report);
});`;

function ip(...args: readonly string[]): string | undefined {
  const { status, stderr, error } = spawnSync('ip', args, { encoding: 'utf8' });
  return status === 0 ? undefined : (error?.message ?? stderr.trim());
}

/** The network, or why none can be made here. It takes root and the command `ip`. */
export function openClientNetwork(): ClientNetwork | string {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'a network namespace takes root on Linux';
  const refusal = ip('netns', 'add', NAMESPACE);
  if (refusal !== undefined) return `no network namespace can be made here: ${refusal}`;
  const inside = (...args: readonly string[]): string | undefined => ip('-n', NAMESPACE, ...args);
  const failure =
    ip('link', 'add', HERE, 'type', 'veth', 'peer', 'name', THERE, 'netns', NAMESPACE) ??
    ip('addr', 'add', `${SERVER.ipv4}/24`, 'dev', HERE) ??
    ip('addr', 'add', `${SERVER.ipv6}/64`, 'dev', HERE, 'nodad') ??
    ip('link', 'set', HERE, 'up') ??
    CLIENTS.map((address) =>
      address.includes(':')
        ? inside('addr', 'add', `${address}/64`, 'dev', THERE, 'nodad')
        : inside('addr', 'add', `${address}/24`, 'dev', THERE),
    ).find((problem) => problem !== undefined) ??
    inside('link', 'set', THERE, 'up') ??
    inside('link', 'set', 'lo', 'up');
  if (failure !== undefined) {
    close();
    return `no second network can be made here: ${failure}`;
  }
  return new Namespace();
}

/** With the namespace goes its end of the pair, and with that the other. */
function close(): void {
  ip('netns', 'del', NAMESPACE);
  ip('link', 'del', HERE);
}

class Namespace implements ClientNetwork {
  readonly server = SERVER;
  readonly clients = CLIENTS;
  readonly #relay: ChildProcess;
  readonly #lines: Interface;
  readonly #waiting = new Map<number, (reply: Buffer) => void>();
  #next = 0;

  constructor() {
    this.#relay = spawn('ip', ['netns', 'exec', NAMESPACE, process.execPath, '-e', RELAY], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (this.#relay.stdout === null) throw new Error('the relay has no output');
    this.#lines = createInterface({ input: this.#relay.stdout }).on('line', (line) => {
      const { id, reply } = JSON.parse(line) as { readonly id: number; readonly reply: string };
      this.#waiting.get(id)?.(Buffer.from(reply, 'hex'));
      this.#waiting.delete(id);
    });
  }

  async call({ message, ...to }: Call): Promise<Buffer> {
    this.#next += 1;
    const id = this.#next;
    const { promise, resolve } = Promise.withResolvers<Buffer>();
    this.#waiting.set(id, resolve);
    this.#relay.stdin?.write(`${JSON.stringify({ id, ...to, message: message.toString('hex') })}\n`);
    const reply = await promise;
    if (reply.length === 0) throw new Error('the server closed the connection without an answer');
    return reply;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    this.#relay.once('close', () => resolve());
    this.#relay.stdin?.end();
    await ended;
    this.#lines.close();
    close();
  }
}
