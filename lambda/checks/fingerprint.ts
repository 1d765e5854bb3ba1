// Computes the fingerprint by which runs recognise the same finding.

import { hash } from 'node:crypto';
import { fold } from '../analysis/sessions/fold.ts';
import type { Problem } from '../model/finding.ts';

/**
 * 16 hexadecimal characters, built from what a person would fix: check, target, role, database, application with runs
 * of digits and UUIDs folded, and the check's own subject. Not from pids, ports, addresses, counts or times.
 */
export function fingerprint(
  check: string,
  target: string,
  { role, database, application, subject }: Pick<Problem, 'role' | 'database' | 'application' | 'subject'>,
): string {
  const identity = [check, target, role, database, application === undefined ? undefined : fold(application), subject];
  return hash('sha256', JSON.stringify(identity), 'hex').slice(0, 16);
}
