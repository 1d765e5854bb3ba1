// The chat card as a terminal can show it: what a channel's members read, without the markup they never see.

import { wrap } from '../lambda/report/messages/wrap.ts';
import type { Screen } from './screen.ts';

/** What is shown of a custom notification's `content`. */
export interface CardContent {
  readonly title: string;
  readonly description: string;
  readonly nextSteps: readonly string[];
  readonly keywords: readonly string[];
}

/** Lines of at most `width` columns, unless a word is longer. */
export function previewCard(screen: Screen, { title, description, nextSteps, keywords }: CardContent, width: number) {
  const text = (line: string, first = '', rest = first): string[] => markup(screen, wrap(line, width, first, rest));
  return [
    ...wrap(unescaped(title), width).map((line) => screen.paint(line, 'bold')),
    '',
    ...description.split('\n').flatMap((line) => text(line, '', line.startsWith('• ') ? '  ' : '')),
    '',
    screen.paint('Next steps', 'bold'),
    ...nextSteps.flatMap((step, index) => text(step, `${index + 1}. `, '   ')),
    '',
    screen.paint('Keywords', 'bold'),
    ...wrap(keywords.map(unescaped).join(' · '), width),
  ];
}

/** `*bold*` and spans of code, which may go on from one line to the next. Without colour, code keeps its backticks. */
function markup(screen: Screen, lines: readonly string[]): string[] {
  let bold = false;
  let code = false;
  const paint = (text: string, tone: 'bold' | 'cyan'): string =>
    text === '' ? '' : screen.paint(unescaped(text), tone);
  const prose = (text: string): string =>
    text
      .split('*')
      .map((part, index) => {
        if (index > 0) bold = !bold;
        return bold ? paint(part, 'bold') : unescaped(part);
      })
      .join('');
  return lines.map((line) =>
    line
      .split('`')
      .map((part, index) => {
        if (index > 0) code = !code;
        return code ? paint(part, 'cyan') : prose(part);
      })
      .join(screen.colour ? '' : '`'),
  );
}

/** Slack's three entities. */
function unescaped(text: string): string {
  return text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&');
}
