// Defines the error for server messages that end a session; its text holds nothing that the server sent.

import type { FailureCause } from '../../model/failure.ts';
import type { Advice } from '../failures/refusal.ts';

/** Ends the session it comes from. Neither text quotes the server. */
export class ProtocolError extends Error {
  override readonly name = 'ProtocolError';
  readonly reason: FailureCause;
  readonly advice: Advice;

  /**
   * @param problem continues a sentence that begins with the server's address, e.g. `sent a message of unknown type`
   * @param advice what to do, as an instruction
   */
  constructor(reason: FailureCause, problem: string, advice: Advice = WHAT_ANSWERS) {
    super(problem);
    this.reason = reason;
    this.advice = advice;
  }
}

const WHAT_ANSWERS =
  'find out what answers at that host and port: a PostgreSQL server, or a proxy or imitation that breaks its protocol';

/** A message that a PostgreSQL server does not send, or not there. */
export function violation(problem: string): ProtocolError {
  return new ProtocolError('protocol-violation', problem);
}

/** More than an audit reads. */
export function tooLarge(problem: string): ProtocolError {
  return new ProtocolError(
    'answer-too-large',
    problem,
    'compare the number of sessions, roles, databases and rules on the server with that; if it really has as many, report it as a limit of pg-tls-auditor',
  );
}
