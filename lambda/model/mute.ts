// Defines a mute: which findings it suppresses, who owns it, why, and when it ends.

/** What may stand in `*`-patterns: `*` stands for any characters, everything else for itself. */
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
  /** At least one of it; a finding is muted when all that is given matches. */
  readonly match: MuteMatch;
  readonly reason: string;
  /** Who answers for it: a person or a team. */
  readonly owner: string;
  /** ISO 8601, UTC: the first moment at which it mutes no more. */
  readonly expires: string;
}
