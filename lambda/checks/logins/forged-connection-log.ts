// The check for clients that write the text of a TLS login into the log by their application name.

import type { CheckInfo } from '../../model/check-info.ts';
import { IN_TRANSIT } from '../../model/requirement.ts';

export const FORGED_CONNECTION_LOG = {
  id: 'forged-connection-log',
  title: 'Client that forges the connection log',
  subject: 'session',
  severity: 'high',
  rationale:
    'The server logs the name of an application as the client gives it, before its own words about encryption. A name that holds those words makes a plaintext login look like one over TLS.',
  remedy: `Find out what this client is: no program has such a name by accident. Nothing in the log shows whether its logins are encrypted; pg_stat_ssl does, while it is connected:
SELECT a.usename, a.application_name, a.client_addr, s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.application_name ~ '(SSL enabled|GSS) [(]';
Then refuse plaintext on the server: what is refused cannot forge.`,
  requirements: IN_TRANSIT,
  references: ['https://www.postgresql.org/docs/current/runtime-config-logging.html#GUC-APPLICATION-NAME'],
} as const satisfies CheckInfo;
