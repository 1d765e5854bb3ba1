// Defines the fleet: a state machine that plans a run, audits it in many workers at once, and digests what they found.

import { Arn, ArnFormat, Aws, Duration, Stack, Validations } from 'aws-cdk-lib';
import { type IGrantable, type IRole, PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IBucket } from 'aws-cdk-lib/aws-s3';
import {
  Choice,
  Condition,
  CustomState,
  DefinitionBody,
  DistributedMap,
  FieldUtils,
  type IChainable,
  type IStateMachine,
  JitterType,
  JsonPath,
  Pass,
  type RetryProps,
  StateMachine,
  type StateMachineProps,
  StateMachineType,
  Succeed,
  TaskInput,
  Timeout,
} from 'aws-cdk-lib/aws-stepfunctions';
import { LambdaInvoke } from 'aws-cdk-lib/aws-stepfunctions-tasks';
import { Construct } from 'constructs';
import type { Config, ConfigInput } from '../lambda/config/index.ts';
import { AuditorFunction, type FunctionKind } from './auditor-function.ts';
import { grantRunObjects } from './fleet-objects.ts';
import type { Variables } from './function-environment.ts';
import { nagResourceId } from './nag-resource-id.ts';
import { admitSatellites } from './satellite-bucket.ts';
import { type Home, homeNames, type Satellite } from './satellite-names.ts';

/** A function that audits targets. */
export interface FleetWorker {
  /** `default`, or the name of a network. */
  readonly name: string;
  readonly worker: AuditorFunction;
}

export interface FleetProps {
  /** The configuration document for the bundle, as written. */
  readonly document: ConfigInput;
  readonly config: Config;
  readonly fleet: NonNullable<Config['deployment']['fleet']>;
  readonly environment: Variables;
  readonly bucket: IBucket;
  readonly workers: readonly FleetWorker[];
  /** Workers of other accounts and regions. */
  readonly satellites: readonly Satellite[];
  /** Where the auditor is, and how it is called: satellites know its roles by that. */
  readonly home: Home;
}

/** What a worker is: it reads secrets, connects to databases, and writes parts. */
export const WORKER: FunctionKind = {
  entry: 'worker',
  description: 'Audits some of the databases of a run of pg-tls-auditor',
  roleDescription: 'Reads the secrets that pg-tls-auditor is configured with, and writes what it found',
};

/** Lambda's longest. */
const LONGEST_MINUTES = 15;
const DIGEST_MINUTES = LONGEST_MINUTES;
/** One whole processor, and three times what 10,000 targets take: parts of hostile satellites have their room too. */
const DIGEST_MEMORY_MIB = 1_769;
const PLAN_MINUTES = 5;
/** It waits for an answer of some bytes. */
const RELAY_MEMORY_MIB = 256;

/** Seconds that a function has beyond its own timeout, before its task counts as lost. */
const TASK_GRACE_SECONDS = 60;

/** Errors of Lambda itself: the function did not start, or its answer was lost. */
const SERVICE_ERRORS = [
  'Lambda.TooManyRequestsException',
  'Lambda.ServiceException',
  'Lambda.AWSLambdaException',
  'Lambda.SdkClientException',
  'Lambda.ClientExecutionTimeoutException',
];

const RETRY: RetryProps = {
  errors: SERVICE_ERRORS,
  interval: Duration.seconds(2),
  maxAttempts: 5,
  backoffRate: 2,
  jitterStrategy: JitterType.FULL,
};

/** What a worker is handed. */
const BATCH = {
  run: JsonPath.stringAt('$.run'),
  worker: JsonPath.stringAt('$.worker'),
  from: JsonPath.numberAt('$.from'),
  to: JsonPath.numberAt('$.to'),
};

/**
 * Plan → Fleet (a distributed map of workers) → Repair, which hands out again what came back without a part → Digest.
 * What the map returns is never read: Digest compares the parts in the bucket with the plan, so that no lost worker
 * and no failed map loses a target.
 */
export class Fleet extends Construct {
  readonly stateMachine: IStateMachine;
  readonly plan: AuditorFunction;
  readonly repair: AuditorFunction;
  readonly digest: AuditorFunction;
  /** Undefined where no satellite is in another region. */
  readonly relay?: AuditorFunction | undefined;
  /** The scope of states, which have the names of functions. */
  private readonly states = new Construct(this, 'States');

