// The Lambda function: its bundle with the configuration inside, its role, and how a failed run is handled.

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { Duration, RemovalPolicy, Stage, Validations } from 'aws-cdk-lib';
import type { ISecurityGroup, IVpc, SubnetSelection } from 'aws-cdk-lib/aws-ec2';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Architecture, type IDestination, LoggingFormat, Runtime } from 'aws-cdk-lib/aws-lambda';
import {
  type BundlingOptions,
  LogLevel,
  NodejsFunction,
  OutputFormat,
  SourceMapMode,
} from 'aws-cdk-lib/aws-lambda-nodejs';
import { type ILogGroup, LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Construct } from 'constructs';
import type { Config, ConfigInput } from '../lambda/config/index.ts';
import { modulesLeftOut } from './feature-modules.ts';
import type { FunctionEnvironment } from './function-environment.ts';

const ROOT = join(import.meta.dirname, '..');
/** The name under which the handler looks for its configuration, next to itself. */
const CONFIG_FILE = 'auditor.config.json';

/**
 * Lambda gives a function its credentials in the environment, where the SDK looks first. How it would find them on somebody's
 * machine is a tenth of the bundle.
 */
const UNUSED_CREDENTIAL_PROVIDERS = ['sso', 'ini', 'process', 'web-identity'].map(
  (way) => `@aws-sdk/credential-provider-${way}`,
);

export interface AuditorFunctionProps {
  /** What goes into the bundle, as written. */
  readonly document: ConfigInput;
  readonly deployment: Config['deployment'];
  readonly deadLetterQueue: IQueue;
  /** How long a run that Lambda could not start yet is still worth starting. */
  readonly maxEventAge: Duration;
  readonly environment: FunctionEnvironment;
  readonly logGroup?: ILogGroup | undefined;
  readonly vpc?: IVpc | undefined;
  readonly vpcSubnets?: SubnetSelection | undefined;
  readonly securityGroups?: readonly ISecurityGroup[] | undefined;
  readonly reservedConcurrentExecutions?: number | undefined;
}

/** The function, with a role that starts from nothing. */
export class AuditorFunction extends Construct {
  readonly function: NodejsFunction;
  readonly role: Role;
  readonly logGroup: ILogGroup;
  /** Those that are given, or the one that is made; none outside of a VPC. */
  readonly securityGroups: readonly ISecurityGroup[];

  constructor(scope: Construct, id: string, props: AuditorFunctionProps) {
    super(scope, id);
    const { deployment, vpc, vpcSubnets, securityGroups, reservedConcurrentExecutions } = props;
    this.logGroup =
      props.logGroup ??
      new LogGroup(this, 'LogGroup', {
        retention: deployment.logRetentionDays,
        // The record of what was seen outlives the stack, and ends with its retention.
        removalPolicy: RemovalPolicy.RETAIN,
      });
    this.role = this.makeRole(vpc !== undefined);
    this.function = new NodejsFunction(this, 'Function', {
      description: 'Audits the TLS of PostgreSQL connections and alerts on plaintext and deprecated TLS',
      // Named by its path: nothing of the function runs while the stack is being put together.
      entry: join(ROOT, 'lambda', 'handler.ts'),
      handler: 'handler',
      projectRoot: ROOT,
      depsLockFilePath: join(ROOT, 'package-lock.json'),
      runtime: Runtime.NODEJS_24_X,
      architecture: Architecture.ARM_64,
      memorySize: deployment.memoryMiB,
      timeout: Duration.minutes(deployment.timeoutMinutes),
      role: this.role,
      logGroup: this.logGroup,
      loggingFormat: LoggingFormat.JSON,
      bundling: this.bundling(props.document, deployment),
      environment: props.environment,
      // Faults that pass are retried inside the run; repeating a whole run would alert twice. What failed is kept, and
      // the next scheduled run looks again.
      retryAttempts: 0,
      maxEventAge: props.maxEventAge,
      onFailure: sendingTo(props.deadLetterQueue),
      ...(vpc === undefined ? {} : { vpc }),
      ...(vpcSubnets === undefined ? {} : { vpcSubnets }),
      ...(securityGroups === undefined ? {} : { securityGroups: [...securityGroups] }),
      ...(reservedConcurrentExecutions === undefined ? {} : { reservedConcurrentExecutions }),
    });
    this.securityGroups = vpc === undefined ? [] : this.function.connections.securityGroups;
  }

