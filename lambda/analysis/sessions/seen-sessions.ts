// Puts what the sources show of clients into one list: open sessions, sampled ones, and logins of the connection log.

import { cachedBy } from '../../model/cached-by.ts';
import type { ClientLogins } from '../../model/connection-log.ts';
import type { HbaRole } from '../../model/hba.ts';
import { loginRole } from '../../model/role-setting.ts';
import type { Session, Snapshot } from '../../model/snapshot.ts';
import { fold } from './fold.ts';

/** A session, or logins of one client in place of one. */
export interface SeenSession extends Session {
  /** Logins that the connection log shows; undefined for a session that was open. */
  readonly logins?: ClientLogins | undefined;
  /** Whether it opened after the audit, while the auditor took samples. */
  readonly isSampled?: boolean | undefined;
}

/** Every client that a source shows well enough to evaluate how it connects. */
export const seenSessions = cachedBy((snapshot: Snapshot): readonly SeenSession[] => {
  const { sessions, sampled, connectionLog, target, visibility, hba } = snapshot;
  const auditor = visibility.known ? loginRole(visibility.value) : undefined;
  const open = sessions.known ? sessions.value.visible : [];
  // There may be very many, and mostly nothing else.
  if (sampled === undefined && connectionLog === undefined) return open;
  const later = sampled?.known ? sampled.value.sessions : [];
  const logged = connectionLog?.known
    ? connectionLog.value.clients.filter((row) => isShown(row) && !isAuditor(row, auditor))
    : [];
  return [
    ...open,
    ...later.map((session) => ({ ...session, isSampled: true })),
    ...loggedSessions(logged, {
      open: [...open, ...later],
      roles: hba.known ? hba.value.roles : [],
      isPooler: target.kind === 'pgbouncer',
    }),
  ];
});

/** The auditor's own logins, which its audits leave out too. They are over TLS: another one by its name is none. */
function isAuditor({ role, application = '', transport }: ClientLogins, auditor: string | undefined): boolean {
  return transport === 'tls' && role === auditor && /^pg-tls-auditor(?: [\d#]+)?$/.test(application);
}

/**
 * Whether a row shows how its client connects. Of others, of forged lines and of plaintext from an unknown place it
 * does not: those may have been local.
 */
export function isShown({ others, forged, transport, hostKnown }: ClientLogins): boolean {
  return !others && !forged && (transport !== 'plaintext' || hostKnown);
}

/** How many logins nothing shows enough of. */
export function unshownLogins(clients: readonly ClientLogins[]): number {
  return clients.filter((row) => !isShown(row)).reduce((sum, { logins }) => sum + logins, 0);
}

/** Bytes of an application name that pg_stat_activity shows (NAMEDATALEN); the log has the whole name. */
const NAME_BYTES = 63;

function asShownBySessions(application: string): string {
  const bytes = Buffer.from(application);
  if (bytes.length <= NAME_BYTES) return application;
  return new TextDecoder().decode(bytes.subarray(0, NAME_BYTES), { stream: true });
}

/**
 * Logins in the form of sessions. What a log does not show (whether a role is a superuser, the database of logical
 * replication) comes from the roles of the server and the open sessions of the same client, so that one client is one
 * finding.
 */
export function loggedSessions(
  rows: readonly ClientLogins[],
  {
    open,
    roles = [],
    isPooler,
  }: { readonly open: readonly Session[]; readonly roles?: readonly HbaRole[]; readonly isPooler: boolean },
): readonly SeenSession[] {
  const superusers = new Map([
    ...roles.map(({ name, superuser }): [string, boolean] => [name, superuser]),
    ...open.map(({ role, superuser }): [string | undefined, boolean | undefined] => [role, superuser]),
  ]);
  const replicas = new Map(
    open
      .filter(({ kind }) => kind === 'replication')
      .map(({ role, application, database }) => [`${role} ${fold(application)}`, database]),
  );
  return rows.map((row): SeenSession => {
    const { role, application = '', replication, transport, tls, addresses, first } = row;
    return {
      ...(isPooler ? { side: 'client' } : {}),
      role,
      database: row.database ?? (replication ? replicas.get(`${role} ${fold(application)}`) : undefined),
      application: asShownBySessions(application),
      kind: replication ? 'replication' : 'client',
      superuser: isPooler ? undefined : (superusers.get(role) ?? false),
      transport,
      clientAddress: addresses[0],
      tls,
      startedAt: first ?? 0,
      logins: row,
    };
  });
}
