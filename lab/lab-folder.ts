// Keeps all files of this process's servers in one folder, and removes it however the process ends.

import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The user that servers run as, where it is not our own. */
export interface Account {
  readonly uid: number;
  readonly gid: number;
}

/** Longest path a Unix socket can have: `sun_path` is 108 bytes on Linux and 104 on macOS, with its final NUL. */
const LONGEST_SOCKET_PATH = 103;

/**
 * Stops what still runs and removes the folder once our end of its standard input closes. That happens when we exit,
 * crash or are killed: no handler of ours has to run. `immediate` shutdowns let a server release its shared memory.
 */
const GUARD = `
trap '' HUP INT TERM
while read -r _; do :; done
signal() {
  for file in "$1"/*/data/postmaster.pid; do
    [ -f "$file" ] && kill "-$2" "$(head -n 1 "$file")"
  done
}
signal "$1" QUIT
turns=0
# A server takes its file away as it ends.
while ls "$1"/*/data/postmaster.pid && [ $turns -lt 200 ]; do sleep 0.05; turns=$((turns + 1)); done
signal "$1" KILL
turns=0
# A program that was just starting may still write.
while rm -rf "$1"; [ -e "$1" ] && [ $turns -lt 100 ]; do sleep 0.05; turns=$((turns + 1)); done
`;

/**
 * The account that servers run as: `postgres` refuses root, so root lends it to another; anyone else starts it as
 * themselves.
 */
export const serverAccount: Account | undefined = process.getuid?.() === 0 ? unprivilegedAccount() : undefined;

let folder: string | undefined;
let servers = 0;

/** The folder, made at the first call. Everyone may pass through it; what is in it has its own modes. */
export function labFolder(): string {
  if (folder !== undefined) return folder;
  const made = mkdtempSync(join(baseFolder(), 'pg-lab-'));
  folder = made;
  chmodSync(made, 0o711);
  const guard = spawn('/bin/sh', ['-c', GUARD, 'pg-lab-guard', made], {
    cwd: '/',
    // Its own session: Ctrl-C in our terminal is not for it.
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  guard.unref();
  (guard.stdin as Socket).unref();
  process.on('exit', () => {
    // With a server left running the guard is the one who waits for it.
    if (servers === 0) rmSync(made, { recursive: true, force: true });
  });
  return made;
}

/** Counts a server in; the function returned counts it out. */
export function serverRuns(): () => void {
  servers += 1;
  let running = true;
  return () => {
    if (running) servers -= 1;
    running = false;
  };
}

/**
 * The options under which `spawn` starts a server's program: as its account, with none of our environment's PG
 * variables.
 */
export function asServer(): { cwd: string; env: NodeJS.ProcessEnv; uid?: number; gid?: number } {
  return { cwd: '/', env: { PATH: process.env.PATH, LC_ALL: 'C', TZ: 'UTC' }, ...serverAccount };
}

function baseFolder(): string {
  const usable = (candidate: string) =>
    join(candidate, 'pg-lab-XXXXXX', 's999', '.s.PGSQL.65535').length <= LONGEST_SOCKET_PATH &&
    spawnSync('/bin/sh', ['-c', 'test -x "$1"', 'sh', candidate], asServer()).status === 0;
  const base = [tmpdir(), '/tmp'].find(usable);
  if (base === undefined) {
    throw new Error(
      `neither ${tmpdir()} nor /tmp can hold a server's socket: the path must be short and open to the server's user; set TMPDIR`,
    );
  }
  return base;
}

function unprivilegedAccount(): Account {
  const entries = readFileSync('/etc/passwd', 'utf8')
    .split('\n')
    .map((line) => line.split(':'));
  for (const wanted of ['postgres', 'nobody']) {
    const entry = entries.find(([name]) => name === wanted);
    if (entry !== undefined) return { uid: Number(entry[2]), gid: Number(entry[3]) };
  }
  throw new Error(
    'a server refuses to run as root, and /etc/passwd knows neither postgres nor nobody: run as another user',
  );
}
