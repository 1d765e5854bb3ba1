// Starts a streaming standby of a lab server from a copy of the stopped primary, without pg_basebackup.

import { spawnSync } from 'node:child_process';
import { appendFile, chown, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { settingLines } from './data-folder.ts';
import { asServer, serverAccount } from './lab-folder.ts';
import { type PostgresServer, startPostgres } from './postgres.ts';

export interface StandbyOptions {
  /** Role of the primary with the attribute REPLICATION. */
  readonly role: string;
  /** What `primary_conninfo` says besides host, port, user, password and application name. */
  readonly settings?: string;
  /** As the primary shows it. @default 'walreceiver' */
  readonly applicationName?: string;
}

/** Makes the standby, and resolves when it streams. The primary is restarted on the way; both know the same roles. */
export async function startStandby(
  primary: PostgresServer,
  { role, settings = '', applicationName = 'walreceiver' }: StandbyOptions,
): Promise<PostgresServer> {
  const accounts = [primary.connectionConfig(), primary.connectionConfig(role)];
  const roles = new Map(accounts.map(({ user, password }) => [user, { name: user, password }]));
  const standby = await startPostgres({ major: primary.major, roles: [...roles.values()] });
  try {
    await standby.stop();
    const ownSettings = await readFile(join(standby.dataFolder, 'lab.conf'));
    await primary.stop();
    await rm(standby.dataFolder, { recursive: true });
    const copied = spawnSync('cp', ['-pPR', primary.dataFolder, standby.dataFolder], asServer());
    if (copied.status !== 0) throw new Error(`the primary could not be copied: ${copied.stderr}`);
    await primary.start();
    await writeFile(join(standby.dataFolder, 'lab.conf'), ownSettings);
    const { host, port, user, password } = primary.connectionConfig(role);
    const conninfo = `host=${host} port=${port} user=${user} password=${password} application_name=${applicationName} ${settings}`;
    await configure(standby, { primary_conninfo: conninfo.trim() });
    await standby.start();
    await standby.waitForLog(/started streaming WAL/);
    return standby;
  } catch (error) {
    await standby[Symbol.asyncDispose]();
    throw error;
  }
}

/** Before 12, what makes a standby was a file of its own. */
async function configure({ major, dataFolder }: PostgresServer, settings: Record<string, string>): Promise<void> {
  const lines = settingLines(settings);
  if (major >= 12) await appendFile(join(dataFolder, 'lab.conf'), lines);
  const signal = join(dataFolder, major >= 12 ? 'standby.signal' : 'recovery.conf');
  await writeFile(signal, major >= 12 ? '' : `standby_mode = 'on'\n${lines}`, { mode: 0o600 });
  if (serverAccount !== undefined) await chown(signal, serverAccount.uid, serverAccount.gid);
}
