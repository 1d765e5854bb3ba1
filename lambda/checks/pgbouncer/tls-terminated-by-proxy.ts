// Evaluates whether a proxy stands between the auditor and a pooler.

import { displayText } from '../../model/display.ts';
import type { PgBouncerEvaluation } from './settings.ts';

/** `tls-terminated-by-proxy` */
export const evaluateProxyBeforePooler: PgBouncerEvaluation = ({ link, networkPath }) => {
  if (!link.known) return { status: 'unknown', reason: link.reason };
  const { serverView, tlsVersion, cipher } = link.value;
  const ours = show(tlsVersion, cipher);
  if (serverView.known) {
    const { value } = serverView;
    const theirs = value === 'not-tls' ? 'no TLS' : show(value.tlsVersion, value.cipher);
    if (theirs !== ours) {
      return {
        status: 'fail',
        problems: [
          {
            severity: 'medium',
            title: 'TLS ends before the pooler',
            evidence: { auditorsSocket: ours, poolersView: theirs },
            remedy:
              "Point the target at PgBouncer's own host and port. If clients come through the same proxy, have it pass TLS on to PgBouncer: in TCP mode, or encrypted again with client_tls_sslmode = require in pgbouncer.ini.",
          },
        ],
      };
    }
  }
  // PgBouncer offers no channel binding: that it sees our very socket is the only proof there is.
  if (networkPath?.isDirect === true) return { status: 'pass' };
  if (!serverView.known) return { status: 'unknown', reason: serverView.reason };
  return {
    status: 'unknown',
    reason: `PgBouncer sees ${ours}, as the auditor does, and so it would behind a proxy with TLS on both sides: it sees another address or port than the auditor's`,
  };
};

function show(tlsVersion: string, cipher: string): string {
  return `${displayText(tlsVersion)} with ${displayText(cipher)}`;
}
