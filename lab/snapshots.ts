// Snapshots for tests: a healthy target, to spoil in one place.

import { unauditedSnapshot } from '../lambda/analysis/provider/cloud-facts.ts';
import type { CertificateFacts } from '../lambda/model/certificate.ts';
import type { CloudDatabase, CloudPlace, ConfigurationFacts } from '../lambda/model/cloud.ts';
import type { ClientLogins, ConnectionLogFacts, FailedLogins, TlsFallback } from '../lambda/model/connection-log.ts';
import type { Failure } from '../lambda/model/failure.ts';
import type { HbaFacts, HbaRole } from '../lambda/model/hba.ts';
import { known, type Observed, unknown } from '../lambda/model/observed.ts';
import { DEFAULT_POLICY, type Policy } from '../lambda/model/policy.ts';
import type { PgBouncerSettings } from '../lambda/model/pooler.ts';
import type { WireAnswer, WireProbe } from '../lambda/model/probe.ts';
import type { Session, SessionTls, Side, Snapshot } from '../lambda/model/snapshot.ts';

/** When every snapshot here is taken. */
export const NOW = '2026-11-10T06:15:02.000Z';

/** The policy that an empty configuration has. */
export const POLICY: Policy = DEFAULT_POLICY;

let nextPid = 1000;

/** A session over TLSv1.3. */
export function session(overrides: Partial<Session> = {}): Session {
  nextPid += 1;
  return {
    pid: nextPid,
    role: 'app',
    database: 'shop',
    application: 'checkout',
    kind: 'client',
    superuser: false,
    transport: 'tls',
    clientAddress: '10.0.1.7',
    tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', bits: 256 },
    startedAt: Date.parse('2026-11-10T05:00:00Z'),
    ...overrides,
  };
}

/** A session over TLS of which nothing else matters. */
export function tlsSession(tls: Partial<SessionTls>, overrides: Partial<Session> = {}): Session {
  return session({
    tls: { version: 'TLSv1.2', cipher: 'ECDHE-RSA-AES256-GCM-SHA384', bits: 256, ...tls },
    ...overrides,
  });
}

/** A session over the network that nothing encrypts. */
export function plaintextSession(overrides: Partial<Session> = {}): Session {
  return session({ transport: 'plaintext', tls: undefined, ...overrides });
}

/** A leaf certificate with half a year left. */
export function certificate(overrides: Partial<CertificateFacts> = {}): CertificateFacts {
  return {
    subject: 'CN=orders.db.example.com',
    issuer: 'CN=Example Root CA',
    notBefore: '2026-01-01T00:00:00Z',
    notAfter: '2027-06-01T00:00:00Z',
    subjectAltNames: ['DNS:orders.db.example.com'],
    serialNumber: '01',
    sha256: 'ab'.repeat(32),
    publicKey: { type: 'ec', bits: 256 },
    signatureAlgorithm: 'ecdsa-with-SHA256',
    selfSigned: false,
    ...overrides,
  };
}

const ROOT = { subject: 'CN=Example Root CA', sha256: 'ef'.repeat(32), selfSigned: true } as const;

/** What PostgreSQL 18 has by default where TLS is on. */
export const SETTINGS = {
  ssl: 'on',
  ssl_min_protocol_version: 'TLSv1.2',
  ssl_max_protocol_version: '',
  ssl_ciphers: 'ECDHE+AESGCM:ECDHE+CHACHA20',
  ssl_tls13_ciphers: '',
  password_encryption: 'scram-sha-256',
} as const;

/** A role that may log in, by the names of its groups. */
export type NamedRole = Omit<HbaRole, 'memberOf'> & { readonly memberOf: readonly string[] };

/** Roles with their groups by place. Groups that are not in the list are appended to it, as roles that can't log in. */
export function hbaRoles(roles: readonly NamedRole[]): readonly HbaRole[] {
  const given = new Set(roles.map(({ name }) => name));
  const groups = [...new Set(roles.flatMap(({ memberOf }) => memberOf))].filter((group) => !given.has(group));
  const all = [
    ...roles,
    ...groups.map((name) => ({ name, canLogin: false, superuser: false, replication: false, memberOf: [] })),
  ];
  const places = new Map(all.map(({ name }, place) => [name, place]));
  return all.map((role) => ({ ...role, memberOf: role.memberOf.flatMap((group) => places.get(group) ?? []) }));
}

/** Rules that let every role in over TLS only. */
export function hbaFacts(overrides: Partial<HbaFacts> = {}): HbaFacts {
  return {
    major: 18,
    rules: [
      {
        fileName: '/etc/postgresql/pg_hba.conf',
        lineNumber: 1,
        type: 'hostssl',
        databases: ['all'],
        users: ['all'],
        address: 'all',
        method: 'scram-sha-256',
        options: [],
      },
    ],
    faults: [],
    roles: [{ name: 'app', canLogin: true, superuser: false, replication: false, memberOf: [] }],
    databases: [{ name: 'shop', allowConnections: true }],
    patterns: [],
    ...overrides,
  };
}

