// Files that hold a password or key, and that others on the machine can read: worth a warning, as libpq's own rule has it.

import { statSync } from 'node:fs';
import { showPath } from '../../../lambda/model/given-text.ts';
import type { Target } from '../../../lambda/model/target.ts';

/** Lines of a warning at most: a fleet has thousands of files. */
const SHOWN = 10;

/** One warning for each file, in the order of the targets. */
export function looseFiles(targets: readonly Target[]): string[] {
  const files = new Set(targets.flatMap(secretFiles));
  const loose = [...files].flatMap((file) => {
    const mode = looseMode(file);
    return mode === undefined ? [] : [warning(file, mode)];
  });
  const more = loose.length - SHOWN;
  return more > 0
    ? [...loose.slice(0, SHOWN), `warning: ${more} more files with secrets can be read by others`]
    : loose;
}

function secretFiles({ credentials, clientCertificate }: Target): string[] {
  return [
    ...('file' in credentials ? [credentials.file] : []),
    ...(clientCertificate !== undefined && 'keyFile' in clientCertificate ? [clientCertificate.keyFile] : []),
  ];
}

/**
 * The permissions of a file that others than its owner may read; of root's file, others than root's group too, which is
 * how distributions share keys.
 *
 * @see https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-CLIENTCERT
 */
function looseMode(file: string): number | undefined {
  try {
    const stats = statSync(file);
    const others = stats.uid === 0 ? 0o007 : 0o077;
    return stats.isFile() && (stats.mode & others) !== 0 ? stats.mode & 0o777 : undefined;
  } catch {
    // The audit itself says what is wrong with it.
    return undefined;
  }
}

function warning(file: string, mode: number): string {
  const shown = showPath(file);
  return `warning: ${shown} holds a secret, and others can read it (mode ${mode.toString(8)}): chmod 600 ${shown}`;
}
