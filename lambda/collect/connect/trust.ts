// Reads what a target's TLS session is verified with: CA bundle, revocation lists and our client certificate.

import { createHash, type X509Certificate } from 'node:crypto';
import { createSecureContext, getCACertificates, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { CertificateFacts } from '../../model/certificate.ts';
import { AuditFailure, type FailureCause } from '../../model/failure.ts';
import { showName, showPath } from '../../model/given-text.ts';
import { Recent } from '../../model/recent.ts';
import type { TrustFacts, UnusableCertificate } from '../../model/snapshot.ts';
import type { CaSource, ClientCertificateSource, CrlSource } from '../../model/target.ts';
import { certificateFacts } from '../certificates/certificate-facts.ts';
import { type CaBundle, type ClientCertificate, parseCaBundle, parseClientCertificate } from '../secrets/pem.ts';
import { describeSource, type SourceReader } from '../secrets/sources.ts';
import { asText, jsonFields } from '../secrets/stored-pieces.ts';
import { parseRevocationLists, type RevocationList } from './revocation.ts';

/** The lowest version we speak: RFC 8996 deprecates those before. Not a setting. */
export const MIN_VERSION = 'TLSv1.2';
const MAX_VERSION = 'TLSv1.3';

/**
 * Node's own list, written out: OPENSSL_CONF and `NODE_OPTIONS=--tls-cipher-list` change what is not given. Security
 * level 2 refuses keys and signatures of less than 112 bits (OpenSSL, SSL_CTX_set_security_level).
 */
const CIPHERS = [
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
  'TLS_AES_128_GCM_SHA256',
  'ECDHE-RSA-AES128-GCM-SHA256',
  'ECDHE-ECDSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES256-GCM-SHA384',
  'ECDHE-ECDSA-AES256-GCM-SHA384',
  'DHE-RSA-AES128-GCM-SHA256',
  'ECDHE-RSA-AES128-SHA256',
  'DHE-RSA-AES128-SHA256',
  'ECDHE-RSA-AES256-SHA384',
  'DHE-RSA-AES256-SHA384',
  'ECDHE-RSA-AES256-SHA256',
  'DHE-RSA-AES256-SHA256',
  'HIGH',
  ...['aNULL', 'eNULL', 'EXPORT', 'DES', 'RC4', 'MD5', 'PSK', 'SRP', 'CAMELLIA'].map((excluded) => `!${excluded}`),
  '@SECLEVEL=2',
].join(':');

/** What we offer a server, whatever the environment says. */
export const OFFER: Pick<SecureContextOptions, 'minVersion' | 'maxVersion' | 'ciphers'> = {
  minVersion: MIN_VERSION,
  maxVersion: MAX_VERSION,
  ciphers: CIPHERS,
};

export interface Trust {
  /** CAs, minimum version and client certificate, built once for all targets that share them. */
  readonly context: SecureContext;
  /** PEM of every CA that the context trusts, for contexts of other versions. */
  readonly roots: readonly string[];
  /** The bundle's own certificates, also where the system's roots are trusted too. */
  readonly anchors: readonly X509Certificate[];
  /** The same, to explain what the bundle lacks; undefined when the system's roots are trusted too. */
  readonly bundle: readonly X509Certificate[] | undefined;
  /** Empty where no revocation is checked. */
  readonly revocationLists: readonly RevocationList[];
  /** The same for the checks. */
  readonly facts: TrustFacts;
  /** The auditor's own certificate, where it has one for the target. */
  readonly clientCertificate: CertificateFacts | undefined;
}

export interface TrustStore {
  /**
   * @throws AuditFailure with the cause `ca-bundle-unusable`, `client-certificate-unusable`, `crl-unusable` or one of a
   *   secret
   */
  trustFor(
    ca: readonly CaSource[],
    clientCertificate: ClientCertificateSource | undefined,
    crl?: readonly CrlSource[],
  ): Promise<Trust>;
}

/** Builds each context once: it costs 0.6 ms with three roots and 10 ms with the system's. */
export function createTrustStore(sources: SourceReader, environment: ProcessEnvironment = process.env): TrustStore {
  const built = new Map<string, Promise<Trust>>();
  return {
    trustFor: (ca, clientCertificate, crl = []) => {
      const key = JSON.stringify([ca, clientCertificate, crl]);
      const existing = built.get(key);
      if (existing !== undefined) return existing;
      const trust = buildTrust({ sources, environment }, { ca, clientCertificate, crl });
      built.set(key, trust);
      // A failure reaches the callers that wait for it and is not cached, so that a retry asks again.
      trust.catch(() => built.delete(key));
      return trust;
    },
  };
}

async function buildTrust(
  { sources, environment }: { readonly sources: SourceReader; readonly environment: ProcessEnvironment },
  { ca, clientCertificate, crl }: Wanted,
): Promise<Trust> {
  const [read, client, lists] = await Promise.all([
    Promise.all(ca.filter((source) => source !== 'system').map((source) => readCaBundle(sources, source))),
    clientCertificate === undefined ? undefined : readClientCertificate(sources, clientCertificate),
    Promise.all(crl.map((source) => readRevocationLists(sources, source))),
  ]);
  const system = ca.includes('system');
  const leftOut = system ? STORE_VARIABLES.find((name) => (environment[name] ?? '') !== '') : undefined;
  const bundle = read.flatMap(({ certificates }) => certificates);
  const unusable = read.flatMap((one) => one.unusable.map(unusableFacts));
  const revocationLists = lists.flat();
  const roots = [...bundle.map((certificate) => certificate.toString()), ...(system ? systemRoots(leftOut) : [])];
  return {
    context: contextOf(roots, client, revocationLists),
    roots,
    anchors: bundle,
    bundle: system ? undefined : bundle,
    revocationLists,
    facts: {
      system,
      systemStoreLeftOut: leftOut,
      bundle: bundle.map(certificateFacts),
      ...(unusable.length === 0 ? {} : { unusable }),
    },
    clientCertificate: client === undefined ? undefined : certificateFacts(client.leaf),
  };
}

interface Wanted {
  readonly ca: readonly CaSource[];
  readonly clientCertificate: ClientCertificateSource | undefined;
  readonly crl: readonly CrlSource[];
}

function contextOf(
  roots: readonly string[],
  client: ClientCertificate | undefined,
  revocationLists: readonly RevocationList[],
): SecureContext {
  try {
    // What is made of public things only is kept for the next run of the process.
    const isPublic = client === undefined && revocationLists.length === 0;
    return isPublic ? contexts.get(digest(roots), create) : create();
  } catch (error) {
    throw refusedByOpenSsl(error, client);
  }

  function create(): SecureContext {
    return createSecureContext({
      ca: [...roots],
      ...OFFER,
      // Node then sets what libpq sets for sslcrl: X509_V_FLAG_CRL_CHECK and X509_V_FLAG_CRL_CHECK_ALL.
      ...(revocationLists.length === 0 ? {} : { crl: revocationLists.map(({ pem }) => pem) }),
      ...(client === undefined ? {} : { cert: client.cert, key: client.key.export({ type: 'pkcs8', format: 'pem' }) }),
    });
  }
}

/** CA bundles, and contexts that trust them, by a digest of their texts: a run has a few of them. */
const bundles = new Recent<CaBundle>(20);
const contexts = new Recent<SecureContext>(20);

function digest(texts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const text of texts) {
    // Lengths and kinds set the texts apart.
    hash.update(`${typeof text} ${text.length}:`).update(text);
  }
  return hash.digest('base64');
}

