import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { displayText } from '../../lambda/model/display.ts';

const INVISIBLE = /[\p{C}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u;
const FAMILY = '👨‍👩‍👧‍👦';

const anyText = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.string({ unit: 'grapheme', maxLength: 200 }),
  // Raw UTF-16, lone surrogates included.
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 200 }).map((units) => String.fromCharCode(...units)),
  fc
    .array(fc.constantFrom(FAMILY, '\u001b[31m', '\n', '://', '<!', 'e\u0301', '\u202e', '🏴󠁧󠁢󠁥󠁮󠁧󠁿', 'a', '\\', '\u0301'), {
      maxLength: 60,
    })
    .map((parts) => parts.join('')),
);

describe('displayText', () => {
  test('leaves ordinary names alone, whatever language they are in', () => {
    for (const name of [
      '',
      'orders-api',
      'DBeaver 24.1 - Main',
      'CN=Zoë, O=Škoda',
      '注文',
      'заказы',
      `team ${FAMILY}`,
    ]) {
      expect(displayText(name)).toBe(name);
    }
  });

  test.each([
    ['a mention of a channel', '<!channel> <@U1> <#C1>', '\\u{3c}!channel> \\u{3c}@U1> \\u{3c}#C1>'],
    ['an ANSI escape', '\u001b[2Jx', '\\u{1b}[2Jx'],
    ['line ends', 'a\r\nb', 'a\\u{d}\\u{a}b'],
    ['a C1 control', '\u009b31m', '\\u{9b}31m'],
    ['a bidirectional override', 'abc\u202etxt.exe', 'abc\\u{202e}txt.exe'],
    ['a zero-width space', 'post\u200bgres', 'post\\u{200b}gres'],
    ['line and paragraph separators', 'a\u2028b\u2029c', 'a\\u{2028}b\\u{2029}c'],
    ['a blank that is a letter to Unicode', '\u3164', '\\u{3164}'],
    ['a lone surrogate', 'a\ud83d', 'a\\u{d83d}'],
    ['a tag character', 'a\u{e0041}', 'a\\u{e0041}'],
    ['an accent without a letter', '\u0301a', '\\u{301}a'],
    ['a link', 'see https://evil.example/x', 'see https[:]//evil.example/x'],
  ])('shows %s instead of obeying it', (_what, raw, shown) => {
    expect(displayText(raw)).toBe(shown);
  });

  test('shows no more than four combining marks on a letter', () => {
    expect(displayText(`a${'\u0301'.repeat(6)}b`)).toBe(`a${'\u0301'.repeat(4)}\\u{301}\\u{301}b`);
  });

  test('ends what is too long with an ellipsis', () => {
    expect(displayText('x'.repeat(10_000))).toBe(`${'x'.repeat(63)}…`);
    expect(displayText('x'.repeat(64))).toBe('x'.repeat(64));
  });

  test('never cuts within an emoji, an accented letter or an escape', () => {
    expect(displayText(`${'x'.repeat(60)}${FAMILY}yyy`)).toBe(`${'x'.repeat(60)}…`);
    expect(displayText(`${'x'.repeat(62)}e\u0301yyy`)).toBe(`${'x'.repeat(62)}…`);
    expect(displayText(`${'x'.repeat(60)}\u001byyy`)).toBe(`${'x'.repeat(60)}…`);
  });

  test('shows a bounded part of a grapheme that never ends', () => {
    expect(displayText('ᄀ'.repeat(10_000), 8)).toBe(`${'ᄀ'.repeat(7)}…`);
  });

  test('holds its promises for any text', () => {
    fc.assert(
      fc.property(anyText, fc.integer({ min: 1, max: 100 }), (raw, maxLength) => {
        const shown = displayText(raw, maxLength);
        expect(shown.length).toBeLessThanOrEqual(maxLength);
        expect(shown.isWellFormed()).toBe(true);
        expect(shown).not.toContain('://');
        expect(shown.replaceAll(/\p{RGI_Emoji}/gv, '')).not.toMatch(INVISIBLE);
        expect(displayText(shown, maxLength)).toBe(shown);
        if (raw !== '') expect(shown).not.toBe('');
      }),
      { numRuns: 2_000 },
    );
  });
});
