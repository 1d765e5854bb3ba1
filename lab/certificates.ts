// Issues authorities and certificates for servers and clients, valid or wrong in a chosen way.

import 'reflect-metadata';

import { randomBytes, webcrypto } from 'node:crypto';
import { isIPv6 } from 'node:net';
import * as x509 from '@peculiar/x509';

const { subtle } = webcrypto;
x509.cryptoProvider.set(webcrypto as unknown as Parameters<typeof x509.cryptoProvider.set>[0]);

type KeyPair = webcrypto.CryptoKeyPair;

/**
 * `rsa-1024` is the weak one: OpenSSL refuses it at security level 2, which is Node's default. What `ed25519` signs has
 * no hash that SCRAM could bind a channel to.
 */
export type KeyType = 'ec-p256' | 'ec-p384' | 'ed25519' | 'rsa-2048' | 'rsa-1024';

/** The hash that the issuer signs with. Node's default security level refuses SHA-1. */
export type SignatureHash = 'SHA-256' | 'SHA-1';

export interface Validity {
  /** @default an hour ago, or 90 days before a `notAfter` that has passed */
  readonly notBefore?: Date;
  /** @default 90 days from now, or 90 days after a `notBefore` to come */
  readonly notAfter?: Date;
}

/** Any extension there is. */
export interface RawExtension {
  /** Object identifier in dotted form. */
  readonly id: string;
  readonly critical: boolean;
  /** DER of the extension's own type. */
  readonly value: Uint8Array;
}

export interface CertificateOptions extends Validity {
  /** @default the first DNS name or address */
  readonly commonName?: string;
  /**
   * `dnsNames` and `ipAddresses` default to those of this machine's loopback when neither is given; two empty lists
   * make a certificate without subjectAltName.
   */
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  /** @default 'ec-p256' */
  readonly keyType?: KeyType;
  /** @default 'SHA-256' */
  readonly hash?: SignatureHash;
  /** Makes a client's certificate: its extended key usage is client authentication, and it names no hosts. */
  readonly clientAuth?: boolean;
  /** Instead of all names above: the DER of each GeneralName, well-formed or not. */
  readonly rawNames?: readonly Uint8Array[];
  /** Instead of `commonName`: the DER of each common name's value, in order; none for a subject without any. */
  readonly rawCommonNames?: readonly Uint8Array[];
  /** Object identifiers, instead of server or client authentication; none leaves the extension out. */
  readonly extendedKeyUsage?: readonly string[];
  /** Further extensions. */
  readonly extensions?: readonly RawExtension[];
  /** @default that of a random 16 bytes; hexadecimal */
  readonly serialNumber?: string;
}

/** A GeneralName of that tag number (2 is dNSName, 7 iPAddress): its DER. */
export function generalName(tag: number, content: string | Uint8Array): Uint8Array {
  return encoded(0x80 | tag, content);
}

/** A string of that ASN.1 type, e.g. 0x0c for UTF8String, 0x1e for BMPString: its DER. */
export function encoded(tag: number, content: string | Uint8Array): Uint8Array {
  const bytes = Buffer.from(content);
  if (bytes.length > 127) throw new RangeError(`at most 127 bytes are encoded here, got ${bytes.length}`);
  return Buffer.concat([Buffer.of(tag, bytes.length), bytes]);
}

/** A certificate with its private key, all PEM. */
export interface IssuedCertificate {
  readonly certificatePem: string;
  /** PKCS #8, not encrypted. */
  readonly keyPem: string;
  /** The certificate, then its intermediates; without the root. What a server presents. */
  readonly chainPem: string;
  /** What a peer has to trust to verify it. */
  readonly rootPem: string;
}

