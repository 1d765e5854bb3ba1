// Which checks say something else of a pooler than of a PostgreSQL server. All others judge what both have: sessions,
// certificates, credentials.

import type { Outcome } from '../../model/finding.ts';
import { plaintextAllowed, tlsDisabled, weakPasswordAuthentication } from './client-side.ts';
import { deprecatedTlsAllowed } from './deprecated-tls-allowed.ts';
import { insecureOutboundLink } from './insecure-outbound-link.ts';
import { missingClientCertificate } from './missing-client-certificate.ts';
import { ofSettings, type PgBouncerEvaluation } from './settings.ts';
import { tlsTerminatedByProxy } from './tls-terminated-by-proxy.ts';
import { weakCiphersAllowed } from './weak-ciphers-allowed.ts';

/** By the check's id. */
export const PGBOUNCER_EVALUATIONS: ReadonlyMap<string, PgBouncerEvaluation> = new Map([
  ['tls-disabled', ofSettings(tlsDisabled)],
  ['plaintext-allowed', ofSettings(plaintextAllowed)],
  ['deprecated-tls-allowed', ofSettings(deprecatedTlsAllowed)],
  ['weak-ciphers-allowed', ofSettings(weakCiphersAllowed)],
  ['weak-password-authentication', ofSettings(weakPasswordAuthentication)],
  ['insecure-outbound-link', ofSettings(insecureOutboundLink)],
  ['missing-client-certificate', missingClientCertificate],
  ['tls-terminated-by-proxy', tlsTerminatedByProxy],
  ['insufficient-privileges', insufficientPrivileges],
  ['replica-not-covered', (): Outcome => ({ status: 'not-applicable', reason: 'a PgBouncer has no standbys' })],
]);

function insufficientPrivileges({ visibility }: Parameters<PgBouncerEvaluation>[0]): Outcome {
  if (!visibility.known) return { status: 'unknown', reason: visibility.reason };
  return {
    status: 'not-applicable',
    reason: "whoever is let into PgBouncer's console sees every session of its process",
  };
}
