// Names what the stacks of an auditor and of its satellites have to know of each other before either is deployed.

import { createHash } from 'node:crypto';
import { Aws } from 'aws-cdk-lib';
import type { Config } from '../lambda/config/index.ts';

/** Of a role, a function and a state machine (IAM, Lambda and Step Functions quotas). */
const LONGEST_NAME = 64;
const LONGEST_MACHINE_NAME = 80;

/** Where the auditor itself is deployed. */
export interface Home {
  readonly account: string;
  readonly region: string;
  /** Its name: the name of its stack. */
  readonly auditor: string;
}

export interface HomeNames {
  readonly machine: { readonly name: string; readonly arn: string };
  /** The role of the machine. */
  readonly machineRole: { readonly name: string; readonly arn: string };
  /** The role of the function that invokes satellites of other regions. */
  readonly relayRole: { readonly name: string; readonly arn: string };
}

/** Names of roles are those of an account, across its regions. */
export function homeNames({ account, region, auditor }: Home): HomeNames {
  const role = (end: string) => roleOf(account, shortened([auditor, region, end], LONGEST_NAME));
  const name = shortened([auditor, 'runs'], LONGEST_MACHINE_NAME);
  return {
    machine: { name, arn: `arn:${Aws.PARTITION}:states:${region}:${account}:stateMachine:${name}` },
    machineRole: role('machine'),
    relayRole: role('relay'),
  };
}

/** A worker in another account or region, as the auditor's machine knows it. */
export interface Satellite {
  /** Of the configuration. */
  readonly name: string;
  readonly account: string;
  readonly functionArn: string;
  /** The role of the worker itself. */
  readonly workerRoleArn: string;
  /** The role with which it is invoked. */
  readonly roleArn: string;
  /** Whether it is in the region of the machine. */
  readonly isInRegion: boolean;
}

/** A satellite, as the configuration says. */
export interface SatellitePlace {
  readonly account: string;
  readonly region: string;
  readonly name: string;
}

export interface SatelliteNames {
  readonly function: { readonly name: string; readonly arn: string };
  /** The role of the worker: it writes parts. */
  readonly workerRole: { readonly name: string; readonly arn: string };
  /** The role that the machine assumes to invoke the worker, and that may do nothing else. */
  readonly invokeRole: { readonly name: string; readonly arn: string };
}

export function satelliteNames({ auditor }: Pick<Home, 'auditor'>, satellite: SatellitePlace): SatelliteNames {
  const { account, region, name } = satellite;
  const functionName = shortened([auditor, name], LONGEST_NAME);
  const role = (end: string) => roleOf(account, shortened([auditor, name, end], LONGEST_NAME));
  return {
    function: {
      name: functionName,
      arn: `arn:${Aws.PARTITION}:lambda:${region}:${account}:function:${functionName}`,
    },
    workerRole: role('worker'),
    invokeRole: role('invoke'),
  };
}

function roleOf(account: string, name: string): { readonly name: string; readonly arn: string } {
  return { name, arn: `arn:${Aws.PARTITION}:iam::${account}:role/${name}` };
}

/** The parts with hyphens between; what is too long ends in a hash of all of it. */
function shortened(parts: readonly string[], longest: number): string {
  const name = parts.join('-');
  if (name.length <= longest) return name;
  const hash = createHash('sha256').update(name).digest('hex').slice(0, 10);
  return `${name.slice(0, longest - hash.length - 1)}-${hash}`;
}

/** Every satellite of the configuration, as the auditor's machine knows it. */
export function satellitesOf({ satellites }: Pick<Config, 'satellites'>, home: Home): readonly Satellite[] {
  return Object.entries(satellites).map(([name, { account, region }]) => {
    const names = satelliteNames(home, { account, region, name });
    return {
      name,
      account,
      functionArn: names.function.arn,
      workerRoleArn: names.workerRole.arn,
      roleArn: names.invokeRole.arn,
      isInRegion: region === home.region,
    };
  });
}

/** Where the auditor itself is. The rules have refused a configuration with satellites that does not say so. */
export function homeOf({ deployment }: Pick<Config, 'deployment'>, auditor: string): Home {
  const { account = '', region = '' } = deployment;
  return { account, region, auditor };
}
