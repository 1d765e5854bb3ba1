// Reads a configuration file; no error quotes it, because it could hold a misplaced secret.

import { readBoundedFileSync } from '../runtime/bounded-file.ts';
import { droppedPart } from './json-keys.ts';

/** The largest configuration that is read. */
export const MOST_DOCUMENT_BYTES = 16 * 1024 * 1024;

/** A configuration file that can't be read; the message says what to do. */
export class ConfigFileError extends Error {
  override readonly name = 'ConfigFileError';
}

export interface ConfigDocumentOptions {
  /** The file's name in errors. */
  readonly shownAs: string;
  /** What to do when it does not exist. */
  readonly whenMissing: string;
}

/**
 * @returns what the file holds, not validated yet
 * @throws ConfigFileError when the file does not exist, can't be read or is not JSON.
 */
export function readConfigDocument(file: string, { shownAs, whenMissing }: ConfigDocumentOptions): unknown {
  let text: string;
  try {
    text = readBoundedFileSync(file, { maxBytes: MOST_DOCUMENT_BYTES })
      .toString('utf8')
      .replace(/^\uFEFF/, '');
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const remedy = code === 'ENOENT' ? whenMissing : 'it must be a readable JSON file';
    throw new ConfigFileError(`${shownAs} can't be read (${code ?? 'unknown cause'}): ${remedy}`, { cause });
  }
  return parseConfigText(text, shownAs);
}

/**
 * @param shownAs - Of what, in errors.
 * @returns what the text holds, not validated yet
 * @throws ConfigFileError where it is not JSON, or JSON of which a part would be dropped
 */
export function parseConfigText(text: string, shownAs: string): unknown {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch {
    throw new ConfigFileError(
      `${shownAs} is not JSON: look at ${placeOf(text, mistakeAt(text))}. Comments and trailing commas are not allowed`,
    );
  }
  const dropped = droppedPart(text);
  if (dropped === undefined) return document;
  throw new ConfigFileError(`${shownAs} ${dropped.message}; look at ${placeOf(text, dropped.index)}`);
}

function placeOf(text: string, index: number): string {
  const before = text.slice(0, index).split('\n');
  return `line ${before.length}, column ${(before.at(-1)?.length ?? 0) + 1}`;
}

/**
 * The index of the first character that is wrong. JSON.parse gives no position for the most common mistakes, so it
 * parses beginnings of the text: up to the mistake, their only error is a missing end.
 */
function mistakeAt(text: string): number {
  let [good, bad] = [0, text.length + 1];
  while (bad - good > 1) {
    const middle = Math.floor((good + bad) / 2);
    if (onlyLacksAnEnd(text.slice(0, middle))) good = middle;
    else bad = middle;
  }
  return good;
}

function onlyLacksAnEnd(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch (error) {
    const { message } = error as SyntaxError;
    return message.includes('Unexpected end') || Number(/at position (\d+)/.exec(message)?.[1]) >= text.length;
  }
}
