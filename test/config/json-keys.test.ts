// What JSON.parse drops from a document is found, wherever it stands, and nothing else is.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseConfigText } from '../../lambda/config/file.ts';
import { droppedPart } from '../../lambda/config/json-keys.ts';

const complaint = (text: string): string => {
  try {
    parseConfigText(text, 'config.json');
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
};

describe('a document of which a part would be dropped is refused', () => {
  test.each([
    ['two lists of targets', '{"targets":[{"name":"a"},{"name":"b"}],\n "targets":[{"name":"a"}]}', 'targets', 2, 2],
    ['two values in a list of objects', '{"targets":[{"name":"a","port":1,"port":2}]}', 'port', 1, 34],
    ['a name that is escaped once', '{"port":1,"po\\u0072t":2}', 'port', 1, 11],
    ['a name with a quote and a brace', '{"a\\"{":1,"a\\"{":2}', 'a\\"{', 1, 11],
    ['the empty name', '{"":{},"":{}}', '', 1, 8],
  ])('%s', (_, text, name, line, column) => {
    expect(complaint(text)).toBe(
      `config.json names "${name}" twice in one object: keep one; look at line ${line}, column ${column}`,
    );
  });

  test('__proto__, which copies of an object lose', () => {
    expect(complaint('{"targets":[{"labels":{"__proto__":"x"}}]}')).toBe(
      'config.json names "__proto__", which is no name here: remove it; look at line 1, column 24',
    );
  });

  test('what no configuration has so deep', () => {
    expect(complaint(`${'['.repeat(200_000)}${']'.repeat(200_000)}`)).toMatch(/has more than 50 lists and objects/);
    expect(complaint(`${'['.repeat(50)}${']'.repeat(50)}`)).toBe('none');
  });

  test('without the name where it may be a secret', () => {
    expect(complaint('{"postgres://u:hunter2@h/d":1,"postgres://u:hunter2@h/d":2}')).toMatch(
      /names \(not shown\) twice/,
    );
  });
});

test('a document in which nothing is repeated is taken, whatever its texts hold', () => {
  const value = fc.jsonValue({ maxDepth: 6, stringUnit: 'binary' });
  fc.assert(
    fc.property(value, fc.constantFrom(0, 2), (given, indent) => {
      const text = JSON.stringify(given, (key, each) => (key === '__proto__' ? undefined : each), indent);
      expect(droppedPart(text)).toBeUndefined();
    }),
  );
});

test('a name that is repeated is found in any object', () => {
  const entries = fc.array(fc.tuple(fc.string(), fc.jsonValue()), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(entries, fc.nat(), fc.jsonValue(), (given, chosen, other) => {
      const [name] = given[chosen % given.length] as (typeof given)[number];
      const all = [...given, [name, other] as const];
      const text = `[1,{${all.map(([key, each]) => `${JSON.stringify(key)}:${JSON.stringify(each)}`).join(',')}}]`;
      expect(droppedPart(text)).toBeDefined();
    }),
  );
});
