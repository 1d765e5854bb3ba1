// Which of the names there are was meant by one that there is not.

/** The one that most likely was meant: one that holds what was typed, else the one that takes fewest edits, if those are few. */
export function closest(wanted: string, names: readonly string[]): string | undefined {
  if (wanted === '') return undefined;
  const holding = names.find((name) => name.includes(wanted));
  if (holding !== undefined) return holding;
  const [best] = names.map((name) => ({ name, edits: edits(wanted, name) })).sort((a, b) => a.edits - b.edits);
  return best !== undefined && best.edits <= wanted.length / 3 ? best.name : undefined;
}

/** Letters to insert, delete or replace to make one of the other (Levenshtein). */
function edits(from: string, to: string): number {
  // An argument can be of any length; no name is longer.
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
