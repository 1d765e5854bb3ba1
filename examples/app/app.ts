// A CDK app with two auditors: of the app's own database, in its VPC, and of databases that a file names.

import { join } from 'node:path';
import { App, CfnOutput, Duration, Stack, type StackProps } from 'aws-cdk-lib';
import { Alarm, ComparisonOperator } from 'aws-cdk-lib/aws-cloudwatch';
import { InstanceClass, InstanceSize, InstanceType, Port, SubnetType, Vpc } from 'aws-cdk-lib/aws-ec2';
import { AccountRootPrincipal, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { CfnFunction } from 'aws-cdk-lib/aws-lambda';
import {
  Credentials,
  DatabaseInstance,
  DatabaseInstanceEngine,
  type IDatabaseInstance,
  PostgresEngineVersion,
} from 'aws-cdk-lib/aws-rds';
import { Secret } from 'aws-cdk-lib/aws-secretsmanager';
import { Topic } from 'aws-cdk-lib/aws-sns';
import { EmailSubscription } from 'aws-cdk-lib/aws-sns-subscriptions';
import { type AuditorConfig, PgTlsAuditor } from 'pg-tls-auditor';

/** What both auditors have in common. */
const COMMON = {
  policy: { minTlsVersion: 'TLSv1.2' },
  defaults: { ca: { secret: 'shared/rds-ca' } },
} satisfies AuditorConfig;

class Databases extends Stack {
  constructor(scope: App, id: string, props?: StackProps) {
    super(scope, id, props);
    const vpc = new Vpc(this, 'Vpc', { maxAzs: 2, natGateways: 1 });
    const topic = this.ownTopic();
    const { database, login } = this.database(vpc);

    // Of the database of this app: by reference, because its names are known when it is deployed.
    const orders = new PgTlsAuditor(this, 'Orders', {
      config: {
        ...COMMON,
        schedule: 'rate(15 minutes)',
        targets: [{ name: 'orders', secret: 'orders', labels: { team: 'shop' } }],
      },
      secrets: { orders: login },
      vpc,
      vpcSubnets: { subnetType: SubnetType.PRIVATE_WITH_EGRESS },
      topic,
    });
    database.connections.allowFrom(orders, Port.tcp(5432), 'The auditor of its TLS');

    // Of databases that another team lists in a file: this app says when they are audited, and how.
    const others = new PgTlsAuditor(this, 'Others', {
      configFile: join(import.meta.dirname, 'others.config.json'),
      config: { ...COMMON, schedule: 'cron(0 6 * * ? *)', timezone: 'Europe/Berlin' },
      vpc,
      topic,
    });

    this.alarmOnCritical(orders);
    this.letOnCallAudit(others);
    // What no prop has: the resource itself.
    const resource = orders.function.node.defaultChild as CfnFunction;
    resource.addPropertyOverride('EphemeralStorage', { Size: 1024 });
    new CfnOutput(this, 'OrdersFunction', { value: orders.function.functionName });
  }

  /** The alarms publish to it too: its policy lets CloudWatch do so. */
  private ownTopic(): Topic {
    const topic = new Topic(this, 'Security', { enforceSSL: true });
    topic.grantPublish(new ServicePrincipal('cloudwatch.amazonaws.com'));
    topic.addSubscription(new EmailSubscription('security@example.com'));
    return topic;
  }

  /** A database, and the login of the auditor: of the role tls_auditor, not of the administrator. */
  private database(vpc: Vpc): { readonly database: IDatabaseInstance; readonly login: Secret } {
    const database = new DatabaseInstance(this, 'Database', {
      engine: DatabaseInstanceEngine.postgres({ version: PostgresEngineVersion.VER_17 }),
      instanceType: InstanceType.of(InstanceClass.T4G, InstanceSize.MICRO),
      credentials: Credentials.fromGeneratedSecret('administrator'),
      vpc,
    });
    const login = new Secret(this, 'Login', {
      generateSecretString: {
        secretStringTemplate: JSON.stringify({
          host: database.dbInstanceEndpointAddress,
          port: 5432,
          username: 'tls_auditor',
          dbname: 'postgres',
        }),
        generateStringKey: 'password',
        excludePunctuation: true,
      },
    });
    return { database, login };
  }

  private alarmOnCritical(auditor: PgTlsAuditor): void {
    new Alarm(this, 'Critical', {
      metric: auditor.metricFindings('critical', { period: Duration.hours(1) }),
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      threshold: 0,
      evaluationPeriods: 1,
    });
  }

  /** Lets people on call start a run, besides the schedule. */
  private letOnCallAudit(auditor: PgTlsAuditor): void {
    auditor.grantInvoke(new Role(this, 'OnCall', { assumedBy: new AccountRootPrincipal() }));
  }
}

new Databases(new App(), 'Databases');
