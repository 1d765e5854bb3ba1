// Keeps a session and reads again and again which sessions are open, for targets that ask for samples.

import { setTimeout as wait } from 'node:timers/promises';
import { known, type Observed, unknown } from '../../model/observed.ts';
import type { SampledSessions, Session } from '../../model/snapshot.ts';
import type { Observer, ObserverContext } from '../connect/observer.ts';
import { IdentityError } from '../connect/tls.ts';
import { queryFailure } from '../failures/failures.ts';
import { type Catalogue, catalogueQuery } from './catalogue-query.ts';
import { Questions } from './questions.ts';
import { recentSessionQuery } from './session-query.ts';

/** Milliseconds from the answer to one question to the next question. */
const INTERVAL_MS = 1_000;
/** Sessions that are kept. */
const MOST_SESSIONS = 10_000;
/** Of the oldest session that may show for the first time: a login may take a minute, see `recentSessionQuery`. */
const RECENT_SECONDS = 90;
/** The longest `sampleSeconds`, and the rest of what the configuration allows a target. */
const LONGEST_MS = 3_600_000;

export const sampling: Observer = {
  name: 'sampling',
  facts: ['sampled'],
  timeoutMs: LONGEST_MS,
  isWanted: ({ sampleMs }) => sampleMs > 0,
  observe: async (context) => ({ sampled: await sampled(context) }),
};

async function sampled({ target, endpoint, openSession, signal }: ObserverContext): Promise<Observed<SampledSessions>> {
  if (target.kind === 'pgbouncer') {
    return unknown(
      'sampling reads pg_stat_get_activity, which a PgBouncer does not have: set sampleSeconds to 0 for it',
    );
  }
  if (!openSession.known) return openSession;
  const samples = new Samples();
  try {
    await using opened = await openSession.value({ signal, boundsEachAnswer: true });
    const questions = new Questions(opened.session);
    const catalogue = await questions.ask(catalogueQuery);
    const end = performance.now() + target.sampleMs;
    do {
      samples.add(await questions.ask(recentSessionQuery(RECENT_SECONDS)), catalogue);
      if (performance.now() + INTERVAL_MS > end) break;
      await wait(INTERVAL_MS, undefined, { signal });
    } while (!signal.aborted);
  } catch (error) {
    // What was seen until the time was up, or the session ended, is true all the same.
    if (samples.count > 0) return samples.facts();
    if (signal.aborted) return unknown('the time of the target was up before its sessions were read again');
    if (error instanceof IdentityError) return unknown('the certificate of the server was not trusted again');
    return unknown(`sampling had no answer: ${queryFailure(error, endpoint).failure.message}`);
  }
  return samples.facts();
}

class Samples {
  readonly #sessions = new Map<string, Session>();
  #from = '';
  #to = '';
  count = 0;

  add(read: (catalogue: Catalogue) => { readonly visible: readonly Session[] }, catalogue: Catalogue): void {
    this.#to = new Date().toISOString();
    if (this.count === 0) this.#from = this.#to;
    this.count += 1;
    for (const session of read(catalogue).visible) {
      const key = `${session.pid} ${session.startedAt}`;
      if (this.#sessions.size < MOST_SESSIONS || this.#sessions.has(key)) this.#sessions.set(key, session);
    }
  }

  facts(): Observed<SampledSessions> {
    return known({ from: this.#from, to: this.#to, samples: this.count, sessions: [...this.#sessions.values()] });
  }
}
