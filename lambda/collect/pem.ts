// PEM texts: CA bundles and client certificates, as people paste them into secrets and files.

import { createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto';
import { AuditFailure, type FailureCause } from '../model/failure.ts';

const BLOCK = /^-----BEGIN ([A-Z0-9 ]+)-----([\s\S]*?)(?:-----END \1-----|$)/;
const DER_SEQUENCE = 0x30;

/**
 * The certificates of a CA bundle: one or many PEM blocks, or one DER certificate.
 *
 * @param source for people, e.g. `CA bundle in secret shared/rds-ca`
 * @throws AuditFailure with the cause `ca-bundle-unusable` when it holds no certificate, a broken one, or a private key
 */
export function parseCaBundle(content: string | Uint8Array, source: string): readonly X509Certificate[] {
  const fail = (problem: string, remedy: string, cause?: unknown): AuditFailure =>
    failure('ca-bundle-unusable', `The ${source} ${problem}`, remedy, cause);
  const blocks = pemBlocks(content);
  if (blocks.length === 0 && typeof content !== 'string' && content[0] === DER_SEQUENCE) {
    const certificate = readCertificate(content, (cause) =>
      fail('is binary but not a DER certificate', 'store PEM text', cause),
    );
    if (certificate.raw.length === content.length) return [certificate];
    throw fail('holds more than one DER certificate', 'store several certificates as PEM text');
  }
  if (blocks.some(({ label }) => label.endsWith('PRIVATE KEY'))) {
    throw fail(
      'holds a private key: a CA bundle is public and holds certificates only',
      'remove the key from it, and replace that key if others could read the bundle',
    );
  }
  const certificates = blocks.filter(({ label }) => label.endsWith('CERTIFICATE'));
  if (certificates.length === 0) {
    throw fail('holds no certificate', 'store the PEM text of the CA, from -----BEGIN CERTIFICATE----- on');
  }
  return certificates.map(({ pem }, index) =>
    readCertificate(pem, (cause) =>
      fail(
        `holds a broken certificate (number ${index + 1} of ${certificates.length})`,
        'store it again, whole',
        cause,
      ),
    ),
  );
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

/**
 * The auditor's own certificate and private key for mutual TLS: JSON with `certificate` and `privateKey` (and
 * `passphrase` where the key is encrypted), or one PEM text with both.
 *
 * @throws AuditFailure with the cause `client-certificate-unusable`
 */
export function parseClientCertificate(content: string | Uint8Array, source: string): ClientCertificate {
  const fail = (problem: string, remedy: string): AuditFailure =>
    failure('client-certificate-unusable', `The ${source} ${problem}`, remedy);
  const text = asText(content);
  const fields = jsonFields(text);
  const passphrase = fields?.passphrase;
  const pem =
    fields === undefined ? text : [...CERTIFICATE_KEYS, ...KEY_KEYS].map((name) => fields[name] ?? '').join('\n');
  const blocks = pemBlocks(pem);
  const certificates = blocks.filter(({ label }) => label.endsWith('CERTIFICATE'));
  const [keyBlock, ...moreKeys] = blocks.filter(({ label }) => label.endsWith('PRIVATE KEY'));
  const [leaf] = certificates.map(({ pem }) =>
    readCertificate(pem, () => fail('holds a broken certificate', 'store it again, whole')),
  );
  if (leaf === undefined)
    throw fail('holds no certificate', 'store JSON with "certificate" and "privateKey" as PEM texts');
  if (keyBlock === undefined)
    throw fail('holds no private key', 'store JSON with "certificate" and "privateKey" as PEM texts');
  if (moreKeys.length > 0) throw fail('holds several private keys', 'store the one that belongs to the certificate');
  let key: KeyObject;
  try {
    key = createPrivateKey({ key: keyBlock.pem, ...(passphrase === undefined ? {} : { passphrase }) });
  } catch {
    // OpenSSL's message is dropped: it adds nothing to this one, and it was made while reading a private key.
    throw fail('holds a private key that cannot be read', 'store it whole; if it is encrypted, add "passphrase"');
  }
  if (!leaf.checkPrivateKey(key)) {
    throw fail('holds a private key of another certificate', 'store the key that belongs to the certificate');
  }
  return { cert: certificates.map((block) => block.pem).join('\n'), key, leaf };
}

interface PemBlock {
  readonly label: string;
  readonly pem: string;
}

/** One for each BEGIN, whole or not: what was cut off must be noticed, not dropped. */
function pemBlocks(content: string | Uint8Array): readonly PemBlock[] {
  // Consoles and scripts often store the two characters \n where a line ends.
  const text = asText(content).replaceAll('\\r', '').replaceAll('\\n', '\n');
  return text.split(/(?=-----BEGIN )/).flatMap((part) => {
    const [pem, label, body = ''] = BLOCK.exec(part) ?? [];
    if (pem === undefined || label === undefined) return [];
    const end = `-----END ${label}-----`;
    // Forms of one line store a space where a line ends. Headers, which encrypted keys may have, hold spaces of their own.
    const lines = body.includes(':') ? body : `\n${body.trim().replaceAll(/\s+/g, '\n')}\n`;
    return [{ label, pem: `-----BEGIN ${label}-----${lines}${pem.endsWith(end) ? end : ''}` }];
  });
}

function readCertificate(content: string | Uint8Array, fail: (cause: unknown) => AuditFailure): X509Certificate {
  try {
    return new X509Certificate(content);
  } catch (error) {
    throw fail(error);
  }
}

/** The texts of a JSON object, or undefined when the text is no JSON object. */
export function jsonFields(text: string): Readonly<Record<string, string>> | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    const json: unknown = JSON.parse(text);
    return Object.fromEntries(
      Object.entries(json as object).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    );
  } catch {
    return undefined;
  }
}

export function asText(content: string | Uint8Array): string {
  return typeof content === 'string' ? content : new TextDecoder().decode(content);
}

function failure(cause: FailureCause, message: string, remedy: string, error?: unknown): AuditFailure {
  return new AuditFailure({ cause, phase: 'secrets', message, remedy }, { cause: error });
}
