// Turns the result of a probe's handshake into the answer to its question.

import { known, type Observed, unknown } from '../../model/observed.ts';
import { type KeyExchange, PROBED_VERSIONS, type ProbedVersion, type WireAnswer } from '../../model/probe.ts';
import type { HandshakeResult } from './handshake.ts';
import { alertName } from './server-flight.ts';

/** Alerts by which servers say that they do not speak a version, or have no cipher or signature for it. */
const REFUSALS: ReadonlySet<number> = new Set([40, 70, 71]);
/** OpenSSL 1.1.1 says `internal_error` where its security level leaves no signature for TLSv1 and TLSv1.1. */
const INTERNAL_ERROR = 80;

const VERSION_CODES: Readonly<Record<ProbedVersion, number>> = {
  TLSv1: 0x0301,
  'TLSv1.1': 0x0302,
  'TLSv1.2': 0x0303,
  'TLSv1.3': 0x0304,
};

function describeVersion(code: number): string {
  return PROBED_VERSIONS.find((version) => VERSION_CODES[version] === code) ?? `0x${code.toString(16)}`;
}

/** Whether the server accepts the one version that it was offered. */
export function versionAnswer(version: ProbedVersion, result: HandshakeResult): Observed<WireAnswer> {
  const { flight, completed, failed, sent } = result;
  if (completed !== undefined) return known({ accepted: true });
  if (!sent) return unknown(`the OpenSSL of this auditor does not offer it (${failed ?? 'no reason given'})`);
  const { alert, hello } = flight;
  // Up to TLSv1.2 a client can't say what it is too old for: the server answers with the best that it has.
  if (hello !== undefined && hello.version !== VERSION_CODES[version]) {
    return known({ accepted: false, said: `chose version ${describeVersion(hello.version)}` });
  }
  // The server had agreed, and what came between is our side's: as a rule, it insists on a client certificate.
  if (flight.helloDone) return known({ accepted: true });
  if (alert === undefined) return unknown(`the handshake ended without an alert (${failed ?? 'no reason given'})`);
  const isRefusal = REFUSALS.has(alert) || (alert === INTERNAL_ERROR && (version === 'TLSv1' || version === 'TLSv1.1'));
  if (isRefusal) return known({ accepted: false, said: `alert ${alertName(alert)}` });
  return unknown(`the server ended the handshake for another reason (alert ${alertName(alert)})`);
}

/** An alert in answer to an offer of nothing but suites that protect nothing. */
export function refusalOf(alert: number): Observed<Extract<WireAnswer, { readonly accepted: false }>> {
  const said = `alert ${alertName(alert)}`;
  // OpenSSL 1.1.1 says so where its security level leaves nothing to sign with.
  if (REFUSALS.has(alert) || alert === INTERNAL_ERROR) return known({ accepted: false, said });
  return unknown(`the server ended the handshake for another reason (${said})`);
}

/**
 * Before PostgreSQL 17 a ClientHello is an invalid startup packet: the server closes the connection without an answer
 * in TLS.
 */
export function refusalOfDirect({ flight, failed, sent }: HandshakeResult): Observed<WireAnswer> {
  if (!sent) return unknown(`the OpenSSL of this auditor does not offer it (${failed ?? 'no reason given'})`);
  if (flight.hello !== undefined) return unknown(`the handshake did not complete (${failed ?? 'no reason given'})`);
  const said =
    flight.alert === undefined ? `hung up (${failed ?? 'no reason given'})` : `alert ${alertName(flight.alert)}`;
  return known({ accepted: false, said });
}

/** Post-quantum key exchange is a matter of TLSv1.3 alone. */
export function keyExchangeWithout(newest: Observed<WireAnswer>, sofar: Observed<KeyExchange>): Observed<KeyExchange> {
  if (!newest.known) return newest;
  return newest.value.accepted ? sofar : known({ postQuantum: false });
}
