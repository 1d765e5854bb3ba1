// Defines what is known of the plaintext and deprecated logins of one day.

/** Logins of one role and kind. */
export interface LoginCount {
  /** As the server logged it; undefined where it is not known. */
  readonly role: string | undefined;
  readonly kind: 'plaintext' | 'deprecated';
  readonly logins: number;
}

export interface LoginDay {
  /** `2026-11-28`, UTC. */
  readonly day: string;
  /** `whole`: every login of the day was counted, on every target; `part`: of some hours or targets; `none`. */
  readonly recorded: 'whole' | 'part' | 'none';
  readonly counts: readonly LoginCount[];
}
