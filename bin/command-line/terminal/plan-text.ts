// Renders the plan for a terminal: each target with its readiness, its clients and the steps.

import type { PlanDocument, PlannedClient, PlanStep, TargetPlan } from '../../../lambda/enforcement/schema.ts';
import { describeProgress, describeUse, PLACES, stepsHeading, timeOf } from '../../../lambda/enforcement/wording.ts';
import { wrap } from '../../../lambda/report/messages/wrap.ts';
import { plural } from '../../../lambda/report/text.ts';

export function renderPlan({ targets, days, state }: PlanDocument, width: number): string {
  const lines = [
    ...targets.flatMap((target) => [...targetLines(target, width), '']),
    ...wrap(`The last ${plural(days, 'day')}, from ${state}. Nothing of it is carried out by this program.`, width),
    ...wrap(counts(targets), width),
  ];
  return `${lines.join('\n')}\n`;
}

function counts(targets: readonly TargetPlan[]): string {
  const byReadiness = Map.groupBy(targets, ({ readiness }) => readiness);
  return [...byReadiness].map(([readiness, { length }]) => `${length} ${readiness}`).join(', ');
}

function targetLines(target: TargetPlan, width: number): readonly string[] {
  const { name, readiness, reasons, platform, progress, clients, refused, steps } = target;
  const breaking = clients.filter(({ breaks, moved }) => breaks || moved);
  const surviving = clients.length - breaking.length;
  return [
    `${name}: ${readiness.toUpperCase()} (${platform})`,
    ...reasons.flatMap((reason) => wrap(reason, width, '  - ', '    ')),
    ...[describeProgress(progress) ?? []].flat().flatMap((text) => wrap(text, width, '  - ', '    ')),
    ...(breaking.length === 0 ? [] : ['  WHO WOULD BREAK:', ...breaking.flatMap((each) => clientLines(each, width))]),
    ...(surviving === 0
      ? []
      : wrap(
          `${plural(surviving, 'client')} would survive; nothing shows whether they verify the server.`,
          width,
          '  ',
        )),
    ...refused.flatMap(({ role, database, count, lastSeen }) =>
      wrap(
        `refused: ${role ?? '?'} to ${database ?? '?'}, ${plural(count, 'time')}, last on ${timeOf(lastSeen)}`,
        width,
        '  - ',
      ),
    ),
    ...(steps.length === 0 ? [] : wrap(`${stepsHeading(target)}:`, width, '  ')),
    ...steps.flatMap((step, index) => stepLines(step, index, width)),
  ];
}

function clientLines(client: PlannedClient, width: number): readonly string[] {
  const { role, database, application, networks, fix } = client;
  const who = `${role ?? '(no role)'} to ${database ?? 'replication'}, application ${application || '(none)'}`;
  return [
    ...wrap(`${who}, from ${networks.join(', ') || 'an unknown place'}: ${describeUse(client)}`, width, '  - ', '    '),
    ...wrap(fix, width, '    '),
  ];
}

/** Commands are never broken: they are copied. */
function stepLines(
  { title, runIn, commands, rollback, needsReboot }: PlanStep,
  index: number,
  width: number,
): readonly string[] {
  const reboot = needsReboot === true ? ' (takes a restart)' : '';
  const indented = (command: string): readonly string[] => command.split('\n').map((line) => `       ${line}`);
  return [
    ...wrap(`${title}${reboot}`, width, `  ${index + 1}. `, '     '),
    ...(commands.length === 0 ? [] : [`     In ${PLACES[runIn]}:`, ...commands.flatMap(indented)]),
    ...(rollback.length === 0 ? [] : ['     Roll back:', ...rollback.flatMap(indented)]),
  ];
}
