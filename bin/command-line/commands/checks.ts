// Implements the command `checks`: prints each check, why it matters, and how to fix what it finds.

import { styleText } from 'node:util';
import type { AnyCheck } from '../../../lambda/checks/check.ts';
import { CHECKS } from '../../../lambda/checks/registry.ts';
import { remedyParts } from '../../../lambda/checks/remedies/remedy-text.ts';
import { checkPagePath, checkPageUrl } from '../../../lambda/model/check-page.ts';
import type { Remedy } from '../../../lambda/model/remedy.ts';
import { wrap } from '../../../lambda/report/messages/wrap.ts';
import type { ChecksOptions, Format } from '../grammar/options.ts';
import { EXIT_CODES, type ExitCode } from '../terminal/exit-code.ts';
import { outputColumns, print, showsColour } from '../terminal/terminal.ts';

/** Longer lines are hard to read. */
const WIDEST = 100;
/** As wide as a label. */
const INDENT = ' '.repeat(7);

export async function checks({ format }: ChecksOptions): Promise<ExitCode> {
  return await printChecks(CHECKS, format);
}

/** Prints some checks, or all: the same text and the same document for either. */
export async function printChecks(catalogue: readonly AnyCheck[], format: Format): Promise<ExitCode> {
  const columns = outputColumns();
  await print(
    format === 'json'
      ? catalogueDocument(catalogue)
      : renderCatalogue(catalogue, { columns, colour: showsColour(process.stdout) }),
  );
  return EXIT_CODES.passed;
}

function catalogueDocument(catalogue: readonly AnyCheck[]): string {
  const entries = catalogue.map(({ pgbouncer: _, remedy, ...entry }) => ({
    // JSON leaves out the other functions.
    ...entry,
    // One shape for programs, whether platforms differ or not.
    remedy: typeof remedy === 'string' ? { everywhere: remedy } : remedy,
  }));
  // JSON leaves out how a check evaluates: functions.
  return `${JSON.stringify({ schemaVersion: 1, checks: entries }, null, 2)}\n`;
}

type Labelled = (label: string, text: string) => string[];

/** What is done everywhere, then what each platform needs, under its name. */
function fix(remedy: Remedy, width: number, labelled: Labelled): string[] {
  if (typeof remedy === 'string') return labelled('Fix', remedy);
  const { everywhere } = remedy;
  return [
    ...(everywhere === undefined ? ['  Fix:'] : labelled('Fix', everywhere)),
    ...remedyParts(remedy).flatMap(({ of, text }) => [...wrap(`${of}:`, width, '    '), ...labelled('', text)]),
  ];
}

/** Paragraphs, not a table: the texts are sentences, and the remedies are there to be copied. */
function renderCatalogue(
  catalogue: readonly AnyCheck[],
  { columns, colour }: { readonly columns: number; readonly colour: boolean },
): string {
  const width = Math.min(columns, WIDEST);
  const bold = (text: string): string => (colour ? styleText('bold', text, { validateStream: false }) : text);
  const labelled: Labelled = (label, text) =>
    text
      .split('\n')
      .flatMap((line, index) => wrap(line, width, index === 0 && label !== '' ? `  ${label}: ` : INDENT, INDENT));
  const blocks = catalogue.map((check) => {
    const { id, title, severity, severityNote, rationale, remedy, references } = check;
    const severities = severityNote === undefined ? severity : `${severity}; ${severityNote}`;
    const [first = '', ...others] = wrap(`${id}: ${severities}`, width, '', '  ');
    const lines = [
      bold(id) + first.slice(id.length),
      ...others,
      ...wrap(title, width, '  '),
      ...labelled('Why', rationale),
      ...fix(remedy, width, labelled),
      ...[...references, checkPageUrl(id) ?? checkPagePath(id)].flatMap((reference, index) =>
        wrap(reference, width, index === 0 ? '  See: ' : INDENT),
      ),
    ];
    return lines.join('\n');
  });
  return `${blocks.join('\n\n')}\n`;
}
