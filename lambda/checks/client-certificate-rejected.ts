// Finds client certificates that the server refuses.

import type { FailedLogins } from '../model/connection-log.ts';
import { displayText } from '../model/display.ts';
import type { Problem } from '../model/finding.ts';
import { AUTHENTICATION, CERTIFICATES, IN_TRANSIT } from '../model/requirement.ts';
import type { SessionCheck } from './check.ts';
import { cappedGroups, seenEvidence, totalOf, withLog } from './shared/log-check.ts';

const REASONS: Readonly<Record<string, string>> = {
  'client-certificate': "the server cannot verify the client's certificate",
  missing: 'the server requires a client certificate, and the client has none that is valid',
  'name-mismatch': "the certificate's name is not the role",
  'authentication-failed': 'the certificate was refused for the role',
};

/** Logins of certificates by one authority that fail, from which on the authority itself is in doubt. */
const MANY = 10;
/** Certificates and roles that are reported apart: the client chooses both. */
const MOST_GROUPS = 10;

export const clientCertificateRejected: SessionCheck = {
  id: 'client-certificate-rejected',
  title: 'Client certificate that the server refuses',
  subject: 'session',
  severity: 'medium',
  severityNote: `high where ${MANY} logins or more with certificates of one CA fail: the CA is not, or no longer, in ssl_ca_file`,
  transient: true,
  rationale:
    'A client that cannot prove who it is by its certificate is locked out, or connects in another way. Where every certificate of a CA fails, a renewal of the CA has not reached the server.',
  remedy: `The evidence says why the server refuses the certificate.
1. Renew an expired certificate; where its issuer is not known, add its CA to those that the server accepts of clients, and reload the server.
2. Where the certificate's name is not the role, issue one for the role, or map the name by the option map of the rule.
The names in the evidence are the client's own: nothing has verified them.`,
  requirements: [...IN_TRANSIT, ...CERTIFICATES, ...AUTHENTICATION],
  findsInsecureClients: false,
  remedyBySide: undefined,
  pgbouncer: 'same',
  references: [
    'https://www.postgresql.org/docs/current/auth-cert.html',
    'https://www.postgresql.org/docs/current/ssl-tcp.html#SSL-CLIENT-CERTIFICATES',
  ],
  evaluate: (snapshot) =>
    withLog(snapshot, ({ failures }) => {
      const rejected = failures.filter(
        ({ kind, reason }) =>
          kind === 'client-certificate-failed' || (kind === 'handshake-failed' && reason === 'client-certificate'),
      );
      // Of a CA that is not known one finding; else one for each role, or network where no role is known yet.
      const keyOf = ({ reason, certificate, role, network }: FailedLogins): string =>
        JSON.stringify(
          certificate === undefined
            ? [reason, role ?? network]
            : [certificate.why, certificate.issuer ?? certificate.subject],
        );
      const { groups, rest } = cappedGroups(rejected, keyOf, MOST_GROUPS);
      return [...groups.map(([subject, rows]) => problem(subject, rows)), ...(rest.length === 0 ? [] : [others(rest)])];
    }),
};

/** Of many certificates and roles none is named: they have no cause in common. */
function others(rows: readonly FailedLogins[]): Problem {
  return {
    severity: clientCertificateRejected.severity,
    title: clientCertificateRejected.title,
    subject: 'others',
    evidence: {
      what: 'further certificates and roles',
      times: totalOf(rows),
      ...seenEvidence(rows),
      sources: ['connection log'],
    },
  };
}

function problem(subject: string, rows: readonly FailedLogins[]): Problem {
  const [first] = rows;
  const count = totalOf(rows);
  const { reason = '', certificate, role } = first ?? {};
  const subjects = [...new Set(rows.flatMap((row) => row.certificate?.subject ?? []))].slice(0, 5);
  const networks = [...new Set(rows.flatMap(({ network }) => network ?? []))].sort().slice(0, 8);
  return {
    severity: certificate !== undefined && count >= MANY ? 'high' : clientCertificateRejected.severity,
    title: clientCertificateRejected.title,
    subject,
    ...(networks.length === 0 ? {} : { clients: networks.map((network) => displayText(network)) }),
    evidence: {
      what: REASONS[reason] ?? 'the certificate was refused',
      ...(certificate === undefined ? {} : { why: displayText(certificate.why) }),
      ...(subjects.length === 0 ? {} : { unverifiedSubjects: subjects.map((name) => displayText(name)) }),
      ...(certificate?.issuer === undefined ? {} : { unverifiedIssuer: displayText(certificate.issuer) }),
      ...(role === undefined ? {} : { roleAsked: displayText(role) }),
      times: count,
      ...seenEvidence(rows),
      sources: ['connection log'],
    },
  };
}
