// Says a schema's complaints the way the rest of the project says errors: the path, what is allowed, the value given.

import * as z from 'zod';
import type { ConfigProblem } from './problem.ts';
import { configSchema } from './schema.ts';

type Issue = z.core.$ZodIssue;

/** Says a schema's complaint the way the rest of the project says errors: what is allowed, and the value given. */
export function describeIssue(issue: Issue): ConfigProblem[] {
  const path = formatPath(issue.path);
  const got = issue.input === undefined ? '' : `, got ${showValue(issue.input, issue.path.at(-1))}`;
  const problem = (message: string): ConfigProblem[] => [{ path, message }];
  switch (issue.code) {
    case 'unrecognized_keys': {
      const allowed = allowedKeys(issue.path);
      return issue.keys.map((key) => ({
        path: formatPath([...issue.path, key]),
        message: `is not a setting${allowed.length === 0 ? '' : `; allowed here: ${allowed.join(', ')}`}`,
      }));
    }
    case 'invalid_type':
      return problem(
        issue.input === undefined ? `is required (${issue.expected})` : `must be of type ${issue.expected}${got}`,
      );
    case 'invalid_value':
      return problem(
        `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map((v) => JSON.stringify(v)).join(', ')}${got}`,
      );
    case 'too_small':
    case 'too_big': {
      const [word, bound] = issue.code === 'too_small' ? ['at least', issue.minimum] : ['at most', issue.maximum];
      const unit = issue.origin === 'string' ? ' characters' : issue.origin === 'array' ? ' entries' : '';
      const size = issue.origin === 'array' && Array.isArray(issue.input) ? `, got ${issue.input.length}` : got;
      return problem(
        issue.origin === 'number' || issue.origin === 'int'
          ? `must be ${word} ${bound}${got}`
          : `must have ${word} ${bound}${unit}${size}`,
      );
    }
    case 'invalid_union': {
      const allowed = allowedValues(issue.path);
      return problem(`must be ${allowed.join(' or ')}${got}`);
    }
    default:
      return problem(`${issue.message}${got}`);
  }
}

/** A value as an error may show it: short, and never what could be a secret put in the wrong place. */
function showValue(value: unknown, setting: PropertyKey | undefined): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  // Where the name of a secret belongs, people paste the secret.
  if (typeof value === 'string' && (setting === 'secret' || /:\/\/|-----BEGIN|password/i.test(value)))
    return 'a text that may hold a secret (not shown)';
  const text = JSON.stringify(value);
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}

function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

/** The schemas a path of the document can lead to: more than one behind a union. */
function schemasAt(path: readonly PropertyKey[]): z.core.$ZodType[] {
  const unwrap = (schema: z.core.$ZodType): z.core.$ZodType[] => {
    if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
      return unwrap(schema.def.innerType);
    }
    return schema instanceof z.ZodUnion ? schema.def.options.flatMap(unwrap) : [schema];
  };
  return path.reduce<z.core.$ZodType[]>(
    (schemas, part) =>
      schemas.flatMap((schema) => {
        if (schema instanceof z.ZodArray) return unwrap(schema.def.element);
        const child = schema instanceof z.ZodObject ? schema.def.shape[String(part)] : undefined;
        return child === undefined ? [] : unwrap(child);
      }),
    [configSchema],
  );
}

function allowedKeys(path: readonly PropertyKey[]): string[] {
  return schemasAt(path).flatMap((schema) => (schema instanceof z.ZodObject ? Object.keys(schema.def.shape) : []));
}

/** What may stand at a union's place, in words. */
function allowedValues(path: readonly PropertyKey[]): string[] {
  const words = schemasAt(path).map((schema) => {
    if (schema instanceof z.ZodLiteral) return schema.def.values.map((value) => JSON.stringify(value)).join(' or ');
    if (schema instanceof z.ZodObject)
      return `{${Object.keys(schema.def.shape)
        .map((key) => `"${key}": …`)
        .join(', ')}}`;
    return schema instanceof z.ZodArray ? 'an array of these' : schema._zod.def.type;
  });
  return [...new Set(words)];
}
