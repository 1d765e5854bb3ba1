// Describes an error that no code of the auditor expected, without quoting what it says.

import { AuditFailure, type Failure, type Phase } from '../model/failure.ts';

/**
 * The failure to report for anything that was thrown. Of a defect it gives the place only: its message might hold a
 * secret.
 */
export function asFailure(error: unknown, phase: Phase): Failure {
  if (error instanceof AuditFailure) return error.failure;
  return {
    cause: 'internal-error',
    phase,
    message: `The auditor itself failed: ${describeDefect(error)}`,
    remedy: 'report it as a defect of pg-tls-auditor, with this message',
  };
}

/** The error's name and the place it was thrown at. */
export function describeDefect(error: unknown): string {
  if (!(error instanceof Error)) return typeof error;
  const place = /^\s+at .*$/m.exec(error.stack ?? '')?.[0].trim();
  return place === undefined ? error.name : `${error.name} ${place}`;
}
