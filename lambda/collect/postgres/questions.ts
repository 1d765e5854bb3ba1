// Asks the questions of an observer in its own session, one message each.

import type { DatabaseSession } from '../connect/session.ts';
import { IncompleteAnswer } from '../failures/query-refusals.ts';
import { type Announced, message } from './message.ts';
import { type AuditQuery, simpleQuery } from './query.ts';

export class Questions {
  readonly #session: DatabaseSession;
  readonly #announced: Announced;
  #isOpen = false;

  constructor(session: DatabaseSession) {
    this.#session = session;
    const major = Number(/^\d{1,3}/.exec(session.announcedVersion ?? '')?.[0] ?? 0);
    this.#announced = { major, encoding: session.announcedEncoding };
  }

  /**
   * One round trip. After an error the next question may be asked.
   *
   * @throws what the server answers instead, or what ended the connection; IncompleteAnswer, UnusableAnswer
   */
  async ask<T>(query: AuditQuery<T>): Promise<T> {
    const text = message(this.#announced, [query]);
    // The transaction of a statement that failed waits to be ended.
    const { selects, error } = await simpleQuery(this.#session.client, this.#isOpen ? `ROLLBACK;${text}` : text);
    this.#isOpen = error !== undefined;
    if (error !== undefined) throw error;
    const expected = query.selects(this.#announced.major).length;
    if (selects.length !== expected) throw new IncompleteAnswer(selects.length, expected);
    return query.read(selects);
  }
}
