// Reads the databases of one account in one region from RDS: every page, bounded, or an error.

import {
  type DBCluster,
  type DBInstance,
  type DBProxy,
  DescribeDBClustersCommand,
  DescribeDBInstancesCommand,
  DescribeDBProxiesCommand,
  RDSClient,
} from '@aws-sdk/client-rds';
import type * as z from 'zod';
import {
  type PlaceInventory,
  type RdsCluster,
  type RdsInstance,
  type RdsProxy,
  rdsClusterSchema,
  rdsInstanceSchema,
  rdsProxySchema,
} from '../../model/inventory.ts';
import { type PlaceFacts, readFacts } from './facts.ts';
import { PAGE_SIZE, readAll, UnexpectedAnswerError } from './paging.ts';
import type { Place } from './place.ts';

/** The databases of a place; proxies are unknown where they alone can't be listed. */
export interface PlaceAnswer {
  readonly inventory: PlaceInventory;
  /** Why the proxies are not known; undefined where they are. */
  readonly proxyError: unknown;
  /** What else RDS says of the databases. It is never kept: what is not read in a run is not known in it. */
  readonly facts: PlaceFacts;
}

/** Lists a place. @throws what the SDK throws; AssumeRoleError, UnexpectedAnswerError */
export type Describe = (place: Place, signal: AbortSignal) => Promise<PlaceAnswer>;

/** With the real clients, one for each place. The SDK waits and tries again where RDS asks for fewer requests. */
export const describeRds: Describe = async (place, signal) => {
  const { region, assumedRole } = place;
  // Loaded where a rule names another account only: other deployments leave it out of the bundle.
  const credentials =
    assumedRole === undefined
      ? undefined
      : (await import('../../aws/assumed-role.ts')).credentialsOfRole(assumedRole, region);
  const client = new RDSClient({
    region,
    retryMode: 'adaptive',
    maxAttempts: 6,
    requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
    ...(credentials === undefined ? {} : { credentials }),
  });
  try {
    const options = { abortSignal: signal };
    const instances = readAll(async (Marker) => {
      const page = await client.send(
        new DescribeDBInstancesCommand({ Filters: [ENGINES], MaxRecords: PAGE_SIZE, Marker }),
        options,
      );
      return { entries: page.DBInstances ?? [], marker: page.Marker };
    });
    const clusters = readAll(async (Marker) => {
      const page = await client.send(
        new DescribeDBClustersCommand({ Filters: [ENGINES], MaxRecords: PAGE_SIZE, Marker }),
        options,
      );
      return { entries: page.DBClusters ?? [], marker: page.Marker };
    });
    const proxies = readAll(async (Marker) => {
      const page = await client.send(new DescribeDBProxiesCommand({ MaxRecords: PAGE_SIZE, Marker }), options);
      return { entries: page.DBProxies ?? [], marker: page.Marker };
    });
    const [found, inClusters, pooled] = await Promise.allSettled([instances, clusters, proxies]);
    if (found.status === 'rejected') throw found.reason;
    if (inClusters.status === 'rejected') throw inClusters.reason;
    const listed = {
      instances: found.value.filter(isPostgres),
      clusters: inClusters.value.filter(isPostgres),
    };
    return {
      inventory: {
        instances: listed.instances.map(instanceOf),
        clusters: listed.clusters.map(clusterOf),
        proxies: pooled.status === 'rejected' ? [] : pooled.value.filter(isPostgres).map(proxyOf),
      },
      proxyError: pooled.status === 'rejected' ? pooled.reason : undefined,
      facts: await readFacts(client, place, { ...listed, signal }),
    };
  } finally {
    client.destroy();
  }
};

/** The same calls list other engines, such as Neptune and DocumentDB. */
const ENGINES = { Name: 'engine', Values: ['postgres', 'aurora-postgresql'] };

function isPostgres(entry: {
  readonly Engine?: string | undefined;
  readonly EngineFamily?: string | undefined;
}): boolean {
  return ENGINES.Values.includes(entry.Engine ?? '') || entry.EngineFamily === 'POSTGRESQL';
}

function instanceOf(described: DBInstance): RdsInstance {
  return parsed('an instance', rdsInstanceSchema, {
    id: described.DBInstanceIdentifier,
    arn: described.DBInstanceArn,
    cluster: described.DBClusterIdentifier,
    engine: described.Engine,
    status: described.DBInstanceStatus,
    host: described.Endpoint?.Address,
    port: described.Endpoint?.Port,
    tags: tagsOf(described),
    iamAuthentication: described.IAMDatabaseAuthenticationEnabled ?? false,
    logExports: described.EnabledCloudwatchLogsExports ?? [],
  });
}

function clusterOf(described: DBCluster): RdsCluster {
  return parsed('a cluster', rdsClusterSchema, {
    id: described.DBClusterIdentifier,
    tags: tagsOf(described),
    iamAuthentication: described.IAMDatabaseAuthenticationEnabled ?? false,
    logExports: described.EnabledCloudwatchLogsExports ?? [],
  });
}

function proxyOf(described: DBProxy): RdsProxy {
  return parsed('a proxy', rdsProxySchema, {
    name: described.DBProxyName,
    host: described.Endpoint,
    requireTls: described.RequireTLS ?? false,
  });
}

function tagsOf({ TagList = [] }: Pick<DBInstance, 'TagList'>): readonly (readonly [string | undefined, string])[] {
  return TagList.map(({ Key, Value = '' }) => [Key, Value]);
}

function parsed<T>(what: string, schema: z.ZodType<T>, entry: unknown): T {
  const result = schema.safeParse(entry);
  if (result.success) return result.data;
  const fields = new Set(result.error.issues.map(({ path }) => String(path[0])));
  throw new UnexpectedAnswerError(`${what} has no usable ${[...fields].join(', ')}`);
}
