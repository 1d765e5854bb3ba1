// The stack that `cdk deploy -c satellite=NAME` deploys: one satellite, and outputs with its names.

import { CfnOutput, Fn, Stack, type StackProps, Tags } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { checkProps, propsOf } from './checked-props.ts';
import { PgTlsAuditorSatellite, type PgTlsAuditorSatelliteProps, SATELLITE } from './satellite.ts';

export interface PgTlsAuditorSatelliteStackProps extends StackProps, PgTlsAuditorSatelliteProps {}

export class PgTlsAuditorSatelliteStack extends Stack {
  readonly satellite: PgTlsAuditorSatellite;

  constructor(scope: Construct, id: string, props: PgTlsAuditorSatelliteStackProps) {
    checkProps(`PgTlsAuditorSatelliteStack ${id}`, props, { ...SATELLITE, isStack: true });
    const description = `Audits the TLS of PostgreSQL connections for the auditor ${props.auditorName}`;
    super(scope, id, { ...props, description: props.description ?? description });
    this.satellite = new PgTlsAuditorSatellite(this, 'Satellite', propsOf(props, SATELLITE));
    Tags.of(this).add('application', 'pg-tls-auditor');
    const { function: worker, securityGroups } = this.satellite;
    new CfnOutput(this, 'FunctionName', { value: worker.functionName });
    if (securityGroups.length === 0) return;
    new CfnOutput(this, 'SecurityGroupIds', {
      value: Fn.join(
        ',',
        securityGroups.map(({ securityGroupId }) => securityGroupId),
      ),
      description: "The worker's own: let it in to port 5432 of the databases, and to the VPC endpoints",
    });
  }
}
