// Reduces a document that may be wrong in places to the values that have the type the schema gives them.

import type * as z from 'zod';
import type { configSchema } from './schema.ts';

/** `T` in which any part may be missing, because it is wrong. */
export type Sound<T> = T extends readonly (infer U)[]
  ? readonly (Sound<U> | undefined)[]
  : T extends object
    ? { readonly [K in keyof T]?: Sound<T[K]> | undefined }
    : T;

/** The configuration, any part of which may be missing because it is wrong. */
export type SoundConfig = Sound<z.input<typeof configSchema>>;

/** What is wrong across settings. */
export interface RuleProblem {
  readonly path: readonly PropertyKey[];
  readonly message: string;
}

type Path = readonly PropertyKey[];
type Issue = Pick<z.core.$ZodIssue, 'code' | 'path'>;

/** Issues about the type of a value. A text of the right type may still break a rule of its own. */
const OF_ANOTHER_TYPE: ReadonlySet<string | undefined> = new Set([
  'invalid_type',
  'invalid_value',
  'invalid_union',
  'invalid_key',
]);

/**
 * `value` without the parts that are of another type, so that rules across settings can read the rest. A setting that
 * is given and wrong keeps its key, with the value undefined; one that is not given has no key.
 *
 * @param issues what the schema found in `value`
 */
export function soundParts<T>(value: T, issues: readonly Issue[]): Sound<T> | undefined {
  const wrong = new Set(issues.filter(({ code }) => OF_ANOTHER_TYPE.has(code)).map(({ path }) => JSON.stringify(path)));
  const sound = (part: unknown, path: Path): unknown => {
    if (wrong.has(JSON.stringify(path))) return undefined;
    if (Array.isArray(part)) return part.map((item: unknown, index) => sound(item, [...path, index]));
    if (typeof part !== 'object' || part === null) return part;
    // The schema leaves a key __proto__ out and does not check its value.
    const given = Object.entries(part).filter(([key, item]) => item !== undefined && key !== '__proto__');
    return Object.fromEntries(given.map(([key, item]) => [key, sound(item, [...path, key])]));
  };
  return sound(value, []) as Sound<T> | undefined;
}
