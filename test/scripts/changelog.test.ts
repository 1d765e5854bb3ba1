// The changelog at a release.

import { describe, expect, test } from 'vitest';
import { releaseDate, sectionOf, withRelease } from '../../scripts/release/changelog.ts';

const CHANGELOG = `# Changelog

## Unreleased

- [FEATURE] A new one.

## 0.1.0 / 2026-03-01

- [FIX] An old one.
`;

describe('a release', () => {
  const released = withRelease(CHANGELOG, '0.2.0', '2026-04-05');

  test('has the entries that were unreleased, and the next one starts without', () => {
    expect(sectionOf(released, '0.2.0')).toBe('- [FEATURE] A new one.');
    expect(sectionOf(released, 'Unreleased')).toBeUndefined();
    expect(sectionOf(released, '0.1.0')).toBe('- [FIX] An old one.');
    expect(released).toContain('## Unreleased\n\n## 0.2.0 / 2026-04-05\n\n- [FEATURE]');
  });

  test('needs an entry', () => {
    expect(() => withRelease(released, '0.3.0', '2026-05-06')).toThrow(/no entry under "## Unreleased"/);
  });

  test('has its date, and another version has another one or none', () => {
    expect(releaseDate(released, '0.2.0')).toEqual(new Date('2026-04-05T00:00:00Z'));
    expect(releaseDate(released, '0.1.0')).toEqual(new Date('2026-03-01T00:00:00Z'));
    expect(releaseDate(released, '0.2')).toBeUndefined();
  });
});