  constructor(scope: Construct, id: string, props: FleetProps) {
    super(scope, id);
    const { fleet, workers, bucket } = props;
    this.plan = this.function(props, {
      entry: 'plan',
      description: 'Lists the databases of a run of pg-tls-auditor, and hands them out to workers',
      roleDescription: 'Lists the databases that pg-tls-auditor is to audit, and writes the plan',
      timeoutMinutes: PLAN_MINUTES,
    });
    this.repair = this.function(props, {
      entry: 'repair',
      description: 'Hands out again the databases that workers of pg-tls-auditor brought no result of',
      roleDescription: 'Compares the results of a run of pg-tls-auditor with its plan',
      timeoutMinutes: PLAN_MINUTES,
    });
    this.digest = this.function(props, {
      entry: 'digest',
      description: 'Alerts on what the workers of pg-tls-auditor found',
      roleDescription: 'Reads the results of a run of pg-tls-auditor, and publishes its alerts',
      timeoutMinutes: DIGEST_MINUTES,
      memoryMiB: Math.max(DIGEST_MEMORY_MIB, props.config.deployment.memoryMiB),
    });
    grantRunObjects(this, bucket, {
      plan: this.plan.role,
      repair: this.repair.role,
      digest: this.digest.role,
      workers: workers.map(({ name, worker }) => ({ name, role: worker.role })),
    });
    admitSatellites(
      this,
      bucket,
      props.satellites.map(({ name, account, workerRoleArn }) => ({ name, account, roleArn: workerRoleArn })),
    );
    this.relay = this.makeRelay(props);
    const machine = new StateMachine(this, 'Runs', {
      ...this.machineNames(props),
      comment: 'Runs pg-tls-auditor',
      stateMachineType: StateMachineType.STANDARD,
      definitionBody: DefinitionBody.fromChainable(this.definition(props)),
      timeout: Duration.minutes(fleet.timeoutMinutes),
    });
    const functions = [this.plan, this.repair, this.digest, ...workers.map(({ worker }) => worker)];
    this.acknowledge(machine, this.relay === undefined ? functions : [...functions, this.relay]);
    allowAssuming(
      machine,
      props.satellites.filter(({ isInRegion }) => isInRegion),
    );
    // aws-cdk-lib's own types disagree under exactOptionalPropertyTypes.
    this.stateMachine = machine as IStateMachine;
  }

  private function({ document, config, environment }: FleetProps, kind: FunctionKind): AuditorFunction {
    const name = `${kind.entry.charAt(0).toUpperCase()}${kind.entry.slice(1)}`;
    return new AuditorFunction(this, name, { document, config, environment, kind });
  }

  /** Satellites let in a role that they know by its name. Without satellites, CloudFormation names it. */
  private machineNames({ satellites, home }: FleetProps): Pick<StateMachineProps, 'stateMachineName' | 'role'> {
    if (satellites.length === 0) return {};
    const { machine, machineRole } = homeNames(home);
    const role = new Role(this, 'MachineRole', {
      roleName: machineRole.name,
      description: 'Invokes the functions of a run of pg-tls-auditor',
      assumedBy: new ServicePrincipal('states.amazonaws.com'),
    });
    // aws-cdk-lib's own types disagree under exactOptionalPropertyTypes.
    return { stateMachineName: machine.name, role: role as IRole };
  }

  private makeRelay({ document, config, environment, satellites, home }: FleetProps): AuditorFunction | undefined {
    const elsewhere = satellites.filter(({ isInRegion }) => !isInRegion);
    if (elsewhere.length === 0) return undefined;
    const relay = new AuditorFunction(this, 'Relay', {
      document,
      config,
      environment,
      roleName: homeNames(home).relayRole.name,
      kind: {
        entry: 'relay',
        description: 'Invokes the workers of pg-tls-auditor that are in other regions',
        roleDescription: 'Assumes the roles by which satellites of pg-tls-auditor let their workers be invoked',
        memoryMiB: RELAY_MEMORY_MIB,
        timeoutMinutes: Math.min(LONGEST_MINUTES, config.deployment.timeoutMinutes + 1),
      },
    });
    allowAssuming(relay.role, elsewhere);
    return relay;
  }

  private definition({ fleet, workers, config, ...props }: FleetProps): IChainable {
    const digest = this.task('Digest', this.digest, DIGEST_MINUTES, { run: JsonPath.stringAt('$.run') });
    const repair = this.task('Repair', this.repair, PLAN_MINUTES, {
      run: JsonPath.stringAt('$.run'),
      size: JsonPath.numberAt('$.size'),
    });
    // Whatever goes wrong with the workers: what they brought is published, and the rest is a finding.
    repair.addCatch(digest, { resultPath: JsonPath.DISCARD });
    const map = new DistributedMap(this.states, 'Fleet', {
      label: 'fleet',
      itemsPath: '$.batches',
      itemSelector: {
        run: JsonPath.stringAt('$.run'),
        worker: JsonPath.stringAt('$$.Map.Item.Value.worker'),
        from: JsonPath.numberAt('$$.Map.Item.Value.from'),
        to: JsonPath.numberAt('$$.Map.Item.Value.to'),
      },
      maxConcurrency: fleet.concurrency,
      mapExecutionType: StateMachineType.STANDARD,
      resultPath: JsonPath.DISCARD,
    })
      .itemProcessor(this.child({ fleet, workers, config, ...props }))
      .addCatch(digest, { resultPath: JsonPath.DISCARD });
    const choice = new Choice(this.states, 'Is any batch left?')
      .when(Condition.isPresent('$.refused'), new Succeed(this.states, 'The event was refused'))
      .when(Condition.isPresent('$.batches[0]'), map.next(repair))
      .otherwise(digest);
    repair.next(choice);
    return this.task('Plan', this.plan, PLAN_MINUTES, {
      run: JsonPath.stringAt('$$.Execution.Name'),
      startedAt: JsonPath.stringAt('$$.Execution.StartTime'),
      workers: [...workers, ...props.satellites].map(({ name }) => name),
      event: JsonPath.objectAt('$'),
    }).next(choice);
  }

