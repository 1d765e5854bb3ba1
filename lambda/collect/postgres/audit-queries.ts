// What an audit asks a server: all in one message, and what hardly any server has in a second.
// Only ever read, and never the `query` text of anyone's session.

import type pg from 'pg';
import { displayText } from '../../model/display.ts';
import type { HbaFacts } from '../../model/hba.ts';
import { known, type Observed, unknown } from '../../model/observed.ts';
import type { Outbound, Settings } from '../../model/posture.ts';
import { loginRole, resetRole } from '../../model/role-setting.ts';
import type { AuditConnection, AuroraCluster, Server, Sessions, Visibility } from '../../model/snapshot.ts';
import { asObserved } from '../answers/answer.ts';
import { isDatabaseError } from '../failures/database-error.ts';
import { IncompleteAnswer } from '../failures/query-refusals.ts';
import { auroraQuery } from './aurora-query.ts';
import { catalogueQuery } from './catalogue-query.ts';
import { withQuotes } from './hba-file.ts';
import {
  type FileReading,
  type HbaLines,
  hbaFacts,
  hbaFileQuery,
  hbaGrant,
  hbaQuery,
  plainHbaQuery,
} from './hba-queries.ts';
import { type Announced, message } from './message.ts';
import { linkQuery, outboundQuery, withRefusal } from './outbound-query.ts';
import { ownSettingsQuery } from './own-settings-query.ts';
import type { AuditQuery } from './query.ts';
import { builtOnce, simpleQuery } from './query.ts';
import { type Reload, reloadQuery } from './reload-query.ts';
import { serverQuery } from './server-query.ts';
import { type LocalAddress, sessionQuery } from './session-query.ts';

/** The oldest major whose views hold what an audit needs (`backend_type`, predefined roles). */
export const OLDEST_MAJOR = 10;

/** What the queries found out. */
export interface AuditResults {
  readonly server: Server;
  readonly visibility: Visibility;
  readonly serverView: AuditConnection['serverView'];
  readonly localAddress: LocalAddress;
  readonly ownPid: number | undefined;
  readonly sessions: Sessions;
  readonly settings: Settings;
  readonly outbound: Outbound;
  readonly hba: Observed<HbaFacts>;
  /** Undefined where there is nothing to ask. */
  readonly aurora?: Observed<AuroraCluster>;
  /** Messages sent and answered. */
  readonly roundTrips: number;
}

/**
 * Sends the queries: one round trip, two where there is more to ask than that takes, or where the server could not show
 * its pg_hba.conf.
 *
 * @param options `reload`: also ask what of the configuration is not in effect yet, which takes the second round trip
 * @throws what pg throws; `queryFailure` names it
 */
export async function runAuditQueries(
  client: pg.Client,
  announced: Announced,
  { reload: asksReload = false }: { readonly reload?: boolean } = {},
): Promise<AuditResults> {
  const { major } = announced;
  const first = await ask(client, announced, FIRST, RULES);
  const [server, ownSettings, { login, ...activity }, catalogue, outboundOf] = first.answers;
  const { privileges, assumedBy } = server;
  const outbound = outboundOf(server.server.inRecovery);
  const visibility = {
    ...server.visibility,
    assumed: assumedBy === undefined ? undefined : { login: assumedBy, setting: ownSettings.assumed(catalogue, login) },
    inherits: catalogue.roles.get(login.role ?? '')?.inherits,
  };
  const answers = {
    ...activity,
    server: server.server,
    visibility,
    settings: server.settings(ownSettings.overrides(catalogue, login)),
    sessions: activity.sessions(catalogue),
  };
  const hbaOf = (lines: Observed<HbaLines> | undefined): Observed<HbaFacts> => {
    if (lines === undefined) return notReadable(visibility);
    return lines.known ? asObserved(() => hbaFacts(lines.value, { major, catalogue })) : lines;
  };
  const links = linkQuery(outbound, privileges);
  const refused = first.refusal !== undefined;
  // A login that may read the files learns of rules that wait to be loaded, also without the probe.
  const reloads = asksReload || (privileges.readHba && privileges.readFiles);
  const fileReading = first.last === undefined ? undefined : privileges.readHbaFile;
  if (!refused && !privileges.readAurora && links === undefined && !reloads && fileReading === undefined) {
    return { ...answers, outbound, hba: hbaOf(first.last), roundTrips: 1 };
  }
  const readHba = privileges.readHba && !refused;
  try {
    const second = await ask(
      client,
      announced,
      [
        links ?? NOTHING,
        privileges.readAurora ? observing(auroraQuery) : NOTHING,
        reloads ? reloadQuery(readHba && privileges.readFiles) : NOTHING,
      ],
      lastQuery(refused && privileges.readHba, fileReading),
      { afterError: refused },
    );
    const [linked, aurora, reload] = second.answers;
    const hba = readHbaOf(first.last, second, { major, hbaOf });
    return {
      ...answers,
      settings:
        reload === undefined ? answers.settings : { ...answers.settings, pendingRestart: reload.pendingRestart },
      hba: withReload(hba, reload),
      outbound: linked ?? outbound,
      ...(aurora === undefined ? {} : { aurora }),
      roundTrips: 2,
    };
  } catch (error) {
    // What this message holds must not cost what the first has seen.
    if (!isRefusal(error)) throw error;
    const aurora = privileges.readAurora
      ? { aurora: unknown('the server did not list the instances of its cluster') }
      : {};
    const unanswered =
      links === undefined ? outbound : withRefusal(outbound, privileges, displayText(error.message, 200));
    const hba = refused && privileges.readHba ? hbaRefused(error) : hbaOf(first.last);
    return { ...answers, outbound: unanswered, hba, ...aurora, roundTrips: 2 };
  }
}

