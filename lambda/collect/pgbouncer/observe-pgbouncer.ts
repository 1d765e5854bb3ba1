// The audit of a PgBouncer by its admin console: the facts of a snapshot from what the console answers.

import { displayText } from '../../model/display.ts';
import { AuditFailure } from '../../model/failure.ts';
import { known, type Observed, unknown } from '../../model/observed.ts';
import type { PgBouncerSettings } from '../../model/pooler.ts';
import type { Visibility } from '../../model/snapshot.ts';
import type { Observations, QueryContext } from '../connect/observations.ts';
import { APPLICATION_NAME } from '../connect/session.ts';
import { queryFailure } from '../failures/failures.ts';
import { askProduct, productOf } from '../failures/product.ts';
import { askConsole, type ConsoleAnswers, consoleVersion } from './console.ts';
import { wrongKind } from './console-failures.ts';

/** @throws AuditFailure in the phases `login` and `query` */
export async function observeConsole(context: QueryContext): Promise<Observations> {
  const announced = context.session.announcedVersion ?? '';
  const version = consoleVersion(announced);
  if (version === undefined) {
    const product = productOf(announced) ?? (await askProduct(context.session.client));
    context.signal.throwIfAborted();
    const server = announced === '' ? 'no PgBouncer' : `PostgreSQL ${displayText(announced, 80)}`;
    const why = 'its database "pgbouncer" is not the admin console of a PgBouncer';
    throw new AuditFailure(wrongKind(context.endpoint, product?.name ?? server, why));
  }
  const { sessions, pooler, ...ours } = await ask(context, version);
  const elsewhere = unknown('a PgBouncer has no such thing: its own settings are in its place');
  return {
    facts: {
      server: known({ version: `PgBouncer ${version}`, inRecovery: false }),
      visibility: visibility(pooler, context.user),
      sessions,
      settings: elsewhere,
      outbound: elsewhere,
      hba: elsewhere,
      pooler,
    },
    ...ours,
  };
}

async function ask(
  { session, socket, endpoint, user, own, signal }: QueryContext,
  version: string,
): Promise<ConsoleAnswers> {
  try {
    return await askConsole(session.client, socket, {
      version,
      own: { ...own, user, application: APPLICATION_NAME, connectedAt: Date.now() },
    });
  } catch (error) {
    signal.throwIfAborted();
    throw queryFailure(error, endpoint);
  }
}

/** A user of the console sees every session of that process, and none of another process. */
function visibility(pooler: Observed<PgBouncerSettings>, role: string): Observed<Visibility> {
  if (pooler.known && /^(1|on|yes|true)$/i.test(pooler.value.values.so_reuseport ?? '0')) {
    return unknown(
      'so_reuseport is on: several PgBouncer processes may share this port, and a console shows the sessions of its own process only. Give each process a port of its own besides, and make each a target',
    );
  }
  return known({ role, seesAllSessions: true });
}
