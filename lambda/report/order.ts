// Orders findings: the worst first, and the same from run to run.

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
    compareLocations(ruleLocation(a), ruleLocation(b)) ||
    compareText(a.role, b.role) ||
    compareText(a.database, b.database) ||
    compareText(a.application, b.application) ||
    compareText(a.fingerprint, b.fingerprint)
  );
}

/** A line of a configuration file. */
interface RuleLocation {
  readonly file: string;
  readonly line: number;
}

/** Where a finding about a rule says that the rule stands; undefined for any other. */
export function ruleLocation({ evidence: { at } }: Pick<Finding, 'evidence'>): RuleLocation | undefined {
  const [, line, file] = typeof at === 'string' ? (/^line (\d+) of (.*)$/s.exec(at) ?? []) : [];
  return line === undefined || file === undefined ? undefined : { file, line: Number(line) };
}

function compareLocations(a: RuleLocation | undefined, b: RuleLocation | undefined): number {
  return compareText(a?.file, b?.file) || (a?.line ?? 0) - (b?.line ?? 0);
}

/**
 * Sorted before other findings of the same severity, the last of these first: what could not be seen, then what travels
 * in plaintext.
 */
export const PRECEDENCE: readonly string[] = [
  'deprecated-tls-session',
  'plaintext-session',
  'insufficient-privileges',
  'target-not-audited',
  'discovery-failed',
  'configuration-not-in-effect',
];

function precedence({ check }: Finding): number {
  return PRECEDENCE.indexOf(check);
}
