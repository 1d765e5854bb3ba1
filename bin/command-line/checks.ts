// The command `checks`: the catalogue of what is checked, why, and how to fix what is found.

import { styleText } from 'node:util';
import type { Check } from '../../lambda/checks/check.ts';
import { CHECKS } from '../../lambda/checks/registry.ts';
import { wrap } from '../../lambda/report/wrap.ts';
import { EXIT_CODES, type ExitCode } from './exit-code.ts';
import type { ChecksOptions, Format } from './options.ts';
import { outputColumns, print, showsColour } from './terminal.ts';

/** Longer lines are hard to read. */
const WIDEST = 100;
/** As wide as a label. */
const INDENT = ' '.repeat(7);

export async function checks({ format }: ChecksOptions): Promise<ExitCode> {
  return await printChecks(CHECKS, format);
}

/** Prints some checks, or all: the same text and the same document for either. */
export async function printChecks(catalogue: readonly Check[], format: Format): Promise<ExitCode> {
  const columns = outputColumns();
  await print(
    format === 'json'
      ? catalogueDocument(catalogue)
      : renderCatalogue(catalogue, { columns, colour: showsColour(process.stdout) }),
  );
  return EXIT_CODES.passed;
}

function catalogueDocument(catalogue: readonly Check[]): string {
  const entries = catalogue.map(({ evaluate: _, ...entry }) => entry);
  return `${JSON.stringify({ schemaVersion: 1, checks: entries }, null, 2)}\n`;
}

/** Paragraphs, not a table: the texts are sentences, and the remedies are there to be copied. */
function renderCatalogue(
  catalogue: readonly Check[],
  { columns, colour }: { readonly columns: number; readonly colour: boolean },
): string {
  const width = Math.min(columns, WIDEST);
  const bold = (text: string): string => (colour ? styleText('bold', text, { validateStream: false }) : text);
  const labelled = (label: string, text: string): string[] =>
    text.split('\n').flatMap((line, index) => wrap(line, width, index === 0 ? `  ${label}: ` : INDENT, INDENT));
  const blocks = catalogue.map((check) => {
    const { id, title, severity, severityNote, rationale, remedy, references } = check;
    const severities = severityNote === undefined ? severity : `${severity}; ${severityNote}`;
    const [first = '', ...others] = wrap(`${id}: ${severities}`, width, '', '  ');
    const lines = [
      bold(id) + first.slice(id.length),
      ...others,
      ...wrap(title, width, '  '),
      ...labelled('Why', rationale),
      ...labelled('Fix', remedy),
      ...references.flatMap((reference, index) => wrap(reference, width, index === 0 ? '  See: ' : INDENT)),
    ];
    return lines.join('\n');
  });
  return `${blocks.join('\n\n')}\n`;
}
