// Evaluates how soon a certificate ends: the server's, a CA's or the auditor's own.

import type { CertificateFacts } from '../../model/certificate.ts';
import { displayText } from '../../model/display.ts';
import type { Problem } from '../../model/finding.ts';
import type { Policy } from '../../model/policy.ts';
import type { Severity } from '../../model/severity.ts';
import { DAY_MS } from '../../model/time.ts';

export const EXPIRY_SEVERITY_NOTE = 'by days left: 30 medium, 14 high, 7 critical (policy.certificateExpiryDays)';

export interface Expiry {
  readonly severity: Severity;
  /** Whether it has ended already. */
  readonly expired: boolean;
  /** Whole days; negative from the first second after its end on. */
  readonly daysLeft: number;
}

/**
 * Whether the certificate ends within the days of the policy; undefined when it has longer.
 *
 * To the second: with exactly 30 days left it is medium, with a second more it is nothing. In the very second of its
 * end OpenSSL takes it for expired (X509_cmp_time), so here it is too, though RFC 5280 would grant it that second.
 *
 * @param takenAt ISO 8601
 */
export function expiryOf(
  { notAfter }: Pick<CertificateFacts, 'notAfter'>,
  takenAt: string,
  { medium, high, critical }: Policy['certificateExpiryDays'],
): Expiry | undefined {
  const left = Date.parse(notAfter) - Date.parse(takenAt);
  const within = (days: number): boolean => left <= days * DAY_MS;
  if (!within(medium)) return undefined;
  return {
    severity: within(critical) ? 'critical' : within(high) ? 'high' : 'medium',
    expired: within(0),
    daysLeft: Math.floor(left / DAY_MS),
  };
}

/**
 * Which certificate it is and when it ends. Its hash differs from its successor's: a renewed one is another finding.
 */
export function describeExpiry(
  { subject, issuer, notAfter, sha256 }: CertificateFacts,
  { expired, daysLeft }: Expiry,
): Pick<Problem, 'subject' | 'evidence'> {
  return {
    subject: sha256,
    evidence: {
      certificate: displayText(subject, 120),
      issuer: displayText(issuer, 120),
      [expired ? 'expired' : 'expires']: notAfter,
      daysLeft,
      sha256,
    },
  };
}
