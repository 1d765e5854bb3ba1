// Evaluates by a pooler's settings whether it demands client certificates; its console shows none.

import { displayText } from '../../model/display.ts';
import { namePattern } from '../../model/name-pattern.ts';
import { hiddenSessionsReason } from '../shared/session-check.ts';
import { type PgBouncerEvaluation, RELOAD } from './settings.ts';

/** `missing-client-certificate` */
export const evaluateClientCertificates: PgBouncerEvaluation = (snapshot, { clientCertificateRoles }) => {
  if (clientCertificateRoles.length === 0) {
    return { status: 'not-applicable', reason: 'policy.clientCertificateRoles names no role' };
  }
  const { sessions, pooler } = snapshot;
  if (!sessions.known) return { status: 'unknown', reason: sessions.reason };
  const mode = pooler?.known === true ? pooler.value.values.client_tls_sslmode : undefined;
  const method = pooler?.known === true ? pooler.value.values.auth_type : undefined;
  if (mode === 'verify-ca' || mode === 'verify-full' || method === 'cert') return { status: 'pass' };
  const isWanted = namePattern(clientCertificateRoles);
  const roles = new Set(
    sessions.value.visible.flatMap(({ side, role, transport }) =>
      side === 'client' && transport === 'tls' && role !== undefined && isWanted(role) ? [displayText(role)] : [],
    ),
  );
  if (roles.size > 0) {
    return {
      status: 'unknown',
      reason: `PgBouncer does not show whether clients of ${[...roles].slice(0, 5).join(', ')} showed a certificate, and does not verify it. client_tls_sslmode = verify-full with client_tls_ca_file = <CA of the clients> in pgbouncer.ini has every client show one; ${RELOAD}`,
    };
  }
  const unknownReason = hiddenSessionsReason(snapshot);
  return unknownReason === undefined ? { status: 'pass' } : { status: 'unknown', reason: unknownReason };
};
