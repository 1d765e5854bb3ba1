// Finds in the state the finding that a mute would match, and describes it.

import { showName } from '../../../lambda/model/given-text.ts';
import type { AuditState, FindingRecord } from '../../../lambda/model/lifecycle.ts';
import { compareSeverity } from '../../../lambda/model/severity.ts';
import { reportFinding } from '../../../lambda/report/report-findings.ts';
import { displayProse, displayTime, howMany, PLAIN, title, who } from '../../../lambda/report/text.ts';
import { closest } from '../grammar/closest.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { readState } from '../targets/state.ts';

/** A message names this many findings at most. */
const SHOWN = 10;

/** @throws UsageError that names the finding probably meant, and what there is; StateError */
export async function findRecord(spec: string, fingerprint: string): Promise<FindingRecord> {
  const { name, state } = await readState(spec);
  const record = state.findings.get(fingerprint);
  if (record !== undefined) return record;
  const meant = closest(fingerprint, [...state.findings.keys()]);
  const hint = meant === undefined ? '' : ` (Did you mean ${meant}?)`;
  throw new UsageError(`${name} has no finding ${showName(fingerprint)}${hint}; ${whatIsOpen(state)}`);
}

function whatIsOpen({ findings }: AuditState): string {
  const open = [...findings.values()]
    .filter(({ status }) => status === 'open')
    .sort((a, b) => compareSeverity(b.finding.severity, a.finding.severity));
  if (open.length === 0) return 'it has no open finding';
  const lines = open
    .slice(0, SHOWN)
    .map((record) => `\n  ${displayProse(record.finding.fingerprint)}  ${inShort(record)}`);
  const more = open.length > SHOWN ? `\n  and ${open.length - SHOWN} more` : '';
  return `its open findings are:${lines.join('')}${more}`;
}

function inShort({ finding }: FindingRecord): string {
  const { severity, target, check } = finding;
  const client = who(reportFinding(finding, undefined), PLAIN);
  const facts = [
    `${severity}: ${displayProse(check)} on ${PLAIN.target(target)}`,
    ...(client === undefined ? [] : [client]),
  ];
  return facts.join(', ');
}

/** The finding that would be muted, and whether it is still open. */
export function describeRecord(record: FindingRecord): string[] {
  const { status, lastSeen, resolved, mute } = record;
  const finding = reportFinding(record.finding, undefined);
  const facts = [
    `${title(finding, PLAIN)} (${finding.severity}, ${displayProse(finding.check)})`,
    who(finding, PLAIN),
    howMany(finding, PLAIN),
    `last seen ${displayTime(lastSeen)}`,
  ].filter((fact) => fact !== undefined);
  return [
    `this is ${PLAIN.target(finding.target)}: ${facts.join('; ')}`,
    ...(status === 'resolved'
      ? [`it was resolved at ${displayTime(resolved?.at ?? lastSeen)}: the entry mutes it if it comes back`]
      : []),
    ...(mute === undefined
      ? []
      : [
          `it was muted already when last seen, by ${displayProse(mute.owner)} until ${displayTime(mute.expires)}: ${displayProse(mute.reason)}`,
        ]),
  ];
}
