// Renders the history of insecure clients for a terminal: a row for each client, below it what is wrong and from where.

import { stripVTControlCharacters, styleText } from 'node:util';
import CliTable from 'cli-table3';
import type { HistoryRow } from '../../../lambda/lifecycle/history.ts';
import { SEVERITIES } from '../../../lambda/model/severity.ts';
import { wrap } from '../../../lambda/report/messages/wrap.ts';
import { countsText, displayTime, list, PLAIN, plural, who } from '../../../lambda/report/text.ts';
import type { HistoryDocument } from './history-document.ts';

/** Longer lines are hard to read. */
const WIDEST = 140;
const NARROWEST = 40;
const GAP = 2;
/** Below each row, under its first name. */
const INDENT = '    ';
/** What a table shows of a name that is empty, or that there is not. */
const NO_NAME = '(none)';
const NOT_APPLICABLE = '-';

export interface TableOptions {
  readonly columns: number;
  readonly colour: boolean;
}

type Paint = (text: string) => string;

export function renderHistory(document: HistoryDocument, { columns, colour }: TableOptions): string {
  const width = Math.min(Math.max(columns, NARROWEST), WIDEST);
  const heading: Paint = (text) => (colour ? styleText('bold', text, { validateStream: false }) : text);
  const blocks = [
    rows(document, width, heading),
    notSeen(document, width, heading),
    lastLines(document, width, heading),
  ];
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function rows({ clients }: HistoryDocument, width: number, heading: Paint): string[] {
  if (clients.length === 0) return [];
  return table(clients, width, heading) ?? clients.flatMap((row) => item(row, width));
}

const HEADINGS = ['Worst', 'Target', 'Role', 'Database', 'Application', 'Last seen (UTC)'] as const;

function cells({ severity, target, role, database, application, lastSeen }: HistoryRow): string[] {
  const names = [role, database, application].map((name) => (name === undefined ? NOT_APPLICABLE : name || NO_NAME));
  return [severity, PLAIN.target(target), ...names, displayTime(lastSeen).replace(/ UTC$/, '')];
}

/** Undefined where the names have no room beside each other: a name must not be cut. */
function table(clients: readonly HistoryRow[], width: number, heading: Paint): string[] | undefined {
  const all = clients.map(cells);
  const grid = new CliTable({
    head: HEADINGS.map(heading),
    chars: BORDERLESS,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  });
  grid.push(...all);
  const [head = '', ...lines] = grid.toString().split('\n');
  // The head has no wide characters: its length is the width of all.
  if (stripVTControlCharacters(head).length > width) return undefined;
  return [
    head.trimEnd(),
    ...clients.flatMap((row, index) => [lines[index]?.trimEnd() ?? '', ...wrap(facts(row).join('; '), width, INDENT)]),
  ];
}

const BORDERLESS = {
  ...{ top: '', 'top-mid': '', 'top-left': '', 'top-right': '' },
  ...{ bottom: '', 'bottom-mid': '', 'bottom-left': '', 'bottom-right': '' },
  ...{ left: '', 'left-mid': '', mid: '', 'mid-mid': '', right: '', 'right-mid': '' },
  middle: ' '.repeat(GAP),
};

function item(row: HistoryRow, width: number): string[] {
  const client = who(row, PLAIN);
  const said = [
    `${row.severity}: ${PLAIN.target(row.target)}`,
    ...(client === undefined ? [] : [client]),
    `last seen ${displayTime(row.lastSeen)}`,
    ...facts(row),
  ];
  return wrap(said.join('; '), width, '- ', '  ');
}

/** What a row has no column for. */
function facts({ checks, clients, firstSeen, status }: HistoryRow): string[] {
  const from = clients.length === 0 ? '' : ` from ${list(clients)}`;
  return [
    `${checks.join(', ')}${from}`,
    `first seen ${displayTime(firstSeen)}`,
    status === 'open' ? 'still open' : 'resolved since',
  ];
}

function notSeen({ notSeen: gaps }: HistoryDocument, width: number, heading: Paint): string[] {
  if (gaps.length === 0) return [];
  return [
    heading('NOT VERIFIED:'),
    ...gaps.flatMap(({ target, since, reason }) =>
      wrap(`${PLAIN.target(target)}, since ${displayTime(since)}: ${PLAIN.prose(reason)}`, width, '  - ', '    '),
    ),
  ];
}

function lastLines(document: HistoryDocument, width: number, heading: Paint): string[] {
  const { days, since, recordedSince, state, targets } = document;
  const names = list(targets.map(({ name }) => PLAIN.target(name)));
  const isShort = Date.parse(recordedSince) > Date.parse(since);
  const back = displayTime(recordedSince);
  const memory = isShort
    ? `${state} has records since ${back} only: earlier connections are not known.`
    : `${state} has records since ${back}.`;
  return [
    ...wrap(`The last ${plural(days, 'day')}, since ${displayTime(since)}, on ${names}.`, width),
    ...wrap(memory, width),
    ...wrap(verdict(document), width).map((line, index) => (index === 0 ? heading(line) : line)),
  ];
}

function verdict({ clients, notSeen: gaps }: HistoryDocument): string {
  if (clients.length > 0) {
    const counts = Object.fromEntries(
      SEVERITIES.map((severity) => [severity, clients.filter((row) => row.severity === severity).length]),
    ) as Record<(typeof SEVERITIES)[number], number>;
    return `${plural(clients.length, 'client')} connected insecurely (${countsText(counts)}).`;
  }
  return gaps.length === 0
    ? 'No insecure client was seen.'
    : 'No insecure client was seen, as far as this could be verified.';
}
