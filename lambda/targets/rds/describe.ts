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
import { roleCredentials } from '../../aws/role-credentials.ts';
import { displayText } from '../../model/display.ts';
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
import { PAGE_SIZE, readAll } from './paging.ts';
import type { Place } from './place.ts';

/** The databases of a place; proxies are unknown where they alone can't be listed. */
export interface PlaceAnswer {
  readonly inventory: PlaceInventory;
  /** Why the proxies are not known; undefined where they are. */
  readonly proxyError: unknown;
  /** What an entry lacks that could not be used, for each. Every other entry is in the inventory. */
  readonly unusable?: readonly string[];
  /** What else RDS says of the databases. It is never kept: what is not read in a run is not known in it. */
  readonly facts: PlaceFacts;
}

/** Lists a place. @throws what the SDK throws; AssumeRoleError, UnexpectedAnswerError */
export type Describe = (place: Place, signal: AbortSignal) => Promise<PlaceAnswer>;

/** With the real clients, one for each place. The SDK waits and tries again where RDS asks for fewer requests. */
export const describeRds: Describe = async (place, signal) => {
  const { region, assumedRole } = place;
  const client = new RDSClient({
    region,
    retryMode: 'adaptive',
    maxAttempts: 6,
    requestHandler: { connectionTimeout: 3_000, requestTimeout: 10_000, throwOnRequestTimeout: true },
    ...(assumedRole === undefined ? {} : { credentials: roleCredentials(assumedRole, region) }),
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
    const unusable: string[] = [];
    const usable = <T, U>(entries: readonly T[], parse: (entry: T) => U | Unusable): U[] =>
      entries.flatMap((entry) => {
        const parsed = parse(entry);
        if (!(parsed instanceof Unusable)) return [parsed];
        unusable.push(parsed.what);
        return [];
      });
    const listed = {
      instances: found.value.filter(isPostgres),
      clusters: inClusters.value.filter(isPostgres),
    };
    return {
      inventory: {
        instances: usable(listed.instances, instanceOf),
        clusters: usable(listed.clusters, clusterOf),
        proxies: pooled.status === 'rejected' ? [] : usable(pooled.value.filter(isPostgres), proxyOf),
      },
      unusable,
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

function instanceOf(described: DBInstance): RdsInstance | Unusable {
  return parsed('an instance', rdsInstanceSchema, {
    id: described.DBInstanceIdentifier,
    arn: described.DBInstanceArn,
    cluster: described.DBClusterIdentifier,
    engine: described.Engine,
    status: described.DBInstanceStatus,
    // While an instance is created, some answers have an endpoint that is empty.
    host: described.Endpoint?.Address || undefined,
    port: described.Endpoint?.Port || undefined,
    tags: tagsOf(described),
    iamAuthentication: described.IAMDatabaseAuthenticationEnabled ?? false,
    replicas: described.ReadReplicaDBInstanceIdentifiers ?? [],
    logExports: described.EnabledCloudwatchLogsExports ?? [],
  });
}

function clusterOf(described: DBCluster): RdsCluster | Unusable {
  return parsed('a cluster', rdsClusterSchema, {
    id: described.DBClusterIdentifier,
    arn: described.DBClusterArn || undefined,
    host: described.Endpoint || undefined,
    limitless: described.ClusterScalabilityType === 'limitless',
    tags: tagsOf(described),
    iamAuthentication: described.IAMDatabaseAuthenticationEnabled ?? false,
    logExports: described.EnabledCloudwatchLogsExports ?? [],
  });
}

function proxyOf(described: DBProxy): RdsProxy | Unusable {
  return parsed('a proxy', rdsProxySchema, {
    name: described.DBProxyName,
    host: described.Endpoint || undefined,
    requireTls: described.RequireTLS ?? false,
  });
}

function tagsOf({ TagList = [] }: Pick<DBInstance, 'TagList'>): readonly (readonly [string | undefined, string])[] {
  return TagList.map(({ Key, Value = '' }) => [Key, Value]);
}

/** An entry that is not as RDS documents it. */
class Unusable {
  readonly what: string;

  constructor(what: string) {
    this.what = what;
  }
}

function parsed<T>(what: string, schema: z.ZodType<T>, entry: Readonly<Record<string, unknown>>): T | Unusable {
  const result = schema.safeParse(entry);
  if (result.success) return result.data;
  const fields = new Set(result.error.issues.map(({ path }) => String(path[0])));
  const { id = entry.name } = entry;
  const named = typeof id === 'string' ? ` ${displayText(id, 100)}` : '';
  return new Unusable(`${what}${named} has no usable ${[...fields].join(', ')}`);
}
