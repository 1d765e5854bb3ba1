// Finds clients whose plaintext logins the server refuses: those that break since TLS is enforced.

import { isShown } from '../analysis/sessions/seen-sessions.ts';
import type { ConnectionLogFacts, FailedLogins } from '../model/connection-log.ts';
import { displayText } from '../model/display.ts';
import type { Problem } from '../model/finding.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { SessionCheck } from './check.ts';
import { cappedGroups, seenEvidence, totalOf, withLog } from './shared/log-check.ts';

/** Roles and databases that are reported apart. */
const MOST_CLIENTS = 50;

export const plaintextLoginRefused: SessionCheck = {
  id: 'plaintext-login-refused',
  title: 'Plaintext logins that the server refuses',
  subject: 'session',
  severity: 'info',
  severityNote: 'medium where the same client got in without encryption in the 24 hours before: it has just broken',
  transient: true,
  rationale:
    'The server does what it should. Clients that still try plaintext do not work since TLS is enforced, or are scanners; the role and the database are as the client gave them, and nothing has verified them.',
  remedy: `Make the client use TLS: sslmode=verify-full sslrootcert=<CA file>.
Do not open the server to plaintext again: where a client cannot wait, give its role and address alone a rule, for a time.`,
  requirements: IN_TRANSIT,
  findsInsecureClients: false,
  remedyBySide: undefined,
  pgbouncer: 'same',
  references: ['https://www.postgresql.org/docs/current/auth-pg-hba-conf.html'],
  evaluate: (snapshot) =>
    withLog(snapshot, (log) => {
      const refused = log.failures.filter(({ kind, encryption }) => kind === 'refused' && encryption === 'plaintext');
      const roles = rolesOf(snapshot, log);
      const isKnown = ({ role }: FailedLogins): boolean => role !== undefined && roles.has(role);
      const { groups, rest } = cappedGroups(
        refused.filter(isKnown),
        ({ role, database }) => JSON.stringify([role, database]),
        MOST_CLIENTS,
      );
      const others = [...rest, ...refused.filter((row) => !isKnown(row))];
      return [...groups.flatMap(([, rows]) => problem(rows, log)), ...othersIn(others)];
    }),
};

/** Roles that a source other than a refused login shows: what else is asked for are the words of an unknown client. */
function rolesOf({ sessions, hba }: Snapshot, { clients }: ConnectionLogFacts): ReadonlySet<string> {
  return new Set([
    ...clients.filter(isShown).flatMap(({ role }) => role ?? []),
    ...(sessions.known ? sessions.value.visible.flatMap(({ role }) => role ?? []) : []),
    ...(hba.known ? hba.value.roles.map(({ name }) => name) : []),
  ]);
}

/** All in one: a scanner may ask for thousands of names. */
function othersIn(rows: readonly FailedLogins[]): readonly Problem[] {
  const refused = totalOf(rows) - retriedIn(rows);
  if (refused <= 0) return [];
  const networks = [...new Set(rows.flatMap(({ network }) => network ?? []))].sort();
  return [
    {
      severity: plaintextLoginRefused.severity,
      title: plaintextLoginRefused.title,
      subject: 'other roles',
      clients: networks.slice(0, 8).map((network) => displayText(network)),
      evidence: {
        refused,
        note: 'of roles that no session and no successful login shows; the names are as the clients gave them',
        unverifiedRoles: [...new Set(rows.flatMap(({ role }) => role ?? []))]
          .slice(0, 5)
          .map((role) => displayText(role)),
        ...seenEvidence(rows),
        sources: ['connection log'],
      },
    },
  ];
}

/** sslmode=allow tries plaintext first, and comes back with TLS at once: nothing is broken. */
function retriedIn(rows: readonly FailedLogins[]): number {
  return rows.reduce((sum, { count, retriedOverTls }) => sum + Math.min(count, retriedOverTls), 0);
}

function problem(rows: readonly FailedLogins[], log: ConnectionLogFacts): readonly Problem[] {
  const [first] = rows;
  const { role, database } = first ?? {};
  const retried = retriedIn(rows);
  const broken = totalOf(rows) - retried;
  if (broken <= 0) return [];
  const before = log.clients.filter(
    (row) => isShown(row) && row.transport === 'plaintext' && row.role === role && row.database === database,
  );
  const networks = [...new Set(rows.flatMap(({ network }) => network ?? []))].sort();
  return [
    {
      severity: before.length > 0 ? 'medium' : plaintextLoginRefused.severity,
      title: plaintextLoginRefused.title,
      role: role === undefined ? undefined : displayText(role),
      database: database === undefined ? undefined : displayText(database),
      clients: networks.slice(0, 8).map((network) => displayText(network)),
      evidence: {
        refused: broken,
        ...(retried === 0 ? {} : { followedByTls: retried }),
        ...(before.length === 0 ? {} : { plaintextLoginsBefore: before.reduce((sum, { logins }) => sum + logins, 0) }),
        ...seenEvidence(rows),
        note: 'role and database are as the client gave them',
        sources: ['connection log'],
      },
    },
  ];
}
