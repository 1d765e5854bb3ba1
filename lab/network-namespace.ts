// Runs the worker of a fleet in a network namespace: it reaches the ports that it is given, and nothing else.

import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** As root of a user namespace of its own, where the machine's root does not run this. */
const UNSHARE = ['--map-root-user', '--net'];

/** Whether this machine lets a process have a network of its own, and set it up. */
export const HAS_NAMESPACES =
  process.platform === 'linux' &&
  spawnSync('unshare', [...UNSHARE, 'ip', 'link', 'set', 'lo', 'up'], { stdio: 'ignore' }).status === 0;

/** A port of this machine, and the socket in the file system that leads to it from any namespace. */
export interface Passage {
  readonly port: number;
  readonly socket: string;
}

export interface Network extends AsyncDisposable {
  /** Runs a worker with these variables. @throws Error with what it wrote, where it fails */
  audit(input: unknown, variables: Readonly<Record<string, string | undefined>>): Promise<unknown>;
}

/** @param ports of 127.0.0.1 that lead to the same ports of this machine; every other one is refused */
export async function startNetwork(ports: readonly number[]): Promise<Network> {
  const folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-network-'));
  const servers: Server[] = [];
  const passages = await Promise.all(
    ports.map(async (port): Promise<Passage> => {
      const socket = join(folder, String(port));
      const server = createServer((client) => joined(client, connect(port, '127.0.0.1')));
      servers.push(server);
      await new Promise<void>((resolve) => server.listen(socket, resolve));
      return { port, socket };
    }),
  );
  return {
    audit: (input, variables) => run(input, { ...variables, PASSAGES: JSON.stringify(passages) }),
    async [Symbol.asyncDispose]() {
      for (const server of servers) server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Either end that is over ends the other one. */
export function joined(one: ReturnType<typeof connect>, other: ReturnType<typeof connect>): void {
  one.on('error', () => other.destroy()).pipe(other);
  other.on('error', () => one.destroy()).pipe(one);
}

const WORKER = join(import.meta.dirname, 'network-worker.ts');

async function run(input: unknown, env: Readonly<Record<string, string | undefined>>): Promise<unknown> {
  const command = 'ip link set lo up && exec "$0" "$@"';
  const child = spawn('unshare', [...UNSHARE, 'sh', '-c', command, process.execPath, WORKER], {
    env: { PATH: process.env.PATH, ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const output = { stdout: '', stderr: '' };
  child.stdout.on('data', (chunk) => (output.stdout += String(chunk)));
  child.stderr.on('data', (chunk) => (output.stderr += String(chunk)));
  child.stdin.end(JSON.stringify(input));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const [, answer] = /^ANSWER (.*)$/m.exec(output.stdout) ?? [];
  if (code === 0 && answer !== undefined) return JSON.parse(answer);
  throw new Error(`the worker ended with ${code}: ${output.stderr.slice(-2_000)}${output.stdout.slice(-2_000)}`);
}
