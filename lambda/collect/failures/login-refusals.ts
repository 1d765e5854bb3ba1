// Explains a refused login by SQLSTATE and by the server function that raised the error, because messages are in the
// server's language. Uses the words only where a pooler sends nothing else.

import { notAuthorized } from './authorization-refusals.ts';
import { type DatabaseError, quotedNames, unquoted } from './database-error.ts';
import { providerRefusal } from './provider-refusals.ts';
import { type Attempt, followedBy, type Refusal, sqlText, storePassword } from './refusal.ts';
import { recoveryConflict, stateOfServer, storageFault } from './server-state.ts';

/** Why the server, or what stands before it, refuses the login. */
export function refusalOf(error: DatabaseError, attempt: Attempt): Refusal {
  return providerRefusal(error, attempt) ?? byState(error, attempt) ?? unnamed(attempt);
}

function byState(error: DatabaseError, attempt: Attempt): Refusal | undefined {
  // Code of the database's own may end a login with any SQLSTATE; only it has a context. Shutdowns and the like stay
  // so.
  if (error.where !== undefined && !/^5[378]/.test(error.code)) return loginCode(attempt);
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

function unnamed({ place, role }: Attempt): Refusal {
  return {
    cause: 'login-failed',
    message: `${place} refuses the login of ${role}`,
    advice: "check the server log, and find the SQLSTATE in appendix A of PostgreSQL's documentation",
  };
}

/** The server does not say which of them it is, so that an attacker cannot find out which roles exist. */
function wrongPassword({ place, role, sqlRole }: Attempt): Refusal {
  return {
    cause: 'password-rejected',
    message: `${place} rejects the password of ${role}`,
    advice: followedBy(
      storePassword(role),
      `, or set it:
ALTER ROLE ${sqlRole} PASSWORD '…';
The server refuses an expired password and an unknown role with the same words. This query shows which it is:
SELECT rolcanlogin, rolvaliduntil FROM pg_catalog.pg_roles WHERE rolname = ${sqlText(role)};
Where rolvaliduntil is past:
ALTER ROLE ${sqlRole} VALID UNTIL 'infinity';
Where there is no row:
CREATE ROLE ${sqlRole} LOGIN PASSWORD '…';`,
    ),
  };
}

function missingDatabase({ place, database }: Attempt): Refusal {
  return {
    cause: 'database-missing',
    message: `${place} has no database ${database}`,
    advice: 'set "database" of the target to one that exists: every database of a server shows the same sessions',
  };
}

/**
 * CheckMyDatabase of PostgreSQL's postinit.c: no CONNECT privilege, closed, or left behind by a DROP that was cut off.
 */
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
