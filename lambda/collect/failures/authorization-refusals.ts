// Explains SQLSTATE 28000: rules of pg_hba.conf, authentication methods, client certificates, roles without LOGIN.

import { isIP } from 'node:net';
import { providerOfName } from '../../model/hosting.ts';
import { type DatabaseError, quotedNames, unquoted } from './database-error.ts';
import { type Attempt, type Refusal, sqlText } from './refusal.ts';

/** 28000, invalid_authorization_specification: auth.c and miscinit.c of PostgreSQL raise it. */
export function notAuthorized(error: DatabaseError, attempt: Attempt): Refusal {
  const words = unquoted(error.message);
  if (error.routine === 'InitializeSessionUserId' || /is not permitted to log in|does not exist/.test(words)) {
    return unusableRole(error, attempt);
  }
  if (words.includes('pg_hba.conf')) return noRule(error, attempt);
  const method = METHODS.find(({ pattern }) => pattern.test(words));
  if (method !== undefined) return otherMethod(method.name, attempt);
  if (error.routine === 'auth_failed' || /certificate authentication failed/.test(words)) {
    return wrongCertificate(attempt);
  }
  if (error.routine === 'ClientAuthentication' || /certificate/i.test(words)) return missingCertificate(attempt);
  return {
    cause: 'login-refused',
    message: `${attempt.place} does not let ${attempt.role} in`,
    advice: createOrAlter(attempt),
  };
}

/** Names of methods that no translation of PostgreSQL changes. */
const METHODS = [
  { name: 'PAM', pattern: /\bPAM|PAM\b/ },
  { name: 'LDAP', pattern: /LDAP/ },
  { name: 'RADIUS', pattern: /RADIUS/ },
  { name: 'GSSAPI', pattern: /GSSAPI/ },
  { name: 'SSPI', pattern: /SSPI/ },
  { name: 'OAuth', pattern: /OAuth/i },
  { name: 'BSD', pattern: /\bBSD\b/ },
  { name: 'ident', pattern: /\bident\b/i },
  { name: 'peer', pattern: /\bpeer\b/i },
] as const;

function unusableRole(error: DatabaseError, attempt: Attempt): Refusal {
  const { place, role, sqlRole } = attempt;
  const words = unquoted(error.message);
  if (/is not permitted to log in/.test(words)) {
    return {
      cause: 'login-refused',
      message: `${place} has the role ${role} without the right to log in`,
      advice: `let the role log in:\nALTER ROLE ${sqlRole} LOGIN;`,
    };
  }
  if (/does not exist/.test(words)) {
    return {
      cause: 'login-refused',
      message: `${place} has no role ${role}`,
      advice: `create the role:\nCREATE ROLE ${sqlRole} LOGIN PASSWORD '…';\nGRANT pg_monitor TO ${sqlRole};`,
    };
  }
  return {
    cause: 'login-refused',
    message: `${place} has no role ${role}, or one without the right to log in`,
    advice: createOrAlter(attempt),
  };
}

function createOrAlter({ role, sqlRole }: Attempt): string {
  return `find out whether the role exists and may log in:
SELECT rolcanlogin FROM pg_catalog.pg_roles WHERE rolname = ${sqlText(role)};
Where it shows f:
ALTER ROLE ${sqlRole} LOGIN;
Where there is no row:
CREATE ROLE ${sqlRole} LOGIN PASSWORD '…';
Where it shows t, see the server log`;
}

/** "no encryption" in the languages of PostgreSQL's catalogues, and as PostgreSQL 13 and older write it. */
const IN_PLAINTEXT =
  /no encryption|SSL off|keine Verschlüsselung|sin cifrado|aucun chiffrement|nessuna crittografia|暗号化なし|დაშიფვრის გარეშე|암호화 안함|без шифрования|ingen kryptering|без шифрування/;

/** A rule that rejects is the subject of the sentence in most languages, and the one that is missing in none. */
const REJECTS = /^pg_hba\.conf (?!に)|pg_hba\.conf 파일 설정에 따라/;

