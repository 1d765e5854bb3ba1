// RDS and STS of the lab's AWS endpoint: databases by account and region in the documented shapes, pages, roles.

import { randomUUID } from 'node:crypto';
import { AwsFailure } from './aws-failure.ts';
import { escapeXml } from './aws-protocols.ts';

/** A value of an answer: what RDS documents, by the names that it documents. */
type Shape = string | number | boolean | Date | readonly Shape[] | { readonly [name: string]: Shape | undefined };
type Entry = Readonly<Record<string, Shape | undefined>>;

/** The databases of one account in one region. */
export interface RdsFixtures {
  readonly instances?: readonly Entry[];
  readonly clusters?: readonly Entry[];
  readonly proxies?: readonly Entry[];
  /** By the name of a parameter group; RDS gives the parameters that a filter names, with all groups it knows. */
  readonly parameters?: Readonly<Record<string, readonly Entry[]>>;
  readonly clusterParameters?: Readonly<Record<string, readonly Entry[]>>;
  readonly certificates?: readonly Entry[];
}

const PARAMETERS = {
  DescribeDBParameters: { of: 'parameters', group: 'DBParameterGroupName' },
  DescribeDBClusterParameters: { of: 'clusterParameters', group: 'DBClusterParameterGroupName' },
} as const;

const OPERATIONS = {
  DescribeDBInstances: { list: 'DBInstances', of: 'instances' },
  DescribeDBClusters: { list: 'DBClusters', of: 'clusters' },
  DescribeDBProxies: { list: 'DBProxies', of: 'proxies' },
  DescribeCertificates: { list: 'Certificates', of: 'certificates' },
} as const;

export type RdsOperation = keyof typeof OPERATIONS | keyof typeof PARAMETERS;

/** What RDS has where a test says nothing else: in no group a parameter that a user has set. */
const DEFAULTS = { certificates: [rdsAuthority('rds-ca-rsa2048-g1', '2061-05-18T23:59:59Z')] };

/** Names of the entries of lists; where it has none here, it is `member`. */
const ENTRY_NAMES: Readonly<Record<string, string>> = {
  DBInstances: 'DBInstance',
  DBClusters: 'DBCluster',
  TagList: 'Tag',
  DBParameterGroups: 'DBParameterGroup',
  Parameters: 'Parameter',
  Certificates: 'Certificate',
  DBClusterMembers: 'DBClusterMember',
  ReadReplicaDBInstanceIdentifiers: 'ReadReplicaDBInstanceIdentifier',
};

export interface RdsCaller {
  readonly account: string;
  readonly region: string;
}

export class Rds {
  /** Entries of a page, whatever a request asks for. RDS itself gives at least 20. */
  pageSize = 100;
  readonly #places = new Map<string, RdsFixtures>();
  readonly #refusals = new Map<string, AwsFailure>();

  set({ account, region }: RdsCaller, fixtures: RdsFixtures): void {
    this.#places.set(`${account}/${region}`, fixtures);
  }

  /** Refuses every request of that place from now on; without a failure, it answers again. */
  refuse({ account, region }: RdsCaller, failure?: { code: string; status?: number }): void {
    const key = `${account}/${region}`;
    if (failure === undefined) this.#refusals.delete(key);
    else this.#refusals.set(key, new AwsFailure(failure.code, `${failure.code}, on purpose`, failure.status));
  }

  /** @returns the result, as XML */
  describe(operation: RdsOperation, form: URLSearchParams, { account, region }: RdsCaller): string {
    const refusal = this.#refusals.get(`${account}/${region}`);
    if (refusal !== undefined) throw refusal;
    const fixtures = { ...DEFAULTS, ...this.#places.get(`${account}/${region}`) };
    const list = operation in OPERATIONS ? OPERATIONS[operation as keyof typeof OPERATIONS].list : 'Parameters';
    const entries = entriesOf(operation, form, fixtures);
    const start = Number(form.get('Marker') ?? 0);
    const size = Math.min(Number(form.get('MaxRecords') ?? 100), this.pageSize);
    if (!Number.isInteger(start) || size > 100) throw new AwsFailure('InvalidParameterValue', 'Marker or MaxRecords');
    const next = start + size < entries.length ? `<Marker>${start + size}</Marker>` : '';
    return `${xml(list, entries.slice(start, start + size))}${next}`;
  }
}

function entriesOf(operation: RdsOperation, form: URLSearchParams, fixtures: RdsFixtures): readonly Entry[] {
  if (operation in OPERATIONS) return fixtures[OPERATIONS[operation as keyof typeof OPERATIONS].of] ?? [];
  const { of, group } = PARAMETERS[operation as keyof typeof PARAMETERS];
  const wanted = [...form].filter(([key]) => key.startsWith('Filters.Filter.1.Values.')).map(([, value]) => value);
  const parameters = fixtures[of]?.[form.get(group) ?? ''] ?? [];
  return wanted.length === 0 ? parameters : parameters.filter((each) => wanted.includes(String(each.ParameterName)));
}

export interface LabRole {
  readonly arn: string;
  /** Who assumes the role must give it. */
  readonly externalId?: string;
}

/** A call of AssumeRole that was carried out. */
export interface AssumedSession {
  readonly roleArn: string;
  readonly sessionName: string;
}

export class Sts {
  readonly sessions: AssumedSession[] = [];
  /** Roles that may be assumed. */
  roles: readonly LabRole[] = [];
  readonly #accounts = new Map<string, string>();

