// Explains why a server refused the audit queries or answered them in part.

import type { Endpoint } from '../../model/endpoint.ts';
import { hostPort } from '../../model/endpoint.ts';
import { AuditFailure } from '../../model/failure.ts';
import type { DatabaseError } from './database-error.ts';
import type { Refusal } from './refusal.ts';
import { recoveryConflict, stateOfServer } from './server-state.ts';

/** A server, or what stands before it, answered only some of the statements of a message, and reported no error. */
export class IncompleteAnswer extends Error {
  override readonly name = 'IncompleteAnswer';
  readonly answered: number;
  readonly asked: number;

  constructor(answered: number, asked: number) {
    super('the audit queries gave no result, or not all of it');
    this.answered = answered;
    this.asked = asked;
  }
}

/** Not transient: another attempt would end the same way. */
export function incompleteAnswer({ answered, asked }: IncompleteAnswer, endpoint: Endpoint): AuditFailure {
  return new AuditFailure({
    cause: 'answer-incomplete',
    phase: 'query',
    message: `${hostPort(endpoint)} answered ${answered} of the ${asked} queries of the audit`,
    remedy:
      'give the host and port of the PostgreSQL server itself: a pooler or proxy that answers only some of the statements in a message cannot be audited through',
  });
}

/** Why a server that is PostgreSQL, as far as is known, refused a query. */
export function unansweredQuery(error: DatabaseError, place: string): Refusal {
  const state = stateOfServer(error, place);
  if (state !== undefined) return state;
  switch (error.code) {
    case '40001':
    case '40P01':
      return recoveryConflict({ place });
    case '57014':
      return {
        cause: 'query-canceled',
        message: `${place} cancelled the audit queries`,
        advice:
          "find out what slows the server's statistics views down, or what cancels long statements (statement_timeout of a pooler, a watchdog); the audit gives each of its queries 15 s",
      };
    case '55P03':
      return {
        cause: 'query-canceled',
        message: `${place} kept the audit queries waiting for a lock on its catalogue`,
        advice:
          "find the session that holds it, and end it or wait: SELECT pid, mode FROM pg_catalog.pg_locks WHERE granted AND mode = 'AccessExclusiveLock';",
      };
    case '42501':
      return {
        cause: 'query-failed',
        message: `${place} did not answer the audit queries`,
        advice:
          'give back to PUBLIC what was revoked from it: every login of PostgreSQL may read its statistics views and catalogue; the message names the object',
      };
    default:
      return {
        cause: 'query-failed',
        message: `${place} did not answer the audit queries`,
        advice: /^(0A|08|25|26|34|42)/.test(error.code)
          ? 'give the host and port of PostgreSQL itself, version 10 or newer: a pooler or another product that refuses its statements cannot be audited'
          : 'check that it is PostgreSQL 10 or newer and not overloaded; see its log',
      };
  }
}
