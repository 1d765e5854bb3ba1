// The lab's results as a table that can be read in a log: scenario, expected, found.

import { wrap } from '../../lambda/report/messages/wrap.ts';
import type { Result } from './lab.ts';
import type { Scenario } from './scenario.ts';

/** What became of a row. */
export interface TableRow {
  readonly row: Scenario;
  readonly outcome: Result | { readonly skipped: string } | { readonly failed: string };
  readonly isRight: boolean;
}

/** 120 columns in all, with two spaces between. */
const WIDTHS = [39, 38, 39] as const;

/** More unknown checks than that are counted. */
const MOST_NAMED = 3;

/** @param subject what the rows were set up on */
export function renderTable(subject: string, rows: readonly TableRow[]): string {
  const rule = '-'.repeat(WIDTHS.reduce((sum, width) => sum + width + 2, -2));
  return [
    `Scenario lab, ${subject}`,
    rule,
    ...line('SCENARIO', ['EXPECTED'], ['FOUND']),
    rule,
    ...rows.flatMap(({ row, outcome, isRight }) => {
      const mark = isRight ? 'ok  ' : 'skipped' in outcome ? '-   ' : 'NOT ';
      return line(`${mark}${row.name}`, expectedCell(row), foundCell(outcome));
    }),
    rule,
    `${subject}: ${summary(rows)}`,
    '',
  ].join('\n');
}

/** `142 scenarios, 137 as expected, 0 not, 5 skipped (4: needs PostgreSQL 16; 1: is about PostgreSQL 12 and older)` */
function summary(rows: readonly TableRow[]): string {
  const right = rows.filter(({ isRight }) => isRight).length;
  const reasons = new Map<string, number>();
  for (const { outcome } of rows) {
    if ('skipped' in outcome) reasons.set(outcome.skipped, (reasons.get(outcome.skipped) ?? 0) + 1);
  }
  const skipped = [...reasons.values()].reduce((sum, count) => sum + count, 0);
  const why = [...reasons].map(([reason, count]) => `${count}: ${reason}`).join('; ');
  return `${rows.length} scenarios, ${right} as expected, ${rows.length - right - skipped} not, ${skipped} skipped${why === '' ? '' : ` (${why})`}`;
}

function expectedCell({ verdict, finds, unknown = [] }: Scenario): readonly string[] {
  return cell(
    verdict,
    finds.map(({ check, severity }) => `${check} ${severity}`),
    unknown,
  );
}

function foundCell(outcome: TableRow['outcome']): readonly string[] {
  if ('skipped' in outcome) return [`skipped: ${outcome.skipped}`];
  if ('failed' in outcome) return [`failed: ${outcome.failed}`];
  const { verdict, findings, unknown } = outcome;
  return cell(
    verdict,
    findings.map(({ check, severity }) => `${check} ${severity}`),
    [...unknown.keys()],
  );
}

/** Sorted, so that what is alike looks alike. */
function cell(verdict: string, findings: readonly string[], unknown: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const finding of findings) counts.set(finding, (counts.get(finding) ?? 0) + 1);
  const found = [...counts].map(([finding, count]) => (count === 1 ? finding : `${finding} x${count}`));
  const notSeen =
    unknown.length > MOST_NAMED ? [`${unknown.length} checks unknown`] : unknown.map((id) => `${id} unknown`);
  const all = [...found, ...notSeen].sort();
  return all.length === 0 || verdict === 'unknown' || verdict === 'not-audited' ? [verdict.toUpperCase(), ...all] : all;
}

function line(name: string, expected: readonly string[], found: readonly string[]): readonly string[] {
  const columns = [
    wrap(name, WIDTHS[0], '', '    '),
    ...[expected, found].map((lines, index) => lines.flatMap((text) => wrap(text, WIDTHS[index + 1] ?? 0, '', '  '))),
  ];
  const height = Math.max(...columns.map(({ length }) => length));
  return Array.from({ length: height }, (_, at) =>
    columns
      .map((lines, index) => (lines[at] ?? '').padEnd(WIDTHS[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