  /** The account whose credentials these are; undefined where this service did not give them. */
  accountOf(accessKeyId: string): string | undefined {
    return this.#accounts.get(accessKeyId);
  }

  /** @returns the result, as XML */
  assumeRole(form: URLSearchParams): string {
    const [roleArn = '', sessionName = ''] = [form.get('RoleArn') ?? '', form.get('RoleSessionName') ?? ''];
    const role = this.roles.find(({ arn }) => arn === roleArn);
    if (!/^[\w+=,.@-]{2,64}$/.test(sessionName)) throw new AwsFailure('ValidationError', 'RoleSessionName');
    if (role === undefined || (role.externalId ?? null) !== form.get('ExternalId')) {
      throw new AwsFailure('AccessDenied', `not authorized to perform: sts:AssumeRole on resource: ${roleArn}`, 403);
    }
    const accessKeyId = `ASIALAB${randomUUID().replaceAll('-', '').slice(0, 13).toUpperCase()}`;
    this.#accounts.set(accessKeyId, roleArn.split(':')[4] ?? '');
    this.sessions.push({ roleArn, sessionName });
    return xml('Credentials', {
      AccessKeyId: accessKeyId,
      SecretAccessKey: 'not-a-secret',
      SessionToken: 'not-a-token',
      Expiration: new Date(Date.now() + 900_000),
    });
  }
}

function xml(name: string, value: Shape | undefined): string {
  if (value === undefined) return '';
  return `<${name}>${content(name, value)}</${name}>`;
}

function content(name: string, value: Shape): string {
  if (Array.isArray(value)) return value.map((entry: Shape) => xml(ENTRY_NAMES[name] ?? 'member', entry)).join('');
  if (value instanceof Date) return value.toISOString();
  if (typeof value === 'object') {
    return Object.entries(value as Entry)
      .map(([key, part]) => xml(key, part))
      .join('');
  }
  return escapeXml(String(value));
}

const HOST = 'abcdefghijkl';

/** An instance as DescribeDBInstances documents it; `change` adds and replaces fields. */
export function rdsInstance(
  id: string,
  { account = '123456789012', region = 'eu-west-1', tags = {}, ...change }: FixtureOptions = {},
): Entry {
  return {
    DBInstanceIdentifier: id,
    DBInstanceClass: 'db.r6g.large',
    Engine: 'postgres',
    DBInstanceStatus: 'available',
    Endpoint: { Address: `${id}.${HOST}.${region}.rds.amazonaws.com`, Port: 5432, HostedZoneId: 'Z29XKXDKYMONMX' },
    DBInstanceArn: `arn:aws:rds:${region}:${account}:db:${id}`,
    DbiResourceId: `db-${id.toUpperCase()}`,
    EngineVersion: '17.6',
    PubliclyAccessible: false,
    CACertificateIdentifier: 'rds-ca-rsa2048-g1',
    CertificateDetails: { CAIdentifier: 'rds-ca-rsa2048-g1', ValidTill: new Date('2027-05-21T00:00:00Z') },
    DBParameterGroups: [{ DBParameterGroupName: 'default.postgres17', ParameterApplyStatus: 'in-sync' }],
    IAMDatabaseAuthenticationEnabled: true,
    EnabledCloudwatchLogsExports: ['postgresql', 'upgrade'],
    TagList: tagList({ 'pg-tls-auditor': 'on', ...tags }),
    ...change,
  };
}

/** A cluster as DescribeDBClusters documents it, with reader endpoint and custom endpoint. */
export function rdsCluster(
  id: string,
  { account = '123456789012', region = 'eu-west-1', tags = {}, ...change }: FixtureOptions = {},
): Entry {
  return {
    DBClusterIdentifier: id,
    DBClusterArn: `arn:aws:rds:${region}:${account}:cluster:${id}`,
    Engine: 'aurora-postgresql',
    EngineVersion: '16.9',
    Status: 'available',
    Endpoint: `${id}.cluster-${HOST}.${region}.rds.amazonaws.com`,
    ReaderEndpoint: `${id}.cluster-ro-${HOST}.${region}.rds.amazonaws.com`,
    CustomEndpoints: [`reports.cluster-custom-${HOST}.${region}.rds.amazonaws.com`],
    Port: 5432,
    IAMDatabaseAuthenticationEnabled: true,
    EnabledCloudwatchLogsExports: ['postgresql'],
    DBClusterParameterGroup: 'default.aurora-postgresql16',
    TagList: tagList(tags),
    ...change,
  };
}

/** An authority as DescribeCertificates documents it. */
export function rdsAuthority(id: string, validTill: string): Entry {
  return { CertificateIdentifier: id, CertificateType: 'CA', ValidTill: new Date(validTill), CustomerOverride: false };
}

/** A parameter as DescribeDBParameters documents it. */
export function rdsParameter(name: string, value: string | undefined, change: Entry = {}): Entry {
  return {
    ParameterName: name,
    ...(value === undefined ? {} : { ParameterValue: value }),
    Source: 'user',
    ApplyType: 'dynamic',
    IsModifiable: true,
    ...change,
  };
}

type FixtureOptions = Entry & {
  readonly account?: string;
  readonly region?: string;
  readonly tags?: Readonly<Record<string, string>>;
};

function tagList(tags: Readonly<Record<string, string>>): readonly Entry[] {
  return Object.entries(tags).map(([Key, Value]) => ({ Key, Value }));
}
