// Derives the transport of a session from its facts. It must never report a session as safer than it is.

import { BlockList, isIP } from 'node:net';
import type { Transport } from '../../model/transport.ts';

/** What `pg_stat_activity`, `pg_stat_ssl` and `pg_stat_gssapi` show of a session. Undefined is SQL's NULL. */
export interface TransportFacts {
  /** `backend_type`; NULL on rows that the login may not see. */
  readonly kind: string | undefined;
  /** NULL where `pg_stat_ssl` has no row. */
  readonly ssl: boolean | undefined;
  readonly gssEncrypted: boolean;
  /** NULL for Unix sockets, and on rows that the login may not see. */
  readonly clientAddress: string | undefined;
  /** -1 for Unix sockets; NULL on rows that the login may not see. */
  readonly clientPort: number | undefined;
}

/**
 * How a session travels, or undefined when the rows do not show it.
 *
 * @param onLoopback answers for an address, also one that was asked about before
 */
export function transportOf(
  facts: TransportFacts,
  onLoopback: (address: string) => boolean = isLoopback,
): Transport | undefined {
  // A row one may not see has neither kind nor port. It must never pass for a Unix socket, which has no address either.
  if (facts.kind === undefined || facts.clientPort === undefined || facts.ssl === undefined) return undefined;
  if (facts.ssl) return 'tls';
  if (facts.gssEncrypted) return 'gss';
  if (facts.clientAddress === undefined) return facts.clientPort === -1 ? 'unix-socket' : undefined;
  return onLoopback(facts.clientAddress) ? 'loopback' : 'plaintext';
}

/** 127.0.0.0/8 (RFC 1122), also mapped into IPv6, and ::1 (RFC 4291). */
const LOOPBACK = new BlockList();
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4');
LOOPBACK.addAddress('::1', 'ipv6');

/** What can't be read is no loopback; nor is `::127.0.0.1`, which only looks like one. */
export function isLoopback(address: string): boolean {
  const family = isIP(address);
  return family !== 0 && LOOPBACK.check(address, family === 4 ? 'ipv4' : 'ipv6');
}
