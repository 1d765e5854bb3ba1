import { inspect } from 'node:util';
import { expect, test } from 'vitest';
import { Redacted } from '../../../lambda/collect/secrets/redacted.ts';
import { CANARY, everythingShownOf } from '../canary.ts';

const secret = new Redacted(CANARY);

test('the secret is there for who asks for it', () => {
  expect(secret.reveal()).toBe(CANARY);
  expect(new Redacted('').reveal()).toBe('');
});

test.each([
  ['String', () => String(secret)],
  ['a template', () => `${secret}`],
  ['concatenation', () => `password: ${secret}`],
  ['a sum', () => (secret as unknown as string) + 1],
  ['toLocaleString', () => secret.toLocaleString()],
  ['join', () => [secret].join()],
  ['JSON', () => JSON.stringify(secret)],
  ['JSON of what holds it', () => JSON.stringify({ credentials: [{ password: secret }] })],
  ['inspect', () => inspect(secret)],
  ['inspect of what holds it', () => inspect({ a: { b: { password: secret } } }, { depth: 10, showHidden: true })],
  ['inspect of a map', () => inspect(new Map([[secret, secret]]))],
])('%s shows that something is there, not what', (_how, show) => {
  const shown = show();
  expect(shown).toContain('(redacted)');
  expect(shown).not.toContain(CANARY);
});

test('nothing else shows it either', () => {
  expect(everythingShownOf(secret)).not.toContain(CANARY);
  expect(everythingShownOf(new Error('x', { cause: secret }))).not.toContain(CANARY);
  expect(JSON.stringify(structuredClone(secret))).not.toContain(CANARY);
  expect(JSON.stringify({ ...secret })).toBe('{}');
  expect(Reflect.ownKeys(secret)).toEqual([]);
});

test('what shows of a secret does not depend on it, so its length stays secret too', () => {
  expect(everythingShownOf(new Redacted(''))).toBe(everythingShownOf(new Redacted('x'.repeat(1_000))));
});

test('two can be compared without showing either', () => {
  expect(secret.equals(new Redacted(CANARY))).toBe(true);
  expect(secret.equals(new Redacted(`${CANARY} `))).toBe(false);
});
