// Renders how far each target is from refusing plaintext, where a plan of enforcement was made.

import { displayText } from '../../model/display.ts';
import { displayProse } from '../text.ts';
import { section, table } from './document.ts';
import type { Markup } from './markup.ts';

/** What the plan says of one target. */
export interface TargetReadiness {
  readonly target: string;
  /** `ready`, `blocked by 2 clients`, `unknown: …`. */
  readonly readiness: string;
  readonly reasons: readonly string[];
}

/** Undefined where there is no plan: then nothing is said, since nothing is known. */
export function readinessSection(plan: readonly TargetReadiness[] | undefined): Markup | undefined {
  if (plan === undefined) return undefined;
  const rows = plan.map(({ target, readiness, reasons }) => [
    displayText(target, 255),
    displayProse(readiness),
    reasons.map((reason) => displayProse(reason)).join('; '),
  ]);
  const columns = [{ name: 'Database' }, { name: 'Readiness' }, { name: 'Reasons' }];
  return section('readiness', 'Readiness to refuse plaintext', table('Readiness by database', columns, rows));
}
