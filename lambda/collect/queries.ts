// What an audit asks a server: as many questions as go into one message, and those that need a privilege in a second.
// Only ever read, and never the `query` text of anyone's session.

import type pg from 'pg';
import { displayText } from '../model/display.ts';
import type { HbaFacts } from '../model/hba.ts';
import { known, type Observed, unknown } from '../model/observed.ts';
import type { Outbound, Settings } from '../model/posture.ts';
import type { AuroraCluster, Link, Server, Sessions, Visibility } from '../model/snapshot.ts';
import { auroraQuestion } from './aurora-query.ts';
import { catalogueQuestion } from './catalogue-query.ts';
import { isDatabaseError } from './failures.ts';
import { hbaFacts, hbaGrant, hbaQuestion } from './hba-queries.ts';
import { linkQuestion, outboundQuestion, withRefusal } from './outbound-query.ts';
import type { Question, Row } from './question.ts';
import { type Reload, reloadQuestion } from './reload-query.ts';
import { type ServerAnswers, serverQuestion } from './server-query.ts';
import { type OwnEnd, sessionQuestion } from './session-query.ts';

/** The oldest major whose views hold what an audit needs (`backend_type`, predefined roles). */
export const OLDEST_MAJOR = 10;

/** What the queries found out. */
export interface Answers {
  readonly server: Server;
  readonly visibility: Visibility;
  readonly serverView: Link['serverView'];
  readonly ownEnd: OwnEnd;
  readonly sessions: Sessions;
  readonly settings: Settings;
  readonly outbound: Outbound;
  readonly hba: Observed<HbaFacts>;
  /** Undefined where there is nothing to ask. */
  readonly aurora?: Observed<AuroraCluster>;
  /** Messages sent and answered. */
  readonly roundTrips: number;
}

/** Milliseconds. Far above what the views take (12 ms for 500 sessions), far below a target's deadline. */
const STATEMENT_TIMEOUT = 15_000;
const LOCK_TIMEOUT = 1_000;

/**
 * Sends the queries: one round trip, two where the login may read more than statistics.
 *
 * @param options `reload`: also ask what of the configuration is not in effect yet, which takes the second round trip
 * @throws what pg throws; `queryFailure` names it
 */
export async function runAuditQueries(
  client: pg.Client,
  major: number,
  { reload: asksReload = false }: { readonly reload?: boolean } = {},
): Promise<Answers> {
  const [server, activity, catalogue, outbound] = await ask(client, major, FIRST);
  const { may, ...facts } = server;
  const answers = { ...facts, ...activity, sessions: activity.sessions(catalogue) };
  const links = linkQuestion(outbound, may);
  if (!may.readHba && !may.readAurora && links === undefined && !asksReload) {
    return { ...answers, outbound, hba: notReadable(server), roundTrips: 1 };
  }
  try {
    const [lines, linked, aurora, reload] = await ask(client, major, [
      may.readHba ? hbaQuestion(catalogue) : NOTHING,
      links ?? NOTHING,
      may.readAurora ? auroraQuestion : NOTHING,
      asksReload ? reloadQuestion(may.readHba && may.readFiles) : NOTHING,
    ]);
    const hba = lines && known(hbaFacts(lines, { major, catalogue }));
    return {
      ...answers,
      settings:
        reload === undefined ? answers.settings : { ...answers.settings, pendingRestart: reload.pendingRestart },
      hba: hba === undefined ? notReadable(server) : withReload(hba, reload),
      outbound: linked ?? outbound,
      ...(aurora === undefined ? {} : { aurora: known(aurora) }),
      roundTrips: 2,
    };
  } catch (error) {
    // A file that can't be opened ends this message, and must not cost what the first has seen.
    if (!isDatabaseError(error) || SHUTDOWN.test(error.code)) throw error;
    const hba = may.readHba
      ? unknown(`the server could not read pg_hba.conf: ${displayText(error.message, 200)}`)
      : notReadable(server);
    const aurora = may.readAurora ? { aurora: unknown('the server did not list the instances of its cluster') } : {};
    const unanswered = links === undefined ? outbound : withRefusal(outbound, may, displayText(error.message, 200));
    return { ...answers, outbound: unanswered, hba, ...aurora, roundTrips: 2 };
  }
}

/** What every login may ask. Roles and databases come after the sessions, of which they tell the names. */
const FIRST = [serverQuestion, sessionQuestion, catalogueQuestion, outboundQuestion] as const;

/** SQLSTATEs after which the whole audit is tried again. */
const SHUTDOWN = /^57P/;

const NOTHING: Question<undefined> = { selects: () => [], read: () => undefined };

function withReload(hba: Observed<HbaFacts>, reload: Reload | undefined): Observed<HbaFacts> {
  if (!hba.known || reload === undefined) return hba;
  return known({ ...hba.value, changedSinceLoad: reload.hbaChangedSinceLoad });
}

function notReadable({ visibility }: Pick<ServerAnswers, 'visibility'>): Observed<HbaFacts> {
  return unknown(`the login may not read pg_hba.conf: ${hbaGrant(visibility.role)}`);
}

type AnswersOf<Questions extends readonly Question<unknown>[]> = {
  -readonly [Index in keyof Questions]: Questions[Index] extends Question<infer T> ? T : never;
};

/** Asks in one message. */
async function ask<const Questions extends readonly Question<unknown>[]>(
  client: pg.Client,
  major: number,
  questions: Questions,
): Promise<AnswersOf<Questions>> {
  const results = (await client.query({ text: message(major, questions), rowMode: 'array' })) as unknown as readonly {
    readonly command: string;
    readonly rows: readonly Row[];
  }[];
  const rows = results.filter(({ command }) => command === 'SELECT').map((result) => result.rows);
  const expected = questions.reduce((count, question) => count + question.selects(major).length, 0);
  // A pooler or proxy that answers only in part must not pass for a server without sessions.
  if (rows.length !== expected) throw new Error('the audit queries gave no result, or not all of it');
  let next = 0;
  const answers = questions.map((question) => {
    const own = rows.slice(next, next + question.selects(major).length);
    next += own.length;
    return question.read(own);
  });
  return answers as AnswersOf<Questions>;
}

/**
 * The text of a message, for the major version that the server announced at login.
 *
 * Everything is qualified by the search path and comes as text, so that neither objects nor settings of the database
 * change what is read. The isolation level too: a role or database may default to one that waits for others'
 * transactions, or that a standby refuses.
 */
export function message(major: number, questions: readonly Question<unknown>[]): string {
  const selects = questions.flatMap((question) => question.selects(major));
  return `
BEGIN READ ONLY;
SET LOCAL transaction_isolation = 'read committed';
SET LOCAL search_path = pg_catalog, pg_temp;
SET LOCAL statement_timeout = ${STATEMENT_TIMEOUT};
SET LOCAL lock_timeout = ${LOCK_TIMEOUT};
${selects.map((select) => `${select};\n`).join('')}COMMIT`;
}