export interface AuthorityOptions extends Validity {
  /** Common name. Two authorities may share one: that makes an issuer that looks right and is not. */
  readonly name?: string;
  /** Makes an intermediate of that authority. */
  readonly parent?: Authority;
  /** @default 'ec-p256' */
  readonly keyType?: KeyType;
  /**
   * The key pair of another authority: makes its cross-signed or renewed certificate, of the same name unless `name` is
   * given.
   */
  readonly keysOf?: Authority;
  /** How many authorities may stand below. @default any number */
  readonly pathLength?: number;
  /** @default true; false makes a certificate that signs others though it is no authority's */
  readonly isAuthority?: boolean;
  /** Further extensions. */
  readonly extensions?: readonly RawExtension[];
  /** That this authority's own certificate is signed with. @default 'SHA-256' */
  readonly hash?: SignatureHash;
}

export interface CrlOptions {
  /** Serial numbers, hexadecimal. */
  readonly revoked?: readonly string[];
  /** @default an hour ago */
  readonly thisUpdate?: Date;
  /** @default in 30 days */
  readonly nextUpdate?: Date;
}

export interface Authority {
  readonly name: string;
  readonly certificatePem: string;
  readonly keyPem: string;
  /** The root it ends in: itself, unless it is an intermediate. */
  readonly rootPem: string;
  /** Issues a certificate, for a server unless `clientAuth` says otherwise. */
  issue(options?: CertificateOptions): Promise<IssuedCertificate>;
  /** Signs a list of revoked certificates: PEM. */
  revocationList(options?: CrlOptions): Promise<string>;
}

interface Issuer {
  readonly name: x509.Name;
  readonly keys: KeyPair;
  readonly keyType: KeyType;
  /** The issuer's own certificate and those above it, without the root. */
  readonly intermediates: readonly string[];
  readonly rootPem: string;
}

// The issuer behind an Authority, kept aside so that its key objects are no part of the public shape.
const issuers = new WeakMap<Authority, Issuer>();

/** The moment that many days from now; negative for the past. */
export function daysFromNow(days: number): Date {
  return new Date(Date.now() + days * 86_400_000);
}

