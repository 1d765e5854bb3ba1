// Derives from the registry what other parts of the auditor need to know about the checks.

import type { CheckInfo } from '../model/check-info.ts';
import { checkPageUrl } from '../model/check-page.ts';
import type { AnyCheck } from './check.ts';
import { CHECKS } from './registry.ts';
import { wholeRemedy } from './remedies/remedy-text.ts';

/** The metadata of each check, with the remedies of every platform. */
export function catalogue(checks: readonly AnyCheck[] = CHECKS): readonly CheckInfo[] {
  return checks.map(({ id, title, severity, subject, requirements, rationale, remedy, references }) => ({
    id,
    title,
    severity,
    subject,
    requirements,
    rationale,
    remedy: wholeRemedy(remedy),
    references,
    page: checkPageUrl(id),
  }));
}

/** Ids of the checks that find clients which must change something before TLS is enforced. */
export function insecureClientChecks(checks: readonly AnyCheck[] = CHECKS): readonly string[] {
  return checks.flatMap((check) => (check.subject === 'session' && check.findsInsecureClients ? [check.id] : []));
}

/** Ids of the checks whose open findings mean that sessions of a target were not seen. */
export function sessionHidingChecks(checks: readonly AnyCheck[] = CHECKS): readonly string[] {
  return checks.flatMap((check) => (check.subject === 'audit' && check.hidesSessions ? [check.id] : []));
}
