// Starts real PostgreSQL servers with real TLS in half a second, and removes them without a trace.

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { appendFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import pg from 'pg';
import { type Authority, createAuthority } from './certificates.ts';
import { createDataFolder, type Settings, settingLines, type TlsOptions } from './data-folder.ts';
import { freePort, PORT_ATTEMPTS } from './free-port.ts';
import { asServer, labFolder, serverRuns } from './lab-folder.ts';
import { type Binaries, binaries, newestMajor } from './postgres-binaries.ts';
import { ServerLog, type WaitOptions } from './server-log.ts';

export { availableMajors, majorsUnderTest, newestMajor, reasonUnavailable } from './postgres-binaries.ts';

/** Lets every TLS version and cipher in that OpenSSL still speaks, so that sessions of every kind can be opened. */
export const legacyTls = { minProtocol: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' } as const satisfies TlsOptions;

export interface RoleOptions {
  readonly name: string;
  /** @default a random one, in `connectionConfig()` */
  readonly password?: string;
  /** Besides LOGIN, as CREATE ROLE spells them: `SUPERUSER`, `REPLICATION`, `CONNECTION LIMIT 1`. */
  readonly attributes?: string;
  /** Roles it becomes a member of, e.g. `pg_monitor`. */
  readonly grants?: readonly string[];
  /** Functions that it may call in every database, where only superusers may by themselves. */
  readonly executes?: readonly string[];
}

export interface PostgresOptions {
  /** @default the newest installed */
  readonly major?: number;
  /** `false` for a server without TLS. */
  readonly tls?: TlsOptions | false;
  /**
   * Lines of pg_hba.conf, in place of the default that lets every role in with a password over TLS and plaintext TCP,
   * and without one over the Unix socket. The lab's own superuser always has its line before them.
   */
  readonly hba?: readonly string[];
  /** Lines for postgresql.conf; they win over the lab's. */
  readonly settings?: Settings;
  /** @default `AUDITOR`, and `app` */
  readonly roles?: readonly RoleOptions[];
  /** Databases to create beside `postgres`. The first is where sessions go that name none. */
  readonly databases?: readonly string[];
}

/** Discrete fields for `pg`, without anything about TLS. */
export interface ConnectionConfig {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  readonly database: string;
}

/** The login of an audit, with the grants that the README asks for. */
export const AUDITOR = {
  name: 'tls_auditor',
  grants: ['pg_monitor'],
  executes: ['pg_catalog.pg_hba_file_rules()'],
} as const satisfies RoleOptions;

const DEFAULT_ROLES: readonly RoleOptions[] = [AUDITOR, { name: 'app' }];

const DEFAULT_HBA = [
  'local all all trust',
  'local replication all trust',
  'host all all all scram-sha-256',
  'host replication all all scram-sha-256',
];

const SHUTDOWN_SIGNALS = { smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const;

let authority: Promise<Authority> | undefined;
let started = 0;

/** The authority behind every certificate that `startPostgres` makes by itself. */
export function labAuthority(): Promise<Authority> {
  authority ??= createAuthority({ name: 'Lab Root' });
  return authority;
}

/**
 * Starts a server on 127.0.0.1 and, where the machine has it, ::1.
 *
 * @example
 * await using server = await startPostgres({ tls: legacyTls });
 * await server.adminQuery('select version()');
 *
 * @throws Error with the server's log when it does not come up, or with what to install when the major is missing.
 */
export async function startPostgres(options: PostgresOptions = {}): Promise<PostgresServer> {
  const programs = binaries(options.major ?? newestMajor());
  started += 1;
  const folder = join(labFolder(), `s${started}`);
  const tls = options.tls === false ? undefined : (options.tls ?? {});
  const certificate = tls === undefined ? undefined : (tls.certificate ?? (await (await labAuthority()).issue()));
  const roles = (options.roles ?? DEFAULT_ROLES).map((role) => ({
    ...role,
    password: role.password ?? randomBytes(12).toString('base64url'),
  }));
  const server = new PostgresServer({
    programs,
    folder,
    ca: certificate?.rootPem,
    passwords: new Map(roles.map(({ name, password }) => [name, password])),
    database: options.databases?.[0] ?? 'postgres',
    logsDisconnections: isOn(options.settings?.log_disconnections ?? true),
  });
  try {
    await createDataFolder({
      programs,
      folder,
      tls: certificate === undefined ? undefined : { ...tls, certificate },
      settings: options.settings ?? {},
    });
    await server.writeHba(options.hba ?? DEFAULT_HBA);
    await server.start();
    await populate(server, roles, options.databases ?? []);
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

interface Identity {
  readonly programs: Binaries;
  readonly folder: string;
  readonly ca: string | undefined;
  readonly passwords: ReadonlyMap<string, string>;
  readonly database: string;
  readonly logsDisconnections: boolean;
}

/** A running server. Disposing of it ends its sessions, its process and its files. */
export class PostgresServer implements AsyncDisposable {
  readonly host = '127.0.0.1';
  readonly #identity: Identity;
  readonly #log = new ServerLog();
  #port = 0;
  #process: ChildProcess | undefined;
  #exited: Promise<unknown> = Promise.resolve();

  constructor(identity: Identity) {
    this.#identity = identity;
  }

  get port(): number {
    return this.#port;
  }

  get major(): number {
    return this.#identity.programs.major;
  }

  /** Database of the sessions that name none. */
  get database(): string {
    return this.#identity.database;
  }

  /** PEM of what a client has to trust; undefined without TLS. */
  get ca(): string | undefined {
    return this.#identity.ca;
  }

  /** The folder of the Unix socket: a `host` for `pg`. */
  get socketFolder(): string {
    return this.#identity.folder;
  }

  /** The data folder; it belongs to the server's user. */
  get dataFolder(): string {
    return join(this.#identity.folder, 'data');
  }

  /** Undefined once the server has stopped. */
  get pid(): number | undefined {
    return this.#process?.pid;
  }

  /** Everything the server has logged. */
  log(): string {
    return this.#log.text;
  }

  /** Resolves with the first line of the log that matches, past or future. */
  waitForLog(pattern: RegExp, options?: WaitOptions): Promise<RegExpExecArray> {
    return this.#log.waitFor(pattern, options);
  }

  /** How a role connects over TCP. @default the first role */
  connectionConfig(role?: string): ConnectionConfig {
    const { passwords, database } = this.#identity;
    const user = role ?? [...passwords.keys()][0];
    const password = user === undefined ? undefined : passwords.get(user);
    if (user === undefined || password === undefined) {
      throw new Error(`the server has no role "${user}"; it has ${[...passwords.keys()].join(', ')}`);
    }
    return { host: this.host, port: this.#port, user, password, database };
  }

  /** The same as a URL, without parameters. */
  connectionString(role?: string): string {
    const { host, port, user, password, database } = this.connectionConfig(role);
    const part = encodeURIComponent;
    return `postgres://${part(user)}:${part(password)}@${host}:${port}/${part(database)}`;
  }

  /** Runs statements as the superuser through the Unix socket. Its session is gone when this resolves. */
  async adminQuery<Row extends pg.QueryResultRow = pg.QueryResultRow>(
    sql: string,
    values?: readonly unknown[],
    database = 'postgres',
  ): Promise<Row[]> {
    const client = new pg.Client({ host: this.socketFolder, port: this.#port, user: 'postgres', database });
    await client.connect();
    const pid = backendPid(client);
    try {
      const result = await client.query<Row>(sql, values === undefined ? undefined : [...values]);
      return result.rows;
    } finally {
      await client.end();
      await this.disconnected(pid);
    }
  }

  /** Resolves once a backend has left `pg_stat_activity`, which it does before it logs its end. */
  async disconnected(pid: number): Promise<void> {
    if (!this.#identity.logsDisconnections) return;
    await Promise.race([this.#log.waitFor(new RegExp(`\\[${pid}\\] LOG: {2}disconnection`)), this.#exited]);
  }

  /** Replaces pg_hba.conf and makes the server read it. The lab's superuser keeps its line. */
  async setHba(lines: readonly string[]): Promise<void> {
    await this.writeHba(lines);
    await this.reload();
  }

  /** Adds settings and makes the server read them; those that need a restart wait for one. */
  async set(settings: Settings): Promise<void> {
    await appendFile(join(this.dataFolder, 'lab.conf'), settingLines(settings));
    await this.reload();
  }

  /** Makes the server read its configuration; connections opened after this resolves see it. */
  async reload(): Promise<void> {
    const from = this.#log.length;
    this.#process?.kill('SIGHUP');
    await this.#log.waitFor(/received SIGHUP/, { from });
  }

  /** Writes pg_hba.conf without making the server read it. */
  async writeHba(lines: readonly string[]): Promise<void> {
    const own = ['local all postgres trust', 'local replication postgres trust'];
    await writeFile(join(this.dataFolder, 'pg_hba.conf'), [...own, ...lines, ''].join('\n'));
  }

  /** Starts a server that is stopped, on its port if that is still free. */
  async start(): Promise<void> {
    if (this.#process !== undefined) throw new Error('the server runs already');
    for (let attempt = 1; ; attempt += 1) {
      const port = attempt === 1 && this.#port !== 0 ? this.#port : await freePort();
      if (await this.#startOn(port)) {
        this.#port = port;
        return;
      }
      if (attempt === PORT_ATTEMPTS) throw new Error(`no free port in ${PORT_ATTEMPTS} attempts`);
    }
  }

  /**
   * Stops the server and resolves when its process has ended: `smart` waits for sessions to end, `fast` ends them,
   * `immediate` does not even write a checkpoint.
   */
  async stop(mode: keyof typeof SHUTDOWN_SIGNALS = 'fast'): Promise<void> {
    this.#process?.kill(SHUTDOWN_SIGNALS[mode]);
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A server that does not heed the signal would leave its sessions behind: the last resort is bounded, not silent.
    const deadline = setTimeout(() => this.#process?.kill('SIGKILL'), 10_000);
    await this.stop('immediate');
    clearTimeout(deadline);
    await rm(this.#identity.folder, { recursive: true, force: true });
  }

  /** False when another process has the port. */
  async #startOn(port: number): Promise<boolean> {
    const from = this.#log.length;
    const child = spawn(this.#identity.programs.postgres, ['-D', this.dataFolder, '-p', String(port)], {
      ...asServer(),
      // Ctrl-C is ours to handle: the server ends when it is disposed of, or by the guard.
      detached: true,
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    const ended = serverRuns();
    this.#process = child;
    this.#exited = once(child, 'close').finally(() => {
      this.#process = undefined;
      ended();
    });
    this.#exited.catch(() => undefined);
    child.stderr?.setEncoding('utf8').on('data', (chunk: string) => this.#log.append(chunk));
    const outcome = await Promise.race([
      this.#log.waitFor(/ready to accept (read[ -]only )?connections/, { from, timeoutMs: 30_000 }).then(() => 'ready'),
      this.#exited.then(() => 'exited'),
    ]);
    // With one of its two addresses taken the server starts all the same, and only warns.
    const taken = this.#log.text
      .split('\n')
      .slice(from)
      .some((line) => /could not bind|Address already in use/.test(line));
    if (taken) await this.stop('immediate');
    else if (outcome === 'exited') throw new Error(`PostgreSQL ${this.major} did not start:\n${this.#log.tail()}`);
    return !taken;
  }
}

/** A backend's process id, as the server announced it at login. */
export function backendPid(client: pg.Client): number {
  const { processID } = client as pg.Client & { readonly processID: number | null };
  if (processID === null) throw new Error('the client is not connected');
  return processID;
}

async function populate(
  server: PostgresServer,
  roles: readonly (RoleOptions & { readonly password: string })[],
  databases: readonly string[],
): Promise<void> {
  const { escapeIdentifier, escapeLiteral } = pg;
  const statements = [
    ...roles.flatMap(({ name, password, attributes = '', grants = [] }) => [
      `CREATE ROLE ${escapeIdentifier(name)} LOGIN PASSWORD ${escapeLiteral(password)} ${attributes}`,
      ...grants.map((grant) => `GRANT ${escapeIdentifier(grant)} TO ${escapeIdentifier(name)}`),
    ]),
  ];
  if (statements.length > 0) await server.adminQuery(statements.join(';\n'));
  // CREATE DATABASE can't run in a transaction, which several statements in one query are.
  for (const database of databases) await server.adminQuery(`CREATE DATABASE ${escapeIdentifier(database)}`);
  const executions = roles.flatMap(({ name, executes = [] }) =>
    executes.map((signature) => `GRANT EXECUTE ON FUNCTION ${signature} TO ${escapeIdentifier(name)}`),
  );
  if (executions.length === 0) return;
  // Each database has its own functions.
  for (const database of ['postgres', ...databases]) {
    await server.adminQuery(executions.join(';\n'), undefined, database);
  }
}

function isOn(value: string | number | boolean): boolean {
  return value === true || /^(on|true|yes|1)$/i.test(String(value));
}
