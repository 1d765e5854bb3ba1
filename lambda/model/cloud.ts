// Defines what the API of a cloud provider says of databases and places, without any login.

import type { Observed } from './observed.ts';

/** `cluster`: a Multi-AZ DB cluster of RDS. */
export const CLOUD_PLATFORMS = ['rds', 'aurora', 'cluster'] as const;
export type CloudPlatform = (typeof CLOUD_PLATFORMS)[number];

/** Parameters that are read of each parameter group. */
export const CLOUD_PARAMETER_NAMES = ['rds.force_ssl', 'ssl_min_protocol_version'] as const;
export type CloudParameterName = (typeof CLOUD_PARAMETER_NAMES)[number];

export interface CloudParameter {
  readonly value: string;
  /** `user`, `system` or `engine-default` as the API says; `version-default` where it gives no value. */
  readonly source: string;
  /** `static`: a change waits for a reboot. Undefined where the API does not say. */
  readonly applyType?: 'static' | 'dynamic' | undefined;
}

/** The parameter group whose values are in effect: of Aurora and of Multi-AZ clusters the cluster's. */
export interface CloudParameterGroup {
  readonly name: string;
  readonly ofCluster: boolean;
  /** As the API says: `in-sync`, `applying`, `pending-reboot`, …; empty where it does not say. */
  readonly status: string;
}

/** A database, as one of the lists of the API has it. */
export interface CloudDatabase {
  readonly is: 'database';
  readonly platform: CloudPlatform;
  readonly publiclyAccessible: boolean;
  /** Whether it is reached through the provider's gateway, which ends TLS before the server. */
  readonly internetGateway: boolean;
  readonly parameterGroup?: CloudParameterGroup | undefined;
  /** Of that group. A parameter that the platform does not have is missing. */
  readonly parameters: Observed<Readonly<Partial<Record<CloudParameterName, CloudParameter>>>>;
  /** ISO 8601, UTC: the end of the server's certificate. */
  readonly certificateValidTill: Observed<string>;
  /** The authority that signs its certificates. */
  readonly authority: Observed<{
    readonly id: string;
    /** ISO 8601, UTC. */
    readonly validTill: string;
  }>;
  /** Kinds of log that are exported. */
  readonly logExports: readonly string[];
}

/** A place that is listed as a whole: the databases of one account in one region, or a file of targets. */
export interface CloudPlace {
  readonly is: 'place';
  /** Why it could not be listed, each a sentence without its period; none: it was listed. */
  readonly failures: readonly string[];
  /** Databases that no rule takes, though no setting says that they are to be left out. */
  readonly uncovered: Observed<readonly { readonly name: string; readonly why: string }[]>;
  readonly proxies: Observed<readonly { readonly name: string; readonly requireTls: boolean }[]>;
}

/** A configuration from outside of the function's bundle. Sentences have no final period, and may be shown. */
export interface ConfigurationFacts {
  readonly is: 'configuration';
  /** Why what the location holds is not used; undefined: it is. */
  readonly problem?: string | undefined;
  /** ISO 8601, UTC: when the configuration that is used instead was read there last, to the hour. */
  readonly lastReadAt?: string | undefined;
  /** Targets that the document names, though it can't be used, and that are not audited. */
  readonly added: { readonly count: number /** The first few. */; readonly names: readonly string[] };
  /** Settings that only a deployment can change, as paths. */
  readonly notInEffect: readonly string[];
}

export type CloudFacts = CloudDatabase | CloudPlace | ConfigurationFacts;

/** A database that discovery lists, and that is a target, audited or not. */
export interface ListedDatabase {
  /** As discovery names it. A target of the configuration with the same endpoint may have another name. */
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  /** Whether it is a target that can't be audited now, such as one that is stopped. */
  readonly dormant: boolean;
  readonly facts: Observed<CloudDatabase>;
}

export interface ListedPlace {
  /** No target has such a name: `rds:eu-west-1`. */
  readonly name: string;
  readonly facts: CloudPlace;
}

export interface ListedConfiguration {
  /** No target has such a name: `configuration:ssm:/audit/config`. */
  readonly name: string;
  readonly facts: ConfigurationFacts;
}

/** What discovery knows of the cloud without a login. */
export interface CloudListing {
  readonly databases: readonly ListedDatabase[];
  /** Each name once. */
  readonly places: readonly ListedPlace[];
  /** Undefined where the bundle holds the configuration. */
  readonly configuration?: ListedConfiguration | undefined;
}

export const NO_CLOUD: CloudListing = { databases: [], places: [] };