/** The rules, where the first message could not have them; else the files that they are in. */
type LastAnswer =
  | { readonly rules: Observed<HbaLines> | undefined }
  | { readonly files: ReadonlyMap<string, string> }
  | undefined;

function lastQuery(asksRules: boolean, fileReading: FileReading | undefined): AuditQuery<LastAnswer> {
  if (asksRules) {
    const { selects, read } = observing(plainHbaQuery);
    return { selects, read: (results) => ({ rules: read(results) }) };
  }
  if (fileReading === undefined) return NOTHING;
  const files = hbaFileQuery(fileReading);
  return { ...files, read: (results) => ({ files: files.read(results) }) };
}

/** The rules as both messages show them. Files that could not be read cost no more than the quotes in them. */
function readHbaOf(
  first: Observed<HbaLines> | undefined,
  { last, refusal }: { readonly last: LastAnswer; readonly refusal?: Refusal },
  {
    major,
    hbaOf,
  }: { readonly major: number; readonly hbaOf: (lines: Observed<HbaLines> | undefined) => Observed<HbaFacts> },
): Observed<HbaFacts> {
  if (first === undefined) {
    if (refusal !== undefined) return hbaRefused(refusal);
    return hbaOf(last !== undefined && 'rules' in last ? last.rules : undefined);
  }
  const files = last !== undefined && 'files' in last ? last.files : undefined;
  if (files === undefined || !first.known) return hbaOf(first);
  return hbaOf(known({ ...first.value, rules: withQuotes(first.value.rules, files, major) }));
}

/** What every login may ask. Roles and databases come after the sessions, of which they tell the names. */
const FIRST = [
  builtOnce(serverQuery),
  ownSettingsQuery,
  builtOnce(sessionQuery),
  builtOnce(catalogueQuery),
  outboundQuery,
] as const;

const RULES = builtOnce(observing(hbaQuery));

/** SQLSTATEs after which the whole audit is tried again. */
const SHUTDOWN = /^57P/;

type Refusal = Required<pg.DatabaseError>;

/** Whether the server would not answer, and is there for other questions. */
function isRefusal(error: unknown): error is Refusal {
  return isDatabaseError(error) && !SHUTDOWN.test(error.code);
}

/** The same question, of which an answer that can't be used costs the others nothing. Undefined stays undefined. */
function observing<T extends object>({
  selects,
  read,
}: AuditQuery<T | undefined>): AuditQuery<Observed<T> | undefined> {
  return {
    selects,
    read: (results) => {
      const answer = asObserved(() => read(results));
      if (!answer.known) return answer;
      return answer.value === undefined ? undefined : known(answer.value);
    },
  };
}

const NOTHING: AuditQuery<undefined> = { selects: () => [], read: () => undefined };

function hbaRefused(error: Refusal): Observed<HbaFacts> {
  return unknown(`the server could not read pg_hba.conf: ${displayText(error.message, 200)}`);
}

function withReload(hba: Observed<HbaFacts>, reload: Reload | undefined): Observed<HbaFacts> {
  if (!hba.known || reload === undefined) return hba;
  return known({ ...hba.value, changedSinceLoad: reload.hbaChangedSinceLoad });
}

function notReadable(visibility: Visibility): Observed<HbaFacts> {
  const reset = resetRole(visibility);
  const grant = hbaGrant(loginRole(visibility));
  return unknown(`the login may not read pg_hba.conf: ${reset === undefined ? grant : `${reset} ${grant}`}`);
}

type ResultsOf<AuditQueries extends readonly AuditQuery<unknown>[]> = {
  -readonly [Index in keyof AuditQueries]: AuditQueries[Index] extends AuditQuery<infer T> ? T : never;
};

interface QueryResults<AuditQueries extends readonly AuditQuery<unknown>[], Last> {
  readonly answers: ResultsOf<AuditQueries>;
  /** Undefined where it was refused. */
  readonly last: Last | undefined;
  /** Why the last question was not answered: the transaction is open, and waits to be ended. */
  readonly refusal?: Refusal;
}

/**
 * Asks in one message.
 *
 * @param last a question that the server may refuse, which costs none of the others
 */
async function ask<const AuditQueries extends readonly AuditQuery<unknown>[], Last>(
  client: pg.Client,
  announced: Announced,
  questions: AuditQueries,
  last: AuditQuery<Last>,
  { afterError = false }: { readonly afterError?: boolean } = {},
): Promise<QueryResults<AuditQueries, Last>> {
  const { major } = announced;
  const asked = questions.map((question) => ({ question, count: question.selects(major).length }));
  const text = message(announced, [...questions, last]);
  const { selects, error } = await simpleQuery(client, afterError ? `ROLLBACK;${text}` : text);
  const count = asked.reduce((sum, one) => sum + one.count, 0);
  const lastCount = last.selects(major).length;
  const refused = error !== undefined && isRefusal(error) && selects.length === count && lastCount > 0;
  if (error !== undefined && !refused) throw error;
  // A pooler or proxy that answers only in part must not pass for a server without sessions.
  if (!refused && selects.length !== count + lastCount) {
    throw new IncompleteAnswer(selects.length, count + lastCount);
  }
  let next = 0;
  const answers = asked.map(({ question, count: own }) => {
    next += own;
    return question.read(selects.slice(next - own, next));
  }) as ResultsOf<AuditQueries>;
  return refused ? { answers, last: undefined, refusal: error } : { answers, last: last.read(selects.slice(next)) };
}
