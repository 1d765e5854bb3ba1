// Compares rds.force_ssl as the server has it with the parameter group, and reads it there where no login can.

import { cloudDatabaseOf } from '../../analysis/provider/cloud-facts.ts';
import type { CloudDatabase } from '../../model/cloud.ts';
import { displayText } from '../../model/display.ts';
import type { Evidence, Outcome, Problem } from '../../model/finding.ts';
import type { Severity } from '../../model/severity.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { REBOOT_RDS, REFUSE_PLAINTEXT } from '../remedies/remedy-commands.ts';

/** Undefined for a value that is not known here. */
export function isOn(value: string): boolean | undefined {
  if (/^(1|on|true)$/i.test(value)) return true;
  return /^(0|off|false)$/i.test(value) ? false : undefined;
}

/** The problem that the server, or else its parameter group, has the setting off. */
export function forceSslOff(value: string, severity: Severity): Problem {
  return {
    severity,
    title: 'The server accepts unencrypted connections: rds.force_ssl is off',
    subject: 'rds.force_ssl',
    evidence: { 'rds.force_ssl': displayText(value) },
    remedy: REFUSE_PLAINTEXT.rds,
  };
}

/** The same with what the API says: that anyone can reach the server, and that the group has another value. */
export function withParameterGroup(snapshot: Snapshot, problem: Problem): Problem {
  const database = cloudDatabaseOf(snapshot);
  if (!database?.known) return problem;
  const parameter = database.value.parameters.known ? database.value.parameters.value['rds.force_ssl'] : undefined;
  const isOnInGroup = parameter === undefined ? undefined : isOn(parameter.value);
  return {
    ...problem,
    ...publicly(database.value, problem),
    evidence: {
      ...problem.evidence,
      ...describeGroup(database.value),
      ...(isOnInGroup === true
        ? { note: 'the parameter group has it on, the server does not: the change waits for a reboot' }
        : {}),
    },
    ...(isOnInGroup === true ? { remedy: REBOOT_RDS } : {}),
  };
}

/**
 * The outcome where the server's own value is not known; undefined where the API does not give it either. That the
 * group has it on is no proof that the server does.
 *
 * @param reason why the server's own value is not known
 */
export function forceSslByApi(snapshot: Snapshot, reason: string, severity: Severity): Outcome | undefined {
  const database = cloudDatabaseOf(snapshot);
  if (!database?.known || !database.value.parameters.known) return undefined;
  const parameter = database.value.parameters.value['rds.force_ssl'];
  if (parameter === undefined) return undefined;
  const inGroup = isOn(parameter.value);
  if (inGroup !== false) {
    const value = inGroup === true ? 'on' : displayText(parameter.value);
    return {
      status: 'unknown',
      reason: `${reason}; the API says that rds.force_ssl is ${value} in its parameter group`,
    };
  }
  const problem = forceSslOff(parameter.value, severity);
  return {
    status: 'fail',
    incomplete: reason,
    problems: [
      {
        ...problem,
        ...publicly(database.value, problem),
        evidence: { ...problem.evidence, accordingTo: 'the API of RDS', ...describeGroup(database.value) },
      },
    ],
  };
}

function publicly({ publiclyAccessible }: CloudDatabase, { severity }: Problem): Pick<Problem, 'severity'> {
  return { severity: publiclyAccessible && severity === 'medium' ? 'high' : severity };
}

function describeGroup({ publiclyAccessible, parameterGroup, parameters }: CloudDatabase): Evidence {
  const parameter = parameters.known ? parameters.value['rds.force_ssl'] : undefined;
  const { name, status } = parameterGroup ?? { name: '', status: '' };
  const value = parameter === undefined ? '' : `: ${displayText(parameter.value)} (${displayText(parameter.source)})`;
  return {
    publiclyAccessible,
    ...(name === '' ? {} : { parameterGroup: `${displayText(name, 255)}${value}` }),
    ...(status === '' || status === 'in-sync' ? {} : { parameterGroupStatus: displayText(status) }),
  };
}
