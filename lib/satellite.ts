// The construct of a satellite: a worker in another account or region, which the auditor's machine invokes there.

import { Stack, Token } from 'aws-cdk-lib';
import type { Connections, IConnectable, ISecurityGroup } from 'aws-cdk-lib/aws-ec2';
import { AccountPrincipal, type IGrantable, type IPrincipal, PolicyStatement, Role } from 'aws-cdk-lib/aws-iam';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Construct } from 'constructs';
import { type Config, ConfigError, type ConfigProblem, parseConfig } from '../lambda/config/index.ts';
import { showName } from '../lambda/model/given-text.ts';
import { AuditorFunction } from './auditor-function.ts';
import {
  AUDITOR_NAME,
  CONFIG_PROPS,
  checkProps,
  type KnownProps,
  NETWORK_PROPS,
  SECRET_PROPS,
  TEXT,
} from './checked-props.ts';
import { type ConfigProps, configDocument } from './config-document.ts';
import { WORKER } from './fleet.ts';
import { functionVariables } from './function-environment.ts';
import { METRICS_NAMESPACE } from './metrics.ts';
import { importNetwork, type Network, networkProblems } from './network.ts';
import { grantNetworkAccess, networkAccess, networkAccessProblems } from './network-access.ts';
import { grantHomeBucket } from './satellite-bucket.ts';
import { satelliteDocument, satellitePart } from './satellite-config.ts';
import { type Home, homeNames, homeOf, satelliteNames } from './satellite-names.ts';
import { secretKeyProblems } from './secret-keys.ts';
import { type SecretReferences, secretArnsVariable } from './secret-references.ts';
import { grantPartition, makeStateTable } from './state-table.ts';

/** The configuration is the whole one, as the auditor itself has it. Only the satellite's own part of it is packed. */
export interface PgTlsAuditorSatelliteProps extends ConfigProps, Network {
  /** Its name under `satellites`. */
  readonly satellite: string;
  /** The name of the auditor's own stack. */
  readonly auditorName: string;
  /** Secrets of this account known by reference, by the name that the configuration uses for them. @default - none */
  readonly secrets?: SecretReferences | undefined;
  /** Beginnings of secret names of which the worker may read every secret. @default - those of its targets */
  readonly secretNamePrefixes?: readonly string[] | undefined;
}

export const SATELLITE: KnownProps<PgTlsAuditorSatelliteProps> = {
  kinds: { ...CONFIG_PROPS, ...SECRET_PROPS, ...NETWORK_PROPS, satellite: TEXT, auditorName: AUDITOR_NAME },
  needed: ['satellite', 'auditorName'],
};

/**
 * Neither this stack nor the auditor's needs the other one first: both know the names of the other's roles. The worker
 * is invoked by the auditor's machine only, and reads and writes objects of its own name in the auditor's bucket only.
 */
export class PgTlsAuditorSatellite extends Construct implements IConnectable, IGrantable {
  /** The worker, which the auditor's machine invokes. */
  readonly function: IFunction;
  /** The groups of the worker in its VPC, for rules of databases; none where it runs outside of a VPC. */
  readonly securityGroups: readonly ISecurityGroup[];

