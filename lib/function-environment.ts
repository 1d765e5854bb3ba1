// Builds the function's environment variables, and checks that they fit into Lambda's limit.

import type { Construct } from 'constructs';
import type { ConfigProblem } from '../lambda/config/index.ts';
import type { DeployedVariables } from '../lambda/environment.ts';
import { deployedLength } from './deployed-length.ts';
import type { LimitUse } from './limits.ts';

/** In all, names and values (https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html). */
const MOST_BYTES = 4096;
/** Quotes, colon and comma around a variable. */
const PUNCTUATION = 6;

/** Variables by name, as CDK takes them. */
export type Variables = Readonly<Record<string, string>>;

/** The variables of the contract that are set, and those of Node itself. */
export function functionVariables(deployed: DeployedVariables): Variables {
  const set = Object.entries(deployed).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]]));
  return { NODE_OPTIONS: '--enable-source-maps', ...Object.fromEntries(set) };
}

/** Yields a problem where the variables exceed Lambda's limit, as far as lengths are known before deployment. */
export function* environmentProblems(
  scope: Construct,
  environment: Variables,
  secrets: number,
): Iterable<ConfigProblem> {
  const { used, most } = environmentUse(scope, environment);
  if (used <= most) return;
  yield {
    path: 'secrets',
    message:
      `the function's environment would hold about ${used} bytes, and Lambda takes ${most}: ${secrets} secrets are ` +
      'known by reference. Give secrets a fixed secretName that the configuration names',
  };
}

/** How much of the limit the variables take. What CloudFormation fills in counts with about its greatest length. */
export function environmentUse(scope: Construct, environment: Variables): LimitUse {
  const used = Object.entries(environment).reduce(
    (sum, [name, value]) => sum + name.length + deployedLength(scope, value) + PUNCTUATION,
    0,
  );
  return {
    id: 'environment',
    what: "the function's environment has about",
    used,
    most: MOST_BYTES,
    unit: 'bytes that Lambda takes',
    fix: 'Give secrets that are known by reference a fixed secretName that the configuration names',
  };
}
