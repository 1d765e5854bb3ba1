// Grants a worker the secrets, logins, log groups and keys of its own targets, and no others.

import type { Role } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';
import type { Config, ConfigProblem } from '../lambda/config/index.ts';
import { discoveredSecrets, grantAssumedRoles, rdsRules } from './discovery.ts';
import { grantIamLogin } from './iam-login.ts';
import type { LimitUse } from './limits.ts';
import { grantDiscoveredLogs, grantLogAccess, logAccessProblems, logGroups, policyUse } from './log-access.ts';
import type { NetworkPart } from './network-parts.ts';
import {
  grantSecretAccess,
  type SecretAccessProps,
  secretNames,
  secretPolicyCount,
  secretPolicyProblems,
} from './secret-access.ts';
import { grantSecretKeys } from './secret-keys.ts';

/** What one worker may read. */
export interface NetworkAccess {
  readonly name: string;
  readonly config: Config;
  readonly secrets: SecretAccessProps;
  readonly logGroups: readonly string[];
}

/** Given for all workers of an account. */
export type SecretSettings = Pick<SecretAccessProps, 'references' | 'prefixes'>;

export function networkAccess({ name, config }: NetworkPart, settings: SecretSettings): NetworkAccess {
  return {
    name,
    config,
    secrets: {
      ...settings,
      names: secretNames(config),
      discovered: discoveredSecrets(config).prefixes,
      byTag: rdsRules(config).some(({ accounts, tagSecrets }) => tagSecrets && accounts.includes(undefined)),
    },
    logGroups: logGroups(config),
  };
}

/** Yields a problem where granting each secret and log group takes more than a role can hold. */
export function* networkAccessProblems(scope: Construct, access: NetworkAccess): Iterable<ConfigProblem> {
  yield* secretPolicyProblems(scope, access.secrets);
  yield* logAccessProblems(access.logGroups, secretPolicyCount(scope, access.secrets));
}

/** The managed policies of the worker's role. */
export function networkPolicyUse(scope: Construct, access: NetworkAccess): LimitUse {
  return policyUse(access.logGroups, secretPolicyCount(scope, access.secrets));
}

/** The keys that encrypt the secrets. */
export interface SecretKeys {
  readonly arns: readonly string[];
  readonly keys: readonly IKey[];
}

export function grantNetworkAccess(
  scope: Construct,
  role: Role,
  { config, secrets, logGroups: groups }: NetworkAccess,
  { arns, keys }: SecretKeys,
): void {
  grantIamLogin(scope, role, config);
  grantAssumedRoles(role, config);
  grantSecretAccess(scope, role, secrets);
  grantLogAccess(scope, role, groups);
  grantDiscoveredLogs(scope, role, config);
  grantSecretKeys(role, arns, keys);
}
