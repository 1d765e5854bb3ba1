// Reads CA bundles and client certificates from secrets and files. Errors never quote what was read.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { AuditFailure, type FailureCause } from '../../model/failure.ts';
import { chainFrom } from '../certificates/certificate-chain.ts';
import { certificateProblem } from '../certificates/certificate-facts.ts';
import { isOverstretched } from './key-stretching.ts';
import { asText, certificatesOfSet, jsonFields, type Piece, type PieceKind, piecesOf } from './stored-pieces.ts';

/** A CA bundle: what of it can vouch, and what cannot. */
export interface CaBundle {
  /** At least one. */
  readonly certificates: readonly X509Certificate[];
  /** Well-formed certificates that OpenSSL can verify nothing with. */
  readonly unusable: readonly { readonly certificate: X509Certificate; readonly problem: string }[];
}

/**
 * The certificates of a CA bundle: PEM, PKCS #7, one DER certificate, or base64 of these.
 *
 * One whose key or dates can't be read is left out and reported: libpq and OpenSSL take the file, and use the others.
 *
 * @param source for people, e.g. `CA bundle in secret shared/rds-ca`
 * @throws AuditFailure with the cause `ca-bundle-unusable` when it holds no usable certificate, a broken one, or a
 *   private key
 */
export function parseCaBundle(content: string | Uint8Array, source: string): CaBundle {
  const fail = (problem: string, remedy: string, cause?: unknown): AuditFailure =>
    failure('ca-bundle-unusable', `The ${source} ${problem}`, remedy, cause);
  const pieces = piecesOf(content);
  if (pieces.some(({ kind }) => kind === 'private-key' || kind === 'encrypted-private-key')) {
    throw fail(
      'holds a private key: a CA bundle is public and holds certificates only',
      'remove the key from it, and replace that key if others could read the bundle',
    );
  }
  const certificates = readCertificates(pieces, fail);
  if (certificates.length === 0) throw fail(...withoutCertificate(pieces));
  const checked = certificates.map((certificate) => ({ certificate, problem: certificateProblem(certificate) }));
  const unusable = checked.flatMap(({ certificate, problem }) =>
    problem === undefined ? [] : [{ certificate, problem }],
  );
  if (unusable.length === checked.length) {
    const problems = [...new Set(unusable.map(({ problem }) => problem))].join('; ');
    throw fail(
      `holds no certificate that can be used: ${problems}`,
      'store the CA certificate that issued the server certificate, with an RSA or EC key',
    );
  }
  return {
    certificates: checked.flatMap(({ certificate, problem }) => (problem === undefined ? certificate : [])),
    unusable,
  };
}

/** A client certificate with its key, ready for a TLS context. Holds key material: never print it. */
export interface ClientCertificate {
  /** The chain, leaf first, as PEM. */
  readonly cert: string;
  readonly key: KeyObject;
  readonly leaf: X509Certificate;
}

/** Fields under which a JSON secret may hold the parts, in order of preference. */
const CERTIFICATE_KEYS = ['certificate', 'cert', 'tls.crt', 'clientCertificate'];
const KEY_KEYS = ['privateKey', 'private_key', 'key', 'tls.key', 'clientKey'];
const PASSPHRASE_KEYS = ['passphrase', 'keyPassphrase', 'privateKeyPassphrase'];

const AS_JSON = 'store JSON with "certificate" and "privateKey" as PEM texts';

/**
 * The auditor's own certificate and private key for mutual TLS: JSON with `certificate` and `privateKey` (and
 * `passphrase` where the key is encrypted), or one text with both. The certificate is the one that fits the key,
 * wherever it stands; its issuers follow it in their order.
 *
 * @param contents what is stored: one text with all, or one for each part
 * @param passphrase of an encrypted key, where it is not in the JSON
 * @throws AuditFailure with the cause `client-certificate-unusable`
 */
export function parseClientCertificate(
  contents: readonly (string | Uint8Array)[],
  source: string,
  passphrase?: string,
): ClientCertificate {
  const fail = (problem: string, remedy: string): AuditFailure =>
    failure('client-certificate-unusable', `The ${source} ${problem}`, remedy);
  const fields = contents.length === 1 ? jsonFields(asText(contents[0] ?? '')) : undefined;
  const parts =
    fields === undefined ? contents : [...CERTIFICATE_KEYS, ...KEY_KEYS].flatMap((name) => fields[name] ?? []);
  const pieces = parts.flatMap((part) => piecesOf(part));
  const certificates = readCertificates(pieces, fail);
  const [keyPiece, ...moreKeys] = pieces.filter(
    ({ kind }) => kind === 'private-key' || kind === 'encrypted-private-key',
  );
  if (certificates.length === 0) {
    const [problem, remedy] = withoutCertificate(pieces);
    throw fail(problem, pieces.some(({ kind }) => kind === 'key-store') ? remedy : AS_JSON);
  }
  if (keyPiece === undefined) throw fail('holds no private key', AS_JSON);
  if (moreKeys.length > 0) throw fail('holds several private keys', 'store the one that belongs to the certificate');
  const given = passphrase ?? PASSPHRASE_KEYS.flatMap((name) => fields?.[name] ?? [])[0];
  const key = readPrivateKey(keyPiece, given, fail);
  const leaf = certificates.find((certificate) => fits(certificate, key));
  if (leaf === undefined) {
    throw fail('holds a private key of another certificate', 'store the key that belongs to the certificate');
  }
  return { cert: inOrder(leaf, certificates).map(String).join(''), key, leaf };
}

