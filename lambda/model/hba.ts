// Defines the rules of pg_hba.conf, and the roles and databases that they name.

/** The first field of a rule. `hostgssenc` and `hostnogssenc` came with PostgreSQL 12. */
export const HBA_RULE_TYPES = ['local', 'host', 'hostssl', 'hostnossl', 'hostgssenc', 'hostnogssenc'] as const;
export type HbaRuleType = (typeof HBA_RULE_TYPES)[number];

/** Where a line stands. */
export interface HbaPlace {
  /**
   * Absolute. Before PostgreSQL 16, which has one file only: undefined where the login may not read the setting
   * `hba_file`.
   */
  readonly fileName?: string | undefined;
  readonly lineNumber: number;
}

/**
 * Which tokens of a line begin with a quote in the file: PostgreSQL takes these for names, and never for keywords.
 * A field is undefined, and a token null, where that is not known.
 */
export interface HbaQuotes {
  /** By the place of the token among the rule's databases. */
  readonly databases?: readonly (boolean | null)[] | undefined;
  /** By the place of the token among the rule's users. */
  readonly users?: readonly (boolean | null)[] | undefined;
  readonly address?: boolean | undefined;
}

/**
 * A line that PostgreSQL could parse, as `pg_hba_file_rules` shows it.
 *
 * The view loses quoting: `"all"` is a name and `all` a keyword, and both read `all`; so it is with `+group`,
 * `sameuser`, `samerole`, `samegroup`, `replication`, `samehost` and `samenet`. What `@file` stands for is shown in its
 * place, and `/regex` (16 and newer, quoted or not) as it is written.
 */
export interface HbaRule extends HbaPlace {
  /** From the file itself, or from what became of a login; undefined where neither shows it. */
  readonly quotes?: HbaQuotes | undefined;
  readonly type: HbaRuleType;
  readonly databases: readonly string[];
  readonly users: readonly string[];
  /** An address, `all`, `samehost`, `samenet`, a host name or `.domain`; undefined for `local`. */
  readonly address?: string | undefined;
  /** With an address only: never in the form `/8`, and not always one that such a form could say. */
  readonly netmask?: string | undefined;
  readonly method: string;
  /** `clientcert=…` as it is, of all others the name alone: `ldapbindpasswd` and `radiussecrets` hold secrets. */
  readonly options: readonly string[];
  /** Set where PostgreSQL keeps the rule and says that it can match nothing, e.g. `hostssl` while `ssl` is off. */
  readonly warning?: string | undefined;
}

/** A line that PostgreSQL could not parse. One is enough to keep it from loading the file. */
export interface HbaFault extends HbaPlace {
  /** Undefined where the view leaves it out, as it does for `clientcert` with a value that does not exist. */
  readonly error?: string | undefined;
}

export interface HbaRole {
  readonly name: string;
  readonly canLogin: boolean;
  readonly superuser: boolean;
  /** The attribute. Superusers may replicate without it. */
  readonly replication: boolean;
  /**
   * The roles that it is a direct member of, inherited or not, by their places in `HbaFacts.roles`. Names would not
   * do: where the server does not convert their encoding, two roles may be shown by one name.
   */
  readonly memberOf: readonly number[];
}

export interface HbaDatabase {
  readonly name: string;
  readonly allowConnections: boolean;
}

/** What a regular expression in a rule matches, as the server itself evaluated it. */
export interface HbaPattern {
  /** With its slash. */
  readonly token: string;
  readonly roles: readonly string[];
  readonly databases: readonly string[];
}

/** How the server saw the auditor's own login come, which a rule has let in. */
export interface HbaLogin {
  readonly encryption: 'plaintext' | 'tls';
  readonly role: string;
  readonly database: string;
  readonly address: string;
}

export interface HbaFacts {
  readonly major: number;
  /** In the order in which PostgreSQL tries them: the first that matches a connection decides. */
  readonly rules: readonly HbaRule[];
  readonly faults: readonly HbaFault[];
  readonly roles: readonly HbaRole[];
  /** Those that people made before templates. */
  readonly databases: readonly HbaDatabase[];
  /**
   * Whether a file of rules was changed after the server last read its configuration: it then goes by other rules than
   * these. Undefined where the login may not read facts of files, which takes `pg_read_server_files`.
   */
  readonly changedSinceLoad?: boolean | undefined;
  /** Undefined where something may stand between the auditor and the server. */
  readonly login?: HbaLogin | undefined;
  /** Each token once. Empty before PostgreSQL 16, where `/x` is a name like any other. */
  readonly patterns: readonly HbaPattern[];
}
