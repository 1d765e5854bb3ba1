// Runs a server again with its log collector on, so that it writes log files.

import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';
import pg from 'pg';
import type { Settings } from './data-folder.ts';
import { asServer, serverRuns } from './lab-folder.ts';
import type { PostgresServer } from './postgres.ts';
import { binaries } from './postgres-binaries.ts';

export interface LogFiles extends AsyncDisposable {
  readonly folder: string;
  /** While it is used, the collector writes nothing; what was logged meanwhile is written afterwards. */
  pauseWhile<T>(use: () => Promise<T>): Promise<T>;
}

/**
 * Stops the server and starts it again on its port. Its own standard error shows nothing from then on: give it
 * `log_disconnections: false`, so that nothing waits for what would be there.
 */
export async function writeLogFiles(server: PostgresServer, settings: Settings = {}): Promise<LogFiles> {
  await server.stop();
  const all = {
    logging_collector: 'on',
    log_directory: 'logs',
    log_filename: 'server.log',
    log_destination: 'stderr',
    log_line_prefix: '%m [%p] ',
    ...settings,
  };
  const options = Object.entries(all).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const { postgres } = binaries(server.major);
  const child = spawn(postgres, ['-D', server.dataFolder, '-p', String(server.port), ...options], {
    ...asServer(),
    detached: true,
    stdio: 'ignore',
  });
  const closed = once(child, 'close').finally(serverRuns());
  const stop = async (): Promise<void> => {
    child.kill('SIGINT');
    await closed;
  };
  try {
    await isUp(server);
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    folder: join(server.dataFolder, 'logs'),
    async pauseWhile(use) {
      const { stdout } = await promisify(execFile)('pgrep', ['-P', String(child.pid), '-f', 'logger']);
      const collector = Number(stdout.trim());
      process.kill(collector, 'SIGSTOP');
      try {
        return await use();
      } finally {
        process.kill(collector, 'SIGCONT');
      }
    },
    [Symbol.asyncDispose]: stop,
  };
}

async function isUp(server: PostgresServer): Promise<void> {
  for (let attempt = 0; attempt < 300; attempt += 1) {
    const client = new pg.Client({
      host: server.socketFolder,
      port: server.port,
      user: 'postgres',
      database: 'postgres',
    });
    client.on('error', () => undefined);
    const connected = await client.connect().then(
      () => true,
      () => false,
    );
    await client.end().catch(() => undefined);
    if (connected) return;
    await wait(50);
  }
  throw new Error('the server did not come up with its log collector');
}
