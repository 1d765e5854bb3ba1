import { stripVTControlCharacters } from 'node:util';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { previewCard } from '../../demo/chat-preview.ts';
import { screenFor } from '../../demo/screen.ts';
import { renderChatCard } from '../../lambda/report/messages/chat-card.ts';
import { badNight, digestOf } from '../report/builders.ts';

const colourTerminal = { isTTY: true, columns: 80, hasColors: () => true };
const pipe = screenFor({});
const CARD = {
  title: 'one &lt;b&gt;',
  description: '*HIGH: bold over a line’s end* and `code * star`\n• a bullet that is longer than a line',
  nextSteps: ['Do `this`.'],
  keywords: ['high', 'plaintext-session'],
};

// Whoever runs the tests may want no colour.
beforeEach(() => void vi.stubEnv('NO_COLOR', undefined));
afterEach(() => void vi.unstubAllEnvs());

test('without colour, bold loses its asterisks, code keeps its backticks, and entities are characters', () => {
  expect(previewCard(pipe, CARD, 24)).toEqual([
    'one <b>',
    '',
    'HIGH: bold over a',
    'line’s end and `code *',
    'star`',
    '• a bullet that is',
    '  longer than a line',
    '',
    'Next steps',
    '1. Do `this`.',
    '',
    'Keywords',
    'high · plaintext-session',
  ]);
});

test('with colour, bold and code go on over the end of a line', () => {
  const lines = previewCard(screenFor(colourTerminal), CARD, 24);
  expect(lines[2]).toBe('\u001b[1mHIGH: bold over a\u001b[22m');
  expect(lines[3]).toBe('\u001b[1mline’s end\u001b[22m and \u001b[36mcode *\u001b[39m');
  expect(lines[4]).toBe('\u001b[36mstar\u001b[39m');
});

test('no word of a card is lost', () => {
  const { content } = renderChatCard(digestOf(badNight()), 'auditor');
  const words = (text: string): string[] => text.replaceAll(/[*`]/g, '').split(/\s+/);
  const shown = words(previewCard(screenFor(colourTerminal), content, 60).map(stripVTControlCharacters).join('\n'));
  expect(shown).toEqual(
    expect.arrayContaining(words(content.description.replaceAll('&lt;', '<').replaceAll('&gt;', '>'))),
  );
});

test('a terminal that wants no colour gets none, and one without a size 80 columns', () => {
  expect(screenFor(colourTerminal).colour).toBe(true);
  vi.stubEnv('NO_COLOR', '1');
  expect(screenFor(colourTerminal).colour).toBe(false);
  vi.stubEnv('NO_COLOR', undefined);
  expect(screenFor({ ...colourTerminal, hasColors: () => false }).colour).toBe(false);
  expect(pipe).toMatchObject({ columns: 80, colour: false });
  // As terminals do that were never told their size.
  expect(screenFor({ ...colourTerminal, columns: 0 }).columns).toBe(80);
});
