// Finds clients that write the text of a TLS login into the log by their application name.

import { loggedSessions } from '../analysis/sessions/seen-sessions.ts';
import { describeGroup, groupSessions } from '../analysis/sessions/session-groups.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { SessionCheck } from './check.ts';
import { withLog } from './shared/log-check.ts';

/** The words by which the server says in its log that a login is encrypted. */
const FORGES = /(?:SSL enabled|GSS) \(/;

export const forgedConnectionLog: SessionCheck = {
  id: 'forged-connection-log',
  title: 'Client that forges the connection log',
  subject: 'session',
  severity: 'high',
  transient: true,
  rationale:
    'The server logs the name of an application as the client gives it, before its own words about encryption. A name that holds those words makes a plaintext login look like one over TLS.',
  remedy: `Find out what this client is: no program has such a name by accident. Nothing in the log shows whether its logins are encrypted; pg_stat_ssl does, while it is connected:
SELECT a.usename, a.application_name, a.client_addr, s.ssl FROM pg_stat_ssl s JOIN pg_stat_activity a USING (pid) WHERE a.application_name ~ '(SSL enabled|GSS) [(]';
Then refuse plaintext on the server: what is refused cannot forge.`,
  requirements: IN_TRANSIT,
  findsInsecureClients: true,
  remedyBySide: undefined,
  pgbouncer: 'same',
  references: ['https://www.postgresql.org/docs/current/runtime-config-logging.html#GUC-APPLICATION-NAME'],
  evaluate: (snapshot) =>
    withLog(snapshot, ({ clients }) => {
      const { sessions } = snapshot;
      const open = (sessions.known ? sessions.value.visible : []).filter(({ application }) => FORGES.test(application));
      const forged = clients.filter((row) => row.forged);
      const logged = loggedSessions(forged, { open, isPooler: snapshot.target.kind === 'pgbouncer' });
      return groupSessions([...open, ...logged])
        .map(describeGroup)
        .map((problem) => ({
          ...problem,
          severity: forgedConnectionLog.severity,
          title: forgedConnectionLog.title,
          evidence: {
            what: 'the application name holds the text by which the server says that a login is encrypted',
            ...problem.evidence,
          },
        }));
    }),
};
