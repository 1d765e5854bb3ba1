// Defines severities and their order.

/** Severities from least to most serious: the order of this list is the order of comparison. */
export const SEVERITIES = ['info', 'low', 'medium', 'high', 'critical'] as const;

/** How much a finding matters, from `info` (worth knowing) to `critical` (worth waking a person). */
export type Severity = (typeof SEVERITIES)[number];

/** Negative when `a` is less serious than `b`, 0 when equal, positive when more serious. */
export function compareSeverity(a: Severity, b: Severity): number {
  return SEVERITIES.indexOf(a) - SEVERITIES.indexOf(b);
}

/** Whether `severity` is as serious as `threshold` or more. */
export function isAtLeast(severity: Severity, threshold: Severity): boolean {
  return compareSeverity(severity, threshold) >= 0;
}

/** The more serious of the two. */
export function worse(a: Severity, b: Severity): Severity {
  return compareSeverity(a, b) >= 0 ? a : b;
}
