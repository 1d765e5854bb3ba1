// Names the auditor's own logins, so that each is found in the log: the proof that the log is written and read.

import { randomInt } from 'node:crypto';
import { APPLICATION_NAME } from '../connect/session.ts';

const MARKER = new RegExp(`^${APPLICATION_NAME} \\d{19}$`);

/** An application name that no other login has: `pg-tls-auditor 1795853826123000417`. */
export function newMarker(now: number): string {
  return `${APPLICATION_NAME} ${String(now).padStart(13, '0')}${String(randomInt(1_000_000)).padStart(6, '0')}`;
}

export function isMarker(application: string): boolean {
  return MARKER.test(application);
}
