// Opens and holds real client sessions of every kind; encrypted ones verify the server.

import { X509Certificate } from 'node:crypto';
import { isIPv6 } from 'node:net';
import { type ConnectionOptions, checkServerIdentity } from 'node:tls';
import pg from 'pg';
import type { IssuedCertificate } from './certificates.ts';
import { backendPid, type PostgresServer } from './postgres.ts';

/**
 * How a session travels. Those below TLSv1.2, and the weak cipher, need a server started with `legacyTls`.
 * `tlsv1.2-weak-cipher` takes AES128-SHA, without forward secrecy, where the server's key is RSA, and
 * ECDHE-ECDSA-AES128-SHA where it is EC.
 */
export const SESSION_KINDS = [
  'tlsv1.3',
  'tlsv1.2',
  'tlsv1.2-weak-cipher',
  'tlsv1.1',
  'tlsv1',
  'plaintext',
  'unix-socket',
] as const;
export type SessionKind = (typeof SESSION_KINDS)[number];

export interface SessionOptions {
  readonly kind: SessionKind;
  /** @default the server's first role */
  readonly role?: string;
  /** @default the server's first database */
  readonly database?: string;
  /** Of any length and content; the server keeps its first 63 bytes. */
  readonly applicationName?: string;
  /** What to connect to, and to verify the certificate against. @default '127.0.0.1' */
  readonly host?: '127.0.0.1' | '::1' | 'localhost';
  /** PEM of what to trust. @default the server's own */
  readonly ca?: string;
  /** Shown when the server asks for one. */
  readonly clientCertificate?: Pick<IssuedCertificate, 'chainPem' | 'keyPem'>;
  /** Makes a walsender; the role needs the attribute REPLICATION. */
  readonly replication?: 'physical' | 'logical';
}

/** A session that stays open until it is disposed of. */
export interface ClientSession extends AsyncDisposable {
  /** The server's process, as `pg_stat_activity.pid` shows it. */
  readonly pid: number;
  /** Runs a statement in this session. A physical walsender knows none. */
  query(sql: string): Promise<readonly Record<string, unknown>[]>;
  /** Resolves when the session has ended, with the error if the server ended it. */
  readonly ended: Promise<Error | undefined>;
}

const TLS_BY_KIND = {
  'tlsv1.3': { minVersion: 'TLSv1.3' },
  'tlsv1.2': { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' },
  'tlsv1.2-weak-cipher': {
    minVersion: 'TLSv1.2',
    maxVersion: 'TLSv1.2',
    ciphers: 'AES128-SHA:ECDHE-ECDSA-AES128-SHA:@SECLEVEL=0',
  },
  'tlsv1.1': { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'ALL:@SECLEVEL=0' },
  tlsv1: { minVersion: 'TLSv1', maxVersion: 'TLSv1', ciphers: 'ALL:@SECLEVEL=0' },
} as const satisfies Partial<Record<SessionKind, ConnectionOptions>>;

/** The server takes a startup message of 10,000 bytes at most; what does not fit is set after login. */
const LONGEST_NAME_AT_LOGIN = 9_000;

/**
 * Opens a session. Disposing of it resolves when the server no longer shows it.
 *
 * @example
 * await using session = await openSession(server, { kind: 'tlsv1.1', role: 'app', applicationName: 'billing-job' });
 */
export async function openSession(server: PostgresServer, options: SessionOptions): Promise<ClientSession> {
  const { kind, replication } = options;
  const account = server.connectionConfig(options.role);
  const { applicationName = '' } = options;
  const nameAtLogin = Buffer.byteLength(applicationName) <= LONGEST_NAME_AT_LOGIN ? applicationName : '';
  const client = new pg.Client({
    ...account,
    host: kind === 'unix-socket' ? server.socketFolder : (options.host ?? account.host),
    database: options.database ?? account.database,
    // Not left out when absent: pg would take PGAPPNAME.
    application_name: nameAtLogin,
    ssl: tlsOptions(server, options),
    // Missing from the type declarations: the startup message's `replication` parameter.
    ...(replication === undefined ? {} : { replication: replication === 'physical' ? 'true' : 'database' }),
  });
  const { promise: ended, resolve } = Promise.withResolvers<Error | undefined>();
  client.on('error', resolve);
  client.on('end', () => resolve(undefined));
  await client.connect();
  const pid = backendPid(client);
  if (nameAtLogin !== applicationName)
    await client.query("select set_config('application_name', $1, false)", [applicationName]);
  return {
    pid,
    ended,
    query: async (sql) => (await client.query<Record<string, unknown>>(sql)).rows,
    async [Symbol.asyncDispose]() {
      await client.end();
      await server.disconnected(pid);
    },
  };
}

/** Opens sessions one after another and holds them together; when one can't be opened, those before it are closed. */
export async function openSessions(
  server: PostgresServer,
  wanted: readonly SessionOptions[],
): Promise<AsyncDisposable & { readonly sessions: readonly ClientSession[] }> {
  await using stack = new AsyncDisposableStack();
  const sessions: ClientSession[] = [];
  for (const options of wanted) sessions.push(stack.use(await openSession(server, options)));
  const held = stack.move();
  return { sessions, [Symbol.asyncDispose]: () => held.disposeAsync() };
}

function tlsOptions(server: PostgresServer, options: SessionOptions): ConnectionOptions | false {
  const { kind, clientCertificate } = options;
  if (kind === 'plaintext' || kind === 'unix-socket') return false;
  const ca = options.ca ?? server.ca;
  if (ca === undefined) throw new Error(`a ${kind} session needs a server with TLS`);
  return {
    ...TLS_BY_KIND[kind],
    ca,
    checkServerIdentity: (host, certificate) => {
      // Node 24.19 takes no IPv6 address for one (its domainToASCII makes it '') and refuses every certificate.
      if (!isIPv6(host)) return checkServerIdentity(host, certificate);
      const matches = new X509Certificate(certificate.raw).checkIP(host) !== undefined;
      return matches ? undefined : new Error(`the certificate is not for ${host}: ${certificate.subjectaltname}`);
    },
    ...(clientCertificate === undefined ? {} : { cert: clientCertificate.chainPem, key: clientCertificate.keyPem }),
  };
}
