// Every kind of cipher suite, by the name OpenSSL gives it.

import { getCiphers } from 'node:tls';
import { describe, expect, test } from 'vitest';
import { weaknesses } from '../../lambda/checks/cipher-strength.ts';

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
});
