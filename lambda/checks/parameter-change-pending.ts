// Finds databases of RDS whose parameter group says something else than the server does.

import type { CloudDatabase, CloudParameterName } from '../model/cloud.ts';
import { displayText } from '../model/display.ts';
import type { Outcome } from '../model/finding.ts';
import { IN_TRANSIT } from '../model/requirement.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { ServerCheck } from './check.ts';
import { onlyOnRds, REBOOT_RDS } from './remedies/remedy-commands.ts';
import { NO_POOLER, ofCloudDatabase } from './shared/cloud-check.ts';
import { isOn } from './shared/force-ssl.ts';

export const parameterChangePending: ServerCheck = {
  id: 'parameter-change-pending',
  title: 'Changes of the parameter group are not in effect',
  subject: 'server',
  severity: 'low',
  severityNote: 'medium where the server has another value about TLS than its parameter group',
  rationale:
    'What the console and the templates show is not how the server works: a change that requires TLS may never have come into effect, and one that allows plaintext may do so at the next restart.',
  remedy:
    onlyOnRds(`See whether the values of the parameter group are those that you mean, above all rds.force_ssl and ssl_min_protocol_version.
${REBOOT_RDS}`),
  requirements: IN_TRANSIT,
  needsNoLogin: true,
  pgbouncer: NO_POOLER,
  references: [
    'https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/USER_WorkingWithParamGroups.html',
    'https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DBParameterGroupStatus.html',
  ],
  evaluate: (snapshot) => ofCloudDatabase(snapshot, (database) => compareWithGroup(snapshot, database)),
};

const WAITING: ReadonlySet<string> = new Set(['pending-reboot', 'failed-to-apply']);

function compareWithGroup(snapshot: Snapshot, { parameterGroup, parameters }: CloudDatabase): Outcome {
  if (parameterGroup === undefined || parameterGroup.status === '') {
    return { status: 'unknown', reason: 'RDS does not say whether changes of its parameters are in effect' };
  }
  const { name, status } = parameterGroup;
  const compared = comparisonsOf(snapshot, parameters);
  const others = compared.filter(({ isSame }) => !isSame);
  if (others.some(isReportedAsPlaintext)) {
    return { status: 'not-applicable', reason: 'rds.force_ssl is not in effect; reported by plaintext-allowed' };
  }
  const evidence = { parameterGroup: displayText(name, 255), status: displayText(status) };
  if (others.length > 0) {
    const differs = others.map((each) => `${each.parameter}: ${each.inGroup} in the group, ${each.inEffect} in effect`);
    const title = 'The parameter group has other values about TLS than the server';
    return { status: 'fail', problems: [{ severity: 'medium', title, evidence: { ...evidence, differs } }] };
  }
  // With the same values about TLS, what waits is about something else.
  if (parameters.known && compared.length === Object.keys(parameters.value).length) return { status: 'pass' };
  if (WAITING.has(status)) {
    return { status: 'fail', problems: [{ severity: 'low', title: parameterChangePending.title, evidence }] };
  }
  return parameters.known ? { status: 'pass' } : { status: 'unknown', reason: parameters.reason };
}

interface Comparison {
  readonly parameter: CloudParameterName;
  readonly inGroup: string;
  readonly inEffect: string;
  readonly isSame: boolean;
}

/** Of the parameters that both the API and the server give. */
function comparisonsOf({ settings }: Snapshot, parameters: CloudDatabase['parameters']): readonly Comparison[] {
  if (!parameters.known || !settings.known) return [];
  const { values } = settings.value;
  return (Object.keys(parameters.value) as CloudParameterName[]).flatMap((parameter) => {
    const [inGroup, inEffect] = [parameters.value[parameter]?.value, values[parameter]];
    if (inGroup === undefined || inEffect === undefined) return [];
    const isSame = (isOn(inGroup) ?? inGroup.toLowerCase()) === (isOn(inEffect) ?? inEffect.toLowerCase());
    return [{ parameter, inGroup: displayText(inGroup), inEffect: displayText(inEffect), isSame }];
  });
}

function isReportedAsPlaintext({ parameter, inGroup, inEffect }: Comparison): boolean {
  return parameter === 'rds.force_ssl' && isOn(inGroup) === true && isOn(inEffect) === false;
}
