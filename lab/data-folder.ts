// Prepares a server's data folder: initialised once per major, then copied and configured for each server.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, chown, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { IssuedCertificate } from './certificates.ts';
import { loopbackAddresses } from './free-port.ts';
import { asServer, labFolder, serverAccount } from './lab-folder.ts';
import type { Binaries } from './postgres-binaries.ts';
import { madeOnce, RUN_FOLDER } from './run-folder.ts';

type TlsProtocol = 'TLSv1' | 'TLSv1.1' | 'TLSv1.2' | 'TLSv1.3';
export type Settings = Readonly<Record<string, string | number | boolean>>;

export interface TlsOptions {
  /** What the server presents. @default one for localhost, 127.0.0.1 and ::1 from an authority of this process */
  readonly certificate?: Pick<IssuedCertificate, 'chainPem' | 'keyPem' | 'rootPem'>;
  /** PEM of the authorities whose client certificates the server accepts. */
  readonly clientCa?: string;
  /** PostgreSQL 12 and newer. @default the server's own, TLSv1.2 */
  readonly minProtocol?: TlsProtocol;
  /** PostgreSQL 12 and newer. */
  readonly maxProtocol?: TlsProtocol;
  /** `ssl_ciphers`, which governs TLSv1.2 and older. */
  readonly ciphers?: string;
}

interface DataFolderOptions {
  readonly programs: Binaries;
  /** Where to make it; also where the server's socket goes. */
  readonly folder: string;
  /** Undefined for a server without TLS. */
  readonly tls: (TlsOptions & Required<Pick<TlsOptions, 'certificate'>>) | undefined;
  readonly settings: Settings;
}

const templates = new Map<number, Promise<string>>();

/** Makes a server's data folder: a copy of a fresh one, with its certificate and its settings. */
export async function createDataFolder({ programs, folder, tls, settings }: DataFolderOptions): Promise<string> {
  const { major } = programs;
  const data = join(folder, 'data');
  await mkdirOwned(folder);
  await run('cp', ['-pPR', await template(programs), data]);
  const lines: Record<string, string | number | boolean> = {
    listen_addresses: loopbackAddresses().join(','),
    unix_socket_directories: folder,
    password_encryption: 'scram-sha-256',
    log_line_prefix: '%m [%p] ',
    log_connections: 'on',
    // Says when a session has left pg_stat_activity: see disconnected().
    log_disconnections: 'on',
    // Nothing here outlives the process: durability would only cost time.
    fsync: 'off',
    synchronous_commit: 'off',
    full_page_writes: 'off',
    shared_buffers: '16MB',
    autovacuum: 'off',
    // In the data folder: what a killed server leaves goes with it.
    dynamic_shared_memory_type: 'mmap',
    ...(major >= 18 ? { io_method: 'sync' } : {}),
  };
  if (tls !== undefined) {
    const { certificate, clientCa, minProtocol, maxProtocol, ciphers } = tls;
    if (major < 12 && (maxProtocol !== undefined || (minProtocol ?? 'TLSv1') !== 'TLSv1')) {
      throw new Error(`PostgreSQL ${major} can't bound the TLS version: ssl_min_protocol_version came with 12`);
    }
    await writeOwned(join(data, 'server.crt'), certificate.chainPem);
    await writeOwned(join(data, 'server.key'), certificate.keyPem);
    if (clientCa !== undefined) await writeOwned(join(data, 'client-ca.crt'), clientCa);
    Object.assign(lines, {
      ssl: 'on',
      ...(clientCa === undefined ? {} : { ssl_ca_file: 'client-ca.crt' }),
      ...(minProtocol === undefined || major < 12 ? {} : { ssl_min_protocol_version: minProtocol }),
      ...(maxProtocol === undefined ? {} : { ssl_max_protocol_version: maxProtocol }),
      ...(ciphers === undefined ? {} : { ssl_ciphers: ciphers }),
    });
  }
  await writeOwned(join(data, 'lab.conf'), settingLines({ ...lines, ...settings }));
  await appendFile(join(data, 'postgresql.conf'), "\ninclude 'lab.conf'\n");
  return data;
}

/** A data folder to copy: initdb takes longer than all the rest of a start. */
function template(programs: Binaries): Promise<string> {
  const known = templates.get(programs.major);
  if (known !== undefined) return known;
  const made = initialise(programs);
  templates.set(programs.major, made);
  return made;
}

async function initialise(programs: Binaries): Promise<string> {
  const shared = process.env[RUN_FOLDER];
  const own = join(labFolder(), `template-${programs.major}`);
  if (shared === undefined) return await initdb(programs, own);
  const folder = join(shared, `template-${programs.major}`);
  await madeOnce(folder, async () => {
    await initdb(programs, own);
    return own;
  });
  return join(folder, 'initial');
}

async function initdb({ initdb: program, major }: Binaries, folder: string): Promise<string> {
  await mkdirOwned(folder);
  const data = join(folder, 'initial');
  const small = major >= 11 ? ['--wal-segsize=1'] : [];
  await run(program, ['-D', data, '-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '-N', ...small]);
  return data;
}

/** Runs a program as the server's user. */
async function run(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { ...asServer(), stdio: ['ignore', 'pipe', 'pipe'] });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => output.push(chunk));
  }
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output.join('')}`);
}

/** Writes a file that is the server's alone, as it demands of its key. */
async function writeOwned(path: string, content: string): Promise<void> {
  await writeFile(path, content, { mode: 0o600 });
  if (serverAccount !== undefined) await chown(path, serverAccount.uid, serverAccount.gid);
}

/** Lines for postgresql.conf. */
export function settingLines(settings: Settings): string {
  const lines = Object.entries(settings).map(
    ([name, value]) =>
      `${name} = '${(typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value)).replaceAll("'", "''")}'\n`,
  );
  return lines.join('');
}

/** Makes a folder that is the server's, and that others may pass through. */
async function mkdirOwned(path: string): Promise<void> {
  await mkdir(path, { mode: 0o711 });
  if (serverAccount !== undefined) await chown(path, serverAccount.uid, serverAccount.gid);
}
