// The terminal's view of discovery: each database, whether an audit covers it, and why.

import { styleText } from 'node:util';
import type { DiscoverDocument } from '../../../lambda/report/discover-schema.ts';
import { wrap } from '../../../lambda/report/messages/wrap.ts';
import { plural } from '../../../lambda/report/text.ts';

/** Longer lines are hard to read. */
const WIDEST = 160;
const INDENT = ' '.repeat(4);

export interface DiscoverTableOptions {
  readonly columns: number;
  readonly colour: boolean;
}

type Found = DiscoverDocument['targets'][number];

/** What is audited first, then what is left out: each with its endpoint, and the reason below. */
export function renderDiscovery(document: DiscoverDocument, { columns, colour }: DiscoverTableOptions): string {
  const width = Math.min(columns, WIDEST);
  const heading = (text: string): string => (colour ? styleText('bold', text, { validateStream: false }) : text);
  const [taken, left] = [true, false].map((is) => document.targets.filter((target) => target.taken === is));
  const blocks = [
    block(heading(`Audited: ${plural(taken?.length ?? 0, 'database')}`), taken ?? [], width),
    block(heading(`Left out: ${left?.length ?? 0}`), left ?? [], width),
    list(heading('Could not be listed:'), document.problems, width),
    list(heading('Warnings:'), document.warnings, width),
  ];
  return `${blocks
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join('\n'))
    .join('\n\n')}\n`;
}

function block(heading: string, targets: readonly Found[], width: number): readonly string[] {
  return [heading, ...targets.flatMap((target) => [`  ${lineOf(target)}`, ...wrap(target.reason, width, INDENT)])];
}

/** What is not known is left out. */
function lineOf({ name, host, port, region, account }: Found): string {
  const endpoint = host === null ? undefined : port === null ? host : `${host}:${port}`;
  const place = [account === null ? undefined : `account ${account}`, region].filter((part) => part != null).join(', ');
  return [name, endpoint, place === '' ? undefined : `(${place})`].filter((part) => part !== undefined).join('  ');
}

function list(heading: string, sentences: readonly string[], width: number): readonly string[] {
  return sentences.length === 0 ? [] : [heading, ...sentences.flatMap((sentence) => wrap(sentence, width, '  '))];
}
