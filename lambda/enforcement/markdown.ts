// Renders the plan as Markdown, in which names are text and commands are code.

import type { PlanDocument, PlannedClient, PlanStep, TargetPlan } from './schema.ts';
import { describeProgress, describeUse, PLACES, stepsHeading, timeOf } from './wording.ts';

export function renderPlanMarkdown({ targets, days, at }: PlanDocument): string {
  const rows = targets.map(({ name, readiness, reasons }) => [plain(name), readiness, plain(reasons.join('; '))]);
  return [
    '# Enforcement plan',
    '',
    `Of the ${days} days before ${timeOf(at)}. Nothing of it is carried out by this program.`,
    '',
    table(['Target', 'Readiness', 'Why'], rows),
    ...targets.flatMap(section),
  ].join('\n');
}

function section({ name, readiness, reasons, platform, progress, clients, refused, steps }: TargetPlan): string[] {
  const breaking = clients.filter(({ breaks, moved }) => breaks || moved);
  const surviving = clients.filter(({ breaks, moved }) => !breaks && !moved);
  return [
    `## ${plain(name)}: ${readiness}`,
    '',
    ...reasons.map((reason) => `- ${plain(reason)}`),
    `- Platform: ${plain(platform)}`,
    ...[describeProgress(progress) ?? []].flat().map((text) => `- ${text}`),
    '',
    ...clientTable('Who would break', breaking),
    ...clientTable('Who would survive, and stays unverified', surviving),
    ...(refused.length === 0
      ? []
      : [
          '### Plaintext logins that were refused',
          '',
          table(
            ['Role', 'Database', 'Networks', 'Times', 'Last seen'],
            refused.map(({ role, database, networks, count, lastSeen }) => [
              plain(role ?? ''),
              plain(database ?? ''),
              plain(networks.join(', ')),
              String(count),
              timeOf(lastSeen),
            ]),
          ),
        ]),
    ...(steps.length === 0 ? [] : [`### ${stepsHeading({ readiness, steps })}`, '']),
    ...steps.flatMap(step),
  ];
}

function clientTable(heading: string, clients: readonly PlannedClient[]): readonly string[] {
  if (clients.length === 0) return [];
  const rows = clients.map((client) => [
    plain(client.role ?? ''),
    plain(client.database ?? ''),
    plain(client.application ?? ''),
    plain(client.networks.join(', ')),
    describeUse(client),
    timeOf(client.lastSeen),
    plain(client.fix),
  ]);
  return [
    `### ${heading}`,
    '',
    table(['Role', 'Database', 'Application', 'Networks', 'In plaintext', 'Last seen', 'Fix'], rows),
  ];
}

function step({ title, runIn, commands, rollback, needsReboot }: PlanStep, index: number): readonly string[] {
  const reboot = needsReboot === true ? ' It takes a restart.' : '';
  return [
    `#### Step ${index + 1}`,
    '',
    `${plain(title)}.${reboot}`,
    '',
    ...(commands.length === 0 ? [] : [`In ${PLACES[runIn]}:`, '', ...code(commands, runIn)]),
    ...(rollback.length === 0 ? [] : ['Roll back:', '', ...code(rollback, runIn)]),
  ];
}

const LANGUAGES: Readonly<Record<PlanStep['runIn'], string>> = {
  psql: 'sql',
  'server shell': 'sh',
  shell: 'sh',
  'pgbouncer.ini': 'ini',
  'pgbouncer console': 'sql',
};

/** In a fence that is longer than any in the text. */
function code(commands: readonly string[], runIn: PlanStep['runIn']): readonly string[] {
  if (commands.length === 0) return [];
  const text = commands.join('\n');
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return [`${fence}${LANGUAGES[runIn]}`, text, fence, ''];
}

function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
  return `${[line(heading), line(heading.map(() => '---')), ...rows.map(line)].join('\n')}\n`;
}

/** Plain text as Markdown that shows the same text, in one line and one cell. */
function plain(text: string): string {
  return (
    text
      .replaceAll(/[\\`*_{}[\]<>#|~!&]/g, '\\$&')
      .replaceAll('\\&', '&amp;')
      .replaceAll('\\<', '&lt;')
      .replaceAll(/\s+/g, ' ')
      // What makes a list or a rule of the line that it begins.
      .replace(/^ ?(?:[+=-]|\d+(?=[.)]))/, (start) => (/\d/.test(start) ? `${start}\\` : `\\${start.trim()}`))
      // Links are made of `www.evil.example` and `someone@evil.example` without any markup, and mentions of `@team`.
      .replaceAll(/www\./gi, (www) => `${www.slice(0, 3)}\\.`)
      .replaceAll('@', '`@`')
  );
}