const REFUSED: Observed<WireAnswer> = known({ accepted: false, said: 'alert protocol_version' });
const ACCEPTED: Observed<WireAnswer> = known({ accepted: true });

/** What a server answers on the wire where all is well. */
export function wireProbe(overrides: Partial<WireProbe> = {}): WireProbe {
  return {
    role: 'app',
    database: 'shop',
    loopback: false,
    plaintext: known({ accepted: false, said: 'no pg_hba.conf entry (SQLSTATE 28000)' }),
    offersTls: known(true),
    tlsVersions: { TLSv1: REFUSED, 'TLSv1.1': REFUSED, 'TLSv1.2': ACCEPTED, 'TLSv1.3': ACCEPTED },
    directTls: ACCEPTED,
    keyExchange: known({ group: 'X25519MLKEM768', postQuantum: true }),
    brokenSuites: known({ accepted: false, said: 'alert handshake_failure' }),
    connections: 6,
    ...overrides,
  };
}

/** The snapshot of a target where all is well, with those sessions. */
export function healthySnapshot(
  sessions: readonly Session[] = [session()],
  overrides: Partial<Snapshot> = {},
): Snapshot {
  return {
    target: { name: 'orders', host: 'orders.db.example.com', port: 5432, labels: {} },
    takenAt: NOW,
    credentials: known({ source: 'secret prod/orders' }),
    serverChain: known([certificate(), certificate(ROOT)]),
    link: known({
      tlsVersion: 'TLSv1.3',
      cipher: 'TLS_AES_256_GCM_SHA384',
      authorized: true,
      verifiedName: 'orders.db.example.com',
      sslNegotiation: 'postgres',
      authentication: 'scram-sha-256-plus',
      channelBinding: true,
      serverView: known({ tlsVersion: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' }),
      timings: { tcp: 0.4, tlsHandshake: 4.1, authentication: 9.3, queries: 6.2 },
      roundTrips: 1,
      attempts: 1,
    }),
    server: known({ version: '18.4', inRecovery: false }),
    visibility: known({ role: 'tls_auditor', seesAllSessions: true }),
    sessions: known({ visible: sessions, hidden: 0 }),
    settings: known({ values: SETTINGS, seesAll: true }),
    hba: known(hbaFacts()),
    outbound: known({ links: [], unreadable: [] }),
    trust: known({ system: false, bundle: [certificate(ROOT)] }),
    clientCertificate: known(null),
    ...overrides,
  };
}

/** What the API of RDS says of a database where all is well. */
export function cloudDatabase(overrides: Partial<CloudDatabase> = {}): CloudDatabase {
  return {
    is: 'database',
    platform: 'rds',
    publiclyAccessible: false,
    internetGateway: false,
    parameterGroup: { name: 'orders-pg18', ofCluster: false, status: 'in-sync' },
    parameters: known({
      'rds.force_ssl': { value: '1', source: 'user', applyType: 'dynamic' },
      ssl_min_protocol_version: { value: 'TLSv1.2', source: 'user', applyType: 'dynamic' },
    }),
    certificateValidTill: known('2027-11-10T06:15:02.000Z'),
    authority: known({ id: 'rds-ca-rsa2048-g1', validTill: '2061-05-18T23:59:59.000Z' }),
    logExports: ['postgresql'],
    ...overrides,
  };
}

/** A place where all is well. */
export function cloudPlace(overrides: Partial<CloudPlace> = {}): CloudPlace {
  return { is: 'place', failures: [], uncovered: known([]), proxies: known([]), ...overrides };
}

/** The snapshot of what was not audited: nothing is known but what the API says. */
/** A configuration from outside of the bundle that is in effect. */
export function configuration(overrides: Partial<ConfigurationFacts> = {}): ConfigurationFacts {
  return { is: 'configuration', added: { count: 0, names: [] }, notInEffect: [], ...overrides };
}

export function listedSnapshot(cloud: Snapshot['cloud'], target: Partial<Snapshot['target']> = {}): Snapshot {
  const host = 'orders.abc.eu-west-1.rds.amazonaws.com';
  return unauditedSnapshot({ name: 'orders', host, port: 5432, labels: {}, ...target }, cloud, NOW);
}

/** A session of a pooler over TLSv1.3, as PgBouncer shows it. */
export function poolerSession(side: Side, overrides: Partial<Session> = {}): Session {
  return session({
    pid: undefined,
    side,
    superuser: undefined,
    application: side === 'client' ? 'checkout' : '',
    tls: { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' },
    ...overrides,
  });
}

/** A PgBouncer that is set to nothing but what is sound, with servers on a network. */
export function poolerSettings(
  values: PgBouncerSettings['values'] = {},
  overrides: Partial<PgBouncerSettings> = {},
): PgBouncerSettings {
  const ciphers = 'ECDHE+AESGCM:ECDHE+CHACHA20';
  return {
    version: '1.25.0',
    values: {
      auth_type: 'scram-sha-256',
      client_tls_sslmode: 'require',
      client_tls_protocols: 'secure',
      client_tls_ciphers: ciphers,
      server_tls_sslmode: 'verify-full',
      server_tls_protocols: 'secure',
      server_tls_ciphers: ciphers,
      listen_addr: '*',
      so_reuseport: '0',
      ...values,
    },
    databases: known([{ name: 'shop', host: 'db.example.com' }]),
    ...overrides,
  };
}

/** The snapshot of a PgBouncer where all is well, with those sessions. */
export function healthyPooler(
  sessions: readonly Session[] = [poolerSession('client'), poolerSession('server')],
  overrides: Partial<Snapshot> = {},
): Snapshot {
  const elsewhere = unknown('a PgBouncer has no such thing');
  return healthySnapshot(sessions, {
    target: { name: 'pooler', host: 'pooler.example.com', port: 6432, labels: {}, kind: 'pgbouncer' },
    server: known({ version: 'PgBouncer 1.25.0', inRecovery: false }),
    settings: elsewhere,
    hba: elsewhere,
    outbound: elsewhere,
    pooler: known(poolerSettings()),
    networkPath: { remoteAddress: '10.0.0.5', isDirect: true },
    ...overrides,
  });
}

/** The snapshot of a target whose audit ended early, before anything was known. */
export function failedSnapshot(failure: Partial<Failure> = {}): Snapshot {
  const carriedOver = unknown('the target was not audited');
  return healthySnapshot([], {
    failure: {
      cause: 'connection-refused',
      phase: 'tcp',
      message: 'orders.db.example.com:5432 refuses TCP connections (ECONNREFUSED)',
      remedy: 'check that PostgreSQL runs there',
      ...failure,
    },
    credentials: carriedOver,
    serverChain: carriedOver,
    link: carriedOver,
    server: carriedOver,
    visibility: carriedOver,
    sessions: carriedOver,
    settings: carriedOver,
    hba: carriedOver,
    outbound: carriedOver,
    trust: carriedOver,
    clientCertificate: carriedOver,
  });
}

/** A connection log of the last day, written and read as it should be, without any login. */
export function connectionLog(overrides: Partial<ConnectionLogFacts> = {}): Observed<ConnectionLogFacts> {
  return known({
    source: 'server-files',
    window: { from: '2026-11-09T06:15:02.000Z', to: NOW },
    continuousSince: '2026-11-01T00:00:00.000Z',
    clients: [],
    failures: [],
    fallbacks: [],
    gaps: [],
    ...overrides,
  });
}

/** Logins in plaintext over the network, an hour before the snapshot. */
export function clientLogins(overrides: Partial<ClientLogins> = {}): ClientLogins {
  const at = Date.parse(NOW) - 3_600_000;
  return {
    role: 'etl',
    database: 'shop',
    application: '',
    replication: false,
    transport: 'plaintext',
    forged: false,
    tls: undefined,
    network: '10.1.2.0/24',
    hostKnown: true,
    addresses: ['10.1.2.3'],
    moreAddresses: false,
    logins: 5,
    first: at,
    last: at,
    others: false,
    ...overrides,
  };
}

/** Handshakes of a client that does not trust the server. */
export function failedLogins(overrides: Partial<FailedLogins> = {}): FailedLogins {
  const at = Date.parse(NOW) - 3_600_000;
  return {
    kind: 'handshake-failed',
    reason: 'server-not-trusted',
    encryption: undefined,
    role: undefined,
    database: undefined,
    network: '10.1.2.0/24',
    certificate: undefined,
    count: 5,
    retriedOverTls: 0,
    first: at,
    last: at,
    ...overrides,
  };
}

/** A client that falls back to plaintext because it does not trust the server. */
export function tlsFallback(overrides: Partial<TlsFallback> = {}): TlsFallback {
  const at = Date.parse(NOW) - 3_600_000;
  return {
    role: 'etl',
    database: 'shop',
    application: 'nightly',
    network: '10.1.2.0/24',
    addresses: ['10.1.2.3'],
    transport: 'plaintext',
    reason: 'server-not-trusted',
    count: 3,
    first: at,
    last: at,
    ...overrides,
  };
}
