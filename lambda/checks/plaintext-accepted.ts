// Finds servers that were seen to go on with a login that nothing encrypts.

import { advise } from '../analysis/pg-hba/advice.ts';
import { describePlace, hbaLine } from '../analysis/pg-hba/line.ts';
import { rulesOf } from '../analysis/pg-hba/rules-of.ts';
import { displayText } from '../model/display.ts';
import type { Evidence, Outcome, Problem } from '../model/finding.ts';
import type { HbaFacts, HbaRule } from '../model/hba.ts';
import type { Policy } from '../model/policy.ts';
import type { PlaintextAuthentication, WireProbe } from '../model/probe.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { Severity } from '../model/severity.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { ServerCheck } from './check.ts';
import { plaintextAllowed } from './plaintext-allowed.ts';
import { ON_THE_WIRE } from './probe/on-the-wire.ts';
import { type Configured, type PlaintextReconciliation, reconcilePlaintext } from './probe/reconcile-plaintext.ts';
import { withProbe } from './probe/wire-facts.ts';
import { pgbouncerSettings, REFUSE_PLAINTEXT, RELOAD } from './remedies/remedy-commands.ts';

export const plaintextAccepted: ServerCheck = {
  id: 'plaintext-accepted',
  title: "The server accepts the auditor's role in plaintext",
  subject: 'server',
  severity: 'medium',
  severityNote:
    'critical where it asks for no password; over loopback as policy.loopback says; info where it refuses what its configuration accepts',
  rationale:
    'It was tried, on a connection of its own and without a password: the server went on with a login that nothing encrypts. A client that does not insist on TLS sends its password and data in the open, and so does one to which an attacker on the path has said that there is no TLS.',
  remedy: {
    ...REFUSE_PLAINTEXT,
    selfManaged: `In pg_hba.conf, in the rule that lets the role in: change the first word from host to hostssl, and leave the rest of the line as it is; where it begins with hostnossl, change the method to reject.
Then ${RELOAD}`,
    pgbouncer: pgbouncerSettings('client_tls_sslmode = require'),
  },
  requirements: IN_TRANSIT,
  pgbouncer: 'same',
  references: [
    'https://www.postgresql.org/docs/current/auth-pg-hba-conf.html',
    'https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-SSL',
  ],
  evaluate: (snapshot, policy) => withProbe(snapshot, (probe) => evaluatePlaintextLogin(snapshot, probe, policy)),
};

function evaluatePlaintextLogin(snapshot: Snapshot, probe: WireProbe, policy: Policy): Outcome {
  const { plaintext, loopback } = probe;
  if (loopback && policy.loopback === 'ignore') {
    return { status: 'not-applicable', reason: 'the server is reached over loopback, and policy.loopback is "ignore"' };
  }
  if (!plaintext.known) return { status: 'unknown', reason: plaintext.reason };
  const answer = plaintext.value;
  const reconciled = reconcilePlaintext(snapshot, probe, answer);
  if (answer.accepted) {
    const severity = loopback && policy.loopback === 'info' ? 'info' : severityOf(answer.authentication);
    return { status: 'fail', problems: [accepted(snapshot, probe, answer.authentication, reconciled, severity)] };
  }
  const { disagreement } = reconciled;
  if (disagreement === undefined || isReportedElsewhere(snapshot, policy)) return { status: 'pass' };
  return { status: 'fail', problems: [refusedThoughConfigured(probe, disagreement)] };
}

function severityOf(authentication: PlaintextAuthentication): Severity {
  return authentication === 'none' ? 'critical' : plaintextAccepted.severity;
}

const ASKS: Readonly<Record<PlaintextAuthentication, string>> = {
  none: 'lets the role in without a password',
  password: 'asks for the password in clear text',
  md5: 'asks for the password as an MD5 hash',
  sasl: 'asks for SASL authentication (SCRAM or OAuth)',
  gss: 'asks for GSSAPI authentication',
  sspi: 'asks for SSPI authentication',
  other: 'asks for authentication',
};

function accepted(
  snapshot: Snapshot,
  { role, database }: WireProbe,
  authentication: PlaintextAuthentication,
  { configured, disagreement, misread }: PlaintextReconciliation,
  severity: Severity,
): Problem {
  const rule = configured.status === 'accepts' && disagreement === undefined ? configured.rule : undefined;
  const selfManaged = remedyFor(snapshot, configured);
  const clientAddressAtServer = snapshot.networkPath?.clientAddressAtServer;
  const evidence: Record<string, string> = { answer: ASKS[authentication] };
  if (clientAddressAtServer !== undefined) evidence.from = displayText(clientAddressAtServer);
  if (rule !== undefined) {
    evidence.rule = displayText(hbaLine(rule), 300);
    evidence.at = displayText(describePlace(rule), 300);
  } else if (disagreement !== undefined) evidence.disagreement = disagreement;
  else if (misread !== undefined) evidence.misread = misread;
  else if (configured.status === 'accepts') evidence.configuration = configured.by;
  else if (configured.status === 'unknown') evidence.configuration = `not known: ${configured.reason}`;
  return {
    severity,
    title: `The server accepts a login in plaintext${authentication === 'none' ? ', without a password' : ''}`,
    role: displayText(role),
    database: displayText(database),
    evidence: evidence satisfies Evidence,
    ...(selfManaged === undefined ? {} : { remedy: { ...REFUSE_PLAINTEXT, selfManaged } }),
  };
}

/** Undefined where the rules are not known, or not what decides. */
function remedyFor(snapshot: Snapshot, configured: Configured): string | undefined {
  const { settings, pooler } = snapshot;
  const hba = rulesOf(snapshot);
  if (pooler !== undefined || !hba.known) return undefined;
  if (configured.status === 'refuses') return LOAD_WHAT_IS_WRITTEN;
  if (configured.status === 'unknown' || configured.rule === undefined) return undefined;
  const tlsOn = !settings.known || settings.value.values.ssl !== 'off';
  return [...advise(asRead(configured.rule, hba.value), hba.value, { tlsOn }), `Then ${RELOAD}`].join('\n');
}

/** The same rule with all that is known of its quotes. */
function asRead(rule: HbaRule, { rules }: HbaFacts): HbaRule {
  const isSame = ({ lineNumber, fileName }: HbaRule): boolean =>
    lineNumber === rule.lineNumber && fileName === rule.fileName;
  return rules.find(isSame) ?? rule;
}

/** Where the file refuses the login already, there is nothing in it to change. */
const LOAD_WHAT_IS_WRITTEN = `pg_hba.conf refuses this login already, as it is written. See that nothing keeps it from being loaded: SELECT line_number, error FROM pg_hba_file_rules WHERE error IS NOT NULL;
Then ${RELOAD}
Audit again: where plaintext still gets in, something in front of the server accepts it.`;

/** plaintext-allowed has a finding for the rule, and says there what the wire answered. */
function isReportedElsewhere(snapshot: Snapshot, policy: Policy): boolean {
  const outcome = plaintextAllowed.evaluate(snapshot, policy);
  return outcome.status === 'fail' && outcome.problems.some(({ evidence }) => ON_THE_WIRE in evidence);
}

function refusedThoughConfigured({ role, database }: WireProbe, disagreement: string): Problem {
  return {
    severity: 'info',
    title: 'The server refuses a login in plaintext that its configuration accepts',
    role: displayText(role),
    database: displayText(database),
    subject: 'refused',
    evidence: { disagreement },
    remedy:
      'Find out which of the two is meant. Until the configuration refuses plaintext too, a reload, a restart or another way to the server can let it in.',
  };
}
