// Every check there is, in the order in which people read about them.

import { belowPreferredTlsSession } from './below-preferred-tls-session.ts';
import { blindRole } from './blind-role.ts';
import type { Check } from './check.ts';
import { deprecatedTlsSession } from './deprecated-tls-session.ts';
import { insecureDsnInSecret } from './insecure-dsn-in-secret.ts';
import { loopbackPlaintextSession } from './loopback-plaintext-session.ts';
import { plaintextSession } from './plaintext-session.ts';
import { serverCertificateExpiring } from './server-certificate-expiring.ts';
import { targetNotAudited } from './target-not-audited.ts';
import { weakCipherSession } from './weak-cipher-session.ts';

export const CHECKS: readonly Check[] = [
  plaintextSession,
  loopbackPlaintextSession,
  deprecatedTlsSession,
  weakCipherSession,
  belowPreferredTlsSession,
  serverCertificateExpiring,
  targetNotAudited,
  blindRole,
  insecureDsnInSecret,
];
