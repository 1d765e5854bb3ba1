// Writes to the terminal, and knows what it can show.

import { styleText } from 'node:util';
import { chunksOf } from '../../../lambda/report/exports/chunks.ts';

/** What a terminal has whose width is not known. */
const USUAL_COLUMNS = 80;

/** Width of what standard output goes to; where that is no terminal, COLUMNS says it. */
export function outputColumns(): number {
  return process.stdout.columns || Number.parseInt(process.env.COLUMNS ?? '', 10) || USUAL_COLUMNS;
}

/** Whether a stream shows colours, by Node's conventions: a terminal, NO_COLOR, FORCE_COLOR, NODE_DISABLE_COLORS. */
export function showsColour(stream: NodeJS.WriteStream): boolean {
  return styleText('bold', '.', { stream }) !== '.';
}

/** For help, whose colours are taken out again where they can't be shown. */
export function bold(text: string): string {
  return styleText('bold', text, { validateStream: false });
}

/**
 * Resolves once the text is out of our hands. Of a text in parts the next one is made when the reader has taken those
 * before it. What goes wrong is dealt with in one place, by the stream's listener.
 *
 * @returns whether the reader has taken all of it
 */
export async function print(text: string | Iterable<string>): Promise<boolean> {
  for (const chunk of chunksOf(text)) {
    if (!(await write(chunk))) return false;
  }
  return true;
}

function write(text: string): Promise<boolean> {
  return new Promise((resolve) => process.stdout.write(text, (error) => resolve(!error)));
}

/** Resolves once everything written so far is out of our hands, so that a fault of it has been dealt with. */
export async function flushed(): Promise<void> {
  await print('');
}

/** A message that is not part of the output. */
export function logStderr(text: string): void {
  process.stderr.write(`${text}\n`);
}
