// Finds RDS Proxies that accept connections without TLS.

import { displayText } from '../model/display.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { ServerCheck } from './check.ts';
import { onlyOnRds } from './remedies/remedy-commands.ts';
import { NO_POOLER, ofCloudPlace } from './shared/cloud-check.ts';

export const proxyTlsNotRequired: ServerCheck = {
  id: 'proxy-tls-not-required',
  title: 'An RDS Proxy accepts unencrypted connections',
  subject: 'server',
  severity: 'medium',
  rationale:
    'Clients of a proxy send it passwords and data. What its databases require does not hold for them, and no session of a database shows how they are connected.',
  remedy:
    onlyOnRds(`Make sure that the clients of the proxy use TLS: the proxy ends connections without it once it is required.
Then have the proxy require TLS:
aws rds modify-db-proxy --db-proxy-name <proxy> --require-tls`),
  requirements: IN_TRANSIT,
  needsNoLogin: true,
  pgbouncer: NO_POOLER,
  references: ['https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-proxy-security.html'],
  evaluate: (snapshot) =>
    ofCloudPlace(
      snapshot,
      ({ proxies }) => proxies,
      ({ name, requireTls }) =>
        requireTls
          ? undefined
          : {
              severity: 'medium',
              title: proxyTlsNotRequired.title,
              subject: displayText(name, 255),
              evidence: { proxy: displayText(name, 255), requireTls },
            },
    ),
};