  /**
   * AWS's managed policies for functions allow every log group and come with no end: these are the same rights, narrowed.
   *
   * @see https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
   */
  private makeRole(inVpc: boolean): Role {
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
      description: 'Reads the secrets that pg-tls-auditor is configured with, and publishes its alerts',
    });
    this.logGroup.grantWrite(role);
    if (inVpc) {
      role.addToPolicy(
        new PolicyStatement({
          sid: 'NetworkInterfacesInTheVpc',
          actions: [
            'ec2:CreateNetworkInterface',
            'ec2:DescribeNetworkInterfaces',
            'ec2:DescribeSubnets',
            'ec2:DeleteNetworkInterface',
            'ec2:AssignPrivateIpAddresses',
            'ec2:UnassignPrivateIpAddresses',
          ],
          resources: ['*'],
        }),
      );
      Validations.of(role).acknowledge({
        id: 'AwsSolutions-IAM5[Resource::*]',
        reason: 'Lambda makes the network interfaces while it creates the function: their ids are not known before.',
      });
    }
    return role;
  }

  private bundling(document: ConfigInput, deployment: Config['deployment']): BundlingOptions {
    return {
      // One file with everything in it that it takes to audit and tell, AWS SDK included: what the tests ran is what Lambda
      // runs, whatever SDK version the runtime brings. CommonJS loads about 8 ms (15 %) faster than ESM with pg inside; packages' ESM sources, because
      // esbuild drops what is not used of them, about a quarter.
      format: OutputFormat.CJS,
      target: 'node24',
      mainFields: ['module', 'main'],
      // What a CommonJS file knows under other names.
      define: {
        'import.meta.dirname': '__dirname',
        'import.meta.filename': '__filename',
        'import.meta.url': 'importMetaUrl',
      },
      banner: "const importMetaUrl=require('node:url').pathToFileURL(__filename).href;",
      minify: true,
      logLevel: LogLevel.WARNING,
      sourceMap: true,
      sourceMapMode: SourceMapMode.DEFAULT,
      sourcesContent: false,
      // Imports that are never reached (pg's of its native client, of ~/.pgpass and of Cloudflare's sockets; the SDK's of
      // event streams, which no operation called here uses), and what the runtime brings.
      externalModules: [
        'pg-native',
        'pgpass',
        'pg-cloudflare',
        '@smithy/core/event-streams',
        ...UNUSED_CREDENTIAL_PROVIDERS,
        ...modulesLeftOut(deployment),
      ],
      commandHooks: {
        beforeBundling: () => [],
        beforeInstall: () => [],
        afterBundling: (_projectRoot, bundle) => [copyCommand(this.writeCompanions(document), bundle)],
      },
    };
  }

  /** Writes what goes beside the handler into the cloud assembly, in a folder whose name only the content decides. */
  private writeCompanions(document: ConfigInput): string {
    const config = JSON.stringify(document);
    const hash = createHash('sha256').update(config).digest('hex').slice(0, 32);
    // The CDK command line names its folder relative to where it runs, and the bundler works in another folder.
    const folder = resolve(Stage.of(this)?.outdir ?? 'cdk.out', `pg-tls-auditor.${hash}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, CONFIG_FILE), config);
    // Makes the bundle load the same way wherever it lies, also below this package, whose modules are ESM.
    writeFileSync(join(folder, 'package.json'), '{"type":"commonjs"}');
    return folder;
  }
}

/** A queue for what failed. The CDK's own destination also grants to look at the queue, which nothing does. */
function sendingTo(queue: IQueue): IDestination {
  return {
    bind(_scope, fn) {
      queue.grant(fn, 'sqs:SendMessage');
      return { destination: queue.queueArn };
    },
  };
}

/** Copies a folder's content in whichever shell CDK runs: bash, or cmd on Windows. */
function copyCommand(from: string, to: string): string {
  const quote = (text: string): string =>
    process.platform === 'win32' ? `"${text}"` : `'${text.replaceAll("'", "'\\''")}'`;
  const script = 'require(`node:fs`).cpSync(process.argv[1],process.argv[2],{recursive:true})';
  return `${quote(process.execPath)} -e ${[script, from, to].map(quote).join(' ')}`;
}
