// Makes schemas of moments, lists and records from outside. Those of lists and records end at the first entry that is
// not what it must be.
//
// Zod's own describe every wrong entry, each with a kilobyte or more: some megabytes of JSON that are wrong throughout
// take gigabytes of memory before they are refused.

import * as z from 'zod';

/** ISO 8601, UTC. Zod's own takes a fraction of a second with any number of digits; one in microseconds has six. */
export const isoMoment = z.iso.datetime().max(32);

interface Length {
  readonly least?: number;
  readonly most?: number;
}

export function listOf<T>(entry: z.ZodType<T>, { least = 0, most = Infinity }: Length = {}): z.ZodType<readonly T[]> {
  return z.unknown().transform((value, context) => {
    if (!Array.isArray(value) || value.length < least || value.length > most) return refused(context, []);
    const entries: T[] = [];
    for (const [index, each] of value.entries()) {
      const result = entry.safeParse(each);
      if (!result.success) return refused(context, [index], result.error);
      entries.push(result.data);
    }
    return entries;
  });
}

/** Of any names. */
export function recordOf<T>(entry: z.ZodType<T>): z.ZodType<Readonly<Record<string, T>>> {
  return z.unknown().transform((value, context) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return refused(context, []);
    const entries: [string, T][] = [];
    for (const [name, each] of Object.entries(value)) {
      const result = entry.safeParse(each);
      if (!result.success) return refused(context, [name], result.error);
      entries.push([name, result.data]);
    }
    // A property of its own, whatever its name is.
    return Object.fromEntries(entries);
  });
}

/** Of some of the given names, and no others. */
export function partialRecordOf<Name extends string, T>(
  names: readonly Name[],
  entry: z.ZodType<T>,
): z.ZodType<Readonly<Partial<Record<Name, T>>>> {
  const optional = entry.optional();
  return z.strictObject(Object.fromEntries(names.map((name) => [name, optional]))) as unknown as z.ZodType<
    Readonly<Partial<Record<Name, T>>>
  >;
}

function refused(context: z.RefinementCtx, path: readonly (string | number)[], error?: z.ZodError): never {
  const [issue] = error?.issues ?? [];
  context.addIssue({
    code: 'custom',
    message: issue?.code === 'custom' ? issue.message : 'is not what it must be',
    path: [...path, ...(issue?.path ?? [])],
  });
  return z.NEVER;
}
