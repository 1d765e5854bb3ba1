// The certificates of the scenario lab, each wrong in one way, made once for all majors.

import {
  type Authority,
  type AuthorityOptions,
  type CertificateOptions,
  createAuthority,
  daysFromNow,
  type IssuedCertificate,
  selfSigned,
} from '../../lab/certificates.ts';

const HOURS = 1 / 24;

const AUTHORITIES = {
  lab: {},
  'not-trusted': {},
  'ends-in-20-days': { notAfter: daysFromNow(20) },
  'ends-in-10-days': { notAfter: daysFromNow(10) },
  'ends-in-3-days': { notAfter: daysFromNow(3) },
  'ended-yesterday': { notAfter: daysFromNow(-1) },
  intermediate: { parent: 'lab' },
  'intermediate-that-ends-in-10-days': { parent: 'lab', notAfter: daysFromNow(10) },
  /** To sign with SHA-1 takes an RSA key. */
  rsa: { keyType: 'rsa-2048' },
} as const satisfies Record<string, Omit<AuthorityOptions, 'parent' | 'name'> & { readonly parent?: 'lab' }>;

type AuthorityName = keyof typeof AUTHORITIES;
/** What can be put into a CA bundle; `self-signed` is a server's own certificate. */
export type RootName = AuthorityName | 'self-signed';

type Wanted = CertificateOptions & { readonly by?: AuthorityName };

const CERTIFICATES = {
  /** RSA, so that suites without forward secrecy can be had. */
  good: { keyType: 'rsa-2048' },
  'ec-p256': {},
  'ec-p384': { keyType: 'ec-p384' },
  ed25519: { keyType: 'ed25519' },
  'rsa-1024': { keyType: 'rsa-1024' },
  'sha-1': { by: 'rsa', keyType: 'rsa-2048', hash: 'SHA-1' },
  'common-name-only': { commonName: 'localhost', dnsNames: [], ipAddresses: [] },
  'other-host': { dnsNames: ['other.example.com'] },
  'of-unknown-authority': { by: 'not-trusted' },
  'by-intermediate': { by: 'intermediate' },
  'by-intermediate-that-ends-soon': { by: 'intermediate-that-ends-in-10-days' },
  'by-root-with-20-days': { by: 'ends-in-20-days', notAfter: daysFromNow(60) },
  'by-root-with-10-days': { by: 'ends-in-10-days', notAfter: daysFromNow(60) },
  'by-root-with-3-days': { by: 'ends-in-3-days', notAfter: daysFromNow(60) },
  '31-days-left': { notAfter: daysFromNow(31) },
  // A slow machine may take minutes from here to the audit. To the second, the checks' own tests look.
  '30-days-and-hours-left': { notAfter: daysFromNow(30 + 2 * HOURS) },
  '30-days-left': { notAfter: daysFromNow(30) },
  '14-days-left': { notAfter: daysFromNow(14) },
  '7-days-left': { notAfter: daysFromNow(7) },
  'ended-2-days-ago': { notAfter: daysFromNow(-2) },
  'begins-in-2-days': { notBefore: daysFromNow(2) },
  client: { clientAuth: true, commonName: 'app' },
  'client-20-days-left': { clientAuth: true, commonName: 'tls_auditor', notAfter: daysFromNow(20) },
  'client-5-days-left': { clientAuth: true, commonName: 'tls_auditor', notAfter: daysFromNow(5) },
  'client-with-time': { clientAuth: true, commonName: 'tls_auditor' },
} as const satisfies Record<string, Wanted>;

export type CertificateName = keyof typeof CERTIFICATES | 'self-signed';

export interface Certificates {
  readonly of: (name: CertificateName) => IssuedCertificate;
  readonly names: readonly CertificateName[];
  readonly root: (name: RootName) => string;
}

let made: Promise<Certificates> | undefined;

export function certificates(): Promise<Certificates> {
  made ??= make();
  return made;
}

async function make(): Promise<Certificates> {
  const authorities = new Map<string, Authority>();
  for (const [name, options] of Object.entries(AUTHORITIES)) {
    const { parent, ...rest }: AuthorityOptions | { readonly parent: 'lab' } = options;
    const above = parent === undefined ? undefined : authorities.get('lab');
    authorities.set(
      name,
      await createAuthority({ name: `Scenario ${name}`, ...rest, ...(above && { parent: above }) }),
    );
  }
  const issued = new Map<string, IssuedCertificate>([['self-signed', await selfSigned()]]);
  for (const [name, { by = 'lab', ...options }] of Object.entries<Wanted>(CERTIFICATES)) {
    issued.set(name, await got(authorities, by).issue(options));
  }
  return {
    of: (name) => got(issued, name),
    names: [...issued.keys()] as CertificateName[],
    root: (name) => (name === 'self-signed' ? got(issued, name) : got(authorities, name)).certificatePem,
  };
}

function got<T>(map: ReadonlyMap<string, T>, name: string): T {
  const value = map.get(name);
  if (value === undefined) throw new Error(`the scenario lab has no ${name}`);
  return value;
}
