// What a row of the scenario lab is: a real server set up in one way, and all that an audit must find there.

import type { Settings } from '../../lab/data-folder.ts';
import type { SessionOptions } from '../../lab/sessions.ts';
import type { Verdict } from '../../lambda/model/finding.ts';
import type { Policy } from '../../lambda/model/policy.ts';
import type { Severity } from '../../lambda/model/severity.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import type { CertificateName, RootName } from './lab-certificates.ts';

/** Every check that rows speak of: a name that is none would make a row that judges nothing. */
export const CHECK_IDS = [
  'plaintext-session',
  'loopback-plaintext-session',
  'deprecated-tls-session',
  'weak-cipher-session',
  'below-preferred-tls-session',
  'missing-client-certificate',
  'tls-fallback',
  'forged-connection-log',
  'tls-handshake-failing',
  'client-certificate-rejected',
  'plaintext-login-refused',
  'tls-disabled',
  'plaintext-allowed',
  'parameter-change-pending',
  'proxy-tls-not-required',
  'deprecated-tls-allowed',
  'weak-ciphers-allowed',
  'weak-password-authentication',
  'plaintext-accepted',
  'deprecated-tls-accepted',
  'key-exchange-not-post-quantum',
  'insecure-outbound-link',
  'server-certificate-expiring',
  'weak-server-certificate',
  'certificate-authority-retiring',
  'ca-bundle-expiring',
  'client-certificate-expiring',
  'target-not-audited',
  'configuration-not-in-effect',
  'discovery-failed',
  'database-not-covered',
  'insufficient-privileges',
  'connection-log-incomplete',
  'log-export-off',
  'tls-terminated-by-proxy',
  'insecure-dsn-in-secret',
  'replica-not-covered',
] as const;
export type CheckId = (typeof CHECK_IDS)[number];

/** A finding that must be there, by all that is given of it. */
export interface Expected {
  readonly check: CheckId;
  readonly severity: Severity;
  readonly role?: string;
  readonly database?: string;
  readonly application?: string;
  readonly count?: number;
  /** Some of its evidence: a value, or what the value as text matches. */
  readonly evidence?: Readonly<Record<string, string | number | boolean | RegExp>>;
  /** What its remedy must say, so that the advice is the one for this case. */
  readonly remedy?: RegExp;
}

/** The roles that audits log in with. */
export type Login =
  /** pg_monitor, and may read the rules: what the README asks for. */
  | 'tls_auditor'
  /** pg_monitor only. */
  | 'monitor'
  /** pg_read_all_stats only. */
  | 'reader'
  /** Nothing. */
  | 'blind'
  /** A superuser. */
  | 'boss';

/** A client that has come and gone. */
export type PastClient =
  | { readonly client: 'login'; readonly kind: SessionOptions['kind']; readonly application: string }
  /** Speaks TLS up to 1.1 only. */
  | { readonly client: 'too-old' }
  /** Shows a certificate of an authority that the server does not know. */
  | { readonly client: 'foreign-certificate' }
  /** Tries to log in without TLS where no rule lets it. */
  | { readonly client: 'refused' }
  /** Opens a connection and closes it. */
  | { readonly client: 'health-check' };

export interface Scenario {
  /** What is set up, in a few words; unique. */
  readonly name: string;
  /** The oldest and the newest major it can be set up on. @default 12 and the newest */
  readonly majors?: { readonly from?: number; readonly to?: number };
  /** Over those of a healthy server; they must need no restart. */
  readonly settings?: Settings;
  /** Without a healthy server's settings: what the major has by itself. */
  readonly asInstalled?: boolean;
  /** Instead of rules that let everybody in over TLS with SCRAM. */
  readonly hba?: readonly string[];
  /** What the server presents. @default 'good' */
  readonly certificate?: CertificateName;
  /** Statements before the audit and after it, as superuser in the target's database. */
  readonly sql?: { readonly before: readonly string[]; readonly after: readonly string[] };
  /** Open while the audit looks. */
  readonly sessions?: readonly (Omit<SessionOptions, 'clientCertificate' | 'ca'> & {
    readonly clientCertificate?: CertificateName;
  })[];
  /** Clients that are gone when the audit looks, one after the other: the target then has a connection log. */
  readonly log?: readonly PastClient[];
  /** @default 'tls_auditor' */
  readonly login?: Login;
  /** The database of the target. @default 'orders' */
  readonly database?: string;
  /** How the credentials are stored: as RDS does, or as a URL with these parameters. @default 'json' */
  readonly stored?: 'json' | { readonly parameters: string };
  /** Another password than the role's. */
  readonly wrongPassword?: boolean;
  /** The roots in the CA bundle. @default ['lab'] */
  readonly trusts?: readonly RootName[];
  /** The auditor's own. @default none */
  readonly clientCertificate?: CertificateName;
  /** How the target reaches the server. @default 'address': 127.0.0.1, which every certificate that is for it names */
  readonly via?: 'address' | 'localhost' | 'direct-tls' | 'tls-proxy' | 'closed-port';
  /** Whether the target asks for the wire probe. @default false */
  readonly probe?: boolean;
  readonly policy?: Partial<Policy>;
  /** What the API of RDS says of the target, or of a place. @default nothing */
  readonly cloud?: Snapshot['cloud'];
  /** Whether the target is the only one there is, or one of others that the run left out. @default 'alone' */
  readonly fleet?: 'alone' | 'one-of-several';
  /**
   * The checks that the row judges: of them exactly `finds` is found, and exactly `unknown` is unknown. The verdict is
   * theirs. `target-not-audited` and `insufficient-privileges` are always among them: no row is right by having seen
   * nothing.
   */
  readonly evaluates: readonly CheckId[] | 'everything';
  readonly finds: readonly Expected[];
  /** Checks that must say that they could not see what they judge, in part or at all. @default none */
  readonly unknown?: readonly CheckId[];
  readonly verdict: Verdict;
}

/** The checks of sessions. */
export const SESSION_CHECKS = [
  'plaintext-session',
  'loopback-plaintext-session',
  'deprecated-tls-session',
  'weak-cipher-session',
  'below-preferred-tls-session',
  'missing-client-certificate',
] as const satisfies readonly CheckId[];

/** Settings under which sessions of every TLS version and cipher can be opened. */
export const LEGACY: Settings = { ssl_min_protocol_version: 'TLSv1', ssl_ciphers: 'ALL:@SECLEVEL=0' };