/** By OpenSSL's codes: at security level 2 it takes no certificate of ours that is too weak. */
function refusedByOpenSsl(error: unknown, client: ClientCertificate | undefined): AuditFailure {
  const { code = 'unknown error' } = error as NodeJS.ErrnoException;
  const what = /KEY_TOO_SMALL/.test(code)
    ? 'its key or that of an issuer is too weak (RSA under 2048 bits, EC under 224)'
    : /MD_TOO_WEAK/.test(code)
      ? 'it or an issuer is signed with SHA-1 or MD5'
      : 'OpenSSL refuses it';
  return new AuditFailure(
    client === undefined
      ? {
          cause: 'ca-bundle-unusable',
          phase: 'secrets',
          message: `OpenSSL refuses the CA bundle or its revocation lists (${code})`,
          remedy: 'store both again, whole, as PEM text',
        }
      : {
          cause: 'client-certificate-unusable',
          phase: 'secrets',
          message: `The client certificate cannot be used: ${what} (${code})`,
          remedy: 'have a new one issued with a SHA-256 signature and an EC P-256 key; RSA under 2048 bits is too weak',
        },
    { cause: error },
  );
}

function unusableFacts({ certificate, problem }: CaBundle['unusable'][number]): UnusableCertificate {
  const { subject, sha256 } = certificateFacts(certificate);
  return { subject, sha256, problem };
}

