// How strong a cipher suite is, by the name OpenSSL gives it.

import type { CipherProfileName } from '../model/policy.ts';

/** What Mozilla recommends (https://wiki.mozilla.org/Security/Server_Side_TLS, version 5.7). */
const MODERN: readonly string[] = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'];

const PROFILES: Readonly<Record<CipherProfileName, ReadonlySet<string>>> = {
  'mozilla-modern': new Set(MODERN),
  'mozilla-intermediate': new Set([
    ...MODERN,
    'ECDHE-ECDSA-AES128-GCM-SHA256',
    'ECDHE-RSA-AES128-GCM-SHA256',
    'ECDHE-ECDSA-AES256-GCM-SHA384',
    'ECDHE-RSA-AES256-GCM-SHA384',
    'ECDHE-ECDSA-CHACHA20-POLY1305',
    'ECDHE-RSA-CHACHA20-POLY1305',
    'DHE-RSA-AES128-GCM-SHA256',
    'DHE-RSA-AES256-GCM-SHA384',
    'DHE-RSA-CHACHA20-POLY1305',
  ]),
};

/** Fewer than this can be searched (NIST SP 800-131A revision 2). */
const MIN_BITS = 128;

/**
 * What is wrong with a suite; empty when the profile recommends it.
 *
 * @param cipher OpenSSL's name, as `pg_stat_ssl.cipher` shows it
 * @param bits as `pg_stat_ssl.bits` shows them
 */
export function weaknesses(cipher: string, bits: number, profile: CipherProfileName): readonly string[] {
  // Nearly every session there is: asked first, so that tens of thousands of them cost no look at the name.
  if (bits >= MIN_BITS && PROFILES[profile].has(cipher)) return [];
  const found = [
    ...keyExchangeWeaknesses(cipher),
    ...bulkWeaknesses(cipher),
    ...(bits < MIN_BITS ? [`${bits} bits`] : []),
  ];
  return found.length > 0 ? found : [`not in the profile ${profile}`];
}

function keyExchangeWeaknesses(cipher: string): readonly string[] {
  if (cipher.startsWith('TLS_')) return [];
  if (/^(EXP\d*-)?(ADH|AECDH)-/.test(cipher)) return ['anonymous: the server proves nothing'];
  return /^(EXP\d*-)?(ECDHE|DHE|EDH)-/.test(cipher) ? [] : ['no forward secrecy'];
}

function bulkWeaknesses(cipher: string): readonly string[] {
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
  return /GCM|CHACHA20|CCM/.test(cipher) ? [] : ['CBC mode'];
}
