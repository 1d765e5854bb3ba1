// Audits the server at one endpoint: TCP, TLS, login, queries.

import type { Endpoint } from '../model/endpoint.ts';
import { AuditFailure } from '../model/failure.ts';
import { known, unknown } from '../model/observed.ts';
import type { AuditConnection } from '../model/snapshot.ts';
import type { Target } from '../model/target.ts';
import { diagnose } from './connect/diagnose.ts';
import type { Observations, QueryContext, SocketAddress } from './connect/observations.ts';
import { IdentityError } from './connect/tls.ts';
import type { Trust } from './connect/trust.ts';
import { openVerifiedSession, type VerifiedSession } from './connect/verified-session.ts';
import { observeConsole } from './pgbouncer/observe-pgbouncer.ts';
import { observeServer } from './postgres/observe-server.ts';
import type { HashAllowance } from './protocol/guarded-stream.ts';
import type { Credentials } from './secrets/credentials.ts';
import type { SnapshotBuilder } from './snapshot-builder.ts';

/** One attempt to audit the server at an endpoint. */
export interface ConnectionAttempt {
  readonly target: Target;
  readonly allowance: HashAllowance;
  readonly endpoint: Endpoint;
  readonly credentials: Credentials;
  readonly trust: Trust;
  readonly builder: SnapshotBuilder;
  readonly signal: AbortSignal;
}

export interface AuditedEndpoint {
  readonly link: AuditConnection;
  readonly facts: Observations['facts'];
}

/**
 * Connects, verifies the certificate, logs in and asks. What is known on the way goes to the builder, for a snapshot
 * that fails later.
 *
 * @throws AuditFailure
 */
export async function auditEndpoint(attempt: ConnectionAttempt): Promise<AuditedEndpoint> {
  const { target, allowance, endpoint, credentials, trust, builder, signal } = attempt;
  const { kind, probe } = target;
  const clock = stopwatch();
  const shared = {
    endpoint,
    trust,
    credentials,
    policy: {
      methods: target.authentication,
      minScramIterations: target.minScramIterations,
      sendsToken: 'iam' in target.credentials,
    },
    allowance,
    redaction: builder.redaction,
    pipeline: kind === 'pgbouncer',
  };
  let remoteAddress: string | undefined;
  let own: SocketAddress = { address: undefined, port: undefined };
  let [tcp, tlsHandshake, tlsVersion, cipher] = [0, 0, 'unknown', ''];
  let opened: VerifiedSession | undefined;
  builder.phase = 'tcp';
  try {
    opened = await openVerifiedSession(
      { ...shared, signal },
      {
        onConnected: (socket) => {
          tcp = clock();
          remoteAddress = socket.remoteAddress;
          own = { address: socket.localAddress, port: socket.localPort };
          builder.networkPath = remoteAddress === undefined ? undefined : { remoteAddress, isDirect: false };
          builder.reachable = {
            target,
            endpoint,
            role: credentials.user,
            database: credentials.database,
            trust,
            redaction: builder.redaction,
            openSession: unknown('the login of the audit did not succeed'),
          };
          builder.phase = 'tls';
          // The server has to start a process first.
          setImmediate(() => shared.redaction.prepare());
        },
        onVerified: (tls, certificates) => {
          tlsHandshake = clock();
          // Read now: a socket no longer knows them once the server has closed it, which may be by its last answer.
          tlsVersion = tls.getProtocol() ?? 'unknown';
          cipher = tls.getCipher().name;
          builder.setPresentedCertificates(certificates);
          builder.phase = 'login';
        },
      },
    );
    const { session, socket: tls } = opened;
    builder.setSessionOpener(async (options) => {
      const further = await openVerifiedSession({ ...shared, ...options });
      builder.addOwnSession(further.session.announcedPid);
      return further;
    });
    const authentication = clock();

    builder.phase = 'query';
    const context: QueryContext = { session, socket: tls, endpoint, user: credentials.user, own, probe, signal };
    const answering = kind === 'pgbouncer' ? observeConsole(context) : observeServer(context);
    // The server works on its answers meanwhile. Where reading the certificates throws, the answers are not awaited.
    answering.catch(() => undefined);
    builder.readCertificates();
    const answers = await answering;
    const queries = clock();
    const { address, port } = answers.localAddress;
    if (remoteAddress !== undefined) {
      builder.networkPath = {
        remoteAddress,
        isDirect: address === own.address && port === own.port,
        clientAddressAtServer: address,
      };
    }
    const link: AuditConnection = {
      tlsVersion,
      cipher,
      authorized: tls.authorized,
      verifiedName: endpoint.verifiedName,
      sslNegotiation: endpoint.sslNegotiation,
      authentication: session.authentication,
      channelBinding: session.authentication === 'scram-sha-256-plus',
      serverView: answers.serverView,
      backendPid: backendPid(session.announcedPid, answers.ownPid),
      timings: { tcp, tlsHandshake, authentication, queries },
      roundTrips: answers.roundTrips,
      attempts: builder.attempts,
    };
    builder.closed = opened[Symbol.asyncDispose]();
    return { link, facts: answers.facts };
  } catch (error) {
    opened?.destroy();
    if (!(error instanceof IdentityError)) throw error;
    const { failure, chain } = await diagnose(error, endpoint, trust, signal);
    if (chain !== undefined) builder.setServerChain(known(chain));
    throw new AuditFailure(failure, { cause: error });
  }
}

function backendPid(announced: number | undefined, own: number | undefined): AuditConnection['backendPid'] {
  return announced === undefined || own === undefined ? undefined : { announced, own };
}

/** Milliseconds since the last call, to a tenth. */
function stopwatch(): () => number {
  let last = performance.now();
  return () => {
    const now = performance.now();
    const elapsed = Math.round((now - last) * 10) / 10;
    last = now;
    return elapsed;
  };
}
