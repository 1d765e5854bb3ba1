// Defines what discovery reads of the databases of a cloud account, and the store that keeps it for a day.

import * as z from 'zod';

const text = (longest: number) => z.string().min(1).max(longest);

const hostName = text(253).regex(/^[A-Za-z0-9][A-Za-z0-9.-]*$/);

/** By key. A database has at most 50 tags, of 128 and 256 characters, each of which may be two in UTF-16. */
const tags = z.array(z.tuple([text(256), z.string().max(512)])).max(100);

/** An instance of RDS or Aurora, as the part of DescribeDBInstances that is used. */
export const rdsInstanceSchema = z.object({
  id: text(255),
  /** Holds the account. */
  arn: text(512).regex(/^arn:[\w-]+:rds:[\w-]+:\d{12}:db:[\w.:-]+$/),
  /** Undefined where it is not in a cluster. */
  cluster: text(255).optional(),
  engine: text(64),
  status: text(64),
  /** Undefined while it is created. */
  host: hostName.optional(),
  port: z.int().min(1).max(65_535).optional(),
  tags,
  iamAuthentication: z.boolean(),
  /** Identifiers of its read replicas, ARNs for those in other regions. Undefined in what earlier versions kept. */
  replicas: z.array(text(512)).max(100).optional(),
  /** Kinds of log that are exported to CloudWatch Logs. */
  logExports: z.array(text(64)).max(20),
});

/** A cluster, as the part of DescribeDBClusters that is used. */
export const rdsClusterSchema = z.object({
  id: text(255),
  /** Undefined in what earlier versions kept. */
  arn: text(512).optional(),
  host: hostName.optional(),
  /** Aurora Limitless Database: it has shards, and no instances that could be listed. */
  limitless: z.boolean().optional(),
  tags,
  iamAuthentication: z.boolean(),
  logExports: z.array(text(64)).max(20),
});

/** A proxy, as the part of DescribeDBProxies that is used. */
export const rdsProxySchema = z.object({
  name: text(255),
  host: hostName.optional(),
  requireTls: z.boolean(),
});

/** The databases of one account in one region. */
export const placeInventorySchema = z.object({
  instances: z.array(rdsInstanceSchema).max(10_000),
  clusters: z.array(rdsClusterSchema).max(10_000),
  proxies: z.array(rdsProxySchema).max(1_000),
});

export type RdsInstance = z.infer<typeof rdsInstanceSchema>;
export type RdsCluster = z.infer<typeof rdsClusterSchema>;
export type RdsProxy = z.infer<typeof rdsProxySchema>;
export type PlaceInventory = z.infer<typeof placeInventorySchema>;

/** What an earlier run found at a place. */
export interface KeptInventory {
  /** ISO 8601, UTC. */
  readonly at: string;
  readonly inventory: PlaceInventory;
}

/** Keeps the inventory of each place, by a key of the place. */
export interface InventoryStore {
  /** @returns undefined where nothing is kept @throws Error where it can't be read */
  read(place: string): Promise<KeptInventory | undefined>;
  /** @throws Error where it can't be saved */
  save(place: string, kept: KeptInventory): Promise<void>;
}