function noRule(error: DatabaseError, attempt: Attempt): Refusal {
  const { place, role, endpoint } = attempt;
  const words = unquoted(error.message);
  const has = REJECTS.test(words) ? `has a rule that rejects ${role}` : `has no rule that lets ${role} in`;
  if (IN_PLAINTEXT.test(words)) {
    return {
      cause: 'login-refused',
      message: `${place} ends TLS and goes on to the server without it, where the server ${has}`,
      advice:
        'give the host and port of the server itself, or let the pooler or proxy connect to it with TLS (server_tls_sslmode = verify-full in PgBouncer)',
    };
  }
  const provider = providerOfName(endpoint.verifiedName);
  const [client = ''] = quotedNames(error.message);
  if (provider === 'azure') {
    const address = isIP(client) === 0 ? '<address>' : client;
    return {
      cause: 'login-refused',
      message: `${place} has no firewall rule of Azure that lets the auditor's address in`,
      advice: `allow the address from which the auditor connects:
az postgres flexible-server firewall-rule create --resource-group <group> --name <server> --rule-name tls-auditor --start-ip-address ${address} --end-ip-address ${address}`,
    };
  }
  if (provider === 'rds' || provider === 'cloudSql') {
    const whose = provider === 'rds' ? 'Amazon' : 'Google';
    return {
      cause: 'login-refused',
      message: `${place} ${has}`,
      advice: `use a database and a role of your own: ${whose} writes the rules of this server, and keeps its own databases (rdsadmin, cloudsqladmin) and roles to itself`,
    };
  }
  const where = REJECTS.test(words) ? 'above the rule with the method reject' : 'above rules for all hosts';
  return {
    cause: 'login-refused',
    message: `${place} ${has}`,
    advice: putRule(where, attempt),
  };
}

function putRule(where: string, attempt: Attempt): string {
  return `put this line into pg_hba.conf, ${where}, then reload it:
${rule(attempt)}
SELECT pg_reload_conf();`;
}

function rule({ database, role }: Attempt): string {
  return `hostssl ${hbaName(database)} ${hbaName(role)} <the auditor's network> scram-sha-256`;
}

/** Words and characters that pg_hba.conf reads in a way of its own are names only between quotes. */
function hbaName(shown: string): string {
  const plain = /^[\w$.-]+$/.test(shown) && !/^(all|sameuser|samerole|samegroup|replication)$/.test(shown);
  return plain ? shown : `"${shown.replaceAll('"', '""')}"`;
}

function otherMethod(method: string, attempt: Attempt): Refusal {
  const { place, role, sqlRole, endpoint } = attempt;
  if (method === 'PAM' && providerOfName(endpoint.verifiedName) === 'rds') {
    return {
      cause: 'login-refused',
      message: `${place} takes IAM tokens from ${role}, which has the role rds_iam, and refuses what it was given`,
      advice: {
        configured: `with "credentials": "iam", allow the auditor's AWS role rds-db:connect for ${role}, and enable IAM authentication on the instance or cluster; with a password, give the target "credentials": "iam" and "role", or let the role log in by its password:\nREVOKE rds_iam FROM ${sqlRole};`,
        url: `let the role log in by its password:\nREVOKE rds_iam FROM ${sqlRole};`,
      },
    };
  }
  return {
    cause: 'login-refused',
    message: `${place} asks for the login of ${role} by ${method}, and refuses it`,
    advice: putRule(`above the rule with the method ${method.toLowerCase()}`, attempt),
  };
}

/** The rule has the method cert, and the name in the certificate is another one, or is mapped to another role. */
function wrongCertificate({ place, role }: Attempt): Refusal {
  const what = `whose common name is ${role}, or let a map in pg_ident.conf lead from its name to ${role}`;
  return {
    cause: 'client-certificate-required',
    message: `${place} does not take the auditor's client certificate for ${role}`,
    advice: {
      configured: `set "clientCertificate" of the target to a certificate ${what}`,
      url: `give with --client-certificate and --client-key a certificate ${what}`,
    },
  };
}

function missingCertificate({ place, role, endpoint }: Attempt): Refusal {
  const provider = providerOfName(endpoint.verifiedName);
  const how = provider === 'cloudSql' ? ' (gcloud sql ssl client-certs create makes one)' : '';
  return {
    cause: 'client-certificate-required',
    message: `${place} wants a client certificate of ${role}`,
    advice: {
      configured: `set "clientCertificate" of the target to a certificate that a CA in the server's ssl_ca_file has signed, with the common name ${role}${how}`,
      url: `give with --client-certificate and --client-key a certificate that a CA in the server's ssl_ca_file has signed, with the common name ${role}${how}`,
    },
  };
}
