// Finds logins over the network by MD5, by a password in clear, or without authentication.

import {
  acceptance,
  type Encryption,
  NETWORK,
  NETWORK_AND_LOOPBACK,
  type Origin,
  type PermissiveRule,
} from '../analysis/pg-hba/acceptance.ts';
import { advise } from '../analysis/pg-hba/advice.ts';
import { describePlace, hbaLine } from '../analysis/pg-hba/line.ts';
import { withReloadCaveat } from '../analysis/pg-hba/not-loaded.ts';
import { rulesOf } from '../analysis/pg-hba/rules-of.ts';
import { isAmazonRds } from '../analysis/provider/platform.ts';
import { displayText } from '../model/display.ts';
import type { Problem } from '../model/finding.ts';
import type { HbaFacts, HbaRule } from '../model/hba.ts';
import type { Policy } from '../model/policy.ts';
import type { PlatformRemedy } from '../model/remedy.ts';
import { AUTHENTICATION, IN_TRANSIT } from '../model/requirement.ts';
import type { Severity } from '../model/severity.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { ServerCheck } from './check.ts';
import { evaluateAuthType } from './pgbouncer/client-side.ts';
import { ofSettings } from './pgbouncer/settings.ts';
import {
  alterSystem,
  azureParameter,
  cloudSqlFlag,
  RELOAD,
  rdsCommands,
  rdsParameter,
} from './remedies/remedy-commands.ts';
import { combineOutcomes, type PartialOutcome } from './shared/outcome.ts';
import { evaluateOwnLogin } from './shared/own-login.ts';
import { readSetting } from './shared/setting.ts';
import { overriddenEncryption, weakOverrides } from './shared/setting-override.ts';

const SET_PASSWORDS_AGAIN =
  "Then have each role whose password is still MD5 (SELECT rolname FROM pg_authid WHERE rolpassword LIKE 'md5%';) set it again, e.g. with \\password";

/** Whose passwords may be stored as MD5. */
const ASKS_PASSWORD: readonly string[] = ['md5', 'password'];
const SET_SCRAM_PASSWORDS_FIRST = `have new passwords stored for SCRAM:
${alterSystem('password_encryption', 'scram-sha-256')}
${SET_PASSWORDS_AGAIN}: with MD5 it is kept out.`;

/** How the managed services store and take passwords by SCRAM only. */
const BY_SCRAM: Omit<PlatformRemedy, 'selfManaged' | 'everywhere'> = {
  rds: `${rdsParameter('password_encryption', 'scram-sha-256')}
Then have each role set its password again, e.g. with \\password, that this shows as md5: CREATE EXTENSION IF NOT EXISTS rds_tools; SELECT * FROM rds_tools.role_password_encryption_type();
When none is left, rds.accepted_password_auth_method = scram refuses MD5:
${rdsCommands('rds.accepted_password_auth_method', 'scram')}`,
  neon: "Nothing to set: Neon's proxy decides how passwords are asked for. A role whose password is stored as MD5 gets a new one: ALTER ROLE <role> PASSWORD '<new>';",
  cloudSql: `${cloudSqlFlag('password_encryption', 'scram-sha-256')}
Then have each role set its password again: gcloud sql users set-password <role> --instance=<instance> --prompt-for-password`,
  azure: `${azureParameter('password_encryption', 'scram-sha-256')}
Then have each role set its password again, e.g. with \\password, that this shows as MD5: SELECT * FROM azure_roles_authtype();
When none is left: az postgres flexible-server parameter set --resource-group <group> --server-name <server> --name azure.accepted_password_auth_method --value scram-sha-256`,
};

