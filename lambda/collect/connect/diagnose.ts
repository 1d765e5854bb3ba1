// Explains why a server's certificate was refused: a second handshake, without credentials or client certificate, reads
// the chain and sends nothing. This is the only place that does not verify, and no session follows on its connection.

import type { X509Certificate } from 'node:crypto';
import { connect, createSecureContext } from 'node:tls';
import type { CertificateFacts } from '../../model/certificate.ts';
import { displayText } from '../../model/display.ts';
import type { Endpoint } from '../../model/endpoint.ts';
import type { Failure, FailureCause } from '../../model/failure.ts';
import type { TrustFacts } from '../../model/snapshot.ts';
import { chainFrom, isSignedBy, presentedChain } from '../certificates/certificate-chain.ts';
import { certificateFacts, isoSeconds } from '../certificates/certificate-facts.ts';
import { explainRejection } from '../certificates/rejection.ts';
import { ServerNameError } from '../certificates/server-name.ts';
import { openTcp, requestTls } from './network.ts';
import { listsFor, type RevocationList } from './revocation.ts';
import { handshakeOptions, type IdentityError, secured } from './tls.ts';
import { OFFER, type Trust } from './trust.ts';

export interface Diagnosis {
  readonly failure: Failure;
  /** Leaf first, as presented; undefined when the second handshake failed too. */
  readonly chain: readonly CertificateFacts[] | undefined;
}

/**
 * Explains a refused certificate. Does not throw: without a second connection the explanation is only shorter.
 *
 * @param trust what the certificate was to be verified with
 */
export async function diagnose(
  refusal: IdentityError,
  endpoint: Endpoint,
  trust: Pick<Trust, 'anchors' | 'bundle' | 'facts' | 'revocationLists'>,
  signal: AbortSignal,
): Promise<Diagnosis> {
  const { bundle } = trust;
  let presented: readonly X509Certificate[] = [];
  let chain: readonly CertificateFacts[] | undefined;
  let unseen = '';
  try {
    presented = await handshakeWithoutVerification(endpoint, signal);
    chain = presented.map(certificateFacts);
  } catch (error) {
    unseen = `; a second connection to read its certificate failed: ${(error as Error).message}`;
  }
  const { cause, message, remedy } = explain({
    refusal,
    endpoint,
    chain: chain ?? [],
    bundle: bundle?.map(certificateFacts),
    systemStoreLeftOut: trust.facts.systemStoreLeftOut,
    missing: missingIssuer(presented.at(-1), bundle ?? []),
    completed: presented[0] === undefined ? [] : chainFrom(presented[0], [...presented, ...trust.anchors]),
    revocationLists: trust.revocationLists,
    now: new Date(),
  });
  return { failure: { cause, phase: 'tls', message: `${message}${unseen} (${refusal.code})`, remedy }, chain };
}

async function handshakeWithoutVerification(
  endpoint: Endpoint,
  signal: AbortSignal,
): Promise<readonly X509Certificate[]> {
  const socket = await openTcp(endpoint, signal);
  try {
    await requestTls(socket, endpoint, signal);
    const tls = connect({
      ...handshakeOptions(socket, endpoint),
      secureContext: createSecureContext(OFFER),
      rejectUnauthorized: false,
    });
    await secured(tls, endpoint, signal);
    const chain = presentedChain(tls, tls.getPeerCertificate(true));
    tls.destroy();
    return chain;
  } finally {
    socket.destroy();
  }
}

/** The CA at which trust in a chain breaks off. */
interface MissingIssuer {
  /** Distinguished name. */
  readonly name: string;
  /** The certificate that it has signed, or is said to have. */
  readonly signed: CertificateFacts;
  /** Whether that one comes from the bundle, and was not presented. */
  readonly inBundle: boolean;
  /** The bundle holds a CA of that name whose key is another. */
  readonly namesake: boolean;
}

/** Follows a chain into the CA bundle: from the last certificate presented to the issuer that is missing. */
function missingIssuer(
  top: X509Certificate | undefined,
  bundle: readonly X509Certificate[],
): MissingIssuer | undefined {
  if (top === undefined) return undefined;
  const chain = chainFrom(top, bundle);
  const last = chain.at(-1) ?? top;
  const namesakes = bundle.filter((ca) => ca.subject === last.issuer && !chain.includes(ca));
  const signed = certificateFacts(last);
  return {
    name: signed.issuer,
    signed,
    inBundle: last !== top,
    namesake: namesakes.length > 0 && !namesakes.some((ca) => isSignedBy(last, ca)),
  };
}

interface Refusal {
  readonly refusal: IdentityError;
  readonly endpoint: Endpoint;
  readonly chain: readonly CertificateFacts[];
  /** Undefined when the system's roots are trusted too. */
  readonly bundle: readonly CertificateFacts[] | undefined;
  readonly systemStoreLeftOut: TrustFacts['systemStoreLeftOut'];
  /** Undefined when the chain is. */
  readonly missing: MissingIssuer | undefined;
  /** Leaf first: what was presented, then issuers from the CA bundle. */
  readonly completed: readonly X509Certificate[];
  readonly revocationLists: readonly RevocationList[];
  readonly now: Date;
}

