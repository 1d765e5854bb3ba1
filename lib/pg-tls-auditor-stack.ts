// The stack that `cdk deploy` deploys: one auditor, and outputs with its names and ARNs.

import {
  CfnOutput,
  CfnParameter,
  CfnRule,
  DefaultStackSynthesizer,
  Fn,
  type IStackSynthesizer,
  Stack,
  type StackProps,
  Tags,
  Validations,
} from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { AUDITOR, checkProps, type KnownProps, propsOf } from './checked-props.ts';
import { PgTlsAuditor, type PgTlsAuditorProps } from './pg-tls-auditor.ts';

export interface PgTlsAuditorStackProps extends StackProps, PgTlsAuditorProps {
  /**
   * Whether the configuration is your own. The `example` can be synthesised and read, but CloudFormation refuses to
   * deploy it, before it creates a resource, unless the parameter `DeployTheExample` is `yes`.
   * @default 'own'
   */
  readonly configuration?: 'own' | 'example' | undefined;
}

const OWN_PROPS: KnownProps<Omit<PgTlsAuditorStackProps, keyof StackProps>> = {
  kinds: {
    ...AUDITOR.kinds,
    configuration: { words: '"own" or "example"', takes: (value) => value === 'own' || value === 'example' },
  },
  isStack: true,
};

/** Dashboards took no tags for long: some tools, and perhaps regions, refuse a template in which one has them. */
const TAGGED = { excludeResourceTypes: ['AWS::CloudWatch::Dashboard'] };

export class PgTlsAuditorStack extends Stack {
  readonly auditor: PgTlsAuditor;

  constructor(scope: Construct, id: string, props: PgTlsAuditorStackProps) {
    checkProps(`PgTlsAuditorStack ${id}`, props, OWN_PROPS);
    const example = props.configuration === 'example';
    super(scope, id, {
      ...props,
      description: props.description ?? 'Audits the TLS of PostgreSQL connections and alerts on plaintext',
      ...(example && props.synthesizer === undefined ? { synthesizer: withoutBootstrapRule() } : {}),
    });
    this.auditor = new PgTlsAuditor(this, 'Auditor', propsOf(props, AUDITOR));
    Tags.of(this).add('application', 'pg-tls-auditor', TAGGED);
    if (example) this.refuseToDeploy();

    const { topic, routeTopic, chatTopics, stateTable, evidenceBucket, securityGroups, stateMachine } = this.auditor;
    const { networkSecurityGroups } = this.auditor;
    const { functionName } = this.auditor.function;
    const output = (id: string, value: string | undefined, description: string): void => {
      if (value !== undefined) new CfnOutput(this, id, { value, description });
    };
    output('TopicArn', topic.topicArn, 'Subscribe here to receive the alerts');
    output(
      'RouteTopicArn',
      routeTopic?.topicArn,
      'The alerts of all routes: subscribe with a filter policy on "route" to receive one, and allow it to send to your queues',
    );
    const chatArns = Object.fromEntries([...chatTopics].map(([name, { topicArn }]) => [name, topicArn]));
    output(
      'ChatTopicArns',
      chatTopics.size === 0 ? undefined : this.toJsonString(chatArns),
      'Topics of Slack channels, by route; "all" is the default route',
    );
    output(
      'SecurityGroupIds',
      securityGroups.length === 0
        ? undefined
        : Fn.join(
            ',',
            securityGroups.map(({ securityGroupId }) => securityGroupId),
          ),
      "The function's own: let it in to port 5432 of the databases, and to the VPC endpoints",
    );
    output(
      'NetworkSecurityGroupIds',
      networkSecurityGroups.size < 2 ? undefined : this.toJsonString(groupIdsByNetwork(networkSecurityGroups)),
      'The same for the worker of each network, by its name',
    );
    output('StateTableName', stateTable?.tableName, 'The state of each receiver; stays when the stack is deleted');
    output('EvidenceBucketName', evidenceBucket?.bucketName, 'Every full report; stays when the stack is deleted');
    new CfnOutput(this, 'FunctionName', { value: functionName });
    output('StateMachineArn', stateMachine?.stateMachineArn, 'Each execution is a run of the fleet');
    new CfnOutput(this, 'InvokeCommand', {
      description:
        'Sends a test alert to every subscriber, and audits every target without notifying; {} as the payload notifies',
      value:
        stateMachine === undefined
          ? Fn.sub(
              'aws lambda invoke --region ${AWS::Region} --function-name ${Name} --cli-read-timeout 0 --cli-binary-format raw-in-base64-out --payload \'{"testAlert":true,"notify":false}\' /dev/stdout',
              { Name: functionName },
            )
          : Fn.sub(
              'aws stepfunctions start-execution --region ${AWS::Region} --state-machine-arn ${Arn} --input \'{"testAlert":true,"notify":false}\'',
              { Arn: stateMachine.stateMachineArn },
            ),
    });
  }

  private refuseToDeploy(): void {
    Validations.of(this).addWarning(
      'pg-tls-auditor:exampleConfiguration',
      'no auditor.config.json: using the example, whose databases and recipients do not exist. CloudFormation will refuse to ' +
        'deploy it: copy auditor.config.example.json to auditor.config.json and name your own targets',
    );
    const consent = new CfnParameter(this, 'DeployTheExample', {
      description: 'This template was made from the example configuration. "yes" deploys it all the same.',
      allowedValues: ['yes', 'no'],
      default: 'no',
    });
    new CfnRule(this, 'OwnConfiguration', {
      assertions: [
        {
          assert: Fn.conditionEquals(consent, 'yes'),
          assertDescription:
            'This template was made from the example configuration. Copy auditor.config.example.json to auditor.config.json, name your own targets and deploy again.',
        },
      ],
    });
    Tags.of(this).add('pg-tls-auditor-configuration', 'example', TAGGED);
  }
}

function groupIdsByNetwork(
  networks: PgTlsAuditor['networkSecurityGroups'],
): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    [...networks].map(([name, groups]) => [name, groups.map(({ securityGroupId }) => securityGroupId)]),
  );
}

/** CDK's own rule about bootstrapping would appear beside the rule that refuses. `cdk deploy` checks it in any case. */
function withoutBootstrapRule(): IStackSynthesizer {
  // aws-cdk-lib's own types disagree under exactOptionalPropertyTypes.
  return new DefaultStackSynthesizer({ generateBootstrapVersionRule: false }) as IStackSynthesizer;
}
