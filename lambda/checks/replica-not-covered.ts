// Finds standbys that no target audits: the primary does not show the sessions of a standby.

import { describeGroup } from '../analysis/sessions/session-groups.ts';
import { displayText } from '../model/display.ts';
import type { Outcome, Problem } from '../model/finding.ts';
import type { UnlistedReplica } from '../model/listed-replicas.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { Session, Snapshot } from '../model/snapshot.ts';
import type { FleetCheck } from './check.ts';
import { addressKey, type Fleet, type FleetIndex, type FleetMember, indexOf, LOOPBACK, membersOf } from './fleet.ts';
import { checkSessions } from './shared/session-check.ts';

export const replicaNotCovered: FleetCheck = {
  id: 'replica-not-covered',
  title: 'A standby that no target audits',
  subject: 'audit',
  severity: 'low',
  transient: true,
  rationale:
    'Each standby keeps its own pg_stat_activity and its own pg_hba.conf: clients that read from it in plaintext are shown nowhere else.',
  remedy: {
    everywhere: `Add a target for each standby, at its own address. The auditor's role exists there already, because roles are replicated. Where discovery finds the targets, add the region or the account of the standby to a rule.
Mute the finding for a standby that is a target under another address (NAT, several interfaces) or that takes no clients. List what there is:`,
    selfManaged: 'On this server: SELECT application_name, client_addr, state FROM pg_stat_replication;',
    rds: `Each read replica, and each instance of an Aurora cluster, has an endpoint of its own; the reader endpoint leads to one of them.
aws rds describe-db-instances --query "DBInstances[].[DBInstanceIdentifier,ReadReplicaSourceDBInstanceIdentifier,DBClusterIdentifier,Endpoint.Address]" --output table`,
    neon: "Each read replica is a compute with a host name of its own: the console shows it under the branch's computes.",
    cloudSql: `Each read replica is an instance with an address of its own.
gcloud sql instances list --filter="masterInstanceName:<instance>"`,
    azure: `Each read replica is a server with a name of its own.
az postgres flexible-server replica list --resource-group <group> --name <server> --output table`,
  },
  requirements: IN_TRANSIT,
  hidesSessions: false,
  pgbouncer: () => ({ status: 'not-applicable', reason: 'a PgBouncer has no standbys' }),
  references: [
    'https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-PG-STAT-REPLICATION-VIEW',
    'https://www.postgresql.org/docs/current/hot-standby.html',
    'https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/Aurora.Overview.Endpoints.html',
  ],
  evaluateInFleet: (snapshot, fleet) => {
    const unlisted = fleet && indexOf(fleet).unlistedReplicas.get(snapshot.target.name);
    if (unlisted !== undefined) return ofListed(unlisted);
    return snapshot.aurora === undefined ? ofStandbys(snapshot, fleet) : ofAurora(snapshot, fleet);
  },
};

/**
 * Discovery lists the replicas and members that there are, and its rules decide about each: one that is stopped, left
 * out on purpose or about to be deleted has no session that a target could stand for.
 */
function ofListed(unlisted: readonly UnlistedReplica[]): Outcome {
  if (unlisted.length === 0) return { status: 'pass' };
  const problems = unlisted.map(
    (replica): Problem => ({
      severity: 'low',
      title: 'A read replica in a region or an account that no rule of discovery names',
      subject: displayText(replica, 300),
      evidence: { replica: displayText(replica, 300) },
    }),
  );
  return { status: 'fail', problems };
}

function ofStandbys(snapshot: Snapshot, fleet: Fleet | undefined): Outcome {
  const standbys = snapshot.sessions.known ? snapshot.sessions.value.visible.filter(isStandby) : [];
  if (standbys.length > 0 && fleet === undefined) return PARTIAL_RUN;
  const own = snapshot.target.name;
  const index = indexOf(fleet ?? []);
  const uncovered = notCovered(standbys, snapshot, index);
  const unreached = uncovered.size === 0 ? [] : index.withoutPlace.filter(({ name }) => name !== own);
  if (uncovered.size > 0 && unreached.length > 0) {
    const count = unreached.length === 1 ? 'a target was' : `${unreached.length} targets were`;
    return { status: 'unknown', reason: `${count} not reached that may be this standby` };
  }
  return checkSessions(
    snapshot,
    (session) => uncovered.has(session),
    (group) => ({ ...describeGroup(group), severity: 'low', title: replicaNotCovered.title }),
  );
}

const PARTIAL_RUN: Outcome = {
  status: 'not-applicable',
  reason: 'the run did not audit every target, so whether another target is the standby is not known',
};

/** Instances of Aurora share their storage: none has a session on another, and each lists all of them. */
function ofAurora({ aurora, target }: Snapshot, fleet: Fleet | undefined): Outcome {
  if (aurora === undefined || !aurora.known) {
    return { status: 'unknown', reason: aurora?.reason ?? 'the instances of the cluster are not known' };
  }
  const { own, instances } = aurora.value;
  const others = instances.filter(({ id }) => id !== own);
  if (others.length > 0 && fleet === undefined) return PARTIAL_RUN;
  const index = indexOf(fleet ?? []);
  const isOther = ({ name }: FleetMember): boolean => name !== target.name;
  const uncovered = others.filter(({ id }) => !membersOf(id, index).some(isOther));
  if (uncovered.length === 0) return { status: 'pass' };
  if (index.anyInstance.some(isOther)) {
    return { status: 'unknown', reason: 'a target was not audited that may be this instance' };
  }
  const problems = uncovered.map(
    ({ id, writer }): Problem => ({
      severity: 'low',
      title: 'An Aurora instance that no target audits',
      subject: displayText(id),
      evidence: { instance: displayText(id), writer },
    }),
  );
  return { status: 'fail', problems };
}

/** Programs that stream WAL to files and take no clients. */
const NO_STANDBY = /^(pg_basebackup|pg_receivewal|pg_receivexlog|pg_recvlogical|barman_)/;

/** Logical replication names a database. */
function isStandby({ kind, database, application }: Session): boolean {
  return kind === 'replication' && database === undefined && !NO_STANDBY.test(application);
}

/** Each target stands for one standby at its address: two standbys on a host are two targets. */
function notCovered(
  standbys: readonly Session[],
  { target, networkPath }: Snapshot,
  { byPlace }: FleetIndex,
): ReadonlySet<Session> {
  const taken = new Set<FleetMember>();
  return new Set(
    standbys.filter((standby) => {
      const places = [addressKey(standby.clientAddress), addressKey(networkPath?.remoteAddress)];
      // Over a socket or loopback the standby is on the server's own host, whatever its address is.
      const place = places[0] === undefined || places[0] === LOOPBACK ? places[1] : places[0];
      const candidates = place === undefined ? [] : (byPlace.get(place) ?? []);
      const member = candidates.find((candidate) => candidate.name !== target.name && !taken.has(candidate));
      if (member === undefined) return true;
      taken.add(member);
      return false;
    }),
  );
}
