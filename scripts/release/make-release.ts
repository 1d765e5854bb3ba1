// Sets a version, gives it the unreleased entries of the changelog, checks, packs, commits and tags.

import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { sectionOf, withRelease } from './changelog.ts';

/** Scripts of package.json that must pass. The workflow that publishes runs everything else too. */
const CHECKS = ['typecheck', 'lint', 'unused'];

/** Where the version stands in commands that people copy. */
const SHOWN_IN = ['README.md', 'Dockerfile', 'docs', 'examples'];

/** Only what is there has been reviewed. */
const BRANCH = 'main';

export interface ReleaseOptions {
  /** The checkout. */
  readonly root: string;
  /** As for `npm version`: major, minor, patch or a version. */
  readonly bump: string;
  /** YYYY-MM-DD. */
  readonly date: string;
}

export interface Release {
  readonly version: string;
  /** The file's name, in the checkout. */
  readonly tarball: string;
  /** Of the uncompressed tarball. */
  readonly sha256: string;
}

/**
 * On a failure the files and the branch are as they were.
 *
 * @throws Error where the checkout can't be released, or a check fails
 */
export function makeRelease({ root, bump, date }: ReleaseOptions): Release {
  const run = runner(root);
  refuseUnready(run);
  runScript(root, 'generate');
  refuseChanges(run, 'these generated files were out of step: commit them');
  const start = run('git', ['rev-parse', 'HEAD']);
  try {
    const before = packageOf(root);
    run('npm', ['version', bump, '--no-git-tag-version', '--ignore-scripts']);
    const { name, version } = packageOf(root);
    if (run('git', ['tag', '--list', `v${version}`]) !== '') throw new Error(`there is a tag v${version} already`);
    const changelog = join(root, 'CHANGELOG.md');
    writeFileSync(changelog, withRelease(readFileSync(changelog, 'utf8'), version, date));
    showVersion(root, name, before.version, version);
    for (const script of [...CHECKS, 'build']) runScript(root, script);
    const tarball = run('npm', ['pack', './dist', '--silent']);
    // Of what is compressed: another version of zlib compresses to other bytes.
    const tar = gunzipSync(readFileSync(join(root, tarball)));
    const sha256 = createHash('sha256').update(tar).digest('hex');
    commitAndTag(run, version, [
      `${name} ${version}`,
      sectionOf(readFileSync(changelog, 'utf8'), version) ?? '',
      `SHA-256: ${sha256}`,
    ]);
    return { version, tarball, sha256 };
  } catch (error) {
    // Nothing else was changed there: the tree was clean. A commit without its tag goes too.
    run('git', ['reset', '--quiet', '--hard', start]);
    throw error;
  }
}

type Run = (command: string, args: readonly string[], input?: string) => string;

/** What the command prints. */
function runner(root: string): Run {
  return (command, args, input) =>
    execFileSync(command, args, {
      cwd: root,
      encoding: 'utf8',
      input,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'inherit'],
    }).trim();
}

/** Prints what the script prints. */
function runScript(root: string, name: string): void {
  execFileSync('npm', ['run', name], { cwd: root, stdio: ['ignore', 'inherit', 'inherit'] });
}

function refuseChanges(run: Run, reason: string): void {
  const changed = run('git', ['status', '--porcelain']);
  if (changed !== '') throw new Error(`${reason}:\n${changed}`);
}

function refuseUnready(run: Run): void {
  refuseChanges(run, 'a release is made of what is committed, and these files are not');
  const branch = run('git', ['rev-parse', '--abbrev-ref', 'HEAD']);
  if (branch !== BRANCH) throw new Error(`a release is made on ${BRANCH}, and this is ${branch}`);
}

function packageOf(root: string): { readonly name: string; readonly version: string } {
  return JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
}

/** As NAME@VERSION of npm, NAME:VERSION of an image, NAME-VERSION.tgz. */
function showVersion(root: string, name: string, before: string, after: string): void {
  const shown = `(${name}[-:@])${before.replaceAll('.', '\\.')}`;
  const search = ['grep', '--files-with-matches', '--extended-regexp', shown, '--', ...SHOWN_IN];
  const found = spawnSync('git', search, { cwd: root, encoding: 'utf8' });
  for (const path of found.stdout.split('\n').filter((line) => line !== '')) {
    const file = join(root, path);
    writeFileSync(file, readFileSync(file, 'utf8').replaceAll(new RegExp(`${shown}(?!\\d)`, 'g'), `$1${after}`));
  }
}

function commitAndTag(run: Run, version: string, message: readonly string[]): void {
  run('git', ['commit', '--all', '--quiet', '--message', `chore: release ${version}`]);
  // Lines of the changelog may begin with what Git takes for a comment.
  run('git', ['tag', '--annotate', `v${version}`, '--cleanup=whitespace', '--file=-'], message.join('\n\n'));
}
