// The command `explain`: one check in full, by its id.

import type { Check } from '../../lambda/checks/check.ts';
import { CHECKS } from '../../lambda/checks/registry.ts';
import { displayText } from '../../lambda/model/display.ts';
import { printChecks } from './checks.ts';
import type { ExitCode } from './exit-code.ts';
import type { ChecksOptions } from './options.ts';
import { UsageError } from './usage-error.ts';

/** @throws UsageError that names every check, and the one that was probably meant */
export async function explain(id: string, { format }: ChecksOptions): Promise<ExitCode> {
  return await printChecks([find(id)], format);
}

function find(id: string): Check {
  const wanted = id.trim().toLowerCase();
  const found = CHECKS.find((check) => check.id === wanted);
  if (found !== undefined) return found;
  const ids = CHECKS.map((check) => check.id);
  // Somebody may have typed the command's argument where a server's belongs.
  const shown = id.includes('://') ? '(not shown)' : `"${displayText(id)}"`;
  const meant = closest(wanted, ids);
  const hint = meant === undefined ? '' : ` (Did you mean ${meant}?)`;
  throw new UsageError(`there is no check ${shown}${hint}; there are:\n  ${ids.join('\n  ')}`);
}

/** The id that most likely was meant: one that holds what was typed, else the one that takes fewest edits, if those are few. */
function closest(wanted: string, ids: readonly string[]): string | undefined {
  if (wanted === '') return undefined;
  const holding = ids.find((id) => id.includes(wanted));
  if (holding !== undefined) return holding;
  const [best] = ids.map((id) => ({ id, edits: edits(wanted, id) })).sort((a, b) => a.edits - b.edits);
  return best !== undefined && best.edits <= wanted.length / 3 ? best.id : undefined;
}

/** Letters to insert, delete or replace to make one of the other (Levenshtein). */
function edits(from: string, to: string): number {
  // An argument can be as long as somebody likes; no id is.
  if (from.length > 100) return Number.POSITIVE_INFINITY;
  let row = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (const [index, letter] of [...from].entries()) {
    const next = [index + 1];
    for (const [at, other] of [...to].entries()) {
      const replaced = (row[at] ?? 0) + (letter === other ? 0 : 1);
      next.push(Math.min(replaced, (row[at + 1] ?? 0) + 1, (next[at] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
}
