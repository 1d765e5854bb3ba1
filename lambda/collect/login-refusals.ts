// From the error with which a server refuses a login to its cause. By SQLSTATE and by the function of the server that
// raised it: messages are in the server's language. Words count only where a pooler sends nothing else.

import { isIP } from 'node:net';
import { providerOfName } from '../model/hosting.ts';
import { type DatabaseError, quotedNames, unquoted } from './database-error.ts';
import { providerRefusal } from './provider-refusals.ts';
import { type Attempt, followedBy, type Refusal, sqlText, storePassword } from './refusal.ts';

/** Why the server, or what stands before it, refuses the login. */
export function refusalOf(error: DatabaseError, attempt: Attempt): Refusal {
  return providerRefusal(error, attempt) ?? byState(error, attempt) ?? unnamed(attempt);
}

function byState(error: DatabaseError, attempt: Attempt): Refusal | undefined {
  // Code of the database's own may end a login with any SQLSTATE; only it has a context.
  if (error.where !== undefined) return loginCode(attempt);
  switch (error.code) {
    case '28P01':
      return wrongPassword(attempt);
    case '28000':
      return notAuthorized(error, attempt);
    case '3D000':
      return missingDatabase(attempt);
    case '42501':
    case '55000':
      return closedDatabase(error, attempt);
    case '53300':
      return full(error, attempt);
    case '58P01':
      return error.file === 'dfmgr.c' ? missingLibrary(attempt) : storageFault(attempt);
    case '0A000':
      return otherProtocol(attempt);
    case '40001':
      return recoveryConflict(attempt);
    default:
      return stateOfServer(error, attempt.place);
  }
}

/** What a server says of itself, whatever it was asked: the same at login and for queries. */
export function stateOfServer(error: DatabaseError, place: string): Refusal | undefined {
  switch (error.code) {
    case '57P01':
      return notReady(`${place} ended the session by order of an administrator, or shuts down`);
    case '57P02':
      return notReady(`${place} restarts after the crash of one of its processes`);
    case '57P03':
      return /hot.?standby/i.test(error.detail ?? '') ? noHotStandby(place) : notReady(`${place} is not ready`);
    case '57P04':
      return {
        cause: 'database-missing',
        message: `${place} dropped the database while the audit ran`,
        advice: 'set "database" of the target to one that exists, such as postgres',
      };
    case '57P05':
    case '25P03':
    case '25P04':
      return {
        cause: 'session-ended',
        message: `${place} ended the session because of a time limit of its own`,
        advice:
          'raise idle_session_timeout, idle_in_transaction_session_timeout or transaction_timeout for the role of the auditor, with ALTER ROLE … SET',
        transient: true,
      };
    default:
      break;
  }
  if (/^53/.test(error.code)) return outOfResources(error, place);
  return /^58|^XX00[12]/.test(error.code) ? storageFault({ place }) : undefined;
}

function unnamed({ place, role }: Attempt): Refusal {
  return {
    cause: 'login-failed',
    message: `${place} refuses the login of ${role}`,
    advice: "look the SQLSTATE up in PostgreSQL's appendix A, and see the server log",
  };
}

/** The server tells nothing of which it is, so that nobody can find out which roles exist. */
function wrongPassword({ place, role, sqlRole }: Attempt): Refusal {
  return {
    cause: 'password-rejected',
    message: `${place} rejects the password of ${role}`,
    advice: followedBy(
      storePassword(role),
      `, or set it:
ALTER ROLE ${sqlRole} PASSWORD '…';
The server refuses an expired password and an unknown role with the same words. This query tells:
SELECT rolcanlogin, rolvaliduntil FROM pg_catalog.pg_roles WHERE rolname = ${sqlText(role)};
Where rolvaliduntil is past:
ALTER ROLE ${sqlRole} VALID UNTIL 'infinity';
Where there is no row:
CREATE ROLE ${sqlRole} LOGIN PASSWORD '…';`,
    ),
  };
}

