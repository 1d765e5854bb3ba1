// The order in which findings are told: the worst first, and the same from run to run.

import type { Finding } from '../model/finding.ts';
import { compareSeverity } from '../model/severity.ts';
import { compareText } from '../model/text-order.ts';

/** Worst first, then an order that stays the same from run to run. For `Array.sort`. */
export function compareFindings(a: Finding, b: Finding): number {
  return (
    compareSeverity(b.severity, a.severity) ||
    precedence(b) - precedence(a) ||
    compareText(a.target, b.target) ||
    compareText(a.check, b.check) ||
    compareText(a.role, b.role) ||
    compareText(a.database, b.database) ||
    compareText(a.application, b.application) ||
    compareText(a.fingerprint, b.fingerprint)
  );
}

/** Told before others of the same severity, the last of these first: what nobody could see, then what is in the open. */
const PRECEDENCE = ['deprecated-tls-session', 'plaintext-session', 'blind-role', 'target-not-audited'];

function precedence({ check }: Finding): number {
  return PRECEDENCE.indexOf(check);
}
