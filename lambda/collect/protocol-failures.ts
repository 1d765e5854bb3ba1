// What ended a session that the server broke, or that broke in our hands, as the failure of an audit.

import { AuditFailure, type Phase } from '../model/failure.ts';
import type { Endpoint } from './network.ts';
import { ProtocolError } from './protocol/protocol-error.ts';

const place = ({ host, port }: Endpoint): string => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`);

/** @returns an AuditFailure for what the protocol forbids; anything else, such as a defect of ours, as it is */
export function protocolFailureOf(error: unknown, endpoint: Endpoint, phase: Phase): Error {
  if (error instanceof ProtocolError) {
    const { reason: cause, message, remedy } = error;
    return new AuditFailure({ cause, phase, message: `${place(endpoint)} ${message}`, remedy }, { cause: error });
  }
  return error instanceof Error ? error : new Error(`something was thrown that is no error (${typeof error})`);
}
