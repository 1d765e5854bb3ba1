// Defines a mute: which findings it suppresses, who owns it, why, and when it ends.

/** What a finding must match. In patterns, `*` is any text, and everything else is itself. */
export interface MuteMatch {
  /** The fingerprint of one finding. */
  readonly fingerprint?: string | undefined;
  /** Patterns: of check ids, target names, role, database and application names. */
  readonly check?: string | undefined;
  readonly target?: string | undefined;
  readonly role?: string | undefined;
  readonly database?: string | undefined;
  readonly application?: string | undefined;
  /** An address or network (CIDR): a finding matches when every one of its clients lies in it. */
  readonly client?: string | undefined;
}

export interface Mute {
  /** With at least one property; a finding is muted when all properties given match. */
  readonly match: MuteMatch;
  readonly reason: string;
  /** The person or team that is responsible for it. */
  readonly owner: string;
  /** ISO 8601, UTC: the first moment at which it no longer mutes. */
  readonly expires: string;
}
