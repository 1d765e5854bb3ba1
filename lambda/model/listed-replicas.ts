// Defines what discovery knows of the replicas of a database: those that it does not list are covered by no rule.

/** By the host of a database that discovery lists, or of its cluster, in lower case. */
export type ListedReplicas = ReadonlyMap<string, readonly UnlistedReplica[]>;

/** A read replica in a region or an account that no rule names, by its identifier or ARN. */
export type UnlistedReplica = string;
