// Reports rules that were changed in the file and that the server has not loaded yet.

import type { Outcome } from '../../model/finding.ts';
import type { HbaFacts } from '../../model/hba.ts';
import type { Observed } from '../../model/observed.ts';

const NOT_LOADED =
  'pg_hba.conf was changed after the server loaded it, and what it goes by until then is not shown: SELECT pg_reload_conf(); and audit again';

/** The outcome of evaluated rules, with that caveat where the login may see when the file was changed. */
export function withReloadCaveat(outcome: Outcome, hba: Observed<HbaFacts>): Outcome {
  if (!hba.known || hba.value.changedSinceLoad !== true) return outcome;
  if (outcome.status === 'pass') return { status: 'unknown', reason: NOT_LOADED };
  return outcome.status === 'fail' && outcome.incomplete === undefined
    ? { ...outcome, incomplete: NOT_LOADED }
    : outcome;
}
