// Snapshots and evaluations that several tests of checks share.

import * as make from '../../../lab/snapshots.ts';
import type { Check } from '../../../lambda/checks/check.ts';
import type { Problem } from '../../../lambda/model/finding.ts';
import type { Policy } from '../../../lambda/model/policy.ts';
import type { Session } from '../../../lambda/model/snapshot.ts';

export function problems(check: Check, sessions: readonly Session[], policy: Partial<Policy> = {}): readonly Problem[] {
  const outcome = check.evaluate(make.healthySnapshot(sessions), { ...make.POLICY, ...policy });
  return outcome.status === 'fail' ? outcome.problems : [];
}

/** One session of each way to travel. */
export const EVERY_TRANSPORT: readonly Session[] = [
  make.session({ application: 'tls' }),
  make.session({ application: 'gss', transport: 'gss', tls: undefined }),
  make.session({ application: 'socket', transport: 'unix-socket', tls: undefined, clientAddress: undefined }),
  make.session({ application: 'loopback', transport: 'loopback', tls: undefined, clientAddress: '127.0.0.1' }),
  make.plaintextSession({ application: 'plain' }),
];
