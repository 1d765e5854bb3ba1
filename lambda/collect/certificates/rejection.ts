// Explains why OpenSSL rejects a certificate whose issuer is trusted, by error code, OpenSSL sentence and chain.

import type { X509Certificate } from 'node:crypto';
import type { CertificateFacts } from '../../model/certificate.ts';
import { displayText } from '../../model/display.ts';
import { type CertificateExtension, certificateFields } from './certificate-der.ts';
import { certificateFacts } from './certificate-facts.ts';
import { DerError, INTEGER, partsOf, readDer, SEQUENCE } from './der.ts';

export interface Rejection {
  /** To follow "The certificate of <host> is rejected: ". */
  readonly what: string;
  readonly remedy: string;
}

/** What is known of a rejected certificate. */
export interface Rejected {
  /** As Node passes it on: of X509_V_ERR_*, or `UNSPECIFIED`. */
  readonly code: string;
  /** OpenSSL's sentence (X509_verify_cert_error_string). */
  readonly said: string;
  /** Leaf first, as presented, then issuers from the CA bundle as far as they are known. */
  readonly chain: readonly X509Certificate[];
}

const BASIC_CONSTRAINTS = '2.5.29.19';
const NAME_CONSTRAINTS = '2.5.29.30';

/** Extensions that OpenSSL 3 knows (X509_supported_extension); any other that is critical refuses the certificate. */
const KNOWN_EXTENSIONS: ReadonlySet<string> = new Set([
  '2.16.840.1.113730.1.1',
  '2.5.29.15',
  '2.5.29.17',
  BASIC_CONSTRAINTS,
  NAME_CONSTRAINTS,
  '2.5.29.31',
  '2.5.29.32',
  '2.5.29.33',
  '2.5.29.35',
  '2.5.29.36',
  '2.5.29.37',
  '2.5.29.54',
  '1.3.6.1.5.5.7.1.7',
  '1.3.6.1.5.5.7.1.8',
  '1.3.6.1.5.5.7.1.14',
]);

/** One kind of rejection: how OpenSSL calls it, and what to say of it. */
interface Rule {
  readonly code?: string;
  readonly said?: RegExp;
  readonly explain: (chain: readonly X509Certificate[]) => Rejection;
}

const REISSUE_CA = 'have the CA issue its certificate anew, or the server certificate from another CA';
const STRONGER = 'with an EC P-256 or RSA 2048 key and a SHA-256 signature';

const RULES: readonly Rule[] = [
  {
    code: 'INVALID_CA',
    said: /invalid CA certificate|CA markings/i,
    explain: (chain) => noAuthority(issuers(chain).find(({ ca }) => !ca)),
  },
  {
    said: /certificate signing|keycertsign/i,
    explain: (chain) => ({
      what: `${named(issuers(chain)[0], 'the certificate above it')} may not sign certificates (its key usage lacks keyCertSign)`,
      remedy: REISSUE_CA,
    }),
  },
  {
    code: 'PATH_LENGTH_EXCEEDED',
    said: /path length/i,
    explain: (chain) => ({
      what: `more CAs stand between it and the root than ${named(tooShort(chain), 'a CA of the chain')} allows (path length)`,
      remedy:
        'issue the server certificate from a CA nearer to the root, or have the CA above issued with a larger path length',
    }),
  },
  {
    said: /subtree violation|name constraint|minimum and maximum/i,
    explain: (chain) => ({
      what: `its names are outside of what ${named(having(chain, NAME_CONSTRAINTS), 'a CA of the chain')} may issue for (name constraints)`,
      remedy:
        'issue the server certificate from a CA that may issue for these names, or with names that this CA allows',
    }),
  },
  {
    said: /critical extension/i,
    explain: (chain) => {
      const [certificate, extension] = unknownCritical(chain);
      const id = extension === undefined ? '' : ` (${displayText(extension.id, 60)})`;
      return {
        what: `${named(certificate, 'a certificate of the chain')} has a critical extension${id} that OpenSSL does not know`,
        remedy: 'have that certificate issued without it, or not marked as critical',
      };
    },
  },
  {
    code: 'INVALID_PURPOSE',
    said: /purpose/i,
    explain: (chain) => {
      const other = chain.find(isForOtherUse);
      // Of an issuer that is no CA OpenSSL says this too.
      const foreignAuthority = issuers(chain).find(({ ca }) => !ca);
      if (other === undefined && foreignAuthority !== undefined) return noAuthority(foreignAuthority);
      return {
        what: `${named(other, 'a certificate of the chain')} is not for server authentication (extended key usage)`,
        remedy:
          'issue the certificate for server authentication: extendedKeyUsage = serverAuth, or without that extension',
      };
    },
  },
  {
    said: /digest algorithm too weak|md too weak/i,
    explain: () => ({
      what: 'it or an issuer is signed with SHA-1 or MD5, whose signatures can be forged',
      remedy: `have it issued anew for server authentication ${STRONGER}`,
    }),
  },
  {
    said: /CA certificate key too weak/i,
    explain: (chain) => ({
      what: `the key of ${named(issuers(chain)[0], 'a CA of the chain')} or of a CA above is too weak`,
      remedy: `move to a CA ${STRONGER}`,
    }),
  },
  {
    said: /key too weak/i,
    explain: () => ({
      what: 'its key is too weak',
      remedy: `issue a certificate for server authentication ${STRONGER}`,
    }),
  },
  {
    said: /explicit.*(?:EC|parameters)/i,
    explain: () => ({
      what: 'the curve of a key is given by its parameters instead of its name',
      remedy: 'issue the certificate with a named curve: openssl ecparam -name prime256v1 -param_enc named_curve',
    }),
  },
  {
    code: 'CERT_SIGNATURE_FAILURE',
    said: /signature failure/i,
    explain: () => ({
      what: 'a signature in the chain is wrong: a certificate was changed after it was signed, or its issuer has a new key',
      remedy: 'compare the chain with what the CA issued, and treat it as an attack until that is done',
    }),
  },
  {
    said: /(?:not ?before|not ?after) field/i,
    explain: () => ({
      what: 'a date of a certificate of the chain cannot be read',
      remedy: 'have that certificate issued anew',
    }),
  },
  {
    code: 'CERT_CHAIN_TOO_LONG',
    explain: () => ({ what: 'the chain is too long', remedy: 'send the certificate and its intermediates only' }),
  },
];

