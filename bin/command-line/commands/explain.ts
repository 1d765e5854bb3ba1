// Implements the command `explain`: prints one check in full, by its id.

import type { AnyCheck } from '../../../lambda/checks/check.ts';
import { CHECKS } from '../../../lambda/checks/registry.ts';
import { quoteName } from '../../../lambda/model/given-text.ts';
import { RENAMED_CHECKS } from '../../../lambda/model/renamed.ts';
import { closest } from '../grammar/closest.ts';
import type { ChecksOptions } from '../grammar/options.ts';
import { UsageError } from '../grammar/usage-error.ts';
import type { ExitCode } from '../terminal/exit-code.ts';
import { printChecks } from './checks.ts';

/** @throws UsageError that names every check, and the one that was probably meant */
export async function explain(id: string, { format }: ChecksOptions): Promise<ExitCode> {
  return await printChecks([find(id)], format);
}

function find(id: string): AnyCheck {
  const wanted = id.trim().toLowerCase();
  const found = CHECKS.find((check) => check.id === wanted);
  if (found !== undefined) return found;
  const ids = CHECKS.map((check) => check.id);
  const meant = RENAMED_CHECKS.get(wanted) ?? closest(wanted, ids);
  const hint = meant === undefined ? '' : ` (Did you mean ${meant}?)`;
  throw new UsageError(`there is no check ${quoteName(id)}${hint}; there are:\n  ${ids.join('\n  ')}`);
}
