// Escapes text for Slack and Teams: our markup works, markup within names does not.

import { displayText } from '../../model/display.ts';
import type { Severity } from '../../model/severity.ts';
import { displayProse, PLAIN, type Style } from '../text.ts';

/** Always beside the word: not every reader sees the colour. */
export const SYMBOLS: Readonly<Record<Severity, string>> = {
  critical: '🔴',
  high: '🟠',
  medium: '🟡',
  low: '🔵',
  info: '⚪',
};

export const CHAT: Style = {
  target: (name) => code(displayText(name)),
  value: (raw) => code(displayText(raw)),
  prose: (text) => chatProse(displayProse(text)),
};

/** A target's name where there is no code to put it in. */
export function titleName(name: string): string {
  return chatProse(PLAIN.target(name));
}

/** A span of code: no markup, mention or link works inside, except what `<`, `>` and `&` make. */
export function code(text: string): string {
  return `\`${escapeEntities(text.replaceAll('`', "'"))}\``;
}

/**
 * A sentence of ours: spans of code stay, and what else would be markup is shown by a character that looks like it and
 * does nothing.
 */
export function chatProse(text: string): string {
  return text
    .split(/(`[^`]+`)/)
    .map((part, index) => escapeEntities(index % 2 === 1 ? part : withoutMarkup(part)))
    .join('');
}

function withoutMarkup(text: string): string {
  return (
    text
      .replaceAll('`', "'")
      .replaceAll('*', '∗')
      .replaceAll('~', '∼')
      .replaceAll('](', '] (')
      // Within a word neither is markup or a mention: pg_hba.conf, role@host.
      .replaceAll(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, 'ˍ')
      .replaceAll(/(?<![\p{L}\p{N}.-])@/gu, '＠')
  );
}

/** @see https://docs.slack.dev/messaging/formatting-message-text#escaping */
function escapeEntities(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
