// Snapshots and evaluations that several tests of checks share.

import { expect } from 'vitest';
import { hbaFacts, healthySnapshot, POLICY, SETTINGS } from '../../../lab/snapshots.ts';
import type { Check } from '../../../lambda/checks/check.ts';
import type { Outcome, Problem } from '../../../lambda/model/finding.ts';
import type { HbaFacts, HbaRule } from '../../../lambda/model/hba.ts';
import { known, unknown } from '../../../lambda/model/observed.ts';
import type { Policy } from '../../../lambda/model/policy.ts';
import type { SettingName } from '../../../lambda/model/posture.ts';
import type { AuditConnection, Snapshot } from '../../../lambda/model/snapshot.ts';

/** A healthy target with some settings changed, or gone. */
export function withSettings(
  changes: Readonly<Partial<Record<SettingName, string | undefined>>>,
  overrides: Partial<Snapshot> = {},
  seesAll = true,
): Snapshot {
  const entries = Object.entries({ ...SETTINGS, ...changes }).filter(([, value]) => value !== undefined);
  return healthySnapshot([], { settings: known({ values: Object.fromEntries(entries), seesAll }), ...overrides });
}

/** What a login without `pg_read_all_settings` sees. */
export const HIDDEN = {
  ssl_min_protocol_version: undefined,
  ssl_max_protocol_version: undefined,
  ssl_ciphers: undefined,
  ssl_tls13_ciphers: undefined,
} as const;

/** As if the file were read, with a quote nowhere. */
const UNQUOTED = { databases: [false, false], users: [false, false], address: false } as const;

export function withRules(rules: readonly Partial<HbaRule>[], facts: Partial<HbaFacts> = {}): Partial<Snapshot> {
  const [base] = hbaFacts().rules as readonly [HbaRule];
  return {
    hba: known(
      hbaFacts({
        rules: rules.map((rule, index) => ({ ...base, quotes: UNQUOTED, lineNumber: index + 1, ...rule })),
        ...facts,
      }),
    ),
  };
}

export const link = healthySnapshot().link as { readonly known: true; readonly value: AuditConnection };

export const ON_RDS = {
  hba: unknown('the login may not read pg_hba.conf'),
  link: known({ ...link.value, verifiedName: 'orders.abc123.eu-west-1.rds.amazonaws.com' }),
} satisfies Partial<Snapshot>;

export function run(check: Check, snapshot: Snapshot, policy: Partial<Policy> = {}): Outcome {
  return check.evaluate(snapshot, { ...POLICY, ...policy });
}

/** The problems of an outcome that has some and saw everything. */
export function problems(check: Check, snapshot: Snapshot, policy: Partial<Policy> = {}): readonly Problem[] {
  const outcome = run(check, snapshot, policy);
  if (outcome.status !== 'fail') throw new Error(`expected findings, got ${JSON.stringify(outcome)}`);
  expect(outcome.incomplete).toBeUndefined();
  return outcome.problems;
}

export function problem(check: Check, snapshot: Snapshot, policy: Partial<Policy> = {}): Problem {
  const found = problems(check, snapshot, policy);
  expect(found).toHaveLength(1);
  return found[0] as Problem;
}
