// Renders the page of one check: what it says, why it matters, how to fix what it finds, and where the rule comes from.

import type { AnyCheck } from '../lambda/checks/check.ts';
import { remedyParts } from '../lambda/checks/remedies/remedy-text.ts';
import type { Remedy } from '../lambda/model/remedy.ts';
import { plainText } from './markdown.ts';

/** The check's usual severity, and when it is another. */
export function severityText({ severity, severityNote }: AnyCheck): string {
  return severityNote === undefined ? severity : `${severity}; ${severityNote}`;
}

/** The same facts as `pg-tls-auditor explain` prints. */
export function checkPage(check: AnyCheck): string {
  const { id, title, rationale, remedy, references } = check;
  return `${[
    `# \`${id}\``,
    '<!-- Made by npm run generate from the check itself: edit that. -->',
    `**${plainText(title)}.** Severity: ${plainText(severityText(check))}.`,
    '## Why it matters',
    plainText(rationale),
    '## How to fix it',
    ...remedySections(remedy),
    '## Where the rule comes from',
    references.map((url) => `- <${url}>`).join('\n'),
    '## More',
    [
      `\`npx pg-tls-auditor explain ${id}\` prints this page in a terminal.`,
      'To accept a finding until a day, see [mutes](../notifications.md#mutes).',
      '[All checks](README.md).',
    ].join(' '),
  ].join('\n\n')}\n`;
}

/** What to do everywhere, then what each platform needs, under its name. */
function remedySections(remedy: Remedy): readonly string[] {
  if (typeof remedy === 'string') return [lines(remedy)];
  const { everywhere } = remedy;
  return [
    ...(everywhere === undefined ? [] : [lines(everywhere)]),
    ...remedyParts(remedy).flatMap(({ of, text }) => [`### ${of}`, lines(text)]),
  ];
}

/** A line that is there to be copied, by its first word; a label of a few words may stand before it. */
const COMMAND =
  /^(?:(?<label>[^:]{1,60}): )?(?<command>(?:aws|gcloud|az|curl|SELECT|GRANT|ALTER|REVOKE|CREATE|SHOW) .*)$/;

/** A sentence becomes a paragraph, lines to be copied become a block of code. */
function lines(text: string): string {
  const blocks: { readonly isCode: boolean; readonly lines: string[] }[] = [];
  for (const line of text.split('\n').flatMap(labelApart)) {
    const isCode = /^\s/.test(line) || COMMAND.test(line);
    const last = blocks.at(-1);
    if (isCode && last?.isCode) last.lines.push(line.trimEnd());
    else blocks.push({ isCode, lines: [line.trimEnd()] });
  }
  return blocks
    .map(({ isCode, lines: block }) =>
      isCode
        ? `\`\`\`\n${block.map((line) => line.replace(/^ {2}/, '')).join('\n')}\n\`\`\``
        : plainText(block.join(' ')),
    )
    .join('\n\n');
}

/** `RDS: aws …` as two lines. */
function labelApart(line: string): readonly string[] {
  const { label, command } = COMMAND.exec(line)?.groups ?? {};
  return label === undefined || command === undefined ? [line] : [`${label}:`, command];
}
