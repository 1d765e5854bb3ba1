// Keeps one copy of what the targets of a fleet have in common, such as remedies, certificates and outcomes.

import type { AuditedTarget } from '../model/run.ts';

/** Texts and objects that are kept for comparison: further ones stay copies of their own. */
const MOST_KEPT = 100_000;

/** Longer values are a target's own. */
const LONGEST = 20_000;

/**
 * @returns what makes equal values of all targets that it is given one value. Ten thousand targets then take a tenth of
 * the memory.
 */
export function valueSharing(): (one: AuditedTarget) => AuditedTarget {
  const kept = new Map<string, unknown>();
  const shared = <T>(key: string, value: T): T => {
    if (key.length > LONGEST) return value;
    const before = kept.get(key);
    if (before !== undefined) return before as T;
    if (kept.size < MOST_KEPT) kept.set(key, value);
    return value;
  };
  const text = (value: string): string => shared(value, value);
  // No text of a finding or an outcome is JSON of an object, so that the two kinds of keys don't meet.
  const object = <T extends object>(value: T): T => shared(JSON.stringify(value), value);
  return ({ snapshot, verdict, outcomes, findings }) => ({
    snapshot: {
      ...snapshot,
      serverChain: object(snapshot.serverChain),
      sessions: snapshot.sessions,
      visibility: object(snapshot.visibility),
      settings: object(snapshot.settings),
      hba: object(snapshot.hba),
      outbound: object(snapshot.outbound),
      trust: object(snapshot.trust),
      clientCertificate: object(snapshot.clientCertificate),
    },
    verdict,
    outcomes: outcomes.map(object),
    findings: findings.map((finding) => ({ ...finding, title: text(finding.title), remedy: text(finding.remedy) })),
  });
}