export const weakPasswordAuthentication: ServerCheck = {
  id: 'weak-password-authentication',
  title: 'Weak password authentication',
  subject: 'server',
  severity: 'medium',
  severityNote:
    "critical where the network gets in without authentication, high where only the client's word or any certificate is asked for",
  rationale:
    'Anyone who reads an MD5 hash (a backup, a dump of roles) can log in with it, and it is fast to search; a password in clear is known to anyone who poses as the server. SCRAM-SHA-256 has neither flaw, and lets the client notice an attacker in between (channel binding).',
  remedy: {
    everywhere: 'First see that every driver can SCRAM (libpq 10, JDBC 42.2.0, Npgsql 3.2.7 or newer).',
    selfManaged: `${alterSystem('password_encryption', 'scram-sha-256')}
${SET_PASSWORDS_AGAIN}.
In pg_hba.conf write "scram-sha-256" in place of "md5", "password" and "trust" in rules for network addresses, then ${RELOAD}`,
    ...BY_SCRAM,
  },
  requirements: [...IN_TRANSIT, ...AUTHENTICATION],
  pgbouncer: ofSettings(evaluateAuthType),
  references: [
    'https://www.postgresql.org/docs/current/auth-password.html',
    'https://www.postgresql.org/docs/current/auth-trust.html',
    'https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL_Password_Encryption_configuration.html',
  ],
  evaluate: (snapshot, policy) => {
    const parts = [
      evaluateStorage(snapshot),
      { problems: weakOverrides(snapshot) },
      evaluateRules(snapshot, policy),
      evaluateOwnLogin(snapshot, BY_SCRAM),
    ];
    return withReloadCaveat(combineOutcomes(parts), snapshot.hba);
  },
};

function evaluateStorage(snapshot: Snapshot): PartialOutcome {
  const hidden = overriddenEncryption(snapshot);
  if (hidden !== undefined) return { problems: [], unknownReason: hidden };
  const encryption = readSetting(snapshot, 'password_encryption');
  if (!encryption.known) return { problems: [], unknownReason: encryption.reason };
  if (encryption.value === 'scram-sha-256') return { problems: [] };
  return {
    problems: [
      {
        severity: 'medium',
        title: 'New passwords are stored as MD5 hashes',
        subject: 'password_encryption',
        evidence: { password_encryption: displayText(encryption.value), shouldBe: 'scram-sha-256' },
        remedy: {
          everywhere: 'First see that every driver can SCRAM (libpq 10, JDBC 42.2.0, Npgsql 3.2.7 or newer).',
          selfManaged: `${alterSystem('password_encryption', 'scram-sha-256')}
${SET_PASSWORDS_AGAIN}.`,
          ...BY_SCRAM,
        },
      },
    ],
  };
}

function evaluateRules(snapshot: Snapshot, { loopback }: Policy): PartialOutcome {
  const { settings } = snapshot;
  const hba = rulesOf(snapshot);
  // On RDS no role may read the rules, and a setting says what they accept.
  if (!hba.known)
    return isAmazonRds(snapshot) ? evaluateAccepted(snapshot) : { problems: [], unknownReason: hba.reason };
  const tlsOn = !settings.known || settings.value.values.ssl !== 'off';
  const from = loopback === 'network' ? NETWORK_AND_LOOPBACK : NETWORK;
  const ways = new Map<HbaRule, Way>();
  for (const encryption of tlsOn ? (['plaintext', 'tls', 'gss'] as const) : (['plaintext', 'gss'] as const)) {
    const found = acceptance(hba.value, encryption, from);
    if (found.status === 'unknown') return { problems: [], unknownReason: displayText(found.reason, 400) };
    if (found.status === 'closed') continue;
    for (const permissiveRule of found.permissiveRules) {
      const known = ways.get(permissiveRule.rule);
      // What is certain for one of the encryptions is certain.
      const certain =
        known?.permissiveRule.doubt === undefined ? (known?.permissiveRule ?? permissiveRule) : permissiveRule;
      ways.set(permissiveRule.rule, {
        permissiveRule: certain,
        encryptions: [...(known?.encryptions ?? []), encryption],
      });
    }
  }
  // By their place in the file, whichever encryption they were found by.
  const problems = hba.value.rules.flatMap((rule) => {
    const way = rule.warning === undefined ? ways.get(rule) : undefined;
    return way === undefined ? [] : (weakRuleProblem(way, hba.value, { tlsOn, from }) ?? []);
  });
  return { problems };
}

const ACCEPTED = 'rds.accepted_password_auth_method';

/**
 * `scram` or `md5+scram`. @see
 * https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/PostgreSQL_Password_Encryption_configuration.html
 */
function evaluateAccepted(snapshot: Snapshot): PartialOutcome {
  const accepted = readSetting(snapshot, ACCEPTED);
  if (!accepted.known)
    return { problems: [], unknownReason: `RDS does not show its pg_hba.conf, and ${accepted.reason}` };
  if (accepted.value === 'scram') return { problems: [] };
  if (accepted.value !== 'md5+scram') {
    return { problems: [], unknownReason: `${ACCEPTED} is ${displayText(accepted.value)}, which is not known here` };
  }
  return {
    problems: [
      {
        severity: 'medium',
        title: 'The server accepts MD5 passwords',
        subject: ACCEPTED,
        evidence: { [ACCEPTED]: accepted.value, shouldBe: 'scram' },
        remedy: BY_SCRAM.rds,
      },
    ],
  };
}

