// Reads every page of a list of RDS, bounded, or fails.

/** Entries of a page, the most that RDS gives. */
export const PAGE_SIZE = 100;
/** More than any account has: what goes beyond is an answer that leads in a circle. */
const MOST_PAGES = 100;

/** RDS answered something else than it documents. The message says what. */
export class UnexpectedAnswerError extends Error {
  override readonly name = 'UnexpectedAnswerError';
}

interface Page<T> {
  readonly entries: readonly T[];
  readonly marker: string | undefined;
}

/** @throws UnexpectedAnswerError, and what `readPage` throws */
export async function readAll<T>(readPage: (marker: string | undefined) => Promise<Page<T>>): Promise<readonly T[]> {
  const entries: T[] = [];
  const markers = new Set<string>();
  let marker: string | undefined;
  for (let pages = 0; pages < MOST_PAGES; pages += 1) {
    const page = await readPage(marker);
    entries.push(...page.entries.slice(0, PAGE_SIZE));
    if (page.entries.length > PAGE_SIZE) throw new UnexpectedAnswerError('a page has more entries than were asked for');
    if (page.marker === undefined || page.marker === '') return entries;
    if (markers.has(page.marker)) throw new UnexpectedAnswerError('the pages lead in a circle');
    markers.add(page.marker);
    marker = page.marker;
  }
  throw new UnexpectedAnswerError(`there are more than ${MOST_PAGES} pages`);
}
