// Finds rules of pg_hba.conf that let unencrypted connections in from the network.

import {
  type AcceptedConnection,
  acceptance,
  NETWORK,
  NETWORK_AND_LOOPBACK,
  type PermissiveRule,
} from '../analysis/pg-hba/acceptance.ts';
import { advise } from '../analysis/pg-hba/advice.ts';
import { describePlace, hbaLine } from '../analysis/pg-hba/line.ts';
import { withReloadCaveat } from '../analysis/pg-hba/not-loaded.ts';
import { rulesOf } from '../analysis/pg-hba/rules-of.ts';
import { isAmazonRds } from '../analysis/provider/platform.ts';
import { displayText } from '../model/display.ts';
import type { Evidence, Outcome, Problem } from '../model/finding.ts';
import type { HbaFacts } from '../model/hba.ts';
import type { Observed } from '../model/observed.ts';
import type { Policy } from '../model/policy.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { Severity } from '../model/severity.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { ServerCheck } from './check.ts';
import { evaluateClientPlaintext } from './pgbouncer/client-side.ts';
import { ofSettings } from './pgbouncer/settings.ts';
import { withProbeEvidence } from './probe/on-the-wire.ts';
import { REFUSE_PLAINTEXT, RELOAD, REQUIRE_TLS_IN_HBA } from './remedies/remedy-commands.ts';
import { forceSslByApi, forceSslOff, isOn, withParameterGroup } from './shared/force-ssl.ts';
import { readSetting } from './shared/setting.ts';

/** All of the check but how it reads a snapshot. */
export const PLAINTEXT_ALLOWED: Omit<ServerCheck, 'evaluate'> = {
  id: 'plaintext-allowed',
  title: 'pg_hba.conf accepts unencrypted connections from the network',
  subject: 'server',
  severity: 'medium',
  severityNote:
    "critical where it asks for no password, high where the API of RDS says that it is publicly accessible, low where only the server's own addresses can be meant",
  rationale:
    'As long as the server accepts plaintext, one client with sslmode=prefer, or an attacker on the path who says that the server has no TLS, is enough for passwords and data to travel in the open. That no client does so today is luck.',
  remedy: {
    selfManaged: REQUIRE_TLS_IN_HBA,
    ...REFUSE_PLAINTEXT,
  },
  requirements: IN_TRANSIT,
  needsNoLogin: true,
  pgbouncer: ofSettings(evaluateClientPlaintext),
  references: [
    'https://www.postgresql.org/docs/current/auth-pg-hba-conf.html',
    'https://www.postgresql.org/docs/current/view-pg-hba-file-rules.html',
    'https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL.Concepts.General.SSL.html',
    'https://docs.aws.amazon.com/AmazonRDS/latest/AuroraUserGuide/AuroraPostgreSQL.Security.html',
  ],
};

export const plaintextAllowed: ServerCheck = {
  ...PLAINTEXT_ALLOWED,
  evaluate: (snapshot, policy) => withProbeEvidence(snapshot, evaluateHbaOrForceSsl(snapshot, policy)),
};

function evaluateHbaOrForceSsl(snapshot: Snapshot, { loopback }: Policy): Outcome {
  const { settings } = snapshot;
  const hba = rulesOf(snapshot);
  const forced = readSetting(snapshot, 'rds.force_ssl');
  // On RDS no role may read the rules, and this setting says what they are made to do.
  if (!hba.known && forced.known) return evaluateForceSsl(forced.value, hba.reason, snapshot);
  const byApi = hba.known ? undefined : forceSslByApi(snapshot, hba.reason, PLAINTEXT_ALLOWED.severity);
  if (byApi !== undefined) return byApi;
  const tlsOn = !settings.known || settings.value.values.ssl !== 'off';
  return withReloadCaveat(evaluatePlaintextRules(hba, { tlsOn, loopback }), hba);
}

