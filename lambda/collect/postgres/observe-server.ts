// The questions to a PostgreSQL server, and what becomes of its answers.

import { displayText } from '../../model/display.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import { hostPort } from '../../model/endpoint.ts';
import { AuditFailure } from '../../model/failure.ts';
import type { HbaFacts } from '../../model/hba.ts';
import { known, type Observed } from '../../model/observed.ts';
import type { Observations, QueryContext } from '../connect/observations.ts';
import { isDatabaseError } from '../failures/database-error.ts';
import { queryFailure } from '../failures/failures.ts';
import { askProduct, type Product, productOf, unsupportedProduct } from '../failures/product.ts';
import { IncompleteAnswer } from '../failures/query-refusals.ts';
import { consoleVersion } from '../pgbouncer/console.ts';
import { unexpectedConsole } from '../pgbouncer/console-failures.ts';
import { type AuditResults, OLDEST_MAJOR, runAuditQueries } from './audit-queries.ts';

/** @throws AuditFailure in the phases `login` and `query` */
export async function observeServer(context: QueryContext): Promise<Observations> {
  const { server, visibility, sessions, settings, outbound, hba, aurora, ...ours } = await ask(context);
  return {
    facts: {
      server: known(server),
      visibility: known(visibility),
      sessions: known(sessions),
      settings: known(settings),
      outbound: known(outbound),
      hba: withLogin(hba, context, ours),
      aurora,
    },
    ...ours,
  };
}

/**
 * With how the server saw our own login come, which one of its rules has let in. Not where something stands in between,
 * whose session with the server may be older than the rules.
 */
function withLogin(
  hba: Observed<HbaFacts>,
  { session: { client }, user, own }: QueryContext,
  { serverView, localAddress }: Pick<Observations, 'serverView' | 'localAddress'>,
): Observed<HbaFacts> {
  const { address, port } = localAddress;
  const isOurs = address !== undefined && address === own.address && port === own.port;
  if (!hba.known || !serverView.known || !isOurs || client.database === undefined) return hba;
  const encryption = serverView.value === 'not-tls' ? 'plaintext' : 'tls';
  return known({ ...hba.value, login: { encryption, role: user, database: client.database, address } });
}

async function ask(context: QueryContext): Promise<AuditResults> {
  const { session, endpoint, probe, signal } = context;
  const announced = session.announcedVersion ?? '';
  const pooler = consoleVersion(announced);
  if (pooler !== undefined) throw unexpectedConsole(endpoint, pooler);
  const major = majorOf(announced);
  if (major === undefined || major < OLDEST_MAJOR) {
    const product = productOf(announced) ?? (await askProduct(session.client));
    signal.throwIfAborted();
    throw product === undefined ? otherVersion(announced, major, endpoint) : unsupportedProduct(product, endpoint);
  }
  try {
    return await runAuditQueries(session.client, { major, encoding: session.announcedEncoding }, { reload: probe });
  } catch (error) {
    signal.throwIfAborted();
    const product = await productBehind(error, context);
    signal.throwIfAborted();
    throw queryFailure(error, endpoint, product);
  }
}

/** PostgreSQL makes one major version a year: what announces one of 2048 is something else. */
const NEWEST_MAJOR = 40;

/** Before this there was no PostgreSQL, and no version 9.7 came after 9.6. */
const FIRST_MAJOR = 6;

/**
 * The major version that PostgreSQL would announce so, e.g. `18.4 (Debian 18.4-1)`, `19beta1`; undefined if it would
 * not.
 */
function majorOf(announced: string): number | undefined {
  const major = Number(/^(\d{1,3})(?=\D|$)/.exec(announced)?.[1] ?? Number.NaN);
  return major >= FIRST_MAJOR && major <= NEWEST_MAJOR ? major : undefined;
}

function otherVersion(announced: string, major: number | undefined, endpoint: Endpoint): AuditFailure {
  const version = displayText(announced, 80);
  if (major !== undefined) {
    return new AuditFailure({
      cause: 'version-unsupported',
      phase: 'query',
      message: `${hostPort(endpoint)} is PostgreSQL ${version}, whose views do not tell sessions apart`,
      remedy: `upgrade the server: the oldest version that can be audited is ${OLDEST_MAJOR}`,
    });
  }
  return new AuditFailure({
    cause: 'version-unknown',
    phase: 'query',
    message:
      announced === ''
        ? `${hostPort(endpoint)} announces no version of PostgreSQL`
        : `${hostPort(endpoint)} announces the version ${version}, which no PostgreSQL has`,
    remedy:
      'give the host and port of the PostgreSQL server itself: a pooler, a console or another product answers there, or a server that says what is not so',
  });
}

/** SQLSTATEs with which something refuses statements that every PostgreSQL from 10 on takes. */
const UNKNOWN_TO_IT = /^(0A|08|22|25|26|34|42|XX)/;

/** What it is that gave no whole answer; undefined where that is PostgreSQL, or does not matter. */
async function productBehind(error: unknown, { session }: QueryContext): Promise<Product | undefined> {
  const announced = productOf(session.announcedVersion ?? '');
  const refused = isDatabaseError(error) && error.severity !== 'FATAL' && UNKNOWN_TO_IT.test(error.code);
  if (!refused && !(error instanceof IncompleteAnswer)) return undefined;
  return announced ?? (await askProduct(session.client));
}
