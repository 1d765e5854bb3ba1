// Names in SQL that is there to be copied.

import { describe, expect, test } from 'vitest';
import { quoteIdentifier } from '../../lambda/model/sql-identifier.ts';

describe('a name in a statement', () => {
  test.each(['tls_auditor', '_x', 'a1$', 'billing'])('stays bare where SQL reads it so: %s', (name) => {
    expect(quoteIdentifier(name)).toBe(name);
  });

  test.each([
    ['with upper case', 'TLS', '"TLS"'],
    ['with a dash', 'tls-auditor', '"tls-auditor"'],
    ['that begins with a digit', '1st', '"1st"'],
    ['with quotes of its own', 'the "boss"', '"the ""boss"""'],
    ['with a backslash', 'a\\b', '"a\\b"'],
    ['that is empty', '', '""'],
    ['that SQL reads as syntax', 'user', '"user"'],
    ['that means everybody', 'public', '"public"'],
    ['that would go on with a statement', 'x; DROP TABLE y', '"x; DROP TABLE y"'],
    ['of another script', 'prüfer', '"prüfer"'],
  ])('%s is quoted', (_what, name, quoted) => {
    expect(quoteIdentifier(name)).toBe(quoted);
  });

  test('shows control characters and never obeys them, and is cut where it is no name any more', () => {
    expect(quoteIdentifier('a\u001b[2Jb\nc')).toBe('"a\\u{1b}[2Jb\\u{a}c"');
    expect(quoteIdentifier('https://evil.example')).not.toContain('://');
    expect(quoteIdentifier('x'.repeat(10_000)).length).toBeLessThan(250);
  });
});