function evaluateForceSsl(value: string, reason: string, snapshot: Snapshot): Outcome {
  // On a server of one's own, the owner of any database can make the setting up with ALTER DATABASE … SET.
  if (!isAmazonRds(snapshot)) {
    return { status: 'unknown', reason: `${reason}; rds.force_ssl is set, but nothing proves that this is Amazon RDS` };
  }
  const on = isOn(value);
  if (on === undefined) {
    return { status: 'unknown', reason: `rds.force_ssl is ${displayText(value)}, which is not known here` };
  }
  if (on) return { status: 'pass' };
  const problem = forceSslOff(value, PLAINTEXT_ALLOWED.severity);
  return { status: 'fail', problems: [withParameterGroup(snapshot, problem)] };
}

/**
 * The outcome for the rules: one problem for each by which plaintext gets in.
 *
 * @param tlsOn the setting `ssl`: without it, `hostssl` rules match no connection
 */
export function evaluatePlaintextRules(
  hba: Observed<HbaFacts>,
  { tlsOn, loopback }: { readonly tlsOn: boolean; readonly loopback: Policy['loopback'] },
): Outcome {
  if (!hba.known) return { status: 'unknown', reason: hba.reason };
  const from = loopback === 'network' ? NETWORK_AND_LOOPBACK : NETWORK;
  const found = acceptance(hba.value, 'plaintext', from);
  if (found.status === 'closed') return { status: 'pass' };
  if (found.status === 'unknown') return { status: 'unknown', reason: displayText(found.reason, 400) };
  return {
    status: 'fail',
    problems: found.permissiveRules.map((permissiveRule) =>
      permissiveRuleProblem(
        permissiveRule,
        [...advise(permissiveRule.rule, hba.value, { tlsOn, from }), `Then ${RELOAD}`].join('\n'),
      ),
    ),
  };
}

function permissiveRuleProblem(permissiveRule: PermissiveRule, selfManaged: string): Problem {
  const { rule, doubt, examples } = permissiveRule;
  const line = displayText(hbaLine(rule), 300);
  return {
    severity: severityOf(permissiveRule),
    title: titleOf(permissiveRule),
    subject: line,
    evidence: {
      rule: line,
      at: displayText(describePlace(rule), 300),
      ...describeExamples(examples),
      ...(doubt === undefined ? {} : { doubt: displayText(doubt, 300) }),
    },
    remedy: { selfManaged, ...REFUSE_PLAINTEXT },
  };
}

function severityOf({ rule: { method, address, quotes }, doubt }: PermissiveRule): Severity {
  // In quotes, samehost is the name of a host, which may be anywhere.
  if (address === 'samehost' && quotes?.address === false && doubt !== undefined)
    return method === 'trust' ? 'medium' : 'low';
  return method === 'trust' ? 'critical' : PLAINTEXT_ALLOWED.severity;
}

function titleOf({ rule: { method }, doubt }: PermissiveRule): string {
  const verb = doubt === undefined ? '' : 'may ';
  if (method !== 'trust')
    return `pg_hba.conf ${verb}accept${doubt === undefined ? 's' : ''} unencrypted connections from the network`;
  return `pg_hba.conf ${verb}let${doubt === undefined ? 's' : ''} unencrypted connections in from the network without a password`;
}

/** Those that a rule only may let in are listed by themselves, where others are certain. */
function describeExamples(examples: PermissiveRule['examples']): Evidence {
  const certain = examples.filter(({ doubt }) => doubt === undefined);
  const doubtful = examples.filter(({ doubt }) => doubt !== undefined);
  if (certain.length === 0 || doubtful.length === 0) return { letsIn: examples.map(describeAdmitted) };
  return {
    letsIn: certain.map(describeAdmitted),
    mayLetIn: doubtful.map((example) => `${describeAdmitted(example)}: ${displayText(example.doubt ?? '', 300)}`),
  };
}

function describeAdmitted({ destination, role, address }: AcceptedConnection): string {
  const what =
    destination === 'physical-replication' ? 'physical replication' : `database ${displayText(destination.database)}`;
  return `${what}, role ${displayText(role)}${address === undefined ? '' : `, from ${address}`}`;
}
