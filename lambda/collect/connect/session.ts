// Logs in to PostgreSQL over a verified TLS connection, and records how the server asked for the password.

import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';
import type pg from 'pg';
import type { Endpoint } from '../../model/endpoint.ts';
import { AuditFailure } from '../../model/failure.ts';
import type { AuditConnection } from '../../model/snapshot.ts';
import { loginFailure, missingPassword } from '../failures/failures.ts';
import { type AuthenticationPolicy, MAX_SCRAM_ITERATIONS, notProved, scramError } from '../protocol/authentication.ts';
import { Client } from '../protocol/driver.ts';
import { GuardedStream, type HashAllowance, SharedLimits } from '../protocol/guarded-stream.ts';
import type { Credentials } from '../secrets/credentials.ts';
import type { Redaction } from '../secrets/redaction.ts';
import { bindsTo } from './channel-binding.ts';
import { channelBindingFailure, isDriverDefect, protocolFailureOf } from './protocol-failures.ts';

/** How the auditor calls itself in `pg_stat_activity`. */
export const APPLICATION_NAME = 'pg-tls-auditor';

/** Milliseconds. A server hangs up within one or two of its client's goodbye. */
const CLOSE_TIMEOUT_MS = 500;

export interface DatabaseSession {
  readonly client: pg.Client;
  readonly authentication: AuditConnection['authentication'];
  /** As the server announced it at login, e.g. `18.4`; poolers announce what they choose. */
  readonly announcedVersion: string | undefined;
  /** Of the database, by the name that PostgreSQL has for it, e.g. `UTF8`. */
  readonly announcedEncoding: string | undefined;
  /** Of the server's process, by BackendKeyData; poolers announce what they choose. */
  readonly announcedPid: number | undefined;
}

/**
 * What pg's client has and its types do not show. `connectionParameters` takes values from PG* environment variables,
 * which belong to the person who runs the command line: none of them may change an audit. Poolers would also refuse
 * startup options.
 */
interface ClientInternals {
  readonly connectionParameters: Record<string, unknown>;
  readonly connection: {
    on(event: 'parameterStatus', listener: (message: { parameterName: string; parameterValue: string }) => void): void;
    on(
      event: 'authenticationSASLContinue' | 'authenticationCleartextPassword' | 'authenticationMD5Password',
      listener: () => void,
    ): void;
  };
  /** Undefined before SCRAM, null once the server's proof was found right. */
  readonly saslSession?: { readonly mechanism: string } | null;
  readonly processID?: number | null;
}

const STARTUP_PARAMETERS_FROM_ENVIRONMENT = [
  'options',
  'replication',
  'statement_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
] as const;

/** Settings that a server reports at login, of which an audit makes use. */
const ANNOUNCED: ReadonlySet<string> = new Set(['server_version', 'server_encoding']);

/** What every session of this process shares with the others. */
const LIMITS = new SharedLimits();

export interface LoginOptions {
  /** The server's certificate. */
  readonly leaf: X509Certificate | undefined;
  readonly policy: AuthenticationPolicy;
  readonly allowance: HashAllowance;
  /** Purges the password from what the server sends. */
  readonly redaction: Redaction;
  readonly signal: AbortSignal;
  /** Whether queries go out without waiting for the answers to those before. */
  readonly pipeline?: boolean;
  /** @default `APPLICATION_NAME` */
  readonly applicationName?: string;
  /**
   * Whether each answer is used up before the next question, so that the bounds on what is kept in memory are those of
   * one answer.
   *
   * @default false
   */
  readonly boundsEachAnswer?: boolean;
}

/**
 * Logs in. Channel binding is used when the server offers it.
 *
 * @param socket verified; nothing of ours has been sent on it yet
 * @throws AuditFailure in the phase `login`
 */
