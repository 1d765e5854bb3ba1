// What the demo's output looks like: headings, frames and columns, with colour where a terminal wants it.

import type { WriteStream } from 'node:tty';
import { styleText } from 'node:util';

type Tone = Parameters<typeof styleText>[0];

export interface Screen {
  readonly columns: number;
  readonly colour: boolean;
  paint(text: string, tone: Tone): string;
}

/** Narrower than this nothing can be laid out. */
const NARROWEST = 40;

/** Output that no terminal shows, or one that does not know its size, gets 80 columns; the former no colour. */
export function screenFor(stream: Partial<WriteStream>): Screen {
  const colour = stream.isTTY === true && !process.env.NO_COLOR && stream.hasColors?.() === true;
  return {
    columns: Math.max(NARROWEST, stream.columns || 80),
    colour,
    paint: (text, tone) => (colour ? styleText(tone, text, { validateStream: false }) : text),
  };
}

/** Wider lines are hard to read. */
const WIDEST_RULE = 100;

export function ruleWidth({ columns }: Screen): number {
  return Math.min(columns, WIDEST_RULE);
}

/** A line across the screen that says what follows. */
export function heading(screen: Screen, text: string): string {
  return screen.paint(`━━ ${text} ${'━'.repeat(Math.max(2, ruleWidth(screen) - text.length - 4))}`, 'bold');
}

/** Lines as they are, beside a bar. No right edge: long words, and emoji of any width, can't break it. */
export function framed(screen: Screen, caption: string, lines: readonly string[], tone: Tone): string {
  const width = ruleWidth(screen);
  const bar = (text: string): string => screen.paint(text, tone);
  return [
    bar(`┌─ ${caption} ${'─'.repeat(Math.max(2, width - caption.length - 4))}`),
    ...lines.map((line) => `${bar('│')} ${line}`.trimEnd()),
    bar(`└${'─'.repeat(width - 1)}`),
  ].join('\n');
}

/** Rows with their cells aligned; the last cell may be of any length. */
export function columns(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      if (index < row.length - 1) widths[index] = Math.max(widths[index] ?? 0, cell.length);
    }
  }
  return rows.map((row) =>
    row
      .map((cell, index) => cell.padEnd(widths[index] ?? 0))
      .join('  ')
      .trimEnd(),
  );
}
