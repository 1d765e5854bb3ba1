// Schemas of what comes from outside: a fault costs its reader one description, however often it is there.

import { expect, test } from 'vitest';
import * as z from 'zod';
import { isoMoment, listOf, partialRecordOf, recordOf } from '../../lambda/model/bounded-schema.ts';

const WRONG = Array.from({ length: 1_000 }, () => ({}));

/** A schema that counts what it is given. */
function counting() {
  let count = 0;
  const schema = z.unknown().refine(() => {
    count += 1;
    return false;
  }, 'is wrong');
  return { schema, given: () => count };
}

test.each([
  ['list', (schema: z.ZodType) => listOf(schema), WRONG, 0],
  [
    'record',
    (schema: z.ZodType) => recordOf(schema),
    Object.fromEntries(WRONG.map((one, at) => [`n${at}`, one])),
    'n0',
  ],
] as const)('a %s is read up to its first fault, which is described with its place', (_, of, value, place) => {
  const { schema, given } = counting();
  const { error } = z.strictObject({ all: of(schema) }).safeParse({ all: value });
  expect(given()).toBe(1);
  expect(error?.issues.map(({ path, message }) => [path, message])).toEqual([[['all', place], 'is wrong']]);
});

test('names that a record may not have are one fault', () => {
  const many = Object.fromEntries(WRONG.map((_, index) => [`n${index}`, index]));
  expect(partialRecordOf(['ssl'], z.string()).safeParse(many).error?.issues).toHaveLength(1);
  expect(partialRecordOf(['ssl'], z.string()).parse({ ssl: 'on' })).toEqual({ ssl: 'on' });
  expect(partialRecordOf(['ssl'], z.string()).parse({})).toEqual({});
});

test.each([
  ['a list of too few', listOf(z.string(), { least: 1 }), []],
  ['a list of too many', listOf(z.string(), { most: 1 }), ['a', 'b']],
  ['no list', listOf(z.string()), { length: 0 }],
  ['no record', recordOf(z.string()), ['a']],
  ['null for a record', recordOf(z.string()), null],
  ['a moment of any length', isoMoment, `2026-11-10T06:15:02.${'0'.repeat(100)}Z`],
])('%s is refused', (_, schema, value) => {
  expect(schema.safeParse(value).success).toBe(false);
});

test('what is right is what it was', () => {
  expect(listOf(z.string()).parse(['a', 'b'])).toEqual(['a', 'b']);
  const record = JSON.parse('{"a":"1","__proto__":"2"}') as unknown;
  expect(Object.entries(recordOf(z.string()).parse(record))).toEqual([
    ['a', '1'],
    ['__proto__', '2'],
  ]);
});
