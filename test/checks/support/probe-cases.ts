// Snapshots and evaluations that several tests of checks share.

import { hbaFacts, healthySnapshot, POLICY, wireProbe } from '../../../lab/snapshots.ts';
import type { Check } from '../../../lambda/checks/check.ts';
import type { Problem } from '../../../lambda/model/finding.ts';
import type { HbaFacts, HbaRule } from '../../../lambda/model/hba.ts';
import { known, type Observed, unknown } from '../../../lambda/model/observed.ts';
import type { Policy } from '../../../lambda/model/policy.ts';
import type { PlaintextAnswer, ProbedVersion, WireAnswer, WireProbe } from '../../../lambda/model/probe.ts';
import type { Snapshot } from '../../../lambda/model/snapshot.ts';

export const ACCEPTED: Observed<WireAnswer> = known({ accepted: true });

export const NO_ANSWER = unknown('the server gave no answer within 5 s');

export const SCRAM: Observed<PlaintextAnswer> = known({ accepted: true, authentication: 'sasl' });

export const TRUST: Observed<PlaintextAnswer> = known({ accepted: true, authentication: 'none' });

export function versions(overrides: Partial<Record<ProbedVersion, Observed<WireAnswer>>>): WireProbe['tlsVersions'] {
  return { ...wireProbe().tlsVersions, ...overrides };
}

/** A target that the server sees come from 10.0.0.7, with nothing in between. */
export function snapshot(probe: WireProbe | undefined, overrides: Partial<Snapshot> = {}): Snapshot {
  return healthySnapshot([], {
    networkPath: { remoteAddress: '10.0.0.1', isDirect: true, clientAddressAtServer: '10.0.0.7' },
    ...(probe === undefined ? {} : { probe: known(probe) }),
    ...overrides,
  });
}

export const HOST: HbaRule = {
  fileName: '/etc/postgresql/pg_hba.conf',
  lineNumber: 12,
  type: 'host',
  databases: ['all'],
  users: ['app'],
  address: '10.0.0.0',
  netmask: '255.0.0.0',
  method: 'scram-sha-256',
  options: [],
  quotes: { databases: [false], users: [false], address: false },
};

export function rules(...given: readonly Partial<HbaRule>[]): Observed<HbaFacts> {
  return known(hbaFacts({ rules: given.map((rule) => ({ ...HOST, ...rule })) }));
}

export function problems(check: Check, given: Snapshot, policy: Partial<Policy> = {}): readonly Problem[] {
  const outcome = check.evaluate(given, { ...POLICY, ...policy });
  return outcome.status === 'fail' ? outcome.problems : [];
}

export function text(value: Problem['evidence'][string] | undefined): string {
  return value === undefined ? '' : String(value);
}