interface Explanation {
  readonly cause: FailureCause;
  readonly message: string;
  readonly remedy: string;
}

/** By the codes of OpenSSL's X509_verify_cert_error_string, as Node passes them on. */
function explain(facts: Refusal): Explanation {
  switch (facts.refusal.code) {
    case 'CERT_HAS_EXPIRED':
      return expired(facts);
    case 'CERT_NOT_YET_VALID':
      return notYetValid(facts);
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return wrongHost(facts);
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
    case 'SELF_SIGNED_CERT_IN_CHAIN':
    case 'UNABLE_TO_GET_ISSUER_CERT':
    case 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY':
    case 'UNABLE_TO_VERIFY_LEAF_SIGNATURE':
      return untrusted(facts);
    case 'CERT_REVOKED':
      return revoked(facts);
    case 'UNABLE_TO_GET_CRL':
    case 'CRL_HAS_EXPIRED':
    case 'CRL_NOT_YET_VALID':
    case 'CRL_SIGNATURE_FAILURE':
    case 'UNABLE_TO_DECRYPT_CRL_SIGNATURE':
    case 'ERROR_IN_CRL_LAST_UPDATE_FIELD':
    case 'ERROR_IN_CRL_NEXT_UPDATE_FIELD':
      return revocationUnknown(facts);
    case 'NOT_AUTHORIZED':
      return notVerified(facts);
    default:
      // Node has no names of its own for OpenSSL's other words on revocation lists.
      return /\bCRL\b/.test(facts.refusal.message) ? revocationUnknown(facts) : rejected(facts);
  }
}

function revoked({ endpoint, completed, revocationLists }: Refusal): Explanation {
  const found = completed
    .map((certificate) => {
      const dates = listsFor(certificate, revocationLists).map(({ revoked: list }) =>
        list.get(certificate.serialNumber),
      );
      return { certificate, at: dates.find((date) => date !== undefined) };
    })
    .find(({ at }) => at !== undefined);
  const what = found === undefined ? 'A certificate' : `The certificate ${nameOf(certificateFacts(found.certificate))}`;
  const since = found?.at === undefined ? '' : ` on ${isoSeconds(found.at)}`;
  return {
    cause: 'certificate-revoked',
    message: `${what} of ${endpoint.host} was revoked by its CA${since}`,
    remedy:
      'ask the CA why: where its key was stolen, an impostor may be answering. Then install a new certificate with a new key on the server',
  };
}

function revocationUnknown({ endpoint, completed, revocationLists, refusal, now }: Refusal): Explanation {
  const problems = completed.flatMap((certificate): readonly string[] => {
    const lists = listsFor(certificate, revocationLists);
    const issuer = displayText(certificateFacts(certificate).issuer, 120);
    if (lists.length === 0) return [`the CRL of the target holds no list of ${issuer}`];
    const current = lists.filter(({ nextUpdate }) => nextUpdate === undefined || nextUpdate > now);
    if (current.length === 0) {
      const ends = lists.flatMap(({ nextUpdate }) => (nextUpdate === undefined ? [] : [nextUpdate.getTime()]));
      return [`the list of ${issuer} ended on ${isoSeconds(new Date(Math.max(...ends)))}`];
    }
    if (current.every(({ thisUpdate }) => thisUpdate > now)) return [`the list of ${issuer} is not valid yet`];
    return [];
  });
  const what = problems.length === 0 ? displayText(refusal.message, 120) : list([...new Set(problems)]);
  return {
    cause: 'certificate-revocation-unknown',
    message: `Whether the certificate of ${endpoint.host} is revoked is not known: ${what}`,
    remedy:
      'store the present list of every CA of the chain, the root\'s included, where "crl" points, and have it renewed before it ends; or leave "crl" out, and no revocation is checked',
  };
}

/** The TLS library went on without verifying: something in the environment or the library itself is wrong. */
function notVerified({ endpoint }: Refusal): Explanation {
  return {
    cause: 'certificate-rejected',
    message: `The certificate of ${endpoint.host} was not verified: the TLS library completed the handshake without it`,
    remedy:
      'start the auditor without NODE_OPTIONS, NODE_TLS_REJECT_UNAUTHORIZED and OPENSSL_CONF; then report it as a defect',
  };
}

function expired({ endpoint, chain, bundle, now }: Refusal): Explanation {
  const isExpired = ({ notAfter }: CertificateFacts): boolean => new Date(notAfter) < now;
  const presented = chain.find(isExpired);
  if (presented !== undefined || bundle === undefined) {
    const what = presented === undefined ? 'A certificate' : `The certificate ${nameOf(presented)}`;
    const since = presented === undefined ? '' : ` since ${presented.notAfter} (${age(presented.notAfter, now)})`;
    return {
      cause: 'certificate-expired',
      message: `${what} of ${endpoint.host} is expired${since}`,
      remedy: 'install a renewed certificate on the server, then SELECT pg_reload_conf();',
    };
  }
  const old = bundle.filter(isExpired).map((ca) => `${nameOf(ca)}, expired ${ca.notAfter}`);
  return {
    cause: 'certificate-expired',
    message: `A CA that vouches for ${endpoint.host} is expired in the CA bundle: ${old.join('; ') || 'none is named'}`,
    remedy: 'give the target the present CA bundle of the provider, in the secret or file that its "ca" names',
  };
}