/** Node reads the operating system's store from where these point: a file of anyone's would count as the system's. */
const STORE_VARIABLES = ['SSL_CERT_FILE', 'SSL_CERT_DIR'] as const;

type ProcessEnvironment = Readonly<Record<string, string | undefined>>;

let roots: readonly string[] | undefined;

/** Node's bundled roots and the operating system's store, each once; without the store where a variable replaces it. */
function systemRoots(leftOut: string | undefined): readonly string[] {
  if (leftOut !== undefined) return getCACertificates('bundled');
  roots ??= [...new Set([...getCACertificates('bundled'), ...getCACertificates('system')])];
  return roots;
}

async function readCaBundle(sources: SourceReader, source: Exclude<CaSource, 'system'>): Promise<CaBundle> {
  const label = `CA bundle in ${describeSource(source)}`;
  const content = await readPublic(sources, source, 'ca-bundle-unusable', label);
  return bundles.get(digest([content]), () => parseCaBundle(content, label));
}

async function readRevocationLists(sources: SourceReader, source: CrlSource): Promise<readonly RevocationList[]> {
  const label = `CRL in ${describeSource(source)}`;
  return parseRevocationLists(await readPublic(sources, source, 'crl-unusable', label), label);
}

/** What a file or a secret holds, or one field of it. */
async function readPublic(
  sources: SourceReader,
  source: CrlSource,
  cause: FailureCause,
  label: string,
): Promise<string | Uint8Array> {
  if (!('secret' in source)) return readPem(sources, source.file, cause, label);
  const content = await sources.read(source);
  if (source.key === undefined) return content;
  const fields = jsonFields(asText(content));
  const names = Object.keys(fields ?? {});
  const value = names.includes(source.key) ? fields?.[source.key] : undefined;
  if (value !== undefined) return value;
  throw new AuditFailure({
    cause,
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
    const remedy = 'check the path and its permissions';
    throw new AuditFailure({ cause, phase: 'secrets', message, remedy }, { cause: error.cause });
  }
}

async function readClientCertificate(
  sources: SourceReader,
  source: ClientCertificateSource,
): Promise<ClientCertificate> {
  if ('secret' in source) {
    return parseClientCertificate([await sources.read(source)], `client certificate in ${describeSource(source)}`);
  }
  const cause = 'client-certificate-unusable';
  const { certificateFile, keyFile, keyPassphrase } = source;
  const [certificate, key, passphrase] = await Promise.all([
    readPem(sources, certificateFile, cause, `client certificate in file ${showPath(certificateFile)}`),
    readPem(sources, keyFile, cause, `key of the client certificate in file ${showPath(keyFile)}`),
    keyPassphrase === undefined ? undefined : sources.read(keyPassphrase),
  ]);
  return parseClientCertificate(
    [certificate, key],
    `client certificate in files ${showPath(certificateFile)} and ${showPath(keyFile)}`,
    // A file ends with a line end; a passphrase does not.
    passphrase === undefined ? undefined : asText(passphrase).replace(/\r?\n$/, ''),
  );
}
