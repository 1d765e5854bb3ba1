// Finds targets that could not be audited.

import { mayBeImpostor } from '../model/failure.ts';
import type { Problem } from '../model/finding.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { AuditCheck } from './check.ts';

export const targetNotAudited: AuditCheck = {
  id: 'target-not-audited',
  title: 'The database could not be audited',
  subject: 'audit',
  severity: 'high',
  severityNote: "critical where the server's certificate failed verification, or the login showed signs of an impostor",
  rationale:
    'Nothing is known about its sessions, and silence would read as all clear. Where the certificate failed, an impostor may stand between the auditor and the server; no credential was sent.',
  remedy: 'Each cause comes with its own: see the finding, and docs/troubleshooting.md.',
  requirements: IN_TRANSIT,
  hidesSessions: true,
  pgbouncer: 'same',
  references: ['https://www.postgresql.org/docs/current/libpq-ssl.html#LIBQ-SSL-CERTIFICATES'],
  evaluate: ({ failure, link }) => {
    if (failure === undefined) {
      return link.known && !link.value.authorized ? { status: 'fail', problems: [UNVERIFIED] } : { status: 'pass' };
    }
    const { cause, message, remedy } = failure;
    return {
      status: 'fail',
      problems: [
        {
          severity: mayBeImpostor(cause) ? 'critical' : 'high',
          title: targetNotAudited.title,
          evidence: { cause, what: message },
          remedy: sentence(remedy),
        },
      ],
    };
  },
};

/**
 * No audit gets there, because the handshake refuses such a connection. If one did, an unverified server would have
 * given all the other facts.
 */
const UNVERIFIED: Problem = {
  severity: 'critical',
  title: 'The server was audited without its certificate being verified',
  evidence: { cause: 'certificate-rejected', what: 'The connection was not authorized by the TLS library' },
  remedy: 'Change the password of the role, and report it as a defect of pg-tls-auditor.',
};

function sentence(text: string): string {
  const end = /[.;…]$/.test(text) ? '' : '.';
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${end}`;
}
