// Defines a snapshot: the readonly facts observed on one target at one moment, without evaluation.

import type { CertificateFacts } from './certificate.ts';
import type { CloudFacts } from './cloud.ts';
import type { ConnectionLogFacts } from './connection-log.ts';
import type { Failure } from './failure.ts';
import type { HbaFacts } from './hba.ts';
import type { Observed } from './observed.ts';
import type { PgBouncerSettings } from './pooler.ts';
import type { Outbound, Settings } from './posture.ts';
import type { WireProbe } from './probe.ts';
import type { TargetKind } from './target.ts';
import type { Transport } from './transport.ts';

export interface SessionTls {
  /** As `pg_stat_ssl.version` shows it. */
  readonly version: string;
  /** OpenSSL's name. */
  readonly cipher: string;
  /** Undefined where a pooler does not show them. */
  readonly bits?: number | undefined;
  /** Subject of the client's certificate, where it showed one. Poolers show none. */
  readonly clientDn?: string | undefined;
}

/**
 * The two sides of a pooler: from a client to it, and from it to a server. Each is encrypted, or not, by itself.
 */
export const SIDES = ['client', 'server'] as const;
export type Side = (typeof SIDES)[number];

/**
 * One row of `pg_stat_activity` with its `pg_stat_ssl` and `pg_stat_gssapi` facts, or of a pooler's list of clients or
 * servers. Names are as clients chose them.
 */
export interface Session {
  /** Undefined where a pooler shows none. */
  readonly pid?: number | undefined;
  /** Which side of the pooler it is on; undefined for what a PostgreSQL server shows. */
  readonly side?: Side | undefined;
  /** Undefined for a walsender of a role since dropped. */
  readonly role?: string | undefined;
  /** Undefined for physical replication. */
  readonly database?: string | undefined;
  /** Empty for a pooler's connection to a server, which bears the names of its clients one after another. */
  readonly application: string;
  readonly kind: 'client' | 'replication';
  /** Undefined where a pooler lists it: it does not know. */
  readonly superuser?: boolean | undefined;
  readonly transport: Transport;
  /** Undefined for Unix sockets. Of a pooler's connection to a server: the address of that server. */
  readonly clientAddress?: string | undefined;
  /** Undefined unless `transport` is `tls`. */
  readonly tls?: SessionTls | undefined;
  /** Milliseconds since 1970, up to the end of the year 9999. */
  readonly startedAt: number;
}

/** What the login may see of other roles' sessions. */
export interface Visibility {
  /** The role whose privileges count: `current_user`. */
  readonly role: string;
  /** Where that is another than the one that logged in. */
  readonly assumed?: AssumedRole | undefined;
  /** Superuser, or has the privileges of `pg_read_all_stats`. */
  readonly seesAllSessions: boolean;
  /** Whether the role that logged in is INHERIT; undefined where that is not known. */
  readonly inherits?: boolean | undefined;
}

/** A session that runs as another role than the one that logged in. */
export interface AssumedRole {
  /** `session_user`. */
  readonly login: string;
  /**
   * What the setting `role` that makes it so belongs to: a role, a database, one role in one database, or neither for
   * all. Undefined where something else sets it, such as a pooler.
   */
  readonly setting?: { readonly role?: string | undefined; readonly database?: string | undefined } | undefined;
}

export interface Sessions {
  /** Client and replication sessions other than the auditor's own. */
  readonly visible: readonly Session[];
  /** Further sessions whose encryption the server did not show to this login: how they travel is not known. */
  readonly hidden: number;
}

/** Sessions that opened while the auditor kept looking. */
export interface SampledSessions {
  /** ISO 8601, UTC: the first look and the last one. */
  readonly from: string;
  readonly to: string;
  /** How often. */
  readonly samples: number;
  /** Those that `Sessions` does not hold, each once. */
  readonly sessions: readonly Session[];
}

/** How the auditor's own connection to the target came out: the proof that its leg is what we say it is. */
export interface AuditConnection {
  /** `TLSv1.2` or `TLSv1.3`, as our socket negotiated it. */
  readonly tlsVersion: string;
  readonly cipher: string;
  /** Always true: there is no other way to get here. Kept as evidence. */
  readonly authorized: boolean;
  /** The name or address the certificate was verified against. */
  readonly verifiedName: string;
  readonly sslNegotiation: 'postgres' | 'direct';
  /** How the server asked us to prove who we are. */
  readonly authentication: 'scram-sha-256-plus' | 'scram-sha-256' | 'md5' | 'password' | 'none';
  /** Whether SCRAM was bound to this TLS channel: proof that nothing stands between us and the server. */
  readonly channelBinding: boolean;
  /** The server's own row for our session; unknown where it showed none. */
  readonly serverView: Observed<{ readonly tlsVersion: string; readonly cipher: string } | 'not-tls'>;
  /**
   * The process of the server behind our session: as BackendKeyData announced it at login, and as the server calls it
   * by pg_backend_pid(). Undefined where either is not known, and for a pooler's console.
   */
  readonly backendPid?: { readonly announced: number; readonly own: number } | undefined;
  /** Milliseconds. */
  readonly timings: {
    readonly tcp: number;
    readonly tlsHandshake: number;
    readonly authentication: number;
    readonly queries: number;
  };
  /** Round trips after login. */
  readonly roundTrips: number;
  /** 1 when the first attempt succeeded. */
  readonly attempts: number;
}

