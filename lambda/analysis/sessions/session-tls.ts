// Summarises the TLS facts of a group of sessions as evidence.

import { displayText } from '../../model/display.ts';
import type { SessionTls } from '../../model/snapshot.ts';
import type { Encryption } from './encryption-classes.ts';
import type { SessionGroup } from './session-groups.ts';

/** Whether the session is encrypted by TLS, and its facts fit. */
export function tlsOf({ transport, tls }: Encryption, fits: (tls: SessionTls) => boolean): boolean {
  return transport === 'tls' && tls !== undefined && fits(tls);
}

/** The group's TLS versions, each once, sorted: one text, or several. */
export function tlsVersions({ sessions }: SessionGroup): string | readonly string[] {
  return distinct(sessions.map(({ tls }) => tls?.version ?? ''));
}

/** The group's cipher suites, likewise. */
export function cipherSuites({ sessions }: SessionGroup): string | readonly string[] {
  return distinct(sessions.map(({ tls }) => tls?.cipher ?? ''));
}

function distinct(values: readonly string[]): string | readonly string[] {
  const each = [...new Set(values)].sort().map((value) => displayText(value));
  return each.length === 1 ? (each[0] ?? '') : each;
}
