// What the terminal can show, and writing to it.

import { styleText } from 'node:util';

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

/** Resolves once the text is out of our hands. What goes wrong is dealt with in one place, by the stream's listener. */
export function print(text: string): Promise<void> {
  return new Promise((resolve) => process.stdout.write(text, () => resolve()));
}

/** Resolves once everything written so far is out of our hands, so that a fault of it has been dealt with. */
export function flushed(): Promise<void> {
  return print('');
}

/** Something worth knowing that is not part of the output. */
export function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
