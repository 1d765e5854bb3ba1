// Rates a cipher suite by its OpenSSL name.

import { cipherProfile } from '../../model/cipher-profile.ts';
import type { CipherProfileName } from '../../model/policy.ts';
import type { Severity } from '../../model/severity.ts';

/** Fewer than this can be searched (NIST SP 800-131A revision 2). */
const MIN_BITS = 128;

/** What no guideline allows any more, by what is in the names. */
const BROKEN = [
  [/^EXP/, 'export grade'],
  [/NULL/, 'no encryption at all'],
  [/RC4/, 'RC4'],
  [/RC2/, 'RC2'],
  [/DES-CBC3|3DES/, '3DES'],
  [/DES-CBC-/, 'DES'],
] as const;

/**
 * What is wrong with a suite; empty when the profile lists it. A reason never contradicts the profile: where its
 * guideline allows CBC, CBC is no weakness of a suite.
 *
 * @param cipher OpenSSL's name, as `pg_stat_ssl.cipher` shows it
 * @param bits as `pg_stat_ssl.bits` shows them; undefined where they are not shown: the names of suites with short keys
 *   give them too
 */
export function weaknesses(cipher: string, bits: number | undefined, profile: CipherProfileName): readonly string[] {
  const { suites, allowsCbc } = cipherProfile(profile);
  // Nearly every session: tested first, so that the names of tens of thousands of suites need no parsing.
  if (suites.has(cipher)) return [];
  const found = [
    ...keyExchangeWeaknesses(cipher),
    ...bulkWeaknesses(cipher, allowsCbc),
    ...(bits !== undefined && bits < MIN_BITS ? [`${bits} bits`] : []),
  ];
  return found.length > 0 ? found : [`not in the profile ${profile}`];
}

/** How little a suite protects. */
export type SuiteClass = 'unencrypted' | 'unauthenticated' | 'broken' | 'weak';

/** @param cipher OpenSSL's name of a suite that is not in the profile */
export function suiteClass(cipher: string): SuiteClass {
  if (/NULL/.test(cipher)) return 'unencrypted';
  // What anybody on the path can answer, or break while the handshake lasts.
  if (/^(EXP\d*-)|^(ADH|AECDH)-/.test(cipher)) return 'unauthenticated';
  return BROKEN.some(([pattern]) => pattern.test(cipher)) ? 'broken' : 'weak';
}

/** The class of the suite that protects least, which decides about a list or a client with several suites. */
export function worstClass(ciphers: readonly string[]): SuiteClass {
  const classes = new Set(ciphers.map(suiteClass));
  return (['unencrypted', 'unauthenticated', 'broken'] as const).find((each) => classes.has(each)) ?? 'weak';
}

/** The severity of a list that lets in suites of a class, whether a session uses one or not. */
export const ADMITTING: Readonly<Record<SuiteClass, Severity>> = {
  unencrypted: 'high',
  unauthenticated: 'high',
  broken: 'medium',
  weak: 'low',
};

function keyExchangeWeaknesses(cipher: string): readonly string[] {
  if (cipher.startsWith('TLS_')) return [];
  if (/^(EXP\d*-)?(ADH|AECDH)-/.test(cipher)) return ['anonymous: the server proves nothing'];
  return /^(EXP\d*-)?(ECDHE|DHE|EDH)-/.test(cipher) ? [] : ['no forward secrecy'];
}

function bulkWeaknesses(cipher: string, allowsCbc: boolean): readonly string[] {
  const names = BROKEN.filter(([pattern]) => pattern.test(cipher)).map(([, name]) => name);
  if (names.length > 0) return names;
  return allowsCbc || /GCM|CHACHA20|CCM/.test(cipher) ? [] : ['CBC mode'];
}
