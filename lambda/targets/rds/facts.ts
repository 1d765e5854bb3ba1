// Collects what RDS says of each PostgreSQL database of a place without a login.

import type { DBCluster, DBInstance, RDSClient } from '@aws-sdk/client-rds';
import type { CloudDatabase, CloudParameter, CloudParameterGroup, CloudPlatform } from '../../model/cloud.ts';
import { known, type Observed, unknown } from '../../model/observed.ts';
import { momentOf, readAuthorities } from './certificates.ts';
import { describeFailure } from './failure.ts';
import { type GroupParameters, groupKey, readParameters } from './parameters.ts';
import type { Place } from './place.ts';

/** Milliseconds: the databases are known by then, and what is slow costs these facts only. */
const TIMEOUT_MS = 10_000;

/** Longer names are not those of RDS. */
const NAME_LENGTH = 255;

/** By the identifier of the instance. */
export type PlaceFacts = ReadonlyMap<string, CloudDatabase>;

/** Never rejects: a call that fails makes unknown what it would have brought. */
export async function readFacts(
  client: RDSClient,
  place: Place,
  {
    instances,
    clusters,
    signal,
  }: {
    readonly instances: readonly DBInstance[];
    readonly clusters: readonly DBCluster[];
    readonly signal: AbortSignal;
  },
): Promise<PlaceFacts> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(TIMEOUT_MS)]);
  const clusterById = new Map(clusters.map((cluster) => [cluster.DBClusterIdentifier, cluster]));
  const clusterOf = ({ DBClusterIdentifier: id }: DBInstance) => (id === undefined ? undefined : clusterById.get(id));
  const groups = instances.flatMap((instance) => parameterGroupOf(instance, clusterOf(instance)) ?? []);
  const [parameters, authorities] = await Promise.all([
    readParameters(client, groups, {
      signal: limit,
      describeError: (error) => describeFailure(place, error, 'parameters'),
    }),
    instances.length === 0
      ? known(new Map<string, string>())
      : readAuthorities(client, limit).then(known, (error: unknown) =>
          unknown(describeFailure(place, error, 'certificate authorities')),
        ),
  ]);
  return new Map(
    instances.map((instance) => [
      instance.DBInstanceIdentifier ?? '',
      databaseOf(instance, clusterOf(instance), { parameters, authorities }),
    ]),
  );
}

interface Shared {
  readonly parameters: ReadonlyMap<string, Observed<GroupParameters>>;
  readonly authorities: Observed<ReadonlyMap<string, string>>;
}

function databaseOf(instance: DBInstance, cluster: DBCluster | undefined, shared: Shared): CloudDatabase {
  const platform = platformOf(instance);
  const group = parameterGroupOf(instance, cluster);
  const details = instance.CertificateDetails ?? cluster?.CertificateDetails;
  const validTill = momentOf(details?.ValidTill);
  const internetGateway = cluster?.InternetAccessGatewayEnabled === true;
  return {
    is: 'database',
    platform,
    publiclyAccessible: instance.PubliclyAccessible === true || cluster?.PubliclyAccessible === true || internetGateway,
    internetGateway,
    ...(group === undefined ? {} : { parameterGroup: group }),
    parameters: parametersOf(group, instance, platform, shared),
    certificateValidTill:
      validTill === undefined ? unknown("RDS does not say when the server's certificate ends") : known(validTill),
    authority: authorityOf(instance.CACertificateIdentifier ?? details?.CAIdentifier, shared),
    logExports: [
      ...new Set([...(instance.EnabledCloudwatchLogsExports ?? []), ...(cluster?.EnabledCloudwatchLogsExports ?? [])]),
    ]
      .slice(0, 20)
      .map((kind) => kind.slice(0, NAME_LENGTH)),
  };
}

function platformOf({ Engine, DBClusterIdentifier }: DBInstance): CloudPlatform {
  if (Engine === 'aurora-postgresql') return 'aurora';
  return DBClusterIdentifier === undefined ? 'rds' : 'cluster';
}

/** Settings about TLS of Aurora and of Multi-AZ clusters are those of the cluster. Unknown while it is not listed. */
function parameterGroupOf(instance: DBInstance, cluster: DBCluster | undefined): CloudParameterGroup | undefined {
  const { DBInstanceIdentifier, DBClusterIdentifier } = instance;
  if (DBClusterIdentifier === undefined) {
    const [group] = instance.DBParameterGroups ?? [];
    return groupOf(group?.DBParameterGroupName, group?.ParameterApplyStatus, false);
  }
  const member = cluster?.DBClusterMembers?.find((each) => each.DBInstanceIdentifier === DBInstanceIdentifier);
  return groupOf(cluster?.DBClusterParameterGroup, member?.DBClusterParameterGroupStatus, true);
}

function groupOf(name: string | undefined, status = '', ofCluster: boolean): CloudParameterGroup | undefined {
  if (name === undefined || name === '' || name.length > NAME_LENGTH) return undefined;
  return { name, ofCluster, status: status.slice(0, NAME_LENGTH) };
}

function parametersOf(
  group: CloudParameterGroup | undefined,
  { EngineVersion = '' }: DBInstance,
  platform: CloudPlatform,
  shared: Shared,
): CloudDatabase['parameters'] {
  if (group === undefined) return unknown('RDS does not say which parameter group it has');
  const read = shared.parameters.get(groupKey(group));
  if (read === undefined || !read.known) return read ?? unknown('its parameter group was not read');
  const forceSsl = withValue(read.value.get('rds.force_ssl')) ?? defaultForceSsl(EngineVersion, platform);
  if (forceSsl === undefined) return unknown('RDS gives no value of rds.force_ssl, and no version of the engine');
  const minimum = withValue(read.value.get('ssl_min_protocol_version'));
  return known({
    'rds.force_ssl': forceSsl,
    ...(minimum === undefined ? {} : { ssl_min_protocol_version: minimum }),
  });
}

function withValue(parameter: CloudParameter | undefined): CloudParameter | undefined {
  return parameter === undefined || parameter.value === '' ? undefined : parameter;
}

/**
 * The value where the group gives none: on from PostgreSQL 15 of RDS and from 17 of Aurora, else off.
 *
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html,
 * https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Security.html
 */
function defaultForceSsl(version: string, platform: CloudPlatform): CloudParameter | undefined {
  const [, major] = /^(\d{1,3})\b/.exec(version) ?? [];
  if (major === undefined) return undefined;
  const since = platform === 'aurora' ? 17 : 15;
  return { value: Number(major) >= since ? '1' : '0', source: 'version-default' };
}

function authorityOf(id: string | undefined, { authorities }: Shared): CloudDatabase['authority'] {
  if (id === undefined) return unknown('RDS does not say which certificate authority it uses');
  if (!authorities.known) return authorities;
  const validTill = authorities.value.get(id);
  return validTill === undefined
    ? unknown('RDS lists no end of its certificate authority')
    : known({ id: id.slice(0, NAME_LENGTH), validTill });
}
