// Explains errors about the state of the server, at login and for queries: starting, stopping, standby, out of
// resources.

import type { DatabaseError } from './database-error.ts';
import type { Refusal } from './refusal.ts';

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

export function recoveryConflict({ place }: { readonly place: string }): Refusal {
  return {
    cause: 'recovery-conflict',
    message: `${place} is a standby, and cancelled the audit because it held up what the primary sends`,
    advice: `let the standby wait a little longer:
ALTER SYSTEM SET max_standby_streaming_delay = '30s';
SELECT pg_reload_conf();
Or turn hot_standby_feedback on there, or audit at a time with less load`,
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

/** This lasts until an administrator changes it, so it is not transient. */
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

export function storageFault({ place }: { readonly place: string }): Refusal {
  return {
    cause: 'server-fault',
    message: `${place} cannot read or write its own files`,
    advice: "check the server's disks, data folder and log; restore from a backup where files are missing or damaged",
  };
}
