// Finds what JSON.parse drops from a document without a word, and nesting that no configuration has.

import { quoteName } from '../model/given-text.ts';

/** A place in the text of a document, and a sentence about it without its subject and its period. */
export interface DroppedPart {
  readonly index: number;
  readonly message: string;
}

interface Level {
  /** Undefined in a list. */
  readonly keys: Set<string> | undefined;
  isKeyNext: boolean;
}

/** Levels of lists and objects; a configuration has seven. */
const DEEPEST = 50;

/**
 * Of two settings of one name JSON.parse keeps the last one: of two lists of targets, the first would not be audited.
 * `__proto__` is a name that objects lose when they are copied.
 *
 * @param text - That JSON.parse takes.
 * @returns the first one; undefined where there is none
 */
export function droppedPart(text: string): DroppedPart | undefined {
  const levels: Level[] = [];
  for (let index = 0; index < text.length; index += 1) {
    const level = levels.at(-1);
    switch (text[index]) {
      case '{':
      case '[':
        if (levels.length === DEEPEST)
          return { index, message: `has more than ${DEEPEST} lists and objects, each in another` };
        levels.push(text[index] === '{' ? { keys: new Set(), isKeyNext: true } : { keys: undefined, isKeyNext: false });
        break;
      case '}':
      case ']':
        levels.pop();
        break;
      case ',':
        if (level?.keys !== undefined) level.isKeyNext = true;
        break;
      case '"': {
        const end = endOfText(text, index);
        if (level?.keys !== undefined && level.isKeyNext) {
          const key: string = JSON.parse(text.slice(index, end + 1));
          if (level.keys.has(key)) return { index, message: `names ${quoteName(key)} twice in one object: keep one` };
          if (key === '__proto__') return { index, message: 'names "__proto__", which is no name here: remove it' };
          level.keys.add(key);
          level.isKeyNext = false;
        }
        index = end;
        break;
      }
    }
  }
  return undefined;
}

/** @returns the index of the closing quote */
function endOfText(text: string, start: number): number {
  let index = start + 1;
  while (text[index] !== '"') index += text[index] === '\\' ? 2 : 1;
  return index;
}
