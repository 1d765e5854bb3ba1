// Lines of a given width, counted in terminal columns.

import { expect, test } from 'vitest';
import { wrap } from '../../../lambda/report/messages/wrap.ts';

test('text is broken at spaces, with a prefix for the first line and one for the others', () => {
  expect(wrap('one two three four', 11, '- ', '  ')).toEqual(['- one two', '  three', '  four']);
});

test('a word longer than a line stays whole', () => {
  expect(wrap('see arn:aws:sns:eu-west-1:123456789012:alerts now', 12)).toEqual([
    'see',
    'arn:aws:sns:eu-west-1:123456789012:alerts',
    'now',
  ]);
});

test.each([
  ['two columns for an East Asian wide character', '監査 監査 監査', 9, ['監査 監査', '監査']],
  ['two columns for an emoji, however many code points it has', '👩‍💻 👩‍💻 👩‍💻', 5, ['👩‍💻 👩‍💻', '👩‍💻']],
  ['no column for a combining accent', 'e\u0301e\u0301 e\u0301e\u0301', 5, ['e\u0301e\u0301 e\u0301e\u0301']],
])('a line takes %s', (_, text, width, lines) => {
  expect(wrap(text, width)).toEqual(lines);
});
