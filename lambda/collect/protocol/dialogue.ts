// Enforces the order and number of server messages: login, then answers to simple queries. Any other message ends the
// session. Pure.

import { AuthenticationDialogue, type AuthenticationPolicy } from './authentication.ts';
import type { ServerMessage } from './framing.ts';
import {
  checkDataRow,
  checkError,
  checkFields,
  checkLength,
  checkReady,
  checkRowDescription,
  checkTexts,
} from './messages.ts';
import { tooLarge, violation } from './protocol-error.ts';

/**
 * Of one session. 100,000 sessions of a server take 25 MB in as many rows; a server sends a dozen parameters at login,
 * and a notice now and then.
 */
export const SESSION_LIMITS = {
  /** What rows cost in memory: their bytes, and what each value takes besides. */
  cost: 128 * 1024 * 1024,
  rows: 400_000,
  /** Parameters, notices, notifications, errors and everything else that is no row. */
  others: 5_000,
} as const;

/** A value of a row takes about this much memory beside its bytes. */
const VALUE_COST = 24;

type Phase = 'authentication' | 'starting' | 'queries';

/** Follows one session. */
export class ServerDialogue {
  readonly authentication: AuthenticationDialogue;
  #phase: Phase = 'authentication';
  /** Queries that are sent and not answered to their end. */
  #open = 0;
  #columns: number | undefined;
  /** Of the answer that is coming. */
  #rowsOfAnswer = 0;
  #rows = 0;
  #others = 0;
  #cost = 0;

  readonly #boundsEachAnswer: boolean;

  constructor(
    policy: AuthenticationPolicy,
    { boundsEachAnswer = false }: { readonly boundsEachAnswer?: boolean } = {},
  ) {
    this.authentication = new AuthenticationDialogue(policy);
    this.#boundsEachAnswer = boundsEachAnswer;
  }

  /** Bytes of memory, about, that what came so far takes. */
  get cost(): number {
    return this.#cost;
  }

  querySent(): void {
    if (this.#boundsEachAnswer && this.#open === 0) [this.#rows, this.#others, this.#cost] = [0, 0, 0];
    this.#open += 1;
  }

  /**
   * @returns whether the driver is to see it: of notices and notifications it knows nothing to do
   * @throws ProtocolError
   */
  accept(message: ServerMessage): boolean {
    this.#count(message);
    switch (message.type) {
      case 'R':
        this.authentication.accept(message);
        if (this.authentication.done) this.#phase = 'starting';
        return true;
      case 'E':
        checkError(message);
        this.#columns = undefined;
        return true;
      case 'N':
        checkFields(message);
        return false;
      case 'S':
        this.#after('authentication', message);
        checkTexts(message, 2);
        return true;
      case 'K':
        this.#in('starting', message);
        checkLength(message, 8);
        return true;
      case 'A':
        this.#in('queries', message);
        if (message.body.length < 4) throw violation('sent a malformed NotificationResponse');
        checkTexts(message, 2, 4);
        return false;
      case 'Z':
        this.#after('authentication', message);
        checkReady(message);
        this.#ready();
        return true;
      case 'T':
        this.#asked(message);
        if (this.#columns !== undefined) throw violation('announced rows before the rows before them had ended');
        this.#columns = checkRowDescription(message);
        this.#rowsOfAnswer = 0;
        return true;
      case 'D':
        this.#asked(message);
        if (this.#columns === undefined) throw violation('sent a row without announcing its columns');
        checkDataRow(message, this.#columns);
        this.#rowsOfAnswer += 1;
        return true;
      case 'C':
        this.#asked(message);
        checkTexts(message, 1);
        this.#completed(message);
        return true;
      default:
        throw violation(`sent ${message.name}, which answers nothing that was asked`);
    }
  }

  #ready(): void {
    if (this.#phase === 'starting') {
      this.#phase = 'queries';
      return;
    }
    if (this.#open === 0) throw violation('answered a query that was not sent');
    if (this.#columns !== undefined) throw violation('ended an answer in the middle of its rows');
    this.#open -= 1;
  }

  /**
   * PostgreSQL announces the columns of a SELECT and counts its rows. Where something on the way lost one of them,
   * sessions would be missing; the driver takes a SELECT without columns for one without rows.
   */
  #completed({ body }: ServerMessage): void {
    const [select, counted] = /^SELECT(?: (\d+))?\0$/.exec(body.toString('latin1')) ?? [];
    if (select !== undefined && this.#columns === undefined) throw violation('ended a SELECT that had no columns');
    if (counted !== undefined && Number(counted) !== this.#rowsOfAnswer) {
      throw violation('sent other rows than it had counted');
    }
    this.#columns = undefined;
  }

  #count({ type, whole }: ServerMessage): void {
    if (type === 'D') {
      this.#rows += 1;
      this.#cost += whole.length + (this.#columns ?? 0) * VALUE_COST;
    } else {
      this.#others += 1;
      this.#cost += whole.length;
    }
    if (this.#rows > SESSION_LIMITS.rows) throw tooLarge(`sent more than ${SESSION_LIMITS.rows} rows`);
    if (this.#others > SESSION_LIMITS.others) {
      throw tooLarge(`sent more than ${SESSION_LIMITS.others} notices, parameters and the like`);
    }
    if (this.#cost > SESSION_LIMITS.cost) {
      throw tooLarge(`sent more than an audit keeps in memory (${SESSION_LIMITS.cost / 1024 / 1024} MiB)`);
    }
  }

  #in(phase: Phase, { name }: ServerMessage): void {
    if (this.#phase !== phase) throw violation(`sent ${name} where PostgreSQL does not`);
  }

  #after(phase: Phase, { name }: ServerMessage): void {
    if (this.#phase === phase) throw violation(`sent ${name} before the login was over`);
  }

  #asked(message: ServerMessage): void {
    this.#in('queries', message);
    if (this.#open === 0) throw violation(`sent ${message.name} in answer to nothing`);
  }
}
