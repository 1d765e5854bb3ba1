// Writes the steps that set rds.force_ssl, in the parameter group that is in effect.

import { cloudDatabaseOf } from '../analysis/provider/cloud-facts.ts';
import type { CloudDatabase, CloudParameter, CloudPlatform } from '../model/cloud.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { PlanStep } from './schema.ts';

const PLATFORM_NAMES: Readonly<Record<CloudPlatform, string>> = {
  rds: 'Amazon RDS',
  aurora: 'Amazon Aurora',
  cluster: 'Amazon RDS, Multi-AZ DB cluster',
};

/** The names of endpoints hold the identifier, whether it is a cluster, and the region. */
const RDS_ENDPOINT =
  /^([a-z][a-z0-9-]{0,62})\.(cluster-(?:ro-|custom-)?)?[a-z0-9]+\.([a-z]{2}(?:-[a-z]+)+-\d)\.rds\.amazonaws\.com(?:\.cn)?$/;

/** Names that RDS allows, which every shell reads as one word. */
const GROUP_NAME = /^[A-Za-z][A-Za-z0-9.-]{0,254}$/;
const DEFAULT_GROUP = /^default\.([a-z][a-z-]{0,40}\d{1,3}(?:\.\d{1,3})?)$/;

/** What the commands are about. */
interface Place {
  readonly region: string;
  /** Of the endpoint: an instance, or a cluster. */
  readonly id: string;
  readonly isClusterEndpoint: boolean;
  readonly platform: CloudPlatform | undefined;
  /** Whether the parameters are those of a cluster. */
  readonly ofCluster: boolean;
}

interface Group {
  readonly name: string;
  readonly status: string;
  /** Undefined where the API was not asked, or did not say. */
  readonly parameter: CloudParameter | undefined;
}

/** What RDS calls the service; undefined where discovery does not know the database. */
export function rdsPlatform(snapshot: Snapshot): string | undefined {
  const database = databaseOf(snapshot);
  return database === undefined ? undefined : PLATFORM_NAMES[database.platform];
}

/**
 * With the real names where discovery knows the database; else the commands find the group and its `ApplyType`.
 *
 * @param endpoint the name that the target is reached by
 */
export function rdsSteps(endpoint: string, snapshot: Snapshot): readonly PlanStep[] {
  const database = databaseOf(snapshot);
  const place = placeOf(endpoint, database, snapshot.aurora !== undefined);
  const group = groupOf(database);
  if (group === undefined) return [findGroup(place), sharersOf(place, '$group'), setByApplyType(place)];
  const family = DEFAULT_GROUP.exec(group.name)?.[1];
  if (family !== undefined) return ownGroup(place, group, family);
  const applyType = group.parameter?.applyType;
  if (/^(1|on|true)$/i.test(group.parameter?.value ?? '')) return [waiting(place, group)];
  if (applyType === undefined) return [sharersOf(place, group.name), askApplyType(place, group), setByApplyType(place)];
  return [sharersOf(place, group.name), setIn(place, group, applyType)];
}

function databaseOf(snapshot: Snapshot): CloudDatabase | undefined {
  const database = cloudDatabaseOf(snapshot);
  return database?.known ? database.value : undefined;
}

function placeOf(endpoint: string, database: CloudDatabase | undefined, isAurora: boolean): Place {
  const name = endpoint.toLowerCase().replace(/\.$/, '');
  const [, first = '<instance>', cluster, region = '<region>'] = RDS_ENDPOINT.exec(name) ?? [];
  const isClusterEndpoint = cluster !== undefined;
  // A custom endpoint has a name of its own, which may be that of another cluster.
  const id = cluster === 'cluster-custom-' ? '<cluster>' : first;
  const platform = database?.platform;
  const ofCluster = database?.parameterGroup?.ofCluster ?? (isClusterEndpoint || isAurora);
  return { region, id, isClusterEndpoint, platform, ofCluster };
}

function groupOf(database: CloudDatabase | undefined): Group | undefined {
  const { parameterGroup, parameters } = database ?? {};
  if (parameterGroup === undefined || !GROUP_NAME.test(parameterGroup.name)) return undefined;
  const parameter = parameters?.known ? parameters.value['rds.force_ssl'] : undefined;
  return { name: parameterGroup.name, status: parameterGroup.status, parameter };
}