function noAuthority(certificate: X509Certificate | undefined): Rejection {
  return {
    what: `${named(certificate, 'a certificate above it')} signed another one, and is no CA's (basicConstraints CA:TRUE is missing)`,
    remedy: 'issue the server certificate from a CA certificate with CA:TRUE, and trust that one',
  };
}

/** The first rule that fits; OpenSSL's sentence where none does. */
export function explainRejection({ code, said, chain }: Rejected): Rejection {
  const rule = RULES.find((candidate) => candidate.code === code || candidate.said?.test(said) === true);
  const { what, remedy } = rule?.explain(chain) ?? {
    what: 'OpenSSL does not accept it',
    remedy: `issue a certificate for server authentication ${STRONGER}`,
  };
  return { what: `${what} (OpenSSL: ${displayText(said, 120)}${leafKey(chain[0])})`, remedy };
}

/** What can be seen of the leaf that often explains it. */
function leafKey(leaf: X509Certificate | undefined): string {
  if (leaf === undefined) return '';
  const { publicKey, signatureAlgorithm }: CertificateFacts = certificateFacts(leaf);
  const bits = publicKey.bits === undefined ? '' : ` ${publicKey.bits}`;
  return `; ${publicKey.type}${bits}, ${displayText(signatureAlgorithm ?? 'unknown signature', 60)}`;
}

function issuers(chain: readonly X509Certificate[]): readonly X509Certificate[] {
  return chain.slice(1);
}

function named(certificate: X509Certificate | undefined, otherwise: string): string {
  if (certificate === undefined) return otherwise;
  const { subject } = certificateFacts(certificate);
  return subject === '' ? otherwise : displayText(subject, 120);
}

function extensionsOf({ raw }: X509Certificate): readonly CertificateExtension[] {
  try {
    return certificateFields(raw).extensions;
  } catch (error) {
    if (error instanceof DerError) return [];
    throw error;
  }
}

function having(chain: readonly X509Certificate[], id: string): X509Certificate | undefined {
  return issuers(chain).find((certificate) => extensionsOf(certificate).some((extension) => extension.id === id));
}

/** The first CA that has more CAs below it than its path length allows. */
function tooShort(chain: readonly X509Certificate[]): X509Certificate | undefined {
  return issuers(chain).find((certificate, below) => below > (pathLength(certificate) ?? Number.POSITIVE_INFINITY));
}

function pathLength(certificate: X509Certificate): number | undefined {
  const constraints = extensionsOf(certificate).find(({ id }) => id === BASIC_CONSTRAINTS);
  if (constraints === undefined) return undefined;
  try {
    const length = partsOf(readDer(constraints.value), SEQUENCE).find(({ tag }) => tag === INTEGER);
    return length?.content.reduce((sum, octet) => sum * 256 + octet, 0);
  } catch (error) {
    if (error instanceof DerError) return undefined;
    throw error;
  }
}

function unknownCritical(
  chain: readonly X509Certificate[],
): readonly [X509Certificate | undefined, CertificateExtension | undefined] {
  for (const certificate of chain) {
    const extension = extensionsOf(certificate).find(({ id, critical }) => critical && !KNOWN_EXTENSIONS.has(id));
    if (extension !== undefined) return [certificate, extension];
  }
  return [undefined, undefined];
}

/** serverAuth, and what OpenSSL takes for it besides: the old "server gated crypto". Not anyExtendedKeyUsage. */
const SERVER_USES = ['1.3.6.1.5.5.7.3.1', '1.3.6.1.4.1.311.10.3.3', '2.16.840.1.113730.4.1'];

function isForOtherUse({ keyUsage }: X509Certificate): boolean {
  // node:crypto calls the extended key usage so.
  const uses: readonly string[] | undefined = keyUsage;
  return uses !== undefined && !uses.some((use) => SERVER_USES.includes(use));
}