/** Makes a root, or with `parent` an intermediate. */
export async function createAuthority(options: AuthorityOptions = {}): Promise<Authority> {
  const { parent, keysOf } = options;
  const twin = keysOf === undefined ? undefined : issuerOf(keysOf);
  const keyType = twin?.keyType ?? options.keyType ?? 'ec-p256';
  const commonName =
    options.name ?? keysOf?.name ?? `Lab ${parent === undefined ? 'Root' : 'Intermediate'} ${serial().slice(0, 8)}`;
  const keys = twin?.keys ?? (await generateKeys(keyType));
  const name = distinguishedName(commonName);
  const above = parent === undefined ? undefined : issuerOf(parent);
  const signer = above ?? { name, keys, keyType };
  const certificate = await sign(signer, options.hash ?? 'SHA-256', {
    subject: name,
    publicKey: keys.publicKey,
    validity: options,
    extensions: [
      new x509.BasicConstraintsExtension(options.isAuthority ?? true, options.pathLength, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      ...(options.extensions ?? []).map(({ id, critical, value }) => new x509.Extension(id, critical, value)),
    ],
  });
  const issuer: Issuer = {
    name,
    keys,
    keyType,
    intermediates: above === undefined ? [] : [certificate, ...above.intermediates],
    rootPem: above?.rootPem ?? certificate,
  };
  const authority: Authority = {
    name: commonName,
    certificatePem: certificate,
    keyPem: await exportKey(keys),
    rootPem: issuer.rootPem,
    issue: (wanted = {}) => issueFrom(issuer, wanted),
    revocationList: (wanted = {}) => revocationListOf(issuer, wanted),
  };
  issuers.set(authority, issuer);
  return authority;
}

/** Makes a server's certificate that vouches for itself: no authority stands behind it. */
export async function selfSigned(options: CertificateOptions = {}): Promise<IssuedCertificate> {
  return issueFrom(undefined, options);
}

async function issueFrom(issuer: Issuer | undefined, options: CertificateOptions): Promise<IssuedCertificate> {
  const { keyType = 'ec-p256', hash = 'SHA-256', clientAuth = false } = options;
  const unnamed = options.dnsNames === undefined && options.ipAddresses === undefined && !clientAuth;
  const dnsNames = unnamed ? ['localhost'] : (options.dnsNames ?? []);
  const ipAddresses = unnamed ? ['127.0.0.1', '::1'] : (options.ipAddresses ?? []);
  const commonName = options.commonName ?? dnsNames[0] ?? ipAddresses[0] ?? 'unnamed';
  const keys = await generateKeys(keyType);
  const name =
    options.rawCommonNames === undefined
      ? distinguishedName(commonName)
      : new x509.Name([
          { O: ['Lab'] },
          ...options.rawCommonNames.map((der) => ({ CN: [`#${Buffer.from(der).toString('hex')}`] })),
        ]);
  const names: x509.JsonGeneralNames = [
    ...dnsNames.map((value) => ({ type: 'dns' as const, value })),
    // The library knows the short IPv6 forms in its output only.
    ...ipAddresses.map((value) => ({ type: 'ip' as const, value: isIPv6(value) ? expandIPv6(value) : value })),
  ];
  const certificatePem = await sign(issuer ?? { name, keys, keyType }, hash, {
    subject: name,
    publicKey: keys.publicKey,
    validity: options,
    serialNumber: options.serialNumber,
    extensions: [
      new x509.BasicConstraintsExtension(false),
      new x509.KeyUsagesExtension(
        x509.KeyUsageFlags.digitalSignature |
          // A TLSv1.2 key exchange without forward secrecy encrypts to the certificate's key.
          (keyType.startsWith('rsa') ? x509.KeyUsageFlags.keyEncipherment : 0),
        true,
      ),
      ...extendedKeyUsage(options),
      ...alternativeNames(names, options.rawNames),
      ...(options.extensions ?? []).map(({ id, critical, value }) => new x509.Extension(id, critical, value)),
    ],
  });
  return {
    certificatePem,
    keyPem: await exportKey(keys),
    chainPem: [certificatePem, ...(issuer?.intermediates ?? [])].join(''),
    rootPem: issuer?.rootPem ?? certificatePem,
  };
}

function extendedKeyUsage({ clientAuth = false, extendedKeyUsage: usages }: CertificateOptions): x509.Extension[] {
  const usual = clientAuth ? x509.ExtendedKeyUsage.clientAuth : x509.ExtendedKeyUsage.serverAuth;
  const wanted = usages ?? [usual];
  return wanted.length === 0 ? [] : [new x509.ExtendedKeyUsageExtension([...wanted])];
}

function alternativeNames(names: x509.JsonGeneralNames, raw: readonly Uint8Array[] | undefined): x509.Extension[] {
  if (raw === undefined) return names.length === 0 ? [] : [new x509.SubjectAlternativeNameExtension(names)];
  if (raw.length === 0) return [];
  return [new x509.Extension('2.5.29.17', false, encoded(0x30, Buffer.concat(raw)))];
}

async function revocationListOf(
  { name, keys, keyType }: Issuer,
  { revoked = [], thisUpdate = new Date(Date.now() - 3_600_000), nextUpdate = daysFromNow(30) }: CrlOptions,
): Promise<string> {
  const list = await x509.X509CrlGenerator.create({
    issuer: name,
    thisUpdate,
    nextUpdate,
    entries: revoked.map((serialNumber) => ({ serialNumber, revocationDate: thisUpdate })),
    signingAlgorithm: signingAlgorithm(keyType, 'SHA-256'),
    signingKey: await signingKey({ keys, keyType }, 'SHA-256'),
    extensions: [await x509.AuthorityKeyIdentifierExtension.create(keys.publicKey)],
  });
  // Under the name that OpenSSL looks for; the library's is another.
  return `${list.toString('pem').trim().replaceAll(' CRL-----', ' X509 CRL-----')}\n`;
}

interface ToSign {
  readonly subject: x509.Name;
  readonly publicKey: webcrypto.CryptoKey;
  readonly validity: Validity;
  readonly extensions: readonly x509.Extension[];
  readonly serialNumber?: string | undefined;
}

async function sign(
  issuer: Pick<Issuer, 'name' | 'keys' | 'keyType'>,
  hash: SignatureHash,
  { subject, publicKey, validity, extensions, serialNumber = serial() }: ToSign,
): Promise<string> {
  const certificate = await x509.X509CertificateGenerator.create({
    serialNumber,
    subject,
    issuer: issuer.name,
    ...period(validity),
    signingAlgorithm: signingAlgorithm(issuer.keyType, hash),
    publicKey,
    signingKey: await signingKey(issuer, hash),
    extensions: [
      ...extensions,
      await x509.SubjectKeyIdentifierExtension.create(publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(issuer.keys.publicKey),
    ],
  });
  return `${certificate.toString('pem').trim()}\n`;
}

function signingAlgorithm(keyType: KeyType, hash: SignatureHash) {
  if (keyType === 'ed25519') return { name: 'Ed25519' };
  return { name: keyType.startsWith('ec') ? 'ECDSA' : 'RSASSA-PKCS1-v1_5', hash };
}

/**
 * An RSA key carries the one hash it may be used with, and the library signs with that: another hash takes another key
 * object.
 */
async function signingKey({ keys, keyType }: Pick<Issuer, 'keys' | 'keyType'>, hash: SignatureHash) {
  if (!keyType.startsWith('rsa')) return keys.privateKey;
  const der = await subtle.exportKey('pkcs8', keys.privateKey);
  return subtle.importKey('pkcs8', der, { name: 'RSASSA-PKCS1-v1_5', hash }, false, ['sign']);
}

function issuerOf(authority: Authority): Issuer {
  const issuer = issuers.get(authority);
  if (issuer === undefined) throw new Error(`${authority.name} is not an authority that createAuthority() made`);
  return issuer;
}

function period({ notBefore, notAfter }: Validity): Required<Validity> {
  const now = Date.now();
  const day = 86_400_000;
  const end = notAfter?.getTime() ?? Math.max(now, notBefore?.getTime() ?? now) + 90 * day;
  const start = notBefore?.getTime() ?? (end < now ? end - 90 * day : now - day / 24);
  return { notBefore: new Date(start), notAfter: new Date(end) };
}

async function generateKeys(keyType: KeyType): Promise<KeyPair> {
  if (keyType === 'ed25519') return (await subtle.generateKey('Ed25519', true, ['sign', 'verify'])) as KeyPair;
  const algorithm = keyType.startsWith('ec')
    ? { name: 'ECDSA', namedCurve: keyType === 'ec-p384' ? 'P-384' : 'P-256' }
    : {
        name: 'RSASSA-PKCS1-v1_5',
        modulusLength: keyType === 'rsa-1024' ? 1024 : 2048,
        publicExponent: new Uint8Array([1, 0, 1]),
        hash: 'SHA-256',
      };
  return subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function exportKey(keys: KeyPair): Promise<string> {
  const der = Buffer.from(await subtle.exportKey('pkcs8', keys.privateKey));
  const lines = der.toString('base64').match(/.{1,64}/g) ?? [];
  return ['-----BEGIN PRIVATE KEY-----', ...lines, '-----END PRIVATE KEY-----', ''].join('\n');
}

function distinguishedName(commonName: string): x509.Name {
  // As the DER of a UTF8String: the library would take quotes and backslashes in a text for its own syntax.
  const text = Buffer.from(commonName);
  if (text.length === 0 || text.length > 127) {
    throw new RangeError(`a common name has 1 to 127 bytes here, got ${text.length}: "${commonName}"`);
  }
  return new x509.Name([{ CN: [`#${Buffer.concat([Buffer.of(0x0c, text.length), text]).toString('hex')}`] }]);
}

function serial(): string {
  // 16 bytes whose first bit is 0 and whose first byte is not: a positive number without padding.
  const bytes = randomBytes(16);
  bytes[0] = 0x40 | ((bytes[0] ?? 0) & 0x3f);
  return bytes.toString('hex');
}

function expandIPv6(address: string): string {
  const [head = '', tail] = address.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - left.length - right.length }, () => '0');
  return [...left, ...zeros, ...right].join(':');
}
