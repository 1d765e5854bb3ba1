// Selects the networks of the functions: the VPC of the embedding app, those of the configuration, or none.

import { Annotations } from 'aws-cdk-lib';
import { type ISecurityGroup, type IVpc, SecurityGroup, type SubnetSelection, Vpc } from 'aws-cdk-lib/aws-ec2';
import type { Construct } from 'constructs';
import type { Config, ConfigProblem } from '../lambda/config/index.ts';

/** All undefined: the function runs outside of a VPC. */
export interface Network {
  /** @default - that of the configuration, or none */
  readonly vpc?: IVpc | undefined;
  /** @default - the private subnets of `vpc` */
  readonly vpcSubnets?: SubnetSelection | undefined;
  /** @default - a new group that only lets traffic out of `vpc` */
  readonly securityGroups?: readonly ISecurityGroup[] | undefined;
}

/** Yields a problem for two VPCs, and for subnets or groups without a VPC. */
export function* networkProblems(
  given: Network,
  { deployment, networks }: Pick<Config, 'deployment' | 'networks'>,
): Iterable<ConfigProblem> {
  if (given.vpc !== undefined && deployment.vpc !== undefined) {
    yield { path: 'deployment.vpc', message: 'names a VPC while the prop "vpc" gives another: remove one of them' };
  }
  if (given.vpc !== undefined && deployment.fleet === undefined && Object.keys(networks).length > 0) {
    yield {
      path: 'networks',
      message:
        'are there while the prop "vpc" gives another, and one function is in one: set deployment.fleet, which has a ' +
        'worker for each, or remove one of them',
    };
  }
  if (given.vpc === undefined) {
    for (const prop of ['vpcSubnets', 'securityGroups'] as const) {
      if (given[prop] !== undefined) {
        yield {
          path: prop,
          message: 'needs the prop "vpc" beside it; deployment.vpc has subnetIds and securityGroupIds of its own',
        };
      }
    }
  }
}

/** Imports a VPC by ids alone: synthesis needs no account to look anything up in. Undefined: outside of a VPC. */
export function importNetwork(scope: Construct, setting: Config['deployment']['vpc']): Network {
  if (setting === undefined) return {};
  const { vpcId, subnetIds, availabilityZones, securityGroupIds } = setting;
  const vpc = Vpc.fromVpcAttributes(scope, 'Vpc', { vpcId, availabilityZones, privateSubnetIds: subnetIds });
  Annotations.of(vpc).acknowledgeWarning(
    '@aws-cdk/aws-ec2:noSubnetRouteTableId',
    'A function is placed in subnets by their ids; their route tables are not needed.',
  );
  return {
    vpc,
    // The owner of the groups decides on their rules: the stack adds none.
    securityGroups:
      securityGroupIds &&
      [...new Set(securityGroupIds)].map((groupId) =>
        SecurityGroup.fromSecurityGroupId(scope, groupId, groupId, { mutable: false }),
      ),
  };
}
