// What a TLS session to a target is verified with: its CAs, and our own certificate where the target wants one.

import type { X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext } from 'node:tls';
import type { CertificateFacts } from '../model/certificate.ts';
import { AuditFailure, type FailureCause } from '../model/failure.ts';
import { showName, showPath } from '../model/given-text.ts';
import type { TrustFacts } from '../model/snapshot.ts';
import type { CaSource, ClientCertificateSource } from '../model/target.ts';
import { certificateFacts } from './certificate-facts.ts';
import { asText, type ClientCertificate, jsonFields, parseCaBundle, parseClientCertificate } from './pem.ts';
import { describeSource, type SourceReader } from './sources.ts';

/** The lowest version we speak: RFC 8996 deprecates those before. Not a setting. */
export const MIN_VERSION = 'TLSv1.2';

export interface Trust {
  /** CAs, minimum version and client certificate, built once for all targets that share them. */
  readonly context: SecureContext;
  /** PEM of every CA that the context trusts, for contexts of other versions. */
  readonly roots: readonly string[];
  /** The bundle's own certificates, to explain what it lacks; undefined when the system's roots are trusted too. */
  readonly bundle: readonly X509Certificate[] | undefined;
  /** The same for the checks. */
  readonly facts: TrustFacts;
  /** The auditor's own certificate, where it has one for the target. */
  readonly clientCertificate: CertificateFacts | undefined;
}

export interface TrustStore {
  /** @throws AuditFailure with the cause `ca-bundle-unusable`, `client-certificate-unusable` or one of a secret */
  trustFor(ca: readonly CaSource[], clientCertificate: ClientCertificateSource | undefined): Promise<Trust>;
}

/** Builds each context once: it costs 0.6 ms with three roots and 10 ms with the system's. */
export function createTrustStore(sources: SourceReader): TrustStore {
  const built = new Map<string, Promise<Trust>>();
  return {
    trustFor: (ca, clientCertificate) => {
      const key = JSON.stringify([ca, clientCertificate]);
      const existing = built.get(key);
      if (existing !== undefined) return existing;
      const trust = buildTrust(sources, ca, clientCertificate);
      built.set(key, trust);
      // A failure is for those who asked; it is not kept, so that a retry asks again.
      trust.catch(() => built.delete(key));
      return trust;
    },
  };
}

async function buildTrust(
  sources: SourceReader,
  ca: readonly CaSource[],
  clientCertificate: ClientCertificateSource | undefined,
): Promise<Trust> {
  const [bundles, client] = await Promise.all([
    Promise.all(ca.filter((source) => source !== 'system').map((source) => readCaBundle(sources, source))),
    clientCertificate === undefined ? undefined : readClientCertificate(sources, clientCertificate),
  ]);
  const system = ca.includes('system');
  const bundle = bundles.flat();
  const roots = [...bundle.map((certificate) => certificate.toString()), ...(system ? systemRoots() : [])];
  try {
    const context = createSecureContext({
      ca: roots,
      minVersion: MIN_VERSION,
      ...(client === undefined ? {} : { cert: client.cert, key: client.key.export({ type: 'pkcs8', format: 'pem' }) }),
    });
    return {
      context,
      roots,
      bundle: system ? undefined : bundle,
      facts: { system, bundle: bundle.map(certificateFacts) },
      clientCertificate: client === undefined ? undefined : certificateFacts(client.leaf),
    };
  } catch (error) {
    throw new AuditFailure(
      {
        cause: client === undefined ? 'ca-bundle-unusable' : 'client-certificate-unusable',
        phase: 'secrets',
        message: 'OpenSSL refuses the CA bundle or the client certificate',
        remedy: 'replace certificates with keys or signatures that are too weak (RSA under 2048 bits, SHA-1)',
      },
      { cause: error },
    );
  }
}

let roots: string[] | undefined;

/** Node's bundled roots and the operating system's store, each once. */
function systemRoots(): readonly string[] {
  roots ??= [...new Set([...getCACertificates('bundled'), ...getCACertificates('system')])];
  return roots;
}

async function readCaBundle(
  sources: SourceReader,
  source: Exclude<CaSource, 'system'>,
): Promise<readonly X509Certificate[]> {
  const label = `CA bundle in ${describeSource(source)}`;
  if (!('secret' in source)) {
    return parseCaBundle(await readPem(sources, source.file, 'ca-bundle-unusable', label), label);
  }
  const content = await sources.read(source);
  const fields = jsonFields(asText(content));
  if (source.key === undefined) {
    // JSON without a named key: the text holds the PEM somewhere, and pemBlocks finds it.
    return parseCaBundle(fields === undefined ? content : Object.values(fields).join('\n'), label);
  }
  const names = Object.keys(fields ?? {});
  const value = names.includes(source.key) ? fields?.[source.key] : undefined;
  if (value !== undefined) return parseCaBundle(value, label);
  throw new AuditFailure({
    cause: 'ca-bundle-unusable',
    phase: 'secrets',
    message: `The ${label} has no field ${showName(source.key)}`,
    remedy:
      fields === undefined
        ? 'the secret is no JSON: remove "key"'
        : `it has${names.length === 0 ? ' none' : `: ${names.slice(0, 20).map(showName).join(', ')}`}`,
  });
}

/** What is missing is no secret, but what the file was to hold. */
async function readPem(
  sources: SourceReader,
  file: string,
  cause: FailureCause,
  label: string,
): Promise<string | Uint8Array> {
  try {
    return await sources.read({ file });
  } catch (error) {
    if (!(error instanceof AuditFailure)) throw error;
    const { code = 'unreadable' } = (error.cause ?? {}) as NodeJS.ErrnoException;
    const message = `The ${label} cannot be read (${code})`;
    const remedy = 'check the path and its permissions: it must be a PEM file';
    throw new AuditFailure({ cause, phase: 'secrets', message, remedy }, { cause: error.cause });
  }
}

async function readClientCertificate(
  sources: SourceReader,
  source: ClientCertificateSource,
): Promise<ClientCertificate> {
  if ('secret' in source) {
    return parseClientCertificate(await sources.read(source), `client certificate in ${describeSource(source)}`);
  }
  const cause = 'client-certificate-unusable';
  const [certificate, key] = await Promise.all([
    readPem(sources, source.certificateFile, cause, `client certificate in file ${showPath(source.certificateFile)}`),
    readPem(sources, source.keyFile, cause, `key of the client certificate in file ${showPath(source.keyFile)}`),
  ]);
  const label = `client certificate in files ${showPath(source.certificateFile)} and ${showPath(source.keyFile)}`;
  return parseClientCertificate(`${asText(certificate)}\n${asText(key)}`, label);
}
