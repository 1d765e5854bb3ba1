// Makes releases of a small repository. Each runs npm and Git many times, so these tests run with the packed package.

import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeRelease } from '../../scripts/release/make-release.ts';

const isAsked = process.env.PG_TLS_AUDITOR_PACKAGE !== undefined;
if (!isAsked) process.stderr.write('tests of releasing skipped: PG_TLS_AUDITOR_PACKAGE runs them\n');

const CHANGELOG = `# Changelog

## Unreleased

- [FEATURE] A new one.
# not a heading

## 1.0.0 / 2026-03-01

- [FIX] An old one.
`;
/** As `npm run build`: the package has the version. */
const BUILD =
  "const fs = require('fs'); fs.mkdirSync('dist', { recursive: true }); fs.copyFileSync('package.json', 'dist/package.json')";

let root: string;
const git = (...args: readonly string[]): string =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@example.com', ...args], {
    cwd: root,
    encoding: 'utf8',
  }).trim();
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const release = (bump: string) => makeRelease({ root, bump, date: '2026-04-05' });

function commit(scripts: Readonly<Record<string, string>> = {}): void {
  const pass = 'node --eval 0';
  const all = {
    generate: pass,
    typecheck: pass,
    lint: pass,
    unused: pass,
    build: `node --eval "${BUILD}"`,
    ...scripts,
  };
  writeFileSync(join(root, 'package.json'), JSON.stringify({ name: 'released', version: '1.0.0', scripts: all }));
  git('add', '--all');
  git('commit', '--quiet', '--message', 'start');
}

describe.runIf(isAsked)('a release', () => {
  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), 'release-'));
    git('init', '--quiet', '--initial-branch', 'main');
    git('config', 'user.name', 'a');
    git('config', 'user.email', 'a@example.com');
    mkdirSync(join(root, 'docs'));
    writeFileSync(join(root, 'CHANGELOG.md'), CHANGELOG);
    writeFileSync(join(root, '.gitignore'), 'dist/\n*.tgz\n');
    writeFileSync(
      join(root, 'docs', 'page.md'),
      'npx released@1.0.0, released:1.0.0, released-1.0.0.tgz, not released@1.0.1\n',
    );
  });
  afterEach(() => rmSync(root, { recursive: true }));

  test('has its version everywhere, its entries, its package and its tag', () => {
    commit();
    const { version, tarball, sha256 } = release('minor');
    expect([version, tarball]).toEqual(['1.1.0', 'released-1.1.0.tgz']);
    expect(JSON.parse(read('package.json')).version).toBe('1.1.0');
    expect(read('CHANGELOG.md')).toContain('## Unreleased\n\n## 1.1.0 / 2026-04-05\n\n- [FEATURE] A new one.');
    expect(read('docs/page.md')).toBe('npx released@1.1.0, released:1.1.0, released-1.1.0.tgz, not released@1.0.1\n');
    expect(
      createHash('sha256')
        .update(gunzipSync(readFileSync(join(root, tarball))))
        .digest('hex'),
    ).toBe(sha256);
    expect(git('status', '--porcelain')).toBe('');
    expect(git('log', '-1', '--format=%s')).toBe('chore: release 1.1.0');
    expect(git('tag', '--list', 'v1.1.0', '--format=%(contents)')).toBe(
      `released 1.1.0\n\n- [FEATURE] A new one.\n# not a heading\n\nSHA-256: ${sha256}`,
    );
    expect(git('rev-parse', 'v1.1.0^{commit}')).toBe(git('rev-parse', 'HEAD'));
  });

  test.each([
    ['a check fails', { lint: 'node --eval process.exit(1)' }],
    ['generated files are out of step', { generate: "node --eval \"require('fs').writeFileSync('docs/new.md','')\"" }],
    ['the package is not built', { build: 'node --eval process.exit(1)' }],
  ])('is not made where %s', (_reason, scripts) => {
    commit(scripts);
    expect(() => release('minor')).toThrow();
    expect(git('tag')).toBe('');
    expect(git('log', '--format=%s')).toBe('start');
    expect([read('CHANGELOG.md'), JSON.parse(read('package.json')).version]).toEqual([CHANGELOG, '1.0.0']);
  });

  test.each([
    ['can not be committed', { 'core.hooksPath': 'hooks' }],
    ['can not be tagged', { 'tag.gpgSign': 'true', 'gpg.program': 'false' }],
  ])('that %s leaves no commit behind', (_reason, settings: Readonly<Record<string, string>>) => {
    mkdirSync(join(root, 'hooks'));
    writeFileSync(join(root, 'hooks', 'pre-commit'), '#!/bin/sh\nexit 1\n', { mode: 0o755 });
    commit();
    for (const [name, value] of Object.entries(settings)) git('config', name, value);
    expect(() => release('minor')).toThrow();
    expect([git('tag'), git('log', '--format=%s'), git('status', '--porcelain')]).toEqual(['', 'start', '']);
    expect([read('CHANGELOG.md'), JSON.parse(read('package.json')).version]).toEqual([CHANGELOG, '1.0.0']);
  });

  test('is not made of what is not committed, of another branch, without entries, or twice', () => {
    commit();
    writeFileSync(join(root, 'new.ts'), '');
    expect(() => release('minor')).toThrow(/not:\n\?\? new\.ts/);
    rmSync(join(root, 'new.ts'));
    git('checkout', '--quiet', '-b', 'other');
    expect(() => release('minor')).toThrow(/made on main, and this is other/);
    git('checkout', '--quiet', 'main');
    git('tag', 'v1.1.0');
    expect(() => release('minor')).toThrow(/there is a tag v1\.1\.0 already/);
    git('tag', '--delete', 'v1.1.0');
    release('minor');
    expect(() => release('minor')).toThrow(/no entry under "## Unreleased"/);
    expect(existsSync(join(root, 'released-1.2.0.tgz'))).toBe(false);
    expect(git('status', '--porcelain')).toBe('');
  });
});
