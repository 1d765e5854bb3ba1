// Joins the parts of a document into chunks that are worth a write each.

/** UTF-16 code units. */
const CHUNK_LENGTH = 64 * 1_024;

/** The same text in chunks of about 64 K characters; a longer part is a chunk of its own. */
export function* chunksOf(document: string | Iterable<string>): Generator<string> {
  if (typeof document === 'string') {
    yield document;
    return;
  }
  let parts: string[] = [];
  let length = 0;
  for (const part of document) {
    parts.push(part);
    length += part.length;
    if (length < CHUNK_LENGTH) continue;
    yield parts.join('');
    parts = [];
    length = 0;
  }
  if (length > 0) yield parts.join('');
}

/** All of it, for a document that is known to be small. */
export function wholeText(document: string | Iterable<string>): string {
  return typeof document === 'string' ? document : [...document].join('');
}
