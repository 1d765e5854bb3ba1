// Groups sessions by client, role and database, so that each group is one thing to fix.

import { displayText } from '../../model/display.ts';
import type { Problem } from '../../model/finding.ts';
import { clientNetworks } from './client-networks.ts';
import { fold } from './fold.ts';
import { evidenceOfLogins } from './login-evidence.ts';
import type { SeenSession } from './seen-sessions.ts';

/** At least one session; all of the same role, database, folded application name, kind, power and side of a pooler. */
export interface SessionGroup {
  readonly sessions: readonly SeenSession[];
  readonly first: SeenSession;
}

/** The groups of those sessions, in the order in which their first sessions came. */
export function groupSessions(sessions: readonly SeenSession[]): readonly SessionGroup[] {
  const groups = new Groups();
  sessions.forEach((session) => {
    groups.add(session);
  });
  return groups.all.map((group) => ({ sessions: group, first: group[0] as SeenSession }));
}

/** A map for each part of what makes sessions alike: to join names to one key takes longer for thousands of them. */
class Groups {
  readonly #byPattern = new Map<string, Map<string | undefined, Map<string | undefined, Map<number, SeenSession[]>>>>();
  /** In the order in which their first sessions came. */
  readonly all: SeenSession[][] = [];

  add(session: SeenSession): void {
    const { role, database, application } = session;
    const byRole = inner(this.#byPattern, fold(application));
    const bySort = inner(inner(byRole, role), database);
    const sort = sortOf(session);
    const group = bySort.get(sort);
    if (group === undefined) {
      const first = [session];
      bySort.set(sort, first);
      this.all.push(first);
    } else {
      group.push(session);
    }
  }
}

const KINDS = ['client', 'replication'] as const;
const POWERS = [undefined, false, true] as const;
const SIDES = [undefined, 'client', 'server'] as const;

/** One number for each combination of kind, power and side of a pooler. */
function sortOf({ kind, superuser, side }: SeenSession): number {
  return (KINDS.indexOf(kind) * POWERS.length + POWERS.indexOf(superuser)) * SIDES.length + SIDES.indexOf(side);
}

function inner<Key, InnerKey, Value>(maps: Map<Key, Map<InnerKey, Value>>, key: Key): Map<InnerKey, Value> {
  const found = maps.get(key) ?? new Map<InnerKey, Value>();
  maps.set(key, found);
  return found;
}

/** What problems about sessions have in common: who, from where, how many, since when. */
export function describeGroup({
  sessions,
  first,
}: SessionGroup): Pick<
  Problem,
  'role' | 'database' | 'application' | 'subject' | 'side' | 'clients' | 'count' | 'evidence'
> {
  const logged = sessions.filter(({ logins }) => logins !== undefined);
  const open = logged.length === 0 ? sessions : sessions.filter(({ logins }) => logins === undefined);
  const applications = new Set(sessions.map(({ application }) => application));
  const name = applications.size === 1 ? first.application : fold(first.application);
  // The log's own name for several is no example.
  if (logged.length > 0 && applications.size > 1) applications.delete(name);
  const examples = [...applications]
    .sort()
    .slice(0, 3)
    .map((application) => displayText(application));
  const oldest = oldestOf(open);
  const addresses = addressesOf(open, logged);
  const toServer = first.side === 'server';
  const subject = [...(first.kind === 'replication' ? ['replication'] : []), ...(toServer ? ['pool-server'] : [])];
  return {
    role: show(first.role),
    database: show(first.database),
    application: toServer ? undefined : displayText(name),
    subject: subject.length === 0 ? undefined : subject.join(' '),
    side: first.side,
    clients: toServer ? undefined : addresses,
    count: open.length,
    evidence: {
      ...(first.kind === 'replication' ? { kind: 'replication' } : {}),
      ...(toServer && addresses.length > 0 ? { servers: addresses } : {}),
      ...(examples.length > 1 ? { applications: examples } : {}),
      ...(oldest === undefined ? {} : { oldestSession: new Date(oldest).toISOString() }),
      ...evidenceOfLogins(open, logged),
    },
  };
}

/** When the first of the sessions began, in milliseconds since 1970; there may be thousands. */
function oldestOf(sessions: readonly SeenSession[]): number | undefined {
  let oldest: number | undefined;
  for (const { startedAt } of sessions) if (oldest === undefined || startedAt < oldest) oldest = startedAt;
  return oldest;
}

/**
 * Addresses where all are known and few, else networks. Of logins from very many addresses eight are kept; a log holds
 * names in place of addresses where log_hostname is on.
 */
function addressesOf(open: readonly SeenSession[], logged: readonly SeenSession[]): readonly string[] {
  const ofOpen = new Set<string>();
  for (const { clientAddress } of open) if (clientAddress !== undefined) ofOpen.add(clientAddress);
  const rows = logged.flatMap(({ logins }) => logins ?? []);
  if (rows.every(({ moreAddresses }) => !moreAddresses)) {
    const shown = clientNetworks([...ofOpen, ...rows.flatMap(({ addresses }) => addresses)]);
    if (shown.length > 0 || rows.length === 0) return shown;
  }
  const networks = rows.flatMap(({ network }) => network ?? []);
  return [...new Set([...clientNetworks(ofOpen), ...networks])].sort().map((network) => displayText(network));
}

function show(name: string | undefined): string | undefined {
  return name === undefined ? undefined : displayText(name);
}
