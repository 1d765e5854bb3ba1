// Snapshots and evaluations that several tests of checks share.

import { expect } from 'vitest';
import * as make from '../../../lab/snapshots.ts';
import type { Check } from '../../../lambda/checks/check.ts';
import type { CertificateFacts } from '../../../lambda/model/certificate.ts';
import type { FailureCause } from '../../../lambda/model/failure.ts';
import type { Outcome } from '../../../lambda/model/finding.ts';
import type { Snapshot } from '../../../lambda/model/snapshot.ts';

export const DAY = 86_400;

/** Ends that many seconds after the snapshot is taken. */
export function endingIn(seconds: number, overrides: Partial<CertificateFacts> = {}): CertificateFacts {
  return make.certificate({ notAfter: iso(Date.parse(make.NOW) + seconds * 1000), ...overrides });
}

export function iso(time: number): string {
  return new Date(time).toISOString().replace('.000Z', 'Z');
}

export const LEAF = make.certificate();

export const INTERMEDIATE = {
  subject: 'CN=Issuing CA',
  issuer: 'CN=Example Root CA',
  sha256: 'cd'.repeat(32),
} as const;

export const ROOT = {
  subject: 'CN=Example Root CA',
  issuer: 'CN=Example Root CA',
  sha256: 'ef'.repeat(32),
  selfSigned: true,
  subjectAltNames: [],
} as const;

export function evaluate(check: Check, overrides: Partial<Snapshot>): Outcome {
  return check.evaluate(make.healthySnapshot([], overrides), make.POLICY);
}

export function failedWith(cause: FailureCause, overrides: Partial<Snapshot>): Snapshot {
  return { ...make.failedSnapshot({ cause, phase: 'tls' }), ...overrides };
}

export function matching(pattern: RegExp): unknown {
  return expect.stringMatching(pattern);
}