/** A rule by which the network gets in, and how encrypted the connections are that do. */
interface Way {
  readonly permissiveRule: PermissiveRule;
  readonly encryptions: readonly Encryption[];
}

interface Evaluation {
  readonly severity: Severity;
  /** What the rule does, after "pg_hba.conf". */
  readonly does: string;
  readonly why: string;
}

/** @param tlsOn without it, a `hostssl` rule matches no connection */
function weakRuleProblem(
  { permissiveRule, encryptions }: Way,
  facts: HbaFacts,
  { tlsOn, from }: { readonly tlsOn: boolean; readonly from: Origin },
): Problem | undefined {
  const { rule, doubt, examples } = permissiveRule;
  const evaluation = evaluateMethod(rule, !encryptions.includes('plaintext'));
  if (evaluation === undefined) return undefined;
  const { does, why } = evaluation;
  const line = displayText(hbaLine(rule), 300);
  return {
    severity: severityOf(evaluation, permissiveRule),
    title: `pg_hba.conf ${doubt === undefined ? '' : 'probably '}${does}`,
    subject: line,
    evidence: {
      rule: line,
      at: displayText(describePlace(rule), 300),
      why,
      letsIn: rolesIn(examples, doubt),
      ...(doubt === undefined ? {} : { doubt: displayText(doubt, 300) }),
    },
    remedy: {
      selfManaged: [
        ...advise(rule, facts, {
          tlsOn,
          from,
          beforeScram: ASKS_PASSWORD.includes(rule.method) ? SET_SCRAM_PASSWORDS_FIRST : undefined,
        }),
        `Then ${RELOAD}`,
      ].join('\n'),
      ...BY_SCRAM,
    },
  };
}

/** Each once; of several those that are certain, unless none is. */
function rolesIn(examples: PermissiveRule['examples'], doubt: string | undefined): readonly string[] {
  const shown = examples.filter((example) => doubt !== undefined || example.doubt === undefined);
  return [...new Set(shown.map(({ role }) => `role ${displayText(role)}`))];
}

/**
 * Where only the server's own addresses can be meant, connections are of its own users, as over loopback. In quotes,
 * the word is the name of a host, which may be anywhere.
 */
function severityOf({ severity }: Evaluation, { rule: { address, quotes }, doubt }: PermissiveRule): Severity {
  if (address !== 'samehost' || quotes?.address !== false || doubt === undefined) return severity;
  return severity === 'critical' || severity === 'high' ? 'medium' : 'low';
}

function evaluateMethod({ method, options }: HbaRule, encryptedOnly: boolean): Evaluation | undefined {
  // The certificate proves who the role is, whatever is asked for besides.
  if (options.includes('clientcert=verify-full')) return undefined;
  const anyCertificate = options.some((option) => /^clientcert=(verify-ca|true|1|on|yes)$/.test(option));
  switch (method) {
    case 'trust':
      if (anyCertificate) {
        return {
          severity: 'high',
          does: 'lets any holder of a client certificate in from the network as any role',
          why: "trust takes the client's word for the role, and the certificate's name is not compared with it",
        };
      }
      return {
        severity: 'critical',
        does: 'lets the network in without authentication',
        why: 'trust asks for nothing',
      };
    case 'ident':
      return {
        severity: 'high',
        does: "believes clients' machines on the network who connects",
        why: "ident asks a server on the client's machine, which answers what its owner likes, over an unprotected connection",
      };
    case 'password':
      return encryptedOnly
        ? {
            severity: 'medium',
            does: 'asks for passwords in clear, over encrypted connections only',
            why: 'the network does not see them, but the server does, and so does an impostor of the server where a client does not verify it',
          }
        : {
            severity: 'medium',
            does: 'asks for passwords in clear from the network, encrypted or not',
            why: 'on an unencrypted connection anyone on the path can read them',
          };
    case 'md5':
      return {
        severity: 'medium',
        does: 'accepts MD5 passwords from the network',
        why: 'roles whose password is stored as MD5 log in by its hash; for those stored as SCRAM, PostgreSQL uses SCRAM',
      };
    default:
      return undefined;
  }
}
