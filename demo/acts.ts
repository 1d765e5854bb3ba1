// Defines the runs of the demo: when the function runs, what is there to be found, and what exactly it must send.

import { AFTER_MENDING, MUTED, type PlantedTarget, TARGETS } from './planted.ts';
import { expectedFindings, type Identity, identify } from './verify.ts';

export interface Act {
  /** For the person who watches. */
  readonly when: string;
  /** Hours after the beginning, by the clock that the function is given. */
  readonly hours: number;
  readonly planted: readonly PlantedTarget[];
  /** Why, and what `identify` makes of the finding: `new shop: plaintext-session (high), …`. */
  readonly notifications: readonly string[];
}

const known = tellable(TARGETS);
const left = tellable(AFTER_MENDING);

/** Everything for the first time. */
export const FIRST_SIGHT: Act = {
  when: 'Today',
  hours: 0,
  planted: TARGETS,
  notifications: known.unmuted.map((finding) => `new ${finding}`),
};

/** The same again. */
export const SAME_AGAIN: Act = { when: 'Today', hours: 0.25, planted: TARGETS, notifications: [] };

/**
 * One client is mended, and for more than the 24 hours (alerts.resolveAfterHours) after which a session counts as gone;
 * a mute has ended; everybody is reminded of the rest (alerts.repeatIntervalHours).
 */
export const NEXT_DAY: Act = {
  when: 'Tomorrow',
  hours: 25,
  planted: AFTER_MENDING,
  notifications: [
    ...left.unmuted.map((finding) => `reminder ${finding}`),
    ...left.muted.map((finding) => `mute-expired ${finding}`),
    ...known.unmuted.filter((finding) => !left.unmuted.includes(finding)).map((finding) => `resolved ${finding}`),
  ],
};

/** Findings that the default alerts.minSeverity sends, and those that are muted. */
function tellable(planted: readonly PlantedTarget[]): { readonly unmuted: string[]; readonly muted: string[] } {
  const findings = planted
    .flatMap(expectedFindings)
    .filter(({ severity }) => severity !== 'info' && severity !== 'low');
  const isMuted = ({ role }: Identity): boolean => role === MUTED.role;
  return {
    unmuted: findings.filter((finding) => !isMuted(finding)).map(identify),
    muted: findings.filter(isMuted).map(identify),
  };
}
