// Formats the compliance requirements of a check for exports.

import type { CheckInfo } from '../../model/check-info.ts';
import { IN_TRANSIT } from '../../model/requirement.ts';

type WithRequirements = Pick<CheckInfo, 'requirements'>;

/** `PCI DSS v4.0.1 4.2.1`. A check that the catalogue no longer has gives evidence for what every check does. */
export function requirementTexts(check: WithRequirements | undefined): string[] {
  return requirementsOf(check).map(({ standard, id }) => `${standard} ${id}`);
}

/** `PCI DSS v4.0.1`, each once. */
export function standardsOf(check: WithRequirements | undefined): string[] {
  return [...new Set(requirementsOf(check).map(({ standard }) => standard))];
}

function requirementsOf(check: WithRequirements | undefined): CheckInfo['requirements'] {
  return check?.requirements ?? IN_TRANSIT;
}