/** 28000, invalid_authorization_specification: auth.c and miscinit.c of PostgreSQL raise it. */
function notAuthorized(error: DatabaseError, attempt: Attempt): Refusal {
  const words = unquoted(error.message);
  if (error.routine === 'InitializeSessionUserId' || /is not permitted to log in|does not exist/.test(words)) {
    return unusableRole(error, attempt);
  }
  if (words.includes('pg_hba.conf')) return noRule(error, attempt);
  const method = METHODS.find(({ pattern }) => pattern.test(words));
  if (method !== undefined) return otherMethod(method.name, attempt);
  if (error.routine === 'auth_failed' || /certificate authentication failed/.test(words)) {
    return /trust|host rejected/.test(error.message) ? otherMethod('trust', attempt) : wrongCertificate(attempt);
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
      advice: `let the role log in by its password:\nREVOKE rds_iam FROM ${sqlRole};`,
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

function missingDatabase({ place, database }: Attempt): Refusal {
  return {
    cause: 'database-missing',
    message: `${place} has no database ${database}`,
    advice: 'set "database" of the target to one that exists: every database of a server shows the same sessions',
  };
}

/** CheckMyDatabase of PostgreSQL's postinit.c: no CONNECT privilege, closed, or left behind by a DROP that was cut off. */
function closedDatabase(error: DatabaseError, attempt: Attempt): Refusal | undefined {
  const { place, role, database, sqlRole, sqlDatabase } = attempt;
  const names = quotedNames(error.message);
  if (!['CheckMyDatabase', 'InitPostgres'].includes(error.routine ?? '') && !names.includes(database)) return undefined;
  // Of what is no database: binary upgrade mode, a walsender.
  if (names.length === 0) return undefined;
  const other = 'set "database" of the target to another one: every database of a server shows the same sessions';
  if (error.code === '42501') {
    return {
      cause: 'database-refused',
      message: `${place} does not let ${role} connect to the database ${database}`,
      advice: `give the role the privilege, as the database's owner or a superuser:\nGRANT CONNECT ON DATABASE ${sqlDatabase} TO ${sqlRole};\nOr ${other}`,
    };
  }
  return {
    cause: 'database-refused',
    message: `${place} accepts no connections to the database ${database}`,
    advice: `${other} (this one has ALLOW_CONNECTIONS false, or is left over from a DROP DATABASE that was cut off)`,
  };
}

/** 53300 in its forms: the limit of the role, of the database, of all but reserved slots, and of the server. */
function full(error: DatabaseError, attempt: Attempt): Refusal {
  const { place, role, database, sqlRole, sqlDatabase } = attempt;
  const words = unquoted(error.message);
  const build = (message: string, advice: string): Refusal => ({
    cause: 'too-many-connections',
    message,
    advice,
    transient: true,
  });
  if (error.routine === 'InitializeSessionUserId' || /too many connections for role/.test(words)) {
    return build(
      `${place} has no free connection for the role ${role}`,
      `raise the limit of the role, which the auditor and every other user of it share:\nALTER ROLE ${sqlRole} CONNECTION LIMIT <more>;`,
    );
  }
  if (error.routine === 'CheckMyDatabase' || /too many connections for database/.test(words)) {
    return build(
      `${place} has no free connection for the database ${database}`,
      `set "database" of the target to another one (every database of a server shows the same sessions), or raise the limit:\nALTER DATABASE ${sqlDatabase} CONNECTION LIMIT <more>;`,
    );
  }
  const reserve = `keep a slot for the auditor (PostgreSQL 16 and newer, with reserved_connections above 0):\nGRANT pg_use_reserved_connections TO ${sqlRole};`;
  if (error.routine === 'InitPostgres' || /remaining connection slots are reserved/.test(words)) {
    return build(
      `${place} has no free connection but those it keeps for administrators`,
      `raise max_connections, or ${reserve}`,
    );
  }
  return build(`${place} has no free connection`, `raise max_connections, or ${reserve}`);
}

function loginCode({ place, role }: Attempt): Refusal {
  return {
    cause: 'login-code-failed',
    message: `${place} runs code of the database at each login, such as a login trigger, and it refuses ${role}`,
    advice: `let the trigger pass this role, or disable it. This lists login triggers (PostgreSQL 17 and newer):
SELECT evtname FROM pg_catalog.pg_event_trigger WHERE evtevent = 'login';
This disables one:
ALTER EVENT TRIGGER <evtname> DISABLE;`,
  };
}

function missingLibrary({ place, role, sqlRole }: Attempt): Refusal {
  return {
    cause: 'login-code-failed',
    message: `${place} cannot load a library for the session of ${role}`,
    advice: `install the library that the message names, or take it out of session_preload_libraries and local_preload_libraries, where the server, the database or the role sets them, e.g.\nALTER ROLE ${sqlRole} RESET session_preload_libraries;`,
  };
}

function otherProtocol({ place, role }: Attempt): Refusal {
  return {
    cause: 'login-failed',
    message: `${place} does not support what the login of ${role} asks for`,
    advice: 'check host and port: PostgreSQL 10 and newer speaks protocol 3.0, which the auditor uses',
  };
}

export function recoveryConflict({ place }: Pick<Attempt, 'place'>): Refusal {
  return {
    cause: 'recovery-conflict',
    message: `${place} is a standby, and cancelled the audit because it held up what the primary sends`,
    advice: `let the standby wait a little longer:
ALTER SYSTEM SET max_standby_streaming_delay = '30s';
SELECT pg_reload_conf();
Or turn hot_standby_feedback on there, or audit at a quieter time`,
    transient: true,
  };
}

function notReady(message: string): Refusal {
  return {
    cause: 'server-not-ready',
    message,
    advice: 'wait: it is starting up, shutting down or recovering; where that lasts, see its log',
    transient: true,
  };
}

/** It stays so until someone changes it: trying again is in vain. */
function noHotStandby(place: string): Refusal {
  return {
    cause: 'server-not-ready',
    message: `${place} is a standby that accepts no sessions`,
    advice: 'set hot_standby = on there and restart it, or audit the primary only',
  };
}

function outOfResources(error: DatabaseError, place: string): Refusal {
  const [what, advice] = RESOURCES[error.code] ?? ['resources', 'find in the server log what is used up, and free it'];
  return { cause: 'server-out-of-resources', message: `${place} is out of ${what}`, advice };
}

const RESOURCES: Readonly<Record<string, readonly [what: string, advice: string]>> = {
  '53100': ['disk space', "free space on the server's disks, or make them larger"],
  '53200': ['memory', 'lower work_mem, shared_buffers or max_connections on the server, or give it more memory'],
};

function storageFault({ place }: Pick<Attempt, 'place'>): Refusal {
  return {
    cause: 'server-fault',
    message: `${place} cannot read or write its own files`,
    advice: "check the server's disks, data folder and log; restore from a backup where files are missing or damaged",
  };
}
