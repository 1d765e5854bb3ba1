// Assigns each target of a run to the worker of its network, and says why none reaches the others.

import type { Config } from '../config/index.ts';
import { networkOf, networksOf } from '../config/networks.ts';
import { DEFAULT_NETWORK } from '../config/schema.ts';
import { parseArn } from '../model/arn.ts';
import type { Target } from '../model/target.ts';
import type { Plan } from './documents.ts';

/**
 * @param workers that the machine can invoke: each has the name of its network
 * @returns the targets of each worker, in the order of the workers, and those that no worker reaches
 */
export function assign(
  targets: readonly Target[],
  workers: readonly string[],
  config: Pick<Config, 'networks' | 'satellites' | 'deployment'>,
): Pick<Plan, 'slices' | 'unassigned'> {
  const { byDefault } = networksOf(config, workers.includes(DEFAULT_NETWORK));
  const slices = new Map<string, Target[]>(workers.map((worker) => [worker, []]));
  const unassigned: Plan['unassigned'] = [];
  for (const target of targets) {
    const worker = networkOf(target, { names: workers, byDefault });
    if (typeof worker === 'string') slices.get(worker)?.push(withOwnLogin(target, config.satellites[worker]?.account));
    else unassigned.push({ target, failure: worker });
  }
  return {
    slices: [...slices].flatMap(([worker, own]) => (own.length === 0 ? [] : [{ worker, targets: own }])),
    unassigned,
  };
}

/** A satellite signs logins of its own account itself: the role that discovery assumes there need not let it in. */
function withOwnLogin(target: Target, account: string | undefined): Target {
  const { credentials } = target;
  if (account === undefined || !('iam' in credentials) || credentials.iam.assumedRole === undefined) return target;
  const { assumedRole, ...iam } = credentials.iam;
  return parseArn(assumedRole.roleArn)?.account === account ? { ...target, credentials: { iam } } : target;
}
