// Defines what the audit of a target needs after login and what it returns, for every kind of target.

import type { TLSSocket } from 'node:tls';
import type { Endpoint } from '../../model/endpoint.ts';
import type { AuditConnection, Snapshot } from '../../model/snapshot.ts';
import type { DatabaseSession } from './session.ts';

/** One end of a connection. */
export interface SocketAddress {
  readonly address: string | undefined;
  readonly port: number | undefined;
}

/** A session that is logged in. */
export interface QueryContext {
  readonly session: DatabaseSession;
  readonly socket: TLSSocket;
  readonly endpoint: Endpoint;
  readonly user: string;
  /** Our end, as our socket has it. */
  readonly own: SocketAddress;
  /** Whether the wire probe follows: its answers are compared with those of the target. */
  readonly probe: boolean;
  readonly signal: AbortSignal;
}

export interface Observations {
  readonly facts: Pick<
    Snapshot,
    'server' | 'visibility' | 'sessions' | 'settings' | 'outbound' | 'hba' | 'aurora' | 'pooler'
  >;
  readonly serverView: AuditConnection['serverView'];
  /** Our end, as the target sees it. */
  readonly localAddress: SocketAddress;
  /** The process of the server behind our session; undefined where the target shows none. */
  readonly ownPid?: number | undefined;
  /** Messages, or bundles of them, sent and answered. */
  readonly roundTrips: number;
}
