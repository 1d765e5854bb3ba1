// Checks rules of the configuration that span settings or depend on its use, which a JSON Schema can't state.

import { quoteName, showGiven, showName } from '../model/given-text.ts';
import { DEFAULT_POLICY } from '../model/policy.ts';
import { alertProblems } from './alert-rules.ts';
import { discoveryProblems, noTargetsProblems } from './discovery-rules.ts';
import { networkProblems } from './network-rules.ts';
import { FLEET_CONCURRENCY } from './schema.ts';
import type { RuleProblem, SoundConfig } from './sound.ts';

interface Use {
  readonly use: 'deployment' | 'command-line';
  /** Whether the document need name no target. @default false */
  readonly targetsElsewhere?: boolean;
}

/** What is wrong across settings. Parts that are wrong themselves are undefined in `config`, and take no part. */
export function* crossFieldProblems(
  config: SoundConfig,
  { use, targetsElsewhere = false }: Use,
): Iterable<RuleProblem> {
  yield* policyProblems(config);
  yield* networkProblems(config);
  yield* fleetProblems(config);
  yield* targetProblems(config);
  if (!targetsElsewhere) yield* noTargetsProblems(config);
  yield* discoveryProblems(config, use);
  yield* alertProblems(config);
  if (use === 'deployment') yield* localSources(config);
}

function* policyProblems({ policy }: SoundConfig): Iterable<RuleProblem> {
  const { minTlsVersion, preferredTlsVersion } = { ...DEFAULT_POLICY, ...policy };
  if (minTlsVersion !== undefined && preferredTlsVersion !== undefined && preferredTlsVersion < minTlsVersion) {
    yield {
      path: ['policy', 'preferredTlsVersion'],
      message: `must not be below minTlsVersion (${showName(minTlsVersion)}), got ${showGiven(preferredTlsVersion)}`,
    };
  }
  const { medium, high, critical } = { ...DEFAULT_POLICY.certificateExpiryDays, ...policy?.certificateExpiryDays };
  const areNumbers = medium !== undefined && high !== undefined && critical !== undefined;
  if (areNumbers && !(medium >= high && high >= critical)) {
    yield {
      path: ['policy', 'certificateExpiryDays'],
      message: `medium, high and critical must descend, got ${medium}, ${high}, ${critical}`,
    };
  }
}

function* fleetProblems({ deployment }: SoundConfig): Iterable<RuleProblem> {
  const { fleet, evidence, reservedConcurrency } = deployment ?? {};
  if (fleet === undefined) return;
  if (evidence === 'none') {
    yield {
      path: ['deployment', 'evidence'],
      message: 'must be "s3" with deployment.fleet, whose workers keep their results there, got "none"',
    };
  }
  const { concurrency = FLEET_CONCURRENCY } = fleet;
  if (reservedConcurrency !== undefined && reservedConcurrency < concurrency) {
    yield {
      path: ['deployment', 'reservedConcurrency'],
      message: `must be at least deployment.fleet.concurrency (${concurrency}), got ${reservedConcurrency}`,
    };
  }
}

function* targetProblems({ targets = [] }: SoundConfig): Iterable<RuleProblem> {
  const firstUse = new Map<string, number>();
  for (const [index, target] of targets.entries()) {
    if (target === undefined) continue;
    const path = ['targets', index];
    if (target.name !== undefined) {
      const first = firstUse.get(target.name);
      if (first === undefined) firstUse.set(target.name, index);
      else {
        yield {
          path: [...path, 'name'],
          message: `must be unique, but targets[${first}] is named ${quoteName(target.name)} too`,
        };
      }
    }
    const [hasSecret, hasCredentials] = ['secret' in target, 'credentials' in target];
    if (!hasSecret && !hasCredentials) {
      yield {
        path,
        message: 'names no credentials: give "secret" (or, on the command line, "credentials" with "env" or "file")',
      };
    }
    if (target.kind === 'pgbouncer' && target.database !== undefined && target.database !== 'pgbouncer') {
      yield {
        path: [...path, 'database'],
        message: `must be "pgbouncer" or left out where kind is "pgbouncer", got ${showGiven(target.database)}`,
      };
    }
    if (target.kind === 'pgbouncer' && target.logs === 'server') {
      yield {
        path: [...path, 'logs'],
        message: 'must be "none" or {"logGroup": "…"} where kind is "pgbouncer": its console shows no log files',
      };
    }
    yield* iamProblems(target, path);
    if (hasSecret && hasCredentials) {
      yield { path, message: 'names both "secret" and "credentials": give one of them' };
    }
  }
}

function* iamProblems(
  target: NonNullable<NonNullable<SoundConfig['targets']>[number]>,
  path: RuleProblem['path'],
): Iterable<RuleProblem> {
  const problem = (setting: string, message: string): RuleProblem => ({ path: [...path, setting], message });
  if (target.credentials !== 'iam') {
    for (const setting of ['role', 'region'] as const) {
      if (setting in target) yield problem(setting, 'goes with "credentials": "iam" only: remove it');
    }
    return;
  }
  if (!('role' in target)) yield problem('role', 'is missing: with "credentials": "iam", name the PostgreSQL role');
  if (!('host' in target))
    yield problem('host', 'is missing: with "credentials": "iam", name the endpoint of the database');
  if ('authentication' in target) {
    yield problem(
      'authentication',
      'must be left out with "credentials": "iam": only a token is sent, as RDS asks for it',
    );
  }
  if (target.kind === 'pgbouncer') {
    yield problem(
      'credentials',
      'must not be "iam" where kind is "pgbouncer": its console knows no IAM authentication',
    );
  }
}

/** What a deployed function can't reach: files and environment variables. */
function* localSources({ defaults, targets = [] }: SoundConfig): Iterable<RuleProblem> {
  const instead = 'works on the command line only; a deployed function needs {"secret": …}';
  if (isLocal(defaults?.ca)) yield { path: ['defaults', 'ca'], message: `a file ${instead} or "system"` };
  if (isLocal(defaults?.crl)) yield { path: ['defaults', 'crl'], message: `a file ${instead}` };
  for (const [index, target] of targets.entries()) {
    if (target === undefined) continue;
    const path = ['targets', index];
    if ('credentials' in target && target.credentials !== 'iam') {
      yield { path: [...path, 'credentials'], message: `an environment variable or a file ${instead}` };
    }
    if (isLocal(target.ca)) yield { path: [...path, 'ca'], message: `a file ${instead} or "system"` };
    if (isLocal(target.crl)) yield { path: [...path, 'crl'], message: `a file ${instead}` };
    if (isLocal(target.clientCertificate)) {
      yield { path: [...path, 'clientCertificate'], message: `a file ${instead}` };
    }
  }
}

function isLocal(source: unknown): boolean {
  if (Array.isArray(source)) return source.some(isLocal);
  return typeof source === 'object' && source !== null && ('file' in source || 'certificateFile' in source);
}
