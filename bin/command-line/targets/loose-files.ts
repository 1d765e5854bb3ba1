// Warns about files with a password or key that other users of the machine can read, by libpq's rule.

import { statSync } from 'node:fs';
import { showPath } from '../../../lambda/model/given-text.ts';
import type { Target } from '../../../lambda/model/target.ts';

/** The most warnings: a fleet has thousands of files. */
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
 * The permissions of a file that users other than its owner may read. A file of root may also be readable for its
 * group, because distributions share keys that way.
 *
 * @see https://www.postgresql.org/docs/current/libpq-ssl.html#LIBPQ-SSL-CLIENTCERT
 */
function looseMode(file: string): number | undefined {
  try {
    const stats = statSync(file);
    const others = stats.uid === 0 ? 0o007 : 0o077;
    return stats.isFile() && (stats.mode & others) !== 0 ? stats.mode & 0o777 : undefined;
  } catch {
    // The audit reports a file that cannot be read.
    return undefined;
  }
}

function warning(file: string, mode: number): string {
  const shown = showPath(file);
  return `warning: ${shown} holds a secret, and others can read it (mode ${mode.toString(8)}): chmod 600 ${shown}`;
}
