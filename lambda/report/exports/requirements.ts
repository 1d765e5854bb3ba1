// Formats the compliance requirements of a check for exports.

import { cachedBy } from '../../model/cached-by.ts';
import type { CheckInfo } from '../../model/check-info.ts';
import { IN_TRANSIT } from '../../model/requirement.ts';

type WithRequirements = Pick<CheckInfo, 'requirements'>;

/** `PCI DSS v4.0.1 4.2.1`. A check that the catalogue no longer has gives evidence for what every check does. */
export function requirementTexts(check: WithRequirements | undefined): readonly string[] {
  return textsOf(requirementsOf(check));
}

/** `PCI DSS v4.0.1`, each once. */
export function standardsOf(check: WithRequirements | undefined): readonly string[] {
  return standards(requirementsOf(check));
}

const textsOf = cachedBy((requirements: CheckInfo['requirements']) =>
  requirements.map(({ standard, id }) => `${standard} ${id}`),
);
const standards = cachedBy((requirements: CheckInfo['requirements']) => [
  ...new Set(requirements.map(({ standard }) => standard)),
]);

function requirementsOf(check: WithRequirements | undefined): CheckInfo['requirements'] {
  return check?.requirements ?? IN_TRANSIT;
}