export async function login(
  socket: TLSSocket,
  credentials: Credentials,
  endpoint: Endpoint,
  {
    leaf,
    policy,
    allowance,
    redaction,
    signal,
    pipeline = false,
    applicationName = APPLICATION_NAME,
    boundsEachAnswer = false,
  }: LoginOptions,
): Promise<DatabaseSession> {
  const { host, port, user, password, database, facts } = credentials;
  let phase: 'login' | 'query' = 'login';
  const stream = new GuardedStream(socket, {
    policy,
    limits: LIMITS,
    allowance,
    signal,
    redaction,
    certificate: leaf?.raw,
    boundsEachAnswer,
    failureOf: (error) => protocolFailureOf(error, endpoint, phase),
  });
  let askedInVain = false;
  const client = new Client({
    host,
    port,
    user,
    database,
    // A function, because an undefined password would be looked for in PGPASSWORD and ~/.pgpass.
    password: (): string => {
      askedInVain = password === undefined;
      return password?.reveal() ?? '';
    },
    application_name: applicationName,
    // TLS is up already. pg never opens a connection of its own here.
    ssl: false,
    // Not left out: PGSSLNEGOTIATION=direct would have pg refuse to go without TLS of its own.
    sslnegotiation: 'postgres',
    stream: () => stream.asDuplex(),
    enableChannelBinding: bindsTo(leaf),
    scramMaxIterations: MAX_SCRAM_ITERATIONS,
    pipeline,
    types: { getTypeParser: () => asText },
  } as pg.ClientConfig);
  const internals = client as unknown as ClientInternals;
  for (const name of STARTUP_PARAMETERS_FROM_ENVIRONMENT) internals.connectionParameters[name] = undefined;

  let authentication: AuditConnection['authentication'] = 'none';
  const announced = new Map<string, string>();
  internals.connection.on('authenticationSASLContinue', () => {
    authentication = internals.saslSession?.mechanism === 'SCRAM-SHA-256-PLUS' ? 'scram-sha-256-plus' : 'scram-sha-256';
  });
  internals.connection.on('authenticationMD5Password', () => {
    authentication = 'md5';
  });
  internals.connection.on('authenticationCleartextPassword', () => {
    authentication = 'password';
  });
  internals.connection.on('parameterStatus', ({ parameterName, parameterValue }) => {
    if (ANNOUNCED.has(parameterName)) announced.set(parameterName, parameterValue);
  });
  // After login, errors reach the caller that awaits the query; the next query finds that an idle session has ended.
  client.on('error', () => {});
  const stop = (): void => void socket.destroy();
  signal.addEventListener('abort', stop, { once: true });
  try {
    await client.connect();
    // The stream lets no login pass without the server's proof; the driver has compared it.
    if (authentication.startsWith('scram') && internals.saslSession !== null) {
      throw protocolFailureOf(notProved(), endpoint, 'login');
    }
    phase = 'query';
    return {
      client,
      authentication,
      announcedVersion: announced.get('server_version'),
      announcedEncoding: announced.get('server_encoding'),
      announcedPid: internals.processID ?? undefined,
    };
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    if (stream.failure !== undefined) throw stream.failure;
    if (error instanceof AuditFailure) throw error;
    if (isDriverDefect(error)) throw protocolFailureOf(error, endpoint, phase);
    if (!askedInVain && error instanceof Error && error.message.startsWith('SASL:')) {
      throw protocolFailureOf(scramError(error), endpoint, phase);
    }
    const intercepted = channelBindingFailure(error, endpoint);
    if (intercepted !== undefined) throw intercepted;
    throw askedInVain
      ? missingPassword(error, endpoint, user, facts.source)
      : loginFailure(error, endpoint, user, database);
  }
}

/**
 * Sends Terminate and closes. All queries are answered by now, so a server or proxy that keeps the connection open is
 * not waited for.
 */
export async function logout({ client }: DatabaseSession, socket: TLSSocket, signal: AbortSignal): Promise<void> {
  if (signal.aborted || socket.destroyed) return;
  const { promise: longEnough, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, CLOSE_TIMEOUT_MS);
  await Promise.race([client.end(), longEnough]);
  clearTimeout(timer);
}

const asText = (value: string): string => value;
