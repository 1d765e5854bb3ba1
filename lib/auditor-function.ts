// Defines the Lambda function: its bundle with the configuration, its role, and the destination of failed runs.

import { Duration, RemovalPolicy, Validations } from 'aws-cdk-lib';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, type IDestination, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda';
import { NodejsFunction } from 'aws-cdk-lib/aws-lambda-nodejs';
import { type ILogGroup, LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Config, ConfigInput } from '../lambda/config/index.ts';
import { entriesOf, modulesLeftOut } from './feature-modules.ts';
import { functionCode } from './function-code.ts';
import type { Variables } from './function-environment.ts';
import type { FunctionEntry } from './handler-scripts.ts';

export interface AuditorFunctionProps {
  /** The configuration document for the bundle, as written. */
  readonly document: ConfigInput;
  /** What the document says, with its defaults. */
  readonly config: Config;
  /** Whether runs read another configuration, which may use parts that this one does not. @default false */
  readonly hasConfigLocation?: boolean | undefined;
  /** Which function it is. @default the one that does everything */
  readonly kind?: FunctionKind | undefined;
  /** The scripts of the bundle. @default those of the deployment */
  readonly entries?: readonly FunctionEntry[] | undefined;
  /** @default - CloudFormation names it */
  readonly functionName?: string | undefined;
  /** @default - CloudFormation names it */
  readonly roleName?: string | undefined;
  /** Asynchronous invocations, where there are any: the queue of their failures, and how late they may start. */
  readonly asynchronous?: { readonly deadLetterQueue: IQueue; readonly maxEventAge: Duration } | undefined;
  readonly environment: Variables;
  readonly logGroup?: ILogGroup | undefined;
  readonly vpc?: IVpc | undefined;
  readonly vpcSubnets?: SubnetSelection | undefined;
  readonly securityGroups?: readonly ISecurityGroup[] | undefined;
  readonly reservedConcurrentExecutions?: number | undefined;
}

/** What distinguishes the functions of an auditor. */
export interface FunctionKind {
  readonly entry: FunctionEntry;
  readonly description: string;
  readonly roleDescription: string;
  /** @default deployment.memoryMiB */
  readonly memoryMiB?: number | undefined;
  /** @default deployment.timeoutMinutes */
  readonly timeoutMinutes?: number | undefined;
}

const AUDITOR: FunctionKind = {
  entry: 'index',
  description: 'Audits the TLS of PostgreSQL connections and alerts on plaintext and deprecated TLS',
  roleDescription: 'Reads the secrets that pg-tls-auditor is configured with, and publishes its alerts',
};

/** @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions */
export const NETWORK_INTERFACE_ACTIONS = [
  'ec2:CreateNetworkInterface',
  'ec2:DescribeNetworkInterfaces',
  'ec2:DescribeSubnets',
  'ec2:DeleteNetworkInterface',
  'ec2:AssignPrivateIpAddresses',
  'ec2:UnassignPrivateIpAddresses',
] as const;

/** The function, with a role that has only the rights granted here. */
export class AuditorFunction extends Construct {
  readonly function: NodejsFunction;
  readonly role: Role;
  readonly logGroup: ILogGroup;
  /** The given groups, or the new one; none outside of a VPC. */
  readonly securityGroups: readonly ISecurityGroup[];

  constructor(scope: Construct, id: string, props: AuditorFunctionProps) {
    super(scope, id);
    const { config, kind = AUDITOR, asynchronous } = props;
    const { vpc, vpcSubnets, securityGroups, reservedConcurrentExecutions } = props;
    const { deployment } = config;
    this.logGroup =
      props.logGroup ??
      new LogGroup(this, 'LogGroup', {
        retention: deployment.logRetentionDays,
        // The log is evidence: it outlives the stack, and ends with its retention.
        removalPolicy: RemovalPolicy.RETAIN,
      });
    this.role = this.makeRole(kind.roleDescription, props.roleName, vpc !== undefined);
    this.function = new NodejsFunction(this, 'Function', {
      description: kind.description,
      ...(props.functionName === undefined ? {} : { functionName: props.functionName }),
      code: functionCode(props.document, modulesLeftOut(config, props), props.entries ?? entriesOf(config)),
      handler: `${kind.entry}.handler`,
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: kind.memoryMiB ?? deployment.memoryMiB,
      timeout: Duration.minutes(kind.timeoutMinutes ?? deployment.timeoutMinutes),
      role: this.role,
      logGroup: this.logGroup,
      loggingFormat: LoggingFormat.JSON,
      environment: props.environment,
      // The run itself retries passing faults; a repeated run would alert twice. The event of a failed run is kept, and
      // the next scheduled run audits again.
      retryAttempts: 0,
      ...(asynchronous === undefined
        ? {}
        : { maxEventAge: asynchronous.maxEventAge, onFailure: sendingTo(asynchronous.deadLetterQueue) }),
      ...(vpc === undefined ? {} : { vpc }),
      ...(vpcSubnets === undefined ? {} : { vpcSubnets }),
      ...(securityGroups === undefined ? {} : { securityGroups: [...securityGroups] }),
      ...(reservedConcurrentExecutions === undefined ? {} : { reservedConcurrentExecutions }),
    });
    this.securityGroups = vpc === undefined ? [] : this.function.connections.securityGroups;
  }

  /**
   * The same rights as AWS's managed policies for functions, which allow every log group, narrowed to this function.
   *
   * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
   */
  private makeRole(description: string, roleName: string | undefined, inVpc: boolean): Role {
    const role = new Role(this, 'Role', {
      ...(roleName === undefined ? {} : { roleName }),
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description,
    });
    this.logGroup.grantWrite(role);
    if (inVpc) {
      role.addToPolicy(
        new PolicyStatement({
          sid: 'NetworkInterfacesInTheVpc',
          actions: [...NETWORK_INTERFACE_ACTIONS],
          resources: ['*'],
        }),
      );
      Validations.of(role).acknowledge({
        id: 'AwsSolutions-IAM5[Resource::*]',
        reason: 'Lambda creates the network interfaces with the function: their ids are not known before.',
      });
    }
    return role;
  }
}

/** Sends events of failed runs to the queue. The CDK's own destination also grants rights that are not needed. */
function sendingTo(queue: IQueue): IDestination {
  return {
    bind(_scope, fn) {
      queue.grant(fn, 'sqs:SendMessage');
      return { destination: queue.queueArn };
    },
  };
}
