// The questions to a PostgreSQL server, and what becomes of its answers.

import { AuditFailure } from '../model/failure.ts';
import type { HbaFacts } from '../model/hba.ts';
import { known, type Observed } from '../model/observed.ts';
import { queryFailure } from './failures.ts';
import type { Asked, Observations } from './observations.ts';
import { consoleVersion } from './pgbouncer-console.ts';
import { unexpectedConsole } from './pgbouncer-failures.ts';
import { type Answers, OLDEST_MAJOR, runAuditQueries } from './queries.ts';

/** @throws AuditFailure in the phases `login` and `query` */
export async function observeServer(asked: Asked): Promise<Observations> {
  const { server, visibility, sessions, settings, outbound, hba, aurora, ...ours } = await ask(asked);
  return {
    facts: {
      server: known(server),
      visibility: known(visibility),
      sessions: known(sessions),
      settings: known(settings),
      outbound: known(outbound),
      hba: withLogin(hba, asked, ours),
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
  { session: { client }, user, own }: Asked,
  { serverView, ownEnd }: Pick<Observations, 'serverView' | 'ownEnd'>,
): Observed<HbaFacts> {
  const { address, port } = ownEnd;
  const isOurs = address !== undefined && address === own.address && port === own.port;
  if (!hba.known || !serverView.known || !isOurs || client.database === undefined) return hba;
  const encryption = serverView.value === 'not-tls' ? 'plaintext' : 'tls';
  return known({ ...hba.value, login: { encryption, role: user, database: client.database, address } });
}

async function ask({ session, endpoint, probe, signal }: Asked): Promise<Answers> {
  const announced = session.announcedVersion ?? '';
  const pooler = consoleVersion(announced);
  if (pooler !== undefined) throw unexpectedConsole(endpoint, pooler);
  const major = Number.parseInt(announced, 10);
  if (major < OLDEST_MAJOR) {
    throw new AuditFailure({
      cause: 'query-failed',
      phase: 'query',
      message: `${endpoint.host}:${endpoint.port} is PostgreSQL ${announced}; its views do not tell sessions apart`,
      remedy: `upgrade: the oldest version that can be audited is ${OLDEST_MAJOR}`,
    });
  }
  try {
    // A server that announces no version it can be told by gets the queries of the newest.
    return await runAuditQueries(session.client, Number.isNaN(major) ? Number.POSITIVE_INFINITY : major, {
      reload: probe,
    });
  } catch (error) {
    signal.throwIfAborted();
    throw queryFailure(error, endpoint);
  }
}