  /** A task for each worker: each has its own function, and the batch names one. A worker that fails ends well. */
  private child(props: FleetProps): IChainable {
    const lost = new Pass(this.states, 'No part came back');
    const { timeoutMinutes } = props.config.deployment;
    const own = props.workers.map(({ name, worker }) => ({
      name,
      task: this.task(workerState(name), worker, timeoutMinutes, BATCH),
    }));
    const elsewhere = props.satellites.map((satellite) => ({
      name: satellite.name,
      task: this.satelliteTask(satellite, props),
    }));
    const tasks = [...own, ...elsewhere].map(({ name, task }) => ({
      name,
      task: task.addCatch(lost, { resultPath: JsonPath.DISCARD }),
    }));
    const [only, ...others] = tasks;
    if (only !== undefined && others.length === 0) return only.task;
    return tasks
      .reduce(
        (choice, { name, task }) => choice.when(Condition.stringEquals('$.worker', name), task),
        new Choice(this.states, 'Which worker?'),
      )
      .otherwise(lost);
  }

  /** The machine invokes a worker of its region with the satellite's role; in another region, the relay does. */
  private satelliteTask(
    { name, functionArn, roleArn, isInRegion }: Satellite,
    { config, bucket, home }: FleetProps,
  ): LambdaInvoke | CustomState {
    const { timeoutMinutes } = config.deployment;
    const batch = { ...BATCH, bucket: { name: bucket.bucketName, region: home.region } };
    if (!isInRegion && this.relay !== undefined) {
      const externalId = homeNames(home).machine.arn;
      const payload = { functionArn, roleArn, externalId, batch };
      return this.task(workerState(name), this.relay, timeoutMinutes + 1, payload);
    }
    // The task of the CDK would also let the machine's own role invoke the function, which is not meant to.
    const task = new CustomState(this.states, workerState(name), {
      stateJson: {
        Type: 'Task',
        Resource: `arn:${Aws.PARTITION}:states:::lambda:invoke`,
        Credentials: { RoleArn: roleArn },
        Parameters: { FunctionName: functionArn, Payload: FieldUtils.renderObject(batch) },
        ResultSelector: { 'targets.$': '$.Payload.targets' },
        TimeoutSeconds: timeoutMinutes * 60 + TASK_GRACE_SECONDS,
      },
    });
    return task.addRetry(RETRY);
  }

  private acknowledge(machine: StateMachine, functions: readonly AuditorFunction[]): void {
    const executions = Stack.of(this).formatArn({
      service: 'states',
      resource: 'execution',
      resourceName: Arn.split(machine.stateMachineArn, ArnFormat.COLON_RESOURCE_NAME).resourceName ?? '',
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    const versions = functions.map(({ function: fn }) => `${fn.functionArn}:*`);
    for (const arn of [...versions, `${executions}:*`, `${executions}/fleet:*`]) {
      // The machine's role may be beside it.
      Validations.of(this).acknowledge({
        id: `AwsSolutions-IAM5[Resource::${nagResourceId(this, arn)}]`,
        reason: 'The versions of its own functions, and the children of its own executions; CDK grants them.',
      });
    }
    Validations.of(machine).acknowledge({
      id: 'AwsSolutions-SF1',
      reason:
        'Step Functions keeps the history of every execution for 90 days, and each function has a log of its own.',
    });
    Validations.of(machine).acknowledge({
      id: 'AwsSolutions-SF2',
      reason: 'The history of an execution has the times of every step, and the report those of every target.',
    });
  }

  private task(
    id: string,
    { function: lambdaFunction }: AuditorFunction,
    minutes: number,
    payload: Record<string, unknown>,
  ): LambdaInvoke {
    const task = new LambdaInvoke(this.states, id, {
      lambdaFunction,
      payload: TaskInput.fromObject(payload),
      payloadResponseOnly: true,
      retryOnServiceExceptions: false,
      taskTimeout: Timeout.duration(Duration.seconds(minutes * 60 + TASK_GRACE_SECONDS)),
    });
    task.addRetry(RETRY);
    return task;
  }
}

/** Lets the machine, or the relay, use the roles by which satellites let their workers be invoked. */
function allowAssuming(grantee: IGrantable, satellites: readonly Satellite[]): void {
  if (satellites.length === 0) return;
  grantee.grantPrincipal.addToPrincipalPolicy(
    new PolicyStatement({ actions: ['sts:AssumeRole'], resources: satellites.map(({ roleArn }) => roleArn) }),
  );
}

/** The state of the machine in which a worker audits. */
function workerState(name: string): string {
  return `Audit by ${name}`;
}
