// Lists the cipher suites of published guidelines. A new version of one is a change here.

import type { CipherProfileName } from './policy.ts';

/** The guideline behind a profile. */
export interface CipherProfileSource {
  readonly document: string;
  readonly version: string;
  readonly url: string;
}

export interface CipherProfile {
  readonly source: CipherProfileSource;
  /** By the names OpenSSL gives them. */
  readonly suites: ReadonlySet<string>;
  /** Whether CBC mode as such is within the guideline, so that it is no reason against a suite. */
  readonly allowsCbc: boolean;
  /** A value of `ssl_ciphers` that lets in nothing else; undefined where no suite of TLSv1.2 is good enough. */
  readonly sslCiphers?: string | undefined;
}

const MOZILLA: CipherProfileSource = {
  document: 'Mozilla Server Side TLS',
  version: '5.7',
  url: 'https://wiki.mozilla.org/Security/Server_Side_TLS',
};

const MOZILLA_MODERN = ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256'] as const;

const PROFILES: Readonly<Record<CipherProfileName, CipherProfile>> = {
  'mozilla-modern': { source: MOZILLA, suites: new Set(MOZILLA_MODERN), allowsCbc: false },
  'mozilla-intermediate': {
    source: MOZILLA,
    suites: new Set([
      ...MOZILLA_MODERN,
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
    allowsCbc: false,
    sslCiphers: 'ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:DHE+CHACHA20',
  },
  // Section 3.3.1.1 for TLSv1.2 and servers with ECDSA or RSA certificates, 3.3.1.2 for TLSv1.3. Left out is what the
  // section lists for certificates with DSA, DH and static ECDH keys: FIPS 186-5 has withdrawn DSA, and OpenSSL the
  // others. It prefers GCM and CCM and allows CBC; it lists no ChaCha20 (not a NIST algorithm), and leaves RSA key
  // transport to its appendix D, as deprecated.
  'nist-sp-800-52r2': {
    source: {
      document: 'NIST SP 800-52',
      version: 'Revision 2 (August 2019), sections 3.3.1.1 and 3.3.1.2',
      url: 'https://doi.org/10.6028/NIST.SP.800-52r2',
    },
    suites: new Set([
      'TLS_AES_128_GCM_SHA256',
      'TLS_AES_256_GCM_SHA384',
      'TLS_AES_128_CCM_SHA256',
      'TLS_AES_128_CCM_8_SHA256',
      'ECDHE-ECDSA-AES128-GCM-SHA256',
      'ECDHE-ECDSA-AES256-GCM-SHA384',
      'ECDHE-ECDSA-AES128-CCM',
      'ECDHE-ECDSA-AES256-CCM',
      'ECDHE-ECDSA-AES128-CCM8',
      'ECDHE-ECDSA-AES256-CCM8',
      'ECDHE-ECDSA-AES128-SHA256',
      'ECDHE-ECDSA-AES256-SHA384',
      'ECDHE-ECDSA-AES128-SHA',
      'ECDHE-ECDSA-AES256-SHA',
      'ECDHE-RSA-AES128-GCM-SHA256',
      'ECDHE-RSA-AES256-GCM-SHA384',
      'DHE-RSA-AES128-GCM-SHA256',
      'DHE-RSA-AES256-GCM-SHA384',
      'DHE-RSA-AES128-CCM',
      'DHE-RSA-AES256-CCM',
      'DHE-RSA-AES128-CCM8',
      'DHE-RSA-AES256-CCM8',
      'ECDHE-RSA-AES128-SHA256',
      'ECDHE-RSA-AES256-SHA384',
      'DHE-RSA-AES128-SHA256',
      'DHE-RSA-AES256-SHA256',
      'ECDHE-RSA-AES128-SHA',
      'ECDHE-RSA-AES256-SHA',
      'DHE-RSA-AES128-SHA',
      'DHE-RSA-AES256-SHA',
    ]),
    allowsCbc: true,
    sslCiphers: 'ECDHE+AESGCM:DHE+AESGCM',
  },
};

export function cipherProfile(name: CipherProfileName): CipherProfile {
  return PROFILES[name];
}