function notYetValid({ endpoint, chain, now }: Refusal): Explanation {
  const early = chain.find(({ notBefore }) => new Date(notBefore) > now);
  const what = early === undefined ? 'A certificate' : `The certificate ${nameOf(early)}`;
  return {
    cause: 'certificate-not-yet-valid',
    message: `${what} of ${endpoint.host} is not valid yet${early === undefined ? '' : `, but from ${early.notBefore} on`}`,
    remedy: 'check the clock of the machine that issued it, or wait; the server needs a certificate valid now',
  };
}

function wrongHost({ refusal, endpoint }: Refusal): Explanation {
  const mismatch = refusal.cause instanceof ServerNameError ? refusal.cause.mismatch : undefined;
  return {
    cause: 'certificate-wrong-host',
    message: `The certificate of ${endpoint.host} ${mismatch?.what ?? `is not for ${endpoint.verifiedName}`}`,
    remedy:
      mismatch?.remedy ??
      'set "host" to a name it carries, or "tlsServerName" when the server is reached by an address or alias; otherwise issue a certificate with this name as subjectAltName',
  };
}

function untrusted({ endpoint, chain: [leaf], bundle, systemStoreLeftOut, missing }: Refusal): Explanation {
  const holds =
    bundle === undefined
      ? systemStoreLeftOut === undefined
        ? "among the system's roots and the CA bundle"
        : `among Node's bundled roots and the CA bundle (the operating system's store is left out: the environment variable ${systemStoreLeftOut} replaces it)`
      : `in the CA bundle, which holds ${list(bundle.map(nameOf))}`;
  if (leaf === undefined || missing === undefined) {
    return {
      cause: 'certificate-untrusted',
      message: `The issuer of the certificate of ${endpoint.host} is not ${holds}`,
      remedy: 'set the target\'s "ca" to the CA that signed the server\'s certificate',
    };
  }
  if (leaf.selfSigned) {
    return {
      cause: 'certificate-untrusted',
      message: `${endpoint.host} presents the self-signed certificate ${nameOf(leaf)} (SHA-256 ${leaf.sha256}), which is not ${holds}`,
      remedy:
        'better: a certificate signed by your CA; or, once you have compared that SHA-256 on the server itself, put the certificate into the CA bundle',
    };
  }
  const issuer = displayText(missing.name, 120);
  const signed = placed(missing, leaf, endpoint);
  if (missing.namesake) {
    return {
      cause: 'certificate-untrusted',
      message: `${signed} is signed in the name of ${issuer}, but with another key than the CA of that name in the CA bundle has`,
      remedy:
        'ask the operator of that CA whether it has a new key: if so, add its present certificate to the CA bundle; if not, another party imitates the CA, and the connection may be intercepted',
    };
  }
  return {
    cause: 'certificate-untrusted',
    message: `${signed} is signed by ${issuer}, which is not ${holds}`,
    remedy:
      'set the target\'s "ca" to the bundle with that CA (for RDS and Aurora the region\'s bundle, for RDS Proxy and Neon "system"); if a server must send intermediates, add them to its ssl_cert_file',
  };
}

/** Which certificate of the chain it is at which trust breaks off. */
function placed({ signed, inBundle }: MissingIssuer, leaf: CertificateFacts, { host }: Endpoint): string {
  if (inBundle) return `The certificate ${nameOf(signed)} in the CA bundle`;
  return signed.sha256 === leaf.sha256
    ? `The certificate ${nameOf(signed)} of ${host}`
    : `The intermediate certificate ${nameOf(signed)} that ${host} presents`;
}

function rejected({ refusal, endpoint, completed }: Refusal): Explanation {
  const { what, remedy } = explainRejection({ code: refusal.code, said: refusal.message, chain: completed });
  return { cause: 'certificate-rejected', message: `The certificate of ${endpoint.host} is rejected: ${what}`, remedy };
}

function nameOf({ subject, sha256 }: CertificateFacts): string {
  return subject === '' ? `with SHA-256 ${sha256}` : displayText(subject, 120);
}

/** At most eight, then how many more. */
function list(names: readonly string[]): string {
  const shown = names.slice(0, 8).join('; ');
  return names.length > 8 ? `${shown}; and ${names.length - 8} more` : shown;
}

function age(date: string, now: Date): string {
  const days = Math.floor((now.getTime() - new Date(date).getTime()) / 86_400_000);
  return days === 1 ? '1 day ago' : `${days} days ago`;
}
