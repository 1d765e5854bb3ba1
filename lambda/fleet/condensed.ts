// Reduces an audited target to what is needed after its evaluation: by fleet checks, decisions and the report.

import type { ClientLogins } from '../model/connection-log.ts';
import type { Outcome } from '../model/finding.ts';
import { known, type Observed, unknown } from '../model/observed.ts';
import type { AuditedTarget } from '../model/run.ts';
import type { Session, Snapshot } from '../model/snapshot.ts';
import { TRANSPORTS } from '../model/transport.ts';

const EVALUATED = unknown('it was evaluated by the worker, and is not kept');

/**
 * The verdict, the findings and everything that the report shows stay as they are. Sessions keep how they travel, so
 * that they can be counted; those of standbys stay whole. Condensing again changes nothing.
 */
export function condensed({ snapshot, verdict, outcomes, findings }: AuditedTarget): AuditedTarget {
  return {
    snapshot: condensedSnapshot(snapshot),
    verdict,
    outcomes: outcomes.map(({ check, outcome }) => ({ check, outcome: condensedOutcome(outcome) })),
    findings,
  };
}

function condensedSnapshot(snapshot: Snapshot): Snapshot {
  const { sessions, hba, connectionLog, sampled, trust, pooler, settings, outbound } = snapshot;
  return {
    ...snapshot,
    sessions: mapped(sessions, ({ visible, hidden }) => ({ visible: condensedSessions(visible), hidden })),
    settings: mapped(settings, undefined),
    // Advice differs where the rules could be read.
    hba: mapped(hba, ({ major }) => ({ major, rules: [], faults: [], roles: [], databases: [], patterns: [] })),
    outbound: mapped(outbound, undefined),
    trust: mapped(trust, ({ system }) => ({ system, bundle: [] })),
    ...(pooler === undefined ? {} : { pooler: mapped(pooler, undefined) }),
    ...(sampled === undefined ? {} : { sampled: mapped(sampled, (facts) => ({ ...facts, sessions: [] })) }),
    ...(connectionLog === undefined
      ? {}
      : {
          connectionLog: mapped(connectionLog, (facts) => ({
            ...facts,
            clients: condensedClients(facts.clients),
            failures: [],
            fallbacks: [],
            gaps: [],
          })),
        }),
  };
}

/** @param change undefined: the fact is not kept */
function mapped<T>(fact: Observed<T>, change: ((value: T) => T) | undefined): Observed<T> {
  if (!fact.known) return fact;
  return change === undefined ? EVALUATED : known(change(fact.value));
}

function condensedSessions(visible: readonly Session[]): readonly Session[] {
  const shared = new Map<string, Session>();
  return visible.map((session) => {
    const { kind, database, transport, tls, side } = session;
    if (kind === 'replication' && database === undefined) return session;
    const key = `${transport} ${side} ${tls?.version}`;
    const before = shared.get(key);
    if (before !== undefined) return before;
    const first = withoutClient(session);
    shared.set(key, first);
    return first;
  });
}

/** A session of which only is known how it travels. */
function withoutClient({ transport, side, tls, startedAt }: Session): Session {
  return {
    application: '',
    kind: 'client',
    transport,
    startedAt,
    ...(side === undefined ? { superuser: false } : { side }),
    ...(tls === undefined ? {} : { tls: { version: tls.version, cipher: '' } }),
  };
}

/** The logins of each transport, added together. */
function condensedClients(clients: readonly ClientLogins[]): readonly ClientLogins[] {
  return TRANSPORTS.flatMap((transport) => {
    const own = clients.filter((client) => client.transport === transport);
    return own.length === 0 ? [] : [{ ...OTHERS, transport, logins: own.reduce((sum, { logins }) => sum + logins, 0) }];
  });
}

const OTHERS: Omit<ClientLogins, 'transport' | 'logins'> = {
  role: undefined,
  database: undefined,
  application: undefined,
  replication: false,
  forged: false,
  tls: undefined,
  network: undefined,
  hostKnown: false,
  addresses: [],
  moreAddresses: false,
  first: undefined,
  last: undefined,
  others: true,
};

/** What a problem says is in its finding; what its fingerprint is made of stays. */
function condensedOutcome(outcome: Outcome): Outcome {
  if (outcome.status !== 'fail') return outcome;
  return {
    ...outcome,
    problems: outcome.problems.map(({ severity, title, role, database, application, subject }) => ({
      ...{ severity, title, role, database, application, subject },
      evidence: {},
    })),
  };
}
