// The checks as those know them who only tell of them: without how they judge.

import { CHECKS } from '../registry.ts';
import { wholeRemedy } from './remedy-text.ts';

/** What there is to say of a check whatever was found. */
export interface CatalogueEntry {
  readonly id: string;
  readonly title: string;
  readonly severity: (typeof CHECKS)[number]['severity'];
  readonly rationale: string;
  /** Of every platform. */
  readonly remedy: string;
  readonly references: readonly string[];
}

export function catalogue(): readonly CatalogueEntry[] {
  return CHECKS.map(({ id, title, severity, rationale, remedy, references }) => ({
    id,
    title,
    severity,
    rationale,
    remedy: wholeRemedy(remedy),
    references,
  }));
}