/** How our connection came to the server. */
export interface NetworkPath {
  /** The address that our socket is connected to: the server's, or that of what stands before it. */
  readonly remoteAddress: string;
  /** Where the server sees our connection come from; undefined where it did not show it. */
  readonly clientAddressAtServer?: string | undefined;
  /**
   * Whether the server sees our end of the connection at the very address and port that our socket has: then nothing
   * ended TCP on the way, and so nothing ended TLS. Also false where addresses are translated on the way.
   */
  readonly isDirect: boolean;
}

/** The instances of an Aurora cluster, as one of them lists them. */
export interface AuroraCluster {
  /** Of the instance that was audited; undefined where it does not list itself. */
  readonly own?: string | undefined;
  readonly instances: readonly { readonly id: string; readonly writer: boolean }[];
}

export interface Server {
  /** As `server_version` shows it, e.g. `18.4`; of a pooler with its name, e.g. `PgBouncer 1.18.0`. */
  readonly version: string;
  readonly inRecovery: boolean;
}

/** What the stored credentials look like. No value of theirs. */
export interface CredentialFacts {
  /** Where they come from, for people: `secret prod/orders`. */
  readonly source: string;
  /** SSL parameters of a stored connection string, as it gives them; all are dropped when we connect. */
  readonly dsn?: { readonly sslmode?: string | undefined; readonly weakParameters: readonly string[] } | undefined;
}

export interface Snapshot {
  readonly target: {
    readonly name: string;
    /** Undefined while the credentials that name it could not be read. */
    readonly host?: string | undefined;
    readonly port?: number | undefined;
    readonly labels: Readonly<Record<string, string>>;
    /** Undefined means `postgresql`. */
    readonly kind?: TargetKind | undefined;
    /** Whether an option of the command line names it: advice then names options and no settings. @default false */
    readonly fromOption?: boolean | undefined;
  };
  /** ISO 8601, UTC: the only clock that checks know. */
  readonly takenAt: string;
  /** Why the audit ended early; undefined when it did not. */
  readonly failure?: Failure | undefined;
  readonly credentials: Observed<CredentialFacts>;
  /** Leaf first, as the server presented it, also when it was refused. */
  readonly serverChain: Observed<readonly CertificateFacts[]>;
  readonly link: Observed<AuditConnection>;
  /** Undefined where no connection came about; also known where the audit ended early after that. */
  readonly networkPath?: NetworkPath | undefined;
  readonly server: Observed<Server>;
  readonly visibility: Observed<Visibility>;
  readonly sessions: Observed<Sessions>;
  readonly settings: Observed<Settings>;
  readonly hba: Observed<HbaFacts>;
  readonly outbound: Observed<Outbound>;
  /** Undefined where the target is no pooler. Where it is one, it stands for `settings`, `hba` and `outbound`. */
  readonly pooler?: Observed<PgBouncerSettings> | undefined;
  /** Undefined where the server is no Aurora, or does not let the login know. */
  readonly aurora?: Observed<AuroraCluster> | undefined;
  /** Undefined where the target does not ask for the wire probe. */
  readonly probe?: Observed<WireProbe> | undefined;
  /** Undefined where the target names no connection log. */
  readonly connectionLog?: Observed<ConnectionLogFacts> | undefined;
  /** Sessions that were seen later in the run; undefined where the target does not ask for samples. */
  readonly sampled?: Observed<SampledSessions> | undefined;
  /** What the server's certificate was verified with. */
  readonly trust: Observed<TrustFacts>;
  /** The auditor's own client certificate; null when none is configured for the target. */
  readonly clientCertificate: Observed<CertificateFacts | null>;
  /** What the provider's API says, without a login; undefined where discovery does not know the target. */
  readonly cloud?: Observed<CloudFacts> | undefined;
}

export interface TrustFacts {
  /** Whether the system's roots are trusted besides the bundle. */
  readonly system: boolean;
  /**
   * The environment variable (`SSL_CERT_FILE`, `SSL_CERT_DIR`) that replaces the operating system's store, which is
   * left out for that reason: of the system's roots only Node's bundled ones are trusted.
   */
  readonly systemStoreLeftOut?: 'SSL_CERT_FILE' | 'SSL_CERT_DIR' | undefined;
  /** The certificates of the CA bundle; empty when only the system's roots are trusted. */
  readonly bundle: readonly CertificateFacts[];
  /**
   * Certificates of the bundle that vouch for nothing, since their key or dates can't be read; undefined means none.
   */
  readonly unusable?: readonly UnusableCertificate[] | undefined;
}

export interface UnusableCertificate {
  /** Distinguished name, as in `CertificateFacts`. */
  readonly subject: string;
  /** SHA-256 of the DER encoding, lower-case hexadecimal. */
  readonly sha256: string;
  /** e.g. `its dates cannot be read`. */
  readonly problem: string;
}
