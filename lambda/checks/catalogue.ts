// The checks as those know them who only tell of them: without how they judge.

import type { CheckInfo } from '../model/check-info.ts';
import { checkPageUrl } from '../model/check-page.ts';
import { CHECKS } from './registry.ts';
import { wholeRemedy } from './remedies/remedy-text.ts';

/** What there is to say of each check, with the remedies of every platform. */
export function catalogue(): readonly CheckInfo[] {
  return CHECKS.map(({ id, title, severity, rationale, remedy, references }) => ({
    id,
    title,
    severity,
    rationale,
    remedy: wholeRemedy(remedy),
    references,
    page: checkPageUrl(id),
  }));
}
