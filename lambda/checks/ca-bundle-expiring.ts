// Finds certificates of the CA bundle that end soon: the root of the target's chain, and others.

import type { CertificateFacts } from '../model/certificate.ts';
import { displayText } from '../model/display.ts';
import { isIdentityFailure } from '../model/failure.ts';
import type { Outcome, Problem } from '../model/finding.ts';
import type { Policy } from '../model/policy.ts';
import { CERTIFICATES, IN_TRANSIT } from '../model/requirement.ts';
import type { Snapshot, TrustFacts, UnusableCertificate } from '../model/snapshot.ts';
import type { ServerCheck } from './check.ts';
import { CLOUD_SQL_ROTATION, changeRdsCa, RELOAD, SYSTEM_ROOTS } from './remedies/remedy-commands.ts';
import { describeExpiry, EXPIRY_SEVERITY_NOTE, expiryOf } from './shared/certificate-expiry.ts';

export const caBundleExpiring: ServerCheck = {
  id: 'ca-bundle-expiring',
  title: 'The root that vouches for the server is about to expire: verify-full will not survive it',
  subject: 'certificate',
  severity: 'medium',
  severityNote: `${EXPIRY_SEVERITY_NOTE}; info for other certificates of the bundle`,
  rationale:
    'Will verify-full survive the next rotation? Once the root has expired, every client that verifies with this bundle is refused, whatever certificate the server has. Other old roots do no harm by themselves, but show that the bundle has not been renewed for long: it may lack the next one too.',
  remedy: {
    everywhere: `Add the CA's new root to the bundle, beside the old one, for the auditor and for every client; only then move the server to a certificate of the new root, and take the old one out last.
The auditor's bundle is where the target's "ca" points: aws secretsmanager put-secret-value --secret-id <CA secret> --secret-string file://<bundle>.pem, or the file that --ca names.`,
    selfManaged: `The server's new certificate goes into ssl_cert_file and ssl_key_file, then ${RELOAD}`,
    rds: `Fetch the region's present bundle, and when every client has it, change the instance's CA.
curl -O https://truststore.pki.rds.amazonaws.com/<region>/<region>-bundle.pem
${changeRdsCa('rds-ca-rsa2048-g1')}`,
    neon: `Trust the roots of the system, which its updates renew: "ca": "system" or --ca system for the auditor; for clients, ${SYSTEM_ROOTS}.`,
    cloudSql: CLOUD_SQL_ROTATION,
    azure: `Azure renews the server's certificate itself, with notice before it changes the CA: put the roots that it names into the bundle in time, or trust those of the system ("ca": "system", --ca system).`,
    pgbouncer:
      "PgBouncer's new certificate goes into client_tls_cert_file and client_tls_key_file, then RELOAD; in its console (before 1.16: restart it).",
  },
  requirements: [...IN_TRANSIT, ...CERTIFICATES],
  pgbouncer: 'same',
  references: [
    'https://www.postgresql.org/docs/current/libpq-ssl.html#LIBQ-SSL-CERTIFICATES',
    'https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/UsingWithRDS.SSL-certificate-rotation.html',
  ],
  evaluate: (snapshot, { certificateExpiryDays }) => {
    const { trust, takenAt } = snapshot;
    if (!trust.known) return { status: 'unknown', reason: trust.reason };
    if (trust.value.bundle.length === 0) {
      return { status: 'not-applicable', reason: systemOnly(trust.value) };
    }
    if (snapshot.failure?.cause === 'certificate-expired') {
      return { status: 'not-applicable', reason: 'a certificate has expired; reported by target-not-audited' };
    }
    const unusable = (trust.value.unusable ?? []).map(unusableProblem);
    const found = rootOf(snapshot, trust.value);
    if (typeof found !== 'string') {
      return outcome([...problems(found, trust.value, takenAt, certificateExpiryDays), ...unusable]);
    }
    if (unusable.length === 0) return { status: 'unknown', reason: found };
    return { status: 'fail', problems: unusable, incomplete: found };
  },
};

function systemOnly({ systemStoreLeftOut }: TrustFacts): string {
  return systemStoreLeftOut === undefined
    ? "only the system's roots are trusted: its updates renew them"
    : `only Node's bundled roots are trusted: updates of Node renew them (${systemStoreLeftOut} is set, so the operating system's store is left out)`;
}

interface Chain {
  /** Undefined where the chain ends in one of the system's roots, or in the server's own certificate. */
  readonly root: CertificateFacts | undefined;
  readonly chain: readonly CertificateFacts[];
}

