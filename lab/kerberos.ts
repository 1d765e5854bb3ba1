// Starts a Kerberos realm with a KDC on a loopback port, and the PostgreSQL of the machine's packages, because the one
// from npm is built without GSSAPI. Reads and writes none of the system's configuration.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
import { chmod, chown, mkdir, symlink, writeFile } from 'node:fs/promises';
import net from 'node:net';
import { delimiter, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './free-port.ts';
import { asServer, labFolder, serverAccount } from './lab-folder.ts';
import type { PostgresServer } from './postgres.ts';
import { newestMajor } from './postgres-binaries.ts';

const REALM = 'LAB.TEST';

/** Where Debian's packages put their servers, a folder for each major. */
const PACKAGED = '/usr/lib/postgresql';

/** The first PostgreSQL whose sessions can be encrypted by GSSAPI. */
const GSS_SINCE = 12;

const TOOLS = ['krb5kdc', 'kdb5_util', 'kadmin.local', 'kinit'] as const;
type Tool = (typeof TOOLS)[number];

/** Why there can be no realm here, and what would help; undefined when there can. */
export function reasonNoKerberos(): string | undefined {
  const missing = TOOLS.filter((tool) => find(tool) === undefined);
  const install = 'apt-get install krb5-kdc krb5-admin-server krb5-user postgresql';
  if (missing.length > 0) return `${missing.join(', ')} not installed: ${install}`;
  return packagedMajor() === undefined ? `no PostgreSQL with GSSAPI in ${PACKAGED}: ${install}` : undefined;
}

/** The newest packaged PostgreSQL that the lab can start beside its own, whose major it must not share. */
function packagedMajor(): number | undefined {
  if (!existsSync(PACKAGED)) return undefined;
  return readdirSync(PACKAGED)
    .map(Number)
    .filter((major) => major >= GSS_SINCE && major !== newestMajor())
    .filter((major) => ['postgres', 'initdb', 'psql'].every((name) => existsSync(packaged(major, name))))
    .sort((a, b) => b - a)[0];
}

/** How libpq connects, beside host, port, user and database; and whether as a walsender. */
export interface PsqlOptions {
  readonly role: string;
  readonly gssencmode: 'require' | 'disable';
  /** @default 'disable' */
  readonly sslmode?: 'require' | 'disable';
  readonly replication?: 'physical';
  readonly applicationName?: string;
  /** The address of `localhost`. @default as it is resolved */
  readonly hostAddress?: string;
}

/** A running realm. Disposing of it ends its KDC. */
export class Kerberos implements AsyncDisposable {
  /** Of the packaged server. */
  readonly major: number;
  /** In place of the folder in which the lab finds its older servers. */
  readonly majorsFolder: string;
  /** For `krb_server_keyfile`. */
  readonly serverKeytab: string;
  readonly realm = REALM;
  readonly #folder: string;
  readonly #env: NodeJS.ProcessEnv;
  readonly #kdc: ChildProcess;

  private constructor(major: number, folder: string, env: NodeJS.ProcessEnv, kdc: ChildProcess) {
    this.major = major;
    this.majorsFolder = folder;
    this.serverKeytab = join(folder, 'server.keytab');
    this.#folder = folder;
    this.#env = env;
    this.#kdc = kdc;
  }

  /** Starts a realm that knows those roles, and a server reached as `localhost`. */
  static async start(roles: readonly string[]): Promise<Kerberos> {
    const major = packagedMajor();
    if (major === undefined) throw new Error(reasonNoKerberos());
    const folder = join(labFolder(), 'kerberos');
    await mkdir(folder, { mode: 0o700 });
    if (serverAccount !== undefined) await chown(folder, serverAccount.uid, serverAccount.gid);
    const port = await freePort();
    const env = await writeConfiguration(folder, port);
    await run(env, tool('kdb5_util'), ['create', '-s', '-r', REALM, '-P', 'a test keeps nothing']);
    const queries = [
      'addprinc -randkey postgres/localhost',
      `ktadd -k ${join(folder, 'server.keytab')} postgres/localhost`,
      ...roles.flatMap((role) => [`addprinc -randkey ${role}`, `ktadd -k ${join(folder, `${role}.keytab`)} ${role}`]),
    ];
    for (const query of queries) await run(env, tool('kadmin.local'), ['-r', REALM, '-q', query]);
    await writePrograms(folder, major, env);
    // The shell ends the KDC when our end of its standard input closes: also when we crash.
    const kdc = spawn('/bin/sh', ['-c', `"$1" -n & cat >&2; kill $!; wait`, 'kdc', tool('krb5kdc')], {
      ...asServer(),
      env: { ...asServer().env, ...env },
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore'],
    });
    const realm = new Kerberos(major, folder, env, kdc);
    try {
      await answers(port);
      for (const role of roles) {
        await run(realm.#clientEnv(role), tool('kinit'), ['-k', '-t', join(folder, `${role}.keytab`), role]);
      }
      return realm;
    } catch (error) {
      await realm[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Opens a session with psql, the role proven by its ticket, and holds it until it is disposed of. */
  async openSession(server: PostgresServer, options: PsqlOptions): Promise<AsyncDisposable & { readonly pid: number }> {
    const { role, gssencmode, sslmode = 'disable', replication, applicationName = 'psql', hostAddress } = options;
    const conninfo = [
      `host=localhost port=${server.port} user=${role} dbname=${server.database} gssencmode=${gssencmode}`,
      `sslmode=${sslmode} application_name=${applicationName} ${replication === undefined ? '' : 'replication=true'}`,
      hostAddress === undefined ? '' : `hostaddr=${hostAddress}`,
    ].join(' ');
    const psql = spawn(packaged(this.major, 'psql'), ['-X', '-A', '-t', '-w', conninfo], {
      ...asServer(),
      env: this.#clientEnv(role),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    const closed = once(psql, 'close');
    // Said once it has logged in. A walsender of physical replication answers no SELECT: its process is looked up.
    psql.stdin.write('\\echo connected\n');
    let output = '';
    const said = new Promise<void>((resolve, reject) => {
      psql.stdout.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
        if (output.includes('connected\n')) resolve();
      });
      psql.stderr.setEncoding('utf8').on('data', (chunk: string) => {
        output += chunk;
      });
      psql.on('close', () => reject(new Error(`psql ended: ${output}`)));
    });
    await said;
    const [row] = await server.adminQuery<{ pid: number }>(
      'SELECT pid FROM pg_stat_activity WHERE usename = $1 AND application_name = $2 ORDER BY backend_start DESC',
      [role, applicationName],
    );
    if (row === undefined) throw new Error(`the server shows no session of ${role}`);
    return {
      pid: row.pid,
      async [Symbol.asyncDispose]() {
        psql.stdin.end();
        await closed;
        await server.disconnected(row.pid);
      },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#kdc, 'close');
    this.#kdc.stdin?.end();
    await closed;
  }

  #clientEnv(role: string): NodeJS.ProcessEnv {
    return { ...asServer().env, ...this.#env, KRB5CCNAME: `FILE:${join(this.#folder, `${role}.cache`)}` };
  }
}

/** A realm that asks no DNS, logs to its folder, and leaves no cache of requests behind. */
async function writeConfiguration(folder: string, port: number): Promise<NodeJS.ProcessEnv> {
  await writeFile(
    join(folder, 'krb5.conf'),
    `[libdefaults]
  default_realm = ${REALM}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
[realms]
  ${REALM} = {
    kdc = 127.0.0.1:${port}
  }
[logging]
  kdc = FILE:${folder}/kdc.log
  admin_server = FILE:${folder}/kdc.log
  default = FILE:${folder}/kdc.log
`,
  );
  await writeFile(
    join(folder, 'kdc.conf'),
    `[kdcdefaults]
  kdc_listen = 127.0.0.1:${port}
  kdc_tcp_listen = 127.0.0.1:${port}
[realms]
  ${REALM} = {
    database_name = ${folder}/principal
    key_stash_file = ${folder}/stash
    acl_file = ${folder}/acl
  }
`,
  );
  return {
    KRB5_CONFIG: join(folder, 'krb5.conf'),
    KRB5_KDC_PROFILE: join(folder, 'kdc.conf'),
    KRB5RCACHENAME: 'none:',
  };
}

/** The packaged server where the lab looks for older majors, started with the realm's environment. */
async function writePrograms(folder: string, major: number, env: NodeJS.ProcessEnv): Promise<void> {
  const bin = join(folder, 'node_modules', `pg${major}-${process.platform}-${process.arch}`, 'native', 'bin');
  await mkdir(bin, { recursive: true });
  await symlink(packaged(major, 'initdb'), join(bin, 'initdb'));
  const variables = Object.entries(env).map(([name, value]) => `${name}='${value}'`);
  await writeFile(
    join(bin, 'postgres'),
    `#!/bin/sh\nexport ${variables.join(' ')}\nexec ${packaged(major, 'postgres')} "$@"\n`,
  );
  await chmod(join(bin, 'postgres'), 0o755);
}

function packaged(major: number, name: string): string {
  return join(PACKAGED, String(major), 'bin', name);
}

function tool(name: Tool): string {
  const path = find(name);
  if (path === undefined) throw new Error(reasonNoKerberos());
  return path;
}

/** Packages put some of them where only root looks. */
function find(name: Tool): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

async function run(env: NodeJS.ProcessEnv, command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, {
    ...asServer(),
    env: { ...asServer().env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      output += chunk;
    });
  }
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${code}:\n${output}`);
}

/** Resolves once something takes connections there. */
async function answers(port: number): Promise<void> {
  for (let waited = 0; waited < 10_000; waited += 20) {
    const socket = net.connect(port, '127.0.0.1');
    const isOpen = await once(socket, 'connect').then(
      () => true,
      () => false,
    );
    socket.destroy();
    if (isOpen) return;
    await delay(20);
  }
  throw new Error(`the KDC does not answer on port ${port}`);
}
