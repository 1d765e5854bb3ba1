// Words the problems that the schema finds: the path, what is allowed, and the value given where it is safe to show.

import * as z from 'zod';
import { NOT_SHOWN, showGiven, showName } from '../model/given-text.ts';
import { RENAMED_SETTINGS } from '../model/renamed.ts';
import { configSchema } from './schema.ts';

/** One thing wrong with a configuration. */
export interface ConfigProblem {
  /** e.g. `targets[2].port`; empty for the document itself. */
  readonly path: string;
  /** What is wrong and what is allowed, with the value given. */
  readonly message: string;
}

type Issue = z.core.$ZodIssue;

/** One problem for each setting the issue is about; none where another issue reports the same. */
export function describeIssue(issue: Issue): ConfigProblem[] {
  const path = formatPath(issue.path);
  const got = issue.input === undefined ? '' : `, got ${showValue(issue)}`;
  const problem = (message: string): ConfigProblem[] => [{ path, message }];
  switch (issue.code) {
    case 'unrecognized_keys': {
      const allowed = allowedKeys(issue.path);
      return issue.keys.map((key) => ({
        path: formatPath([...issue.path, key]),
        message: `is not a setting${renamedTo(formatPath([...issue.path, key]))}${allowed.length === 0 ? '' : `; allowed here: ${allowed.join(', ')}`}`,
      }));
    }
    case 'invalid_type': {
      const allowed = numberAt(issue.path) ?? TYPE_WORDS[issue.expected] ?? issue.expected;
      return problem(issue.input === undefined ? `is required: ${allowed}` : `must be ${allowed}${got}`);
    }
    case 'invalid_key':
      // Of a name that may be chosen freely, such as a label's.
      return problem(
        `${issue.issues[0]?.message ?? 'must be another name'}, got ${showGiven(String(issue.path.at(-1)))}`,
      );
    case 'invalid_value':
      return problem(
        `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map((v) => JSON.stringify(v)).join(', ')}${got}`,
      );
    case 'too_small':
    case 'too_big': {
      if (issue.origin === 'number' || issue.origin === 'int') {
        const allowed = numberAt(issue.path);
        // Beyond what JavaScript counts exactly: the setting's own limit reports it already.
        if (allowed?.includes(' to ') && Number(issueBound(issue)) === Number.MAX_SAFE_INTEGER) return [];
        return problem(`must be ${allowed ?? bounded(issue)}${got}`);
      }
      const unit = issue.origin === 'string' ? 'character' : 'entry';
      const size = typeof issue.input === 'string' || Array.isArray(issue.input) ? issue.input.length : undefined;
      if (size === 0) return problem('must not be empty');
      const many = Number(issueBound(issue)) === 1 ? unit : unit === 'entry' ? 'entries' : 'characters';
      return problem(`must have ${bounded(issue)} ${many}${size === undefined ? '' : `, got ${size}`}`);
    }
    case 'invalid_union': {
      // What the schema itself says of the alternatives.
      if (issue.message !== 'Invalid input') return problem(`${issue.message}${got}`);
      const allowed = allowedValues(issue.path);
      return problem(`must be ${allowed.join(' or ')}${got}`);
    }
    default:
      return problem(`${issue.message}${got}`);
  }
}

/** What people call the types of JSON. */
const TYPE_WORDS: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
};

/** What a number may be, e.g. `a whole number from 1 to 65535`; undefined where the path leads to none. */
function numberAt(path: readonly PropertyKey[]): string | undefined {
  const schema = schemasAt(path).find((candidate) => candidate instanceof z.ZodNumber);
  if (schema === undefined) return undefined;
  const word = schema.isInt ? 'a whole number' : 'a number';
  const [least, most] = [schema.minValue ?? Number.NEGATIVE_INFINITY, schema.maxValue ?? Number.POSITIVE_INFINITY];
  // Integers are limited to what JavaScript counts exactly: no limit of ours.
  const [hasLeast, hasMost] = [least > Number.MIN_SAFE_INTEGER, most < Number.MAX_SAFE_INTEGER];
  if (hasLeast && hasMost) return `${word} from ${least} to ${most}`;
  return `${word}${hasLeast ? ` of at least ${least}` : ''}${hasMost ? ` of at most ${most}` : ''}`;
}

type SizeIssue = Extract<Issue, { readonly code: 'too_small' | 'too_big' }>;

function issueBound(issue: SizeIssue): number | bigint {
  return issue.code === 'too_small' ? issue.minimum : issue.maximum;
}

function bounded(issue: SizeIssue): string {
  return `${issue.code === 'too_small' ? 'at least' : 'at most'} ${issueBound(issue)}`;
}

/**
 * A value as an error may show it. Where the name of a secret belongs, people paste the secret: nothing is quoted
 * there. Where a word of a few, a number or a switch belongs, only what looks like one.
 */
function showValue({ code, input, path, message }: Issue): string {
  if (typeof input === 'object' && input !== null) return Array.isArray(input) ? 'a list' : 'an object';
  if (typeof input !== 'string') return String(input);
  if (path.at(-1) === 'secret') return NOT_SHOWN;
  const fits: Partial<Readonly<Record<Issue['code'], RegExp>>> = {
    invalid_value: WORD,
    // A union that says itself what it takes is one of texts.
    ...(message === 'Invalid input' ? { invalid_union: WORD } : {}),
    invalid_type: WORD_OR_NUMBER,
  };
  return fits[code]?.test(input) === false ? NOT_SHOWN : showGiven(input);
}

/** A word, also one with a version: `urgent`, `TLSv1.1`, `mozilla-old`. */
const WORD = /^(?:[A-Za-z]+(?:[ .-][A-Za-z]+)*)?(?:(?<=v)\d[\d.]{0,4})?$/;
const WORD_OR_NUMBER = new RegExp(`${WORD.source}|^[-+\\d.,_%: ]*[A-Za-z]{0,3}$`);

/** A path as messages show it, e.g. `targets[2].port`. */
export function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    // Keys are names that a person chose, or something that was pasted in their place.
    return text === '' ? showName(String(part)) : `${text}.${showName(String(part))}`;
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
    return schema instanceof z.ZodArray ? 'a list of these' : schema._zod.def.type;
  });
  return [...new Set(words)];
}

function renamedTo(path: string): string {
  const name = RENAMED_SETTINGS.get(path);
  return name === undefined ? '' : `: its name is now ${name}`;
}