function readPrivateKey(
  { kind, content }: Piece,
  passphrase: string | undefined,
  fail: (problem: string, remedy: string) => AuditFailure,
): KeyObject {
  if (passphrase !== undefined && isOverstretched(content)) {
    throw fail(
      'holds an encrypted private key whose passphrase would take too long to try, or whose encryption cannot be read',
      'encrypt the key again with at most 1,000,000 iterations (openssl pkcs8 -topk8 -iter 600000)',
    );
  }
  const secret = passphrase === undefined ? {} : { passphrase };
  const attempts =
    typeof content === 'string'
      ? [{ key: content, ...secret }]
      : (['pkcs8', 'pkcs1', 'sec1'] as const).map((type) => ({
          key: Buffer.from(content),
          format: 'der' as const,
          type,
          ...secret,
        }));
  for (const attempt of attempts) {
    try {
      return createPrivateKey(attempt);
    } catch {
      // OpenSSL's message is dropped: it adds nothing to ours, and it was made while reading a private key.
    }
  }
  if (kind === 'private-key') throw fail('holds a private key that cannot be read', 'store it again, whole');
  throw passphrase === undefined
    ? fail(
        'holds an encrypted private key, which cannot be read without its passphrase',
        'add "passphrase" to the JSON of the secret; for files "keyPassphrase" of "clientCertificate", or on the command line --client-key-passphrase-file or PGSSLPASSWORD',
      )
    : fail(
        'holds an encrypted private key, which cannot be read with the passphrase given',
        'correct the passphrase, or store the key again, whole',
      );
}

function fits(certificate: X509Certificate, key: KeyObject): boolean {
  try {
    return certificate.checkPrivateKey(key);
  } catch {
    // Its own key can't be read.
    return false;
  }
}

/** The certificate, its issuers upwards as far as they are there, then what is left, as stored. */
function inOrder(leaf: X509Certificate, certificates: readonly X509Certificate[]): readonly X509Certificate[] {
  const chain = chainFrom(leaf, certificates);
  const taken = new Set(chain.map(({ fingerprint256 }) => fingerprint256));
  const rest = new Map(certificates.map((certificate) => [certificate.fingerprint256, certificate]));
  return [...chain, ...[...rest.values()].filter(({ fingerprint256 }) => !taken.has(fingerprint256))];
}

/** Every certificate of the pieces, in order. */
function readCertificates(
  pieces: readonly Piece[],
  fail: (problem: string, remedy: string, cause?: unknown) => AuditFailure,
): readonly X509Certificate[] {
  const count = pieces.filter(({ kind }) => kind === 'certificate').length;
  let number = 0;
  return pieces.flatMap(({ kind, content }): readonly X509Certificate[] => {
    if (kind === 'certificate-set') return readSet(content, fail);
    if (kind !== 'certificate') return [];
    number += 1;
    let certificate: X509Certificate;
    try {
      certificate = new X509Certificate(content);
    } catch (error) {
      throw typeof content === 'string'
        ? fail(`holds a broken certificate (number ${number} of ${count})`, 'store it again, whole', error)
        : fail('is binary but not a DER certificate', 'store PEM text', error);
    }
    if (typeof content === 'string' || certificate.raw.length === content.length) return [certificate];
    throw fail('holds more than one DER certificate', 'store several certificates as PEM text');
  });
}

function readSet(
  set: string | Uint8Array,
  fail: (problem: string, remedy: string, cause?: unknown) => AuditFailure,
): readonly X509Certificate[] {
  try {
    return certificatesOfSet(Buffer.from(set)).map((der) => new X509Certificate(der));
  } catch (error) {
    throw fail(
      'is PKCS #7 that cannot be read',
      'store PEM text: openssl pkcs7 -in <file> -print_certs (with -inform DER where it is binary)',
      error,
    );
  }
}

/** What is there instead of a certificate, and what to store. By kind, in order of preference. */
const INSTEAD: readonly (readonly [PieceKind, problem: string, remedy: string])[] = [
  [
    'key-store',
    'holds no certificate but a key store (PKCS #12 or Java)',
    'store PEM text: openssl pkcs12 -in <file> -nokeys for the certificates, keytool -exportcert -rfc for a Java key store',
  ],
  [
    'revocation-list',
    'holds no certificate but a certificate revocation list',
    'store the PEM text of the CA; the revocation list goes where "crl" points',
  ],
  ['binary', 'is binary but not a DER certificate', 'store PEM text'],
];

function withoutCertificate(pieces: readonly Piece[]): readonly [problem: string, remedy: string] {
  for (const [kind, problem, remedy] of INSTEAD) {
    if (pieces.some((piece) => piece.kind === kind)) return [problem, remedy];
  }
  return ['holds no certificate', 'store the PEM text of the CA, from -----BEGIN CERTIFICATE----- on'];
}

function failure(cause: FailureCause, message: string, remedy: string, error?: unknown): AuditFailure {
  return new AuditFailure({ cause, phase: 'secrets', message, remedy }, { cause: error });
}