const kindOf = ({ ofCluster }: Place): string => (ofCluster ? 'db-cluster-parameter' : 'db-parameter');

/** The group is a word of a shell in what follows: a name, or `"$group"`. */
const groupOption = (place: Place, group: string): string => `--${kindOf(place)}-group-name ${group}`;

/** The cluster as a word of a shell: of an instance's endpoint RDS is asked for it. */
function clusterWord({ isClusterEndpoint, id }: Place): string {
  return isClusterEndpoint ? id : '"$cluster"';
}

/** Sets `$cluster` where it is needed. */
function askCluster({ ofCluster, isClusterEndpoint, region, id }: Place): readonly string[] {
  if (!ofCluster || isClusterEndpoint) return [];
  return [
    `cluster=$(aws rds describe-db-instances --region ${region} --db-instance-identifier ${id} --query 'DBInstances[0].DBClusterIdentifier' --output text); echo "$cluster"`,
  ];
}

function findGroup(place: Place): PlanStep {
  const { region, id, ofCluster } = place;
  const find = ofCluster
    ? `aws rds describe-db-clusters --region ${region} --db-cluster-identifier ${clusterWord(place)} --query 'DBClusters[0].DBClusterParameterGroup' --output text`
    : `aws rds describe-db-instances --region ${region} --db-instance-identifier ${id} --query 'DBInstances[0].DBParameterGroups[0].DBParameterGroupName' --output text`;
  return {
    runIn: 'shell',
    title: `Find the parameter group${ofCluster ? ' of the cluster' : ''}, and what a change takes. A default group (default.…) can't be changed: make one of your own first, whose assignment waits for a reboot. Of an instance of an Aurora or Multi-AZ cluster the cluster's group counts (with discovery this plan knows which it is)`,
    commands: [...askCluster(place), `group=$(${find}); echo "$group"`, askType(place, '"$group"')],
    rollback: [],
  };
}

function askType(place: Place, group: string): string {
  return `apply=$(aws rds describe-${kindOf(place)}s --region ${place.region} ${groupOption(place, group)} --query "Parameters[?ParameterName=='rds.force_ssl'].ApplyType" --output text); echo "$apply"`;
}

function askApplyType(place: Place, { name }: Group): PlanStep {
  return {
    runIn: 'shell',
    title: 'See what a change takes: nothing where it says dynamic, a reboot where it says static',
    commands: [...askCluster(place), `group=${name}`, askType(place, '"$group"')],
    rollback: [],
  };
}

/** Others that have the group change with it, planned or not. `$group` is the variable. */
function sharersOf({ region, ofCluster }: Place, group: string): PlanStep {
  return {
    runIn: 'shell',
    title: `See which ${ofCluster ? 'clusters' : 'instances'} have this parameter group: the change holds for all of them, and each has to be ready`,
    commands: [
      ofCluster
        ? `aws rds describe-db-clusters --region ${region} --query "DBClusters[?DBClusterParameterGroup=='${group}'].DBClusterIdentifier" --output text`
        : `aws rds describe-db-instances --region ${region} --query "DBInstances[?DBParameterGroups[?DBParameterGroupName=='${group}']].DBInstanceIdentifier" --output text`,
    ],
    rollback: [],
  };
}

function modify(place: Place, group: string, value: 0 | 1, method: string): string {
  return `aws rds modify-${kindOf(place)}-group --region ${place.region} ${groupOption(place, group)} --parameters "ParameterName=rds.force_ssl,ParameterValue=${value},ApplyMethod=${method}"`;
}

const BY_APPLY_TYPE = '$([ "$apply" = dynamic ] && echo immediate || echo pending-reboot)';

function setByApplyType(place: Place): PlanStep {
  return {
    runIn: 'shell',
    title:
      'Set rds.force_ssl = 1: at once where ApplyType is dynamic, with the next reboot where it is static. Then read the status: pending-reboot says that one is due',
    commands: [modify(place, '"$group"', 1, BY_APPLY_TYPE), status(place)],
    rollback: [modify(place, '"$group"', 0, BY_APPLY_TYPE), status(place)],
  };
}

