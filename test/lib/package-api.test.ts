// What apps use of the construct: where its configuration comes from, its rights, metrics and network.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Stack } from 'aws-cdk-lib';
import { Match } from 'aws-cdk-lib/assertions';
import { Port, SecurityGroup, Vpc } from 'aws-cdk-lib/aws-ec2';
import { AccountRootPrincipal, Role } from 'aws-cdk-lib/aws-iam';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parseReport, ReportError } from '../../api/report.ts';
import { configDocument } from '../../lib/config-document.ts';
import { ConfigFileError } from '../../lib/config-file.ts';
import { scriptsOf } from '../../lib/prebuilt-handler.ts';
import { healthyReport } from '../report/builders.ts';
import { MINIMAL, synthesize } from './synthesis.ts';

const SUBNETS = { availabilityZones: ['eu-west-1a'], privateSubnetIds: ['subnet-1'] };

let folder: string;
let configFile: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-api-'));
  configFile = join(folder, 'auditor.config.json');
  await writeFile(configFile, JSON.stringify({ ...MINIMAL, schedule: 'rate(1 hour)' }));
});
afterAll(() => rm(folder, { recursive: true }));

test('the configuration is an object, a file, or a file of which the object replaces parts', () => {
  const scope = new Stack(undefined, 'Databases');
  expect(configDocument(scope, { config: MINIMAL })).toEqual({ document: MINIMAL, source: 'the config of Databases' });
  const { document } = configDocument(scope, { configFile });
  expect(document).toEqual({ ...MINIMAL, schedule: 'rate(1 hour)' });
  const both = { configFile, config: { schedule: 'rate(5 minutes)', alerts: undefined } };
  expect(configDocument(scope, both).document).toEqual({ ...MINIMAL, schedule: 'rate(5 minutes)' });
  expect(() => configDocument(scope, {})).toThrow('give the prop "config", "configFile", or both');
  expect(() => configDocument(scope, { configFile: join(folder, 'other.json') })).toThrow(ConfigFileError);
});

test('a role may start runs, of a function or of a fleet', () => {
  for (const [fleet, action] of [
    [undefined, 'lambda:InvokeFunction'],
    [{}, 'states:StartExecution'],
  ] as const) {
    const made = synthesize({ deployment: { fleet } });
    const role = new Role(made.stack, 'OnCall', { assumedBy: new AccountRootPrincipal() });
    made.auditor.grantInvoke(role);
    made.template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyName: Match.stringLikeRegexp('OnCall'),
      PolicyDocument: { Statement: [Match.objectLike({ Action: action, Effect: 'Allow' })] },
    });
  }
});

test('metrics are those that the function writes', () => {
  const { auditor } = synthesize();
  const shown = [
    auditor.metricFindings('critical'),
    auditor.metricRunsCompleted(),
    auditor.metricTargetsNotAudited(),
  ].map(({ namespace, metricName, dimensions, statistic }) => [namespace, metricName, dimensions, statistic]);
  const dimensions = { service: 'Databases-TlsAuditor' };
  expect(shown).toEqual([
    ['PgTlsAuditor', 'FindingsCritical', dimensions, 'Maximum'],
    ['PgTlsAuditor', 'RunsCompleted', dimensions, 'Sum'],
    ['PgTlsAuditor', 'TargetsNotAudited', dimensions, 'Maximum'],
  ]);
});

test('a database lets the auditor in by its network', () => {
  const network = (stack: Stack, id: string) => Vpc.fromVpcAttributes(stack, id, { vpcId: 'vpc-1', ...SUBNETS });
  const made = synthesize({}, (stack) => ({ vpc: network(stack, 'Vpc') }));
  const group = new SecurityGroup(made.stack, 'Database', { vpc: network(made.stack, 'Same') });
  group.connections.allowFrom(made.auditor, Port.tcp(5432));
  made.template.hasResourceProperties('AWS::EC2::SecurityGroupIngress', { FromPort: 5432, ToPort: 5432 });
});

test('an asset of prebuilt scripts has what its entries load, now and later, without the parts that are off', () => {
  const all = {
    'index.js': { needs: ['shared.js'], uses: { './state.ts': 'state.js', './logs.ts': 'logs.js' } },
    'shared.js': { needs: [], uses: {} },
    'state.js': { needs: ['shared.js', 'table.js'], uses: {} },
    'table.js': { needs: [], uses: {} },
    'logs.js': { needs: ['streams.js'], uses: {} },
    'streams.js': { needs: [], uses: {} },
  };
  expect([...scriptsOf(all, ['./logs.ts'], ['index'])]).toEqual(['index.js', 'shared.js', 'state.js', 'table.js']);
  expect(() => scriptsOf(all, [], ['plan'])).toThrow('lacks the script plan.js');
});

test('a report is parsed, and anything else is refused without being quoted', () => {
  const report = healthyReport();
  expect(parseReport(JSON.parse(JSON.stringify(report)))).toEqual(report);
  for (const other of [undefined, [], { ...report, schemaVersion: 2 }, { ...report, findings: ['hunter2'] }]) {
    expect(() => parseReport(other)).toThrow(ReportError);
    expect(() => parseReport(other)).not.toThrow('hunter2');
  }
});
