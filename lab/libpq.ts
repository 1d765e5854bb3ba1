// Verifies a server with libpq's verify-full through this machine's psql: the reference for our own verification.

import { spawn, spawnSync } from 'node:child_process';

const PSQL = 'psql';

/** Why libpq can't be asked here; undefined when it can. */
export function reasonWithoutPsql(): string | undefined {
  return spawnSync(PSQL, ['--version']).status === 0
    ? undefined
    : 'psql is not installed: apt-get install postgresql-client';
}

export interface LibpqQuestion {
  /** The name or address to verify. */
  readonly host: string;
  /** Where it is dialled, whatever the name. */
  readonly port: number;
  /** Paths. */
  readonly rootCertificates: string;
  readonly revocationLists?: string | undefined;
}

/**
 * Connects with verify-full. `accepted` means that libpq went on to the login, whatever came of that; else what it
 * said.
 *
 * @param loginError what the server answers to a login, to distinguish it from libpq's own refusal
 */
export async function askLibpq(
  { host, port, rootCertificates, revocationLists }: LibpqQuestion,
  loginError: string,
): Promise<string> {
  const settings = {
    host,
    hostaddr: '127.0.0.1',
    port,
    dbname: 'lab',
    user: 'lab',
    sslmode: 'verify-full',
    sslrootcert: rootCertificates,
    // An empty value would stand for the file in the home folder.
    sslcrl: revocationLists ?? '/nonexistent',
    connect_timeout: 10,
    gssencmode: 'disable',
  };
  const text = Object.entries(settings)
    .map(([name, value]) => `${name}='${String(value).replaceAll(/['\\]/g, String.raw`\$&`)}'`)
    .join(' ');
  const child = spawn(PSQL, ['--no-psqlrc', '--command=select 1', text], {
    env: { PATH: process.env.PATH, HOME: '/nonexistent', LC_ALL: 'C.UTF-8', PGPASSWORD: 'lab' },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  await new Promise((resolve) => child.once('close', resolve));
  return said.includes(loginError) ? 'accepted' : said.trim();
}
