// Every kind of cipher suite, by the name OpenSSL gives it.

import { createSecureContext, getCiphers } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { weaknesses } from '../../../lambda/analysis/openssl-ciphers/cipher-strength.ts';
import { cipherProfile } from '../../../lambda/model/cipher-profile.ts';
import { CIPHER_PROFILES } from '../../../lambda/model/policy.ts';

describe('weaknesses', () => {
  test.each([
    ['TLS_AES_256_GCM_SHA384', 256, []],
    ['TLS_CHACHA20_POLY1305_SHA256', 256, []],
    ['ECDHE-RSA-AES128-GCM-SHA256', 128, []],
    ['DHE-RSA-CHACHA20-POLY1305', 256, []],
    ['AES256-GCM-SHA384', 256, ['no forward secrecy']],
    ['ECDHE-RSA-AES256-SHA384', 256, ['CBC mode']],
    ['ECDHE-ECDSA-AES128-SHA', 128, ['CBC mode']],
    ['AES128-SHA', 128, ['no forward secrecy', 'CBC mode']],
    ['ECDH-RSA-AES128-GCM-SHA256', 128, ['no forward secrecy']],
    ['RC4-SHA', 128, ['no forward secrecy', 'RC4']],
    ['DES-CBC3-SHA', 112, ['no forward secrecy', '3DES', '112 bits']],
    ['EDH-RSA-DES-CBC-SHA', 56, ['DES', '56 bits']],
    ['EXP-RC4-MD5', 40, ['no forward secrecy', 'export grade', 'RC4', '40 bits']],
    ['EXP-ADH-DES-CBC-SHA', 40, ['anonymous: the server proves nothing', 'export grade', 'DES', '40 bits']],
    ['ADH-AES256-GCM-SHA384', 256, ['anonymous: the server proves nothing']],
    ['AECDH-AES128-SHA', 128, ['anonymous: the server proves nothing', 'CBC mode']],
    ['ECDHE-RSA-NULL-SHA', 0, ['no encryption at all', '0 bits']],
    ['CAMELLIA128-SHA', 128, ['no forward secrecy', 'CBC mode']],
    ['PSK-AES128-GCM-SHA256', 128, ['no forward secrecy']],
    ['RSA-PSK-AES128-GCM-SHA256', 128, ['no forward secrecy']],
    ['ECDHE-ECDSA-AES128-CCM8', 128, ['not in the profile mozilla-intermediate']],
    ['', 256, ['no forward secrecy', 'CBC mode']],
  ])('of %s with %i bits are %j', (cipher, bits, expected) => {
    expect(weaknesses(cipher, bits, 'mozilla-intermediate')).toEqual(expected);
  });

  test('are found in every suite outside TLSv1.3 by the modern profile', () => {
    const older = getCiphers()
      .filter((name) => !name.startsWith('tls_'))
      .map((name) => name.toUpperCase());
    expect(older.length).toBeGreaterThan(10);
    expect(older.filter((name) => weaknesses(name, 256, 'mozilla-modern').length === 0)).toEqual([]);
  });

  test.each([
    // What section 3.3.1.1 lists, CBC included.
    ['ECDHE-RSA-AES256-GCM-SHA384', 256, []],
    ['ECDHE-ECDSA-AES256-CCM8', 256, []],
    ['ECDHE-ECDSA-AES128-SHA', 128, []],
    ['ECDHE-RSA-AES256-SHA384', 256, []],
    ['DHE-RSA-AES128-SHA256', 128, []],
    ['TLS_AES_128_CCM_SHA256', 128, []],
    // What it does not, for reasons that are no reasons of Mozilla's.
    ['TLS_CHACHA20_POLY1305_SHA256', 256, ['not in the profile nist-sp-800-52r2']],
    ['ECDHE-RSA-CHACHA20-POLY1305', 256, ['not in the profile nist-sp-800-52r2']],
    ['ECDHE-RSA-CAMELLIA128-SHA256', 128, ['not in the profile nist-sp-800-52r2']],
    ['ECDHE-ARIA128-GCM-SHA256', 128, ['not in the profile nist-sp-800-52r2']],
    ['AES128-SHA', 128, ['no forward secrecy']],
    ['AES256-GCM-SHA384', 256, ['no forward secrecy']],
    ['DES-CBC3-SHA', 112, ['no forward secrecy', '3DES', '112 bits']],
    ['ECDHE-RSA-NULL-SHA', 0, ['no encryption at all', '0 bits']],
    ['ADH-AES256-GCM-SHA384', 256, ['anonymous: the server proves nothing']],
  ])('by NIST SP 800-52r2 of %s with %i bits are %j', (cipher, bits, expected) => {
    expect(weaknesses(cipher, bits, 'nist-sp-800-52r2')).toEqual(expected);
  });

  test.each(CIPHER_PROFILES)('are none in what %s lists, whatever the count of bits says', (name) => {
    const { suites } = cipherProfile(name);
    expect(suites.size).toBeGreaterThan(2);
    expect([...suites].filter((suite) => weaknesses(suite, 0, name).length > 0)).toEqual([]);
  });
});

describe('a cipher profile', () => {
  test.each(CIPHER_PROFILES)('%s names its guideline with version and place', (name) => {
    const { source } = cipherProfile(name);
    expect(source.document).toMatch(/Mozilla|NIST/);
    expect(source.version).toMatch(/^5\.7$|^Revision 2/);
    expect(source.url).toMatch(/^https:/);
  });

  test.each(CIPHER_PROFILES)('%s lists suites by names that OpenSSL knows', (name) => {
    const isKnown = (ciphers: string): boolean => {
      try {
        createSecureContext({ ciphers });
        return true;
      } catch {
        return false;
      }
    };
    expect(isKnown('ECDHE-RSA-AES128-GCM-SHA257')).toBe(false);
    expect([...cipherProfile(name).suites].filter((suite) => !isKnown(suite))).toEqual([]);
  });
});