/** The root that the server was verified by, or why it is not known. */
function rootOf({ serverChain, failure, takenAt }: Snapshot, { bundle, system }: TrustFacts): Chain | string {
  if (!serverChain.known) return serverChain.reason;
  if (failure !== undefined && isIdentityFailure(failure.cause)) {
    return "the server's certificate was not verified: which root it needs is not known";
  }
  const chain = serverChain.value;
  const roots = bundle.filter(({ selfSigned }) => selfSigned);
  // From the leaf upwards, as OpenSSL looks: above a root that the bundle holds, a server may send cross-signed ones.
  for (const [index, presented] of chain.entries()) {
    const root = lastingOf(
      roots.filter((candidate) => (index === 0 ? isSame(candidate, presented) : isSameAuthority(candidate, presented))),
      takenAt,
    );
    // A server's own certificate in the bundle: server-certificate-expiring tells when that ends.
    if (root !== undefined) return { root: index === 0 ? undefined : root, chain };
  }
  return system ? { root: undefined, chain } : 'the chain does not end in a root of the CA bundle';
}

function isSame(one: CertificateFacts, other: CertificateFacts): boolean {
  return one.sha256 === other.sha256;
}

/** A CA is its name and its key: it may have several certificates, renewed or signed by others. */
function isSameAuthority(one: CertificateFacts, other: CertificateFacts): boolean {
  const key = one.publicKey.sha256;
  return isSame(one, other) || (one.subject === other.subject && key !== undefined && key === other.publicKey.sha256);
}

/** Of several certificates of one root the valid one that ends last, which OpenSSL prefers. */
function lastingOf(roots: readonly CertificateFacts[], takenAt: string): CertificateFacts | undefined {
  const byEnd = roots.toSorted((a, b) => Date.parse(b.notAfter) - Date.parse(a.notAfter));
  return byEnd.find(({ notBefore }) => Date.parse(notBefore) <= Date.parse(takenAt)) ?? byEnd[0];
}

function problems(
  { root, chain }: Chain,
  { bundle }: TrustFacts,
  takenAt: string,
  thresholds: Policy['certificateExpiryDays'],
): readonly Problem[] {
  // One certificate may be in a bundle twice. Those of the chain are reported already: here, or as the server's.
  const inChain = new Set([...chain, ...(root === undefined ? [] : [root])].map(({ sha256 }) => sha256));
  const others = new Map(
    bundle.flatMap((certificate) => (inChain.has(certificate.sha256) ? [] : [[certificate.sha256, certificate]])),
  );
  return [
    ...(root === undefined ? [] : rootProblem(root, bundle, takenAt, thresholds)),
    ...[...others.values()].flatMap((certificate) => otherProblem(certificate, takenAt, thresholds)),
  ];
}

function rootProblem(
  root: CertificateFacts,
  bundle: readonly CertificateFacts[],
  takenAt: string,
  thresholds: Policy['certificateExpiryDays'],
): Problem[] {
  const expiry = expiryOf(root, takenAt, thresholds);
  if (expiry === undefined) return [];
  const { subject, evidence } = describeExpiry(root, expiry);
  // One with the same key would have taken over by itself.
  const successor = bundle.find(({ subject: name, notAfter }) => name === root.subject && notAfter > root.notAfter);
  return [
    {
      severity: expiry.severity,
      title: caBundleExpiring.title,
      subject,
      evidence: {
        ...evidence,
        ...(successor === undefined
          ? {}
          : { alsoInBundle: `a CA of the same name, valid until ${successor.notAfter}` }),
      },
    },
  ];
}

function otherProblem(
  certificate: CertificateFacts,
  takenAt: string,
  thresholds: Policy['certificateExpiryDays'],
): Problem[] {
  const expiry = expiryOf(certificate, takenAt, thresholds);
  if (expiry === undefined) return [];
  return [
    {
      severity: 'info',
      title: expiry.expired
        ? 'The CA bundle holds an expired certificate that this server does not need'
        : 'The CA bundle holds a certificate about to expire that this server does not need',
      ...describeExpiry(certificate, expiry),
      remedy:
        "Store the CA's present bundle in its place: at the next rotation the server may come with a root that this one does not hold.",
    },
  ];
}

/** No session depends on it, or verify-full would have failed: the others do the work. */
function unusableProblem({ subject, sha256, problem }: UnusableCertificate): Problem {
  return {
    severity: 'info',
    title: 'The CA bundle holds a certificate that cannot be used',
    subject: sha256,
    evidence: { certificate: displayText(subject, 120), problem, sha256 },
    remedy:
      'Take it out of the bundle, or store it again, whole. Clients with another TLS library may refuse the whole file for it.',
  };
}

function outcome(found: readonly Problem[]): Outcome {
  return found.length === 0 ? { status: 'pass' } : { status: 'fail', problems: found };
}
