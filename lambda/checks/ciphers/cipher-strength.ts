// How strong a cipher suite is, by the name OpenSSL gives it.

import { cipherProfile } from '../../model/cipher-profile.ts';
import type { CipherProfileName } from '../../model/policy.ts';

/** Fewer than this can be searched (NIST SP 800-131A revision 2). */
const MIN_BITS = 128;

/**
 * What is wrong with a suite; empty when the profile lists it. A reason never contradicts the profile: where its
 * guideline allows CBC, a suite is not told to be weak for that.
 *
 * @param cipher OpenSSL's name, as `pg_stat_ssl.cipher` shows it
 * @param bits as `pg_stat_ssl.bits` shows them; undefined where nobody does: the names of short suites tell of them too
 */
export function weaknesses(cipher: string, bits: number | undefined, profile: CipherProfileName): readonly string[] {
  const { suites, allowsCbc } = cipherProfile(profile);
  // Nearly every session there is: asked first, so that tens of thousands of them cost no look at the name.
  if (suites.has(cipher)) return [];
  const found = [
    ...keyExchangeWeaknesses(cipher),
    ...bulkWeaknesses(cipher, allowsCbc),
    ...(bits !== undefined && bits < MIN_BITS ? [`${bits} bits`] : []),
  ];
  return found.length > 0 ? found : [`not in the profile ${profile}`];
}

function keyExchangeWeaknesses(cipher: string): readonly string[] {
  if (cipher.startsWith('TLS_')) return [];
  if (/^(EXP\d*-)?(ADH|AECDH)-/.test(cipher)) return ['anonymous: the server proves nothing'];
  return /^(EXP\d*-)?(ECDHE|DHE|EDH)-/.test(cipher) ? [] : ['no forward secrecy'];
}

function bulkWeaknesses(cipher: string, allowsCbc: boolean): readonly string[] {
  const broken = [
    [/^EXP/, 'export grade'],
    [/NULL/, 'no encryption at all'],
    [/RC4/, 'RC4'],
    [/RC2/, 'RC2'],
    [/DES-CBC3|3DES/, '3DES'],
    [/DES-CBC-/, 'DES'],
  ] as const;
  const names = broken.filter(([pattern]) => pattern.test(cipher)).map(([, name]) => name);
  if (names.length > 0) return names;
  return allowsCbc || /GCM|CHACHA20|CCM/.test(cipher) ? [] : ['CBC mode'];
}
