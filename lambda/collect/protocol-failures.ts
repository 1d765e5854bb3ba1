// What ended a session that the server broke, or that broke in our hands, as the failure of an audit.

import { AuditFailure, type Phase } from '../model/failure.ts';
import { breakOff } from './confinement.ts';
import type { Endpoint } from './network.ts';
import { placeOf } from './place.ts';
import { ProtocolError } from './protocol/protocol-error.ts';
import { remediesOf } from './refusal.ts';

/** What the protocol forbids, as an AuditFailure. Anything else is a defect of ours or of the driver: it ends the audit. */
export function protocolFailureOf(error: unknown, endpoint: Endpoint, phase: Phase): Error {
  if (error instanceof ProtocolError) {
    const { reason: cause, message, advice } = error;
    return new AuditFailure(
      { cause, phase, message: `${placeOf(endpoint)} ${message}`, ...remediesOf(advice) },
      { cause: error },
    );
  }
  const defect = error instanceof Error ? error : new Error(`something was thrown that is no error (${typeof error})`);
  breakOff(defect);
  return defect;
}

/**
 * Whether the driver rejected for a reason that is neither the server's, nor the network's, nor SCRAM's: those have a code of
 * PostgreSQL or of Node, or one of the driver's own messages.
 */
export function isDriverDefect(error: unknown): boolean {
  if (error instanceof AuditFailure) return false;
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return typeof code !== 'string' && !/^(Connection terminated|SASL: )/.test(String(message));
}
