// Defines the Lambda function: its bundle with the configuration, its role, and the destination of failed runs.

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
import type { Variables } from './function-environment.ts';

const ROOT = join(import.meta.dirname, '..');
/** The name under which the handler looks for its configuration, next to itself. */
const CONFIG_FILE = 'auditor.config.json';

/**
 * Lambda gives a function its credentials in the environment, which is the first source that the SDK tries. The sources
 * of other machines (files of a person, metadata of EC2 and ECS) are a tenth of the bundle.
 */
const UNUSED_CREDENTIAL_PROVIDERS = [
  ...['sso', 'ini', 'process', 'web-identity', 'http'].map((source) => `@aws-sdk/credential-provider-${source}`),
  '@smithy/credential-provider-imds',
];

export interface AuditorFunctionProps {
  /** The configuration document for the bundle, as written. */
  readonly document: ConfigInput;
  /** What the document says, with its defaults. */
  readonly config: Config;
  readonly deadLetterQueue: IQueue;
  /** How long Lambda may delay the start of a run. */
  readonly maxEventAge: Duration;
  readonly environment: Variables;
  readonly logGroup?: ILogGroup | undefined;
  readonly vpc?: IVpc | undefined;
  readonly vpcSubnets?: SubnetSelection | undefined;
  readonly securityGroups?: readonly ISecurityGroup[] | undefined;
  readonly reservedConcurrentExecutions?: number | undefined;
}

/** The function, with a role that has only the rights granted here. */
export class AuditorFunction extends Construct {
  readonly function: NodejsFunction;
  readonly role: Role;
  readonly logGroup: ILogGroup;
  /** The given groups, or the new one; none outside of a VPC. */
  readonly securityGroups: readonly ISecurityGroup[];

  constructor(scope: Construct, id: string, props: AuditorFunctionProps) {
    super(scope, id);
    const { config, vpc, vpcSubnets, securityGroups, reservedConcurrentExecutions } = props;
    const { deployment } = config;
    this.logGroup =
      props.logGroup ??
      new LogGroup(this, 'LogGroup', {
        retention: deployment.logRetentionDays,
        // The log is evidence: it outlives the stack, and ends with its retention.
        removalPolicy: RemovalPolicy.RETAIN,
      });
    this.role = this.makeRole(vpc !== undefined);
    this.function = new NodejsFunction(this, 'Function', {
      description: 'Audits the TLS of PostgreSQL connections and alerts on plaintext and deprecated TLS',
      // Named by its path: no code of the function runs during synthesis.
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
      bundling: this.bundling(props.document, config),
      environment: props.environment,
      // The run itself retries passing faults; a repeated run would alert twice. The event of a failed run is kept, and
      // the next scheduled run audits again.
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
   * The same rights as AWS's managed policies for functions, which allow every log group, narrowed to this function.
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
        reason: 'Lambda creates the network interfaces with the function: their ids are not known before.',
      });
    }
    return role;
  }

  private bundling(document: ConfigInput, config: Config): BundlingOptions {
    return {
      // One file with all that an audit and its notifications need, AWS SDK included: Lambda runs the code that the
      // tests ran, whatever SDK version the runtime has. CommonJS loads about 8 ms (15 %) faster than ESM with pg
      // inside. From the ESM sources of packages esbuild drops unused code, about a quarter.
      format: OutputFormat.CJS,
      target: 'node24',
      mainFields: ['module', 'main'],
      // The names of these in a CommonJS file.
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
      // Imports that are never reached (pg's of its native client, of ~/.pgpass and of Cloudflare's sockets; the SDK's
      // of event streams, which no operation called here uses), and what the runtime brings.
      externalModules: [
        'pg-native',
        'pgpass',
        'pg-cloudflare',
        '@smithy/core/event-streams',
        ...UNUSED_CREDENTIAL_PROVIDERS,
        ...modulesLeftOut(config),
      ],
      commandHooks: {
        beforeBundling: () => [],
        beforeInstall: () => [],
        afterBundling: (_projectRoot, bundle) => [copyCommand(this.writeCompanions(document), bundle)],
      },
    };
  }

  /** Writes the files beside the handler into the cloud assembly, in a folder that is named after their content. */
  private writeCompanions(document: ConfigInput): string {
    const config = JSON.stringify(document);
    const hash = createHash('sha256').update(config).digest('hex').slice(0, 32);
    // The CDK command line names its folder relative to where it runs, and the bundler works in another folder.
    const folder = resolve(Stage.of(this)?.outdir ?? 'cdk.out', `pg-tls-auditor.${hash}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, CONFIG_FILE), config);
    // Makes the bundle load as CommonJS also inside this package, whose modules are ESM.
    writeFileSync(join(folder, 'package.json'), '{"type":"commonjs"}');
    return folder;
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

/** A command that copies a folder's content in the shell of CDK: bash, or cmd on Windows. */
function copyCommand(from: string, to: string): string {
  const quote = (text: string): string =>
    process.platform === 'win32' ? `"${text}"` : `'${text.replaceAll("'", "'\\''")}'`;
  const script = 'require(`node:fs`).cpSync(process.argv[1],process.argv[2],{recursive:true})';
  return `${quote(process.execPath)} -e ${[script, from, to].map(quote).join(' ')}`;
}
