// Finds how much of something fits into a limit of bytes or characters.

/**
 * The rendering with the most items, of at most `count`, that fits. The rendering with all items is tried first, then
 * the number is found by halving: more items must never take less room, except that all of them may.
 *
 * @returns the rendering without items where nothing fits
 */
export function largestThatFits<Rendering>(
  count: number,
  render: (items: number) => Rendering,
  fits: (rendering: Rendering, items: number) => boolean,
): Rendering {
  const whole = render(count);
  if (count <= 0 || fits(whole, count)) return whole;
  let most = 0;
  let tooMany = count;
  let best: Rendering | undefined;
  while (tooMany - most > 1) {
    const items = Math.floor((most + tooMany) / 2);
    const rendering = render(items);
    if (fits(rendering, items)) {
      most = items;
      best = rendering;
    } else {
      tooMany = items;
    }
  }
  return best ?? render(0);
}

/** JSON of an entry takes at least this many bytes: with less room no further entry is tried. */
const LEAST_BYTES = 40;

/**
 * The items whose JSON fits into `bytes`, in their order. An item that does not fit is skipped, so that one with an
 * endless text costs no other.
 *
 * @param bytesOf what the JSON of an item takes
 * @returns the items, and the bytes they take with the commas between them
 */
export function itemsThatFit<Item>(
  items: readonly Item[],
  bytes: number,
  bytesOf: (item: Item) => number,
): { readonly items: Item[]; readonly bytes: number } {
  const kept: Item[] = [];
  let taken = 0;
  for (const item of items) {
    if (bytes - taken < LEAST_BYTES) break;
    const more = bytesOf(item) + (kept.length === 0 ? 0 : 1);
    if (taken + more > bytes) continue;
    taken += more;
    kept.push(item);
  }
  return { items: kept, bytes: taken };
}