  /** @throws ConfigError */
  constructor(scope: Construct, id: string, props: PgTlsAuditorSatelliteProps) {
    super(scope, id);
    checkProps(`PgTlsAuditorSatellite ${this.node.path}`, props, SATELLITE);
    const { document, source } = configDocument(this, props);
    const whole = parseConfig(document, { source, use: 'deployment' });
    const { satellite: name, auditorName } = props;
    const place = whole.satellites[name];
    const problems = [...placeProblems(this, whole, name), ...networkProblems(props, { ...whole, networks: {} })];
    if (place === undefined || problems.length > 0) throw new ConfigError(source, problems);
    const part = satellitePart(whole, name);
    const access = networkAccess(part, {
      references: props.secrets ?? {},
      prefixes: props.secretNamePrefixes ?? [],
    });
    const keyArns = place.secretKmsKeyArns ?? [];
    const unusable = [
      ...networkAccessProblems(this, access),
      ...secretKeyProblems(keyArns),
      ...partProblems(part, name),
    ];
    if (unusable.length > 0) throw new ConfigError(source, unusable);

    const home = homeOf(whole, auditorName);
    const names = satelliteNames(home, { ...place, name });
    const readsLogs = whole.deployment.state === 'dynamodb' && hasLogs(part.config);
    const table = readsLogs ? makeStateTable(this, 'State') : undefined;
    const worker = new AuditorFunction(this, 'Worker', {
      document: satelliteDocument(document, whole, name),
      config: part.config,
      kind: WORKER,
      entries: ['worker'],
      functionName: names.function.name,
      roleName: names.workerRole.name,
      environment: functionVariables({
        POWERTOOLS_SERVICE_NAME: names.function.name,
        POWERTOOLS_METRICS_NAMESPACE: METRICS_NAMESPACE,
        ALERT_TOPIC_ARN: undefined,
        ROUTE_TOPIC_ARN: undefined,
        CHAT_TOPICS: undefined,
        STATE_TABLE: table?.tableName,
        // The machine names the bucket of each run.
        EVIDENCE_BUCKET: undefined,
        AUDITOR_CONFIG_LOCATION: undefined,
        DEPLOYED_SETTINGS: undefined,
        ...secretArnsVariable(this, access.secrets.references),
      }),
      ...(props.vpc === undefined ? importNetwork(this, place.vpc) : givenNetwork(props)),
    });
    this.function = worker.function;
    this.securityGroups = worker.securityGroups;
    if (table !== undefined) grantPartition(worker.role, table, 'connectionLogs');
    grantHomeBucket(this, worker.role, { satellite: name, ...home });
    grantNetworkAccess(this, worker.role, access, {
      arns: keyArns,
      keys: Object.values(access.secrets.references).flatMap(({ encryptionKey }) => encryptionKey ?? []),
    });
    this.admitMachine(home, names.invokeRole.name);
  }

  /** The network of the worker, for rules of databases. @throws Error where it runs outside of a VPC */
  get connections(): Connections {
    return this.function.connections;
  }

  /** The role of the worker: `secret.grantRead(satellite)` lets it read a secret. */
  get grantPrincipal(): IPrincipal {
    return this.function.grantPrincipal;
  }

  /**
   * Lets the auditor's machine invoke the worker, and nothing else do so: the machine sends its own ARN as the external
   * id, so that no other machine of that account can make Step Functions use the role for it.
   *
   * @see https://docs.aws.amazon.com/step-functions/latest/dg/concepts-access-cross-acct-resources.html
   */
  private admitMachine(home: Home, roleName: string): void {
    const { machine, machineRole, relayRole } = homeNames(home);
    const role = new Role(this, 'Invoke', {
      roleName,
      description: 'Lets the state machine of pg-tls-auditor invoke its worker here',
      // The account, not its role: a policy can't name a role that does not exist yet.
      assumedBy: new AccountPrincipal(home.account).withConditions({
        ArnEquals: { 'aws:PrincipalArn': [machineRole.arn, relayRole.arn] },
        StringEquals: { 'sts:ExternalId': machine.arn },
      }),
    });
    role.addToPolicy(
      new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [this.function.functionArn] }),
    );
  }
}

function givenNetwork({ vpc, vpcSubnets, securityGroups }: Network): Network {
  return { vpc, vpcSubnets, securityGroups };
}

function hasLogs({ targets, discovery }: Config): boolean {
  return [...targets, ...discovery.filter((rule) => rule.source === 'rds')].some(({ logs }) => logs !== 'none');
}

/** Yields a problem for a satellite that there is not, and for a stack in another account or region than it has. */
function* placeProblems(scope: Construct, { satellites }: Config, name: string): Iterable<ConfigProblem> {
  const place = Object.hasOwn(satellites, name) ? satellites[name] : undefined;
  if (place === undefined) {
    const given = Object.keys(satellites);
    yield {
      path: 'satellites',
      message:
        `have none named "${showName(name)}"; ` +
        (given.length === 0
          ? 'there is none: add it, or deploy without -c satellite'
          : `there are ${given.join(', ')}`),
    };
    return;
  }
  const stack = Stack.of(scope);
  for (const setting of ['account', 'region'] as const) {
    if (Token.isUnresolved(stack[setting]) || stack[setting] === place[setting]) continue;
    yield {
      path: `satellites.${name}.${setting}`,
      message: `is ${place[setting]}, and the stack is deployed to ${stack[setting]}: correct one of them`,
    };
  }
}

/** Yields a problem for a satellite that no target names. */
function* partProblems({ config: { targets, discovery } }: ReturnType<typeof satellitePart>, name: string) {
  if (targets.length > 0 || discovery.length > 0) return;
  yield {
    path: `satellites.${name}`,
    message: 'is named by no target and no rule of discovery: set "network" of its targets, or remove it',
  };
}
