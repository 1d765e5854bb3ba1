// Lists every check, in the order in which reports show them.

import { belowPreferredTlsSession } from './below-preferred-tls-session.ts';
import { caBundleExpiring } from './ca-bundle-expiring.ts';
import { certificateAuthorityRetiring } from './certificate-authority-retiring.ts';
import type { AnyCheck } from './check.ts';
import { clientCertificateExpiring } from './client-certificate-expiring.ts';
import { clientCertificateRejected } from './client-certificate-rejected.ts';
import { configurationNotInEffect } from './configuration-not-in-effect.ts';
import { connectionLogIncomplete } from './connection-log-incomplete.ts';
import { databaseNotCovered } from './database-not-covered.ts';
import { deprecatedTlsAccepted } from './deprecated-tls-accepted.ts';
import { deprecatedTlsAllowed } from './deprecated-tls-allowed.ts';
import { deprecatedTlsSession } from './deprecated-tls-session.ts';
import { discoveryFailed } from './discovery-failed.ts';
import { forgedConnectionLog } from './forged-connection-log.ts';
import { insecureDsnInSecret } from './insecure-dsn-in-secret.ts';
import { insecureOutboundLink } from './insecure-outbound-link.ts';
import { insufficientPrivileges } from './insufficient-privileges.ts';
import { keyExchangeNotPostQuantum } from './key-exchange-not-post-quantum.ts';
import { logExportOff } from './log-export-off.ts';
import { loopbackPlaintextSession } from './loopback-plaintext-session.ts';
import { missingClientCertificate } from './missing-client-certificate.ts';
import { parameterChangePending } from './parameter-change-pending.ts';
import { plaintextAccepted } from './plaintext-accepted.ts';
import { plaintextAllowed } from './plaintext-allowed.ts';
import { plaintextLoginRefused } from './plaintext-login-refused.ts';
import { plaintextSession } from './plaintext-session.ts';
import { proxyTlsNotRequired } from './proxy-tls-not-required.ts';
import { replicaNotCovered } from './replica-not-covered.ts';
import { serverCertificateExpiring } from './server-certificate-expiring.ts';
import { targetNotAudited } from './target-not-audited.ts';
import { tlsDisabled } from './tls-disabled.ts';
import { tlsFallback } from './tls-fallback.ts';
import { tlsHandshakeFailing } from './tls-handshake-failing.ts';
import { tlsTerminatedByProxy } from './tls-terminated-by-proxy.ts';
import { weakCipherSession } from './weak-cipher-session.ts';
import { weakCiphersAllowed } from './weak-ciphers-allowed.ts';
import { weakPasswordAuthentication } from './weak-password-authentication.ts';
import { weakServerCertificate } from './weak-server-certificate.ts';

export const CHECKS: readonly AnyCheck[] = [
  plaintextSession,
  loopbackPlaintextSession,
  deprecatedTlsSession,
  weakCipherSession,
  belowPreferredTlsSession,
  tlsFallback,
  forgedConnectionLog,
  tlsHandshakeFailing,
  clientCertificateRejected,
  plaintextLoginRefused,
  missingClientCertificate,
  tlsDisabled,
  plaintextAllowed,
  parameterChangePending,
  proxyTlsNotRequired,
  deprecatedTlsAllowed,
  weakCiphersAllowed,
  weakPasswordAuthentication,
  plaintextAccepted,
  deprecatedTlsAccepted,
  keyExchangeNotPostQuantum,
  insecureOutboundLink,
  serverCertificateExpiring,
  weakServerCertificate,
  certificateAuthorityRetiring,
  caBundleExpiring,
  clientCertificateExpiring,
  targetNotAudited,
  configurationNotInEffect,
  discoveryFailed,
  databaseNotCovered,
  insufficientPrivileges,
  connectionLogIncomplete,
  logExportOff,
  tlsTerminatedByProxy,
  insecureDsnInSecret,
  replicaNotCovered,
];
