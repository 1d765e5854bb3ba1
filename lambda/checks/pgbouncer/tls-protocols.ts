// Parses a setting such as `client_tls_protocols` to TLS versions, as PgBouncer reads it.

import { displayText } from '../../model/display.ts';
import { known, type Observed, unknown } from '../../model/observed.ts';
import type { TlsVersion } from '../../model/tls.ts';
import { isOlderThan } from '../../model/tls.ts';

const ALL: readonly TlsVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];
/** Before 1.10, without TLSv1.3, which does not change the outcome. */
const SECURE: readonly TlsVersion[] = ['TLSv1.2', 'TLSv1.3'];

const WORDS: Readonly<Record<string, readonly TlsVersion[]>> = {
  all: ALL,
  legacy: ALL,
  tlsv1: ALL,
  secure: SECURE,
  default: SECURE,
  'tlsv1.0': ['TLSv1'],
  'tlsv1.1': ['TLSv1.1'],
  'tlsv1.2': ['TLSv1.2'],
  'tlsv1.3': ['TLSv1.3'],
};

/**
 * Words with commas or colons between, in any case; `!` takes away, at the start from all
 * (https://www.pgbouncer.org/config.html#client_tls_protocols). Empty leaves it to the library, whose default is
 * `secure`.
 */
export function readProtocols(setting: string): Observed<readonly TlsVersion[]> {
  if (setting === '') return known(SECURE);
  const allowed = new Set<TlsVersion>();
  for (const item of setting.split(/[,:]/)) {
    const [, not, word = ''] = /^[ \t]*(!?)(.*)$/.exec(item) ?? [];
    const versions = Object.hasOwn(WORDS, word.toLowerCase()) ? WORDS[word.toLowerCase()] : undefined;
    if (versions === undefined) return unknown(`what "${displayText(item, 60)}" means to PgBouncer is not known here`);
    if (not === '!' && allowed.size === 0) for (const version of ALL) allowed.add(version);
    for (const version of versions) {
      if (not === '!') allowed.delete(version);
      else allowed.add(version);
    }
  }
  return known(ALL.filter((version) => allowed.has(version)));
}

/** The allowed versions that are older than the minimum. */
export function tooOld(versions: readonly TlsVersion[], minimum: TlsVersion): readonly TlsVersion[] {
  return versions.filter((version) => isOlderThan(version, minimum));
}

/** A value that allows nothing older. */
export function protocolsFrom(minimum: TlsVersion): string {
  return minimum === 'TLSv1.3' ? 'tlsv1.3' : 'secure';
}
