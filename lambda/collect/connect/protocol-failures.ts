// Converts the error that ended a session (protocol violation, authentication, defect) to an audit failure.

import type { Endpoint } from '../../model/endpoint.ts';
import { hostPort } from '../../model/endpoint.ts';
import { AuditFailure, type Phase } from '../../model/failure.ts';
import { breakOff } from '../../runtime/confinement.ts';
import { remediesOf } from '../failures/refusal.ts';
import { ProtocolError } from '../protocol/protocol-error.ts';

/**
 * What the protocol forbids, as an AuditFailure. Anything else is a defect of ours or of the driver: it ends the audit.
 */
export function protocolFailureOf(error: unknown, endpoint: Endpoint, phase: Phase): Error {
  if (error instanceof ProtocolError) {
    const { reason: cause, message, advice } = error;
    return new AuditFailure(
      { cause, phase, message: `${hostPort(endpoint)} ${message}`, ...remediesOf(advice) },
      { cause: error },
    );
  }
  const defect = error instanceof Error ? error : new Error(`something was thrown that is no error (${typeof error})`);
  breakOff(defect);
  return defect;
}

/**
 * The one sure sign of something between the auditor and the server: the server's hash of its certificate is another
 * than that of the certificate which the auditor received, or the server offers a binding that the auditor did not see
 * (auth-scram.c). Recognised by the source position of the error, because its words may be translated.
 *
 * @returns undefined for any other error
 */
export function channelBindingFailure(error: unknown, endpoint: Endpoint): AuditFailure | undefined {
  const { code, file, message } = error as {
    readonly code?: unknown;
    readonly file?: unknown;
    readonly message?: unknown;
  };
  const isBinding =
    file === 'auth-scram.c' || /^SCRAM channel binding (check failed|negotiation error)$/.test(String(message));
  if (code !== '28000' || !isBinding) return undefined;
  return new AuditFailure(
    {
      cause: 'channel-binding-failed',
      phase: 'login',
      message: `${hostPort(endpoint)} saw the login come over another TLS connection than the auditor's: something in between relays it, with a certificate that the auditor trusts`,
      remedy:
        'treat it as an attack until proven otherwise: find out which proxy or TLS inspection stands in between, and who holds the key of the certificate that it shows; if it is meant to be there, audit the server behind it',
    },
    { cause: error },
  );
}

/**
 * Whether the driver rejected for a reason that is neither the server's, nor the network's, nor SCRAM's: those have a
 * code of PostgreSQL or of Node, or one of the driver's own messages.
 */
export function isDriverDefect(error: unknown): boolean {
  if (error instanceof AuditFailure) return false;
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return typeof code !== 'string' && !/^(Connection terminated|SASL: )/.test(String(message));
}