function setIn(place: Place, { name, status: pending }: Group, applyType: 'static' | 'dynamic'): PlanStep {
  const isStatic = applyType === 'static';
  const method = isStatic ? 'pending-reboot' : 'immediate';
  const due = pending === 'pending-reboot' ? '; a reboot is due already, for another change' : '';
  return {
    runIn: 'shell',
    title: isStatic
      ? `Set rds.force_ssl = 1 in ${name}. It is static: it holds after a reboot${due}`
      : `Set rds.force_ssl = 1 in ${name}. It is dynamic: it holds at once, for new connections${due}`,
    commands: [
      modify(place, name, 1, method),
      ...askCluster(place),
      ...(isStatic ? [reboot(place)] : []),
      status(place),
    ],
    rollback: [modify(place, name, 0, method), ...(isStatic ? [reboot(place)] : [])],
    needsReboot: isStatic,
  };
}

/** A default group can't be changed. */
function ownGroup(place: Place, { name }: Group, family: string): readonly PlanStep[] {
  const own = `${place.id.startsWith('<') ? '<name>' : place.id}-tls`;
  const kind = kindOf(place);
  const assign = (group: string): string =>
    place.ofCluster
      ? `aws rds modify-db-cluster --region ${place.region} --db-cluster-identifier ${clusterWord(place)} --db-cluster-parameter-group-name ${group} --apply-immediately`
      : `aws rds modify-db-instance --region ${place.region} --db-instance-identifier ${place.id} --db-parameter-group-name ${group} --apply-immediately`;
  const create = `aws rds create-${kind}-group --region ${place.region} ${groupOption(place, own)} --${kind}-group-family ${family} --description "TLS is required"`;
  return [
    {
      runIn: 'shell',
      title: `Make a parameter group: ${name} is a default group, which can't be changed. Set rds.force_ssl = 1 in the new one`,
      // As one command: a group of that name that is there already may be in use, and must not be changed.
      commands: [`${create} &&\n  ${modify(place, own, 1, 'pending-reboot')}`],
      rollback: [`aws rds delete-${kind}-group --region ${place.region} ${groupOption(place, own)}`],
      needsReboot: false,
    },
    {
      runIn: 'shell',
      title:
        'Assign it, which waits for a reboot, and reboot when that suits. Then read the status: it must be in-sync',
      commands: [...askCluster(place), assign(own), reboot(place), status(place)],
      rollback: [assign(name), reboot(place)],
      needsReboot: true,
    },
  ];
}

function waiting(place: Place, { name, status: pending }: Group): PlanStep {
  return {
    runIn: 'shell',
    title: `Reboot: ${name} has rds.force_ssl = 1 already, and the server goes by another value${pending === '' ? '' : ` (status ${pending.replace(/[^a-z-]/g, '')})`}`,
    commands: [...askCluster(place), reboot(place), status(place)],
    rollback: [modify(place, name, 0, 'pending-reboot'), reboot(place)],
    needsReboot: true,
  };
}

function reboot(place: Place): string {
  const { ofCluster, platform, region, id } = place;
  if (!ofCluster) return `aws rds reboot-db-instance --region ${region} --db-instance-identifier ${id}`;
  if (platform === 'cluster') {
    return `aws rds reboot-db-cluster --region ${region} --db-cluster-identifier ${clusterWord(place)}`;
  }
  return `for db in $(aws rds describe-db-clusters --region ${region} --db-cluster-identifier ${clusterWord(place)} --query 'DBClusters[0].DBClusterMembers[].DBInstanceIdentifier' --output text); do aws rds reboot-db-instance --region ${region} --db-instance-identifier "$db"; done`;
}

function status(place: Place): string {
  const { ofCluster, region, id } = place;
  return ofCluster
    ? `aws rds describe-db-clusters --region ${region} --db-cluster-identifier ${clusterWord(place)} --query 'DBClusters[0].DBClusterMembers[].[DBInstanceIdentifier,DBClusterParameterGroupStatus]'`
    : `aws rds describe-db-instances --region ${region} --db-instance-identifier ${id} --query 'DBInstances[0].DBParameterGroups'`;
}
