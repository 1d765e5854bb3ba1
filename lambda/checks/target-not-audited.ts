// Targets that could not be audited.

import { isIdentityFailure } from '../model/failure.ts';
import type { Check } from './check.ts';

export const targetNotAudited: Check = {
  id: 'target-not-audited',
  title: 'The database could not be audited',
  severity: 'high',
  severityNote: "critical where the server's certificate failed verification",
  rationale:
    'Nothing is known of its sessions: silence would read as all clear. Where the certificate failed, an impostor may stand between the auditor and the server; no credential was sent.',
  remedy: 'Each cause comes with its own: see the finding, and the troubleshooting section of the README.',
  references: ['https://www.postgresql.org/docs/current/libpq-ssl.html#LIBQ-SSL-CERTIFICATES'],
  evaluate: ({ failure }) => {
    if (failure === undefined) return { status: 'pass' };
    const { cause, message, remedy } = failure;
    return {
      status: 'fail',
      problems: [
        {
          severity: isIdentityFailure(cause) ? 'critical' : 'high',
          title: targetNotAudited.title,
          evidence: { cause, what: message },
          remedy: sentence(remedy),
        },
      ],
    };
  },
};

function sentence(text: string): string {
  const end = /[.;…]$/.test(text) ? '' : '.';
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}${end}`;
}
