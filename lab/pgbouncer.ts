// Starts a real PgBouncer in front of a lab server, where the machine has one: transaction pooling, TLS on the client
// side, and the server side that a test chooses.

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { chown, mkdir, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import type { Writable } from 'node:stream';
import type { IssuedCertificate } from './certificates.ts';
import { freePort } from './free-port.ts';
import { asServer, labFolder, serverAccount, serverRuns } from './lab-folder.ts';
import { labAuthority, type PostgresServer } from './postgres.ts';
import { ServerLog } from './server-log.ts';

export interface PgBouncerOptions {
  /** How it connects to the server behind: `server_tls_sslmode`. */
  readonly behind: 'disable' | 'prefer' | 'require' | 'verify-full';
  /** What clients may do: `client_tls_sslmode`. @default 'require' */
  readonly before?: 'disable' | 'allow' | 'require';
  /** What it presents. @default one for localhost, 127.0.0.1 and ::1 from the lab's authority */
  readonly certificate?: Pick<IssuedCertificate, 'chainPem' | 'keyPem' | 'rootPem'>;
  /** Roles of the server that may come through it, and into its console. @default the server's first */
  readonly roles?: readonly string[];
  /** Where it finds the server: an address, or the folder of its Unix socket. @default the server's address */
  readonly serverHost?: string;
  /** Further settings of the section `[pgbouncer]`; they win. */
  readonly settings?: Readonly<Record<string, string | number>>;
}

/** Disposing of it ends its process and its files. */
export interface PgBouncer extends AsyncDisposable {
  readonly host: string;
  readonly port: number;
  /** PEM of what a client has to trust. */
  readonly ca: string;
  /** Everything it has logged. */
  log(): string;
}

/** Debian installs it in a folder that is not in every user's PATH. */
const FOLDERS = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/opt/homebrew/bin'];

/**
 * Ends it when our end of its standard input closes, which happens however we end. An end of its own is reported by the
 * shell's.
 */
const KEEPER = `
exec 3<&0
"$1" "$2" </dev/null 3<&- &
child=$!
{ read -r _ <&3; kill "$child"; } >/dev/null 2>&1 &
exec 3<&-
wait "$child"
`;

let started = 0;

/** Why no PgBouncer can be started here; undefined when one can. */
export function reasonWithoutPgBouncer(): string | undefined {
  return program() === undefined ? 'PgBouncer is not installed: apt-get install pgbouncer' : undefined;
}

/** @throws Error with its log when it does not come up, or with what to install */
export async function startPgBouncer(server: PostgresServer, options: PgBouncerOptions): Promise<PgBouncer> {
  const binary = program();
  if (binary === undefined) throw new Error(reasonWithoutPgBouncer());
  const certificate = options.certificate ?? (await (await labAuthority()).issue());
  started += 1;
  const folder = join(labFolder(), `b${started}`);
  await mkdir(folder, { mode: 0o700 });
  await owned(folder);
  const port = await freePort();
  const accounts = (options.roles ?? [undefined]).map((role) => server.connectionConfig(role));
  await write(folder, 'server.crt', certificate.chainPem);
  await write(folder, 'server.key', certificate.keyPem);
  await write(folder, 'behind-ca.crt', server.ca ?? '');
  // Passwords as they are: it takes SCRAM from clients and gives SCRAM to the server with them.
  await write(folder, 'users.txt', accounts.map(({ user, password }) => `"${user}" "${password}"\n`).join(''));
  const names = accounts.map(({ user }) => user).join(', ');
  const settings = {
    listen_addr: '127.0.0.1',
    listen_port: port,
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: join(folder, 'users.txt'),
    admin_users: names,
    pool_mode: 'transaction',
    client_tls_sslmode: options.before ?? 'require',
    client_tls_cert_file: join(folder, 'server.crt'),
    client_tls_key_file: join(folder, 'server.key'),
    server_tls_sslmode: options.behind,
    ...(options.behind === 'verify-full' ? { server_tls_ca_file: join(folder, 'behind-ca.crt') } : {}),
    ...options.settings,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  const databases = `[databases]\n* = host=${options.serverHost ?? server.host} port=${server.port}\n`;
  await write(folder, 'pgbouncer.ini', `${databases}\n[pgbouncer]\n${lines.join('\n')}\n`);

  const child = spawn('/bin/sh', ['-c', KEEPER, 'pgbouncer-keeper', binary, join(folder, 'pgbouncer.ini')], {
    ...asServer(),
    detached: true,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
  const ended = serverRuns();
  const log = new ServerLog();
  const exited = once(child, 'exit').finally(ended);
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => log.append(chunk));
  const stop = async (): Promise<void> => {
    (child.stdin as Writable).end();
    await exited;
    await rm(folder, { recursive: true, force: true });
  };
  const outcome = await Promise.race([log.waitFor(/process up/).then(() => 'up'), exited.then(() => 'ended')]);
  if (outcome !== 'up') {
    await stop();
    throw new Error(`PgBouncer did not start:\n${log.tail()}`);
  }
  return {
    host: '127.0.0.1',
    port,
    ca: certificate.rootPem,
    log: () => log.text,
    [Symbol.asyncDispose]: stop,
  };
}

function program(): string | undefined {
  const candidates = FOLDERS.filter((folder) => folder !== '').map((folder) => join(folder, 'pgbouncer'));
  return candidates.find((candidate) => spawnSync(candidate, ['--version'], asServer()).status === 0);
}

async function write(folder: string, name: string, content: string): Promise<void> {
  const path = join(folder, name);
  await writeFile(path, content, { mode: 0o600 });
  await owned(path);
}

async function owned(path: string): Promise<void> {
  if (serverAccount !== undefined) await chown(path, serverAccount.uid, serverAccount.gid);
}
