// The plan as a real parser of GitHub Flavored Markdown reads it: names are text, commands are code as they are.

import { marked, type Token } from 'marked';
import { describe, expect, test } from 'vitest';
import { renderPlanMarkdown } from '../../lambda/enforcement/markdown.ts';
import type { TargetPlan } from '../../lambda/enforcement/schema.ts';
import { displayText } from '../../lambda/model/display.ts';
import { HOSTILE_NAMES } from '../report/hostile.ts';

const AT = '2026-11-10T06:15:00.000Z';
const HOSTILE: readonly (readonly [string, string])[] = [
  ...HOSTILE_NAMES,
  ['the end of a cell', 'a | b || c \\| d'],
  ['fences', '``` ~~~ ````'],
  ['HTML', '<img src=x onerror=alert(1)><script>x</script><!-- -->&lt;b&gt;'],
  ['images and links', '![x](http://evil.example/x.png) [y](javascript:x) <mailto:a@evil.example> [z]: //evil.example'],
  ['links without markup', 'www.evil.example WWW.evil.example someone@evil.example http://evil.example'],
  ['a heading', '# all clear'],
  ['a numbered list', '1. all clear'],
  ['a list', '- all clear'],
  ['a rule', '---'],
  ['backslashes', 'a\\'],
];

function planOf(name: string, command = 'true'): TargetPlan {
  const client = {
    ...{ role: name, database: name, application: name, replication: false, networks: [name], logins: 1 },
    ...{ lastSeen: AT, lastPlaintext: AT, breaks: true, moved: false, driver: name, fix: name },
  };
  return {
    ...{ name, readiness: 'blocked' as const, reasons: [name], platform: name, window: null },
    progress: { moved: 0, of: 1, since: AT },
    clients: [client],
    refused: [{ role: name, database: name, networks: [name], lastSeen: AT, count: 1 }],
    steps: [{ title: `Change ${name}`, runIn: 'server shell', commands: [command], rollback: [command] }],
  };
}

const render = (target: TargetPlan): string =>
  renderPlanMarkdown({ schemaVersion: 1, state: 'state.json', days: 30, at: AT, targets: [target] });

/** Of each kind how many there are, with their texts left out. */
function shape(markdown: string): readonly string[] {
  const kinds: string[] = [];
  marked.walkTokens(marked.lexer(markdown, { gfm: true }), ({ type }: Token) => {
    if (!['text', 'escape', 'codespan'].includes(type)) kinds.push(type);
  });
  return kinds;
}

describe('the Markdown of a plan', () => {
  test.each(HOSTILE)('shows a name with %s as text, and nothing else changes', (_, name) => {
    // As the plan shows names.
    const shown = displayText(name);
    const markdown = render(planOf(shown));
    const plain = shown === '' ? '' : 'plain';
    expect(shape(markdown)).toEqual(shape(render(planOf(plain))));
    const html = marked.parse(markdown, { gfm: true, async: false });
    expect(html).not.toMatch(/<(?:a|img|script|b)[\s>]/i);
  });

  test.each([...HOSTILE, ['lines of fences', 'a\n````\n# b\n```'] as const])(
    'has a command with %s as it is',
    (_, text) => {
      const command = `printf '%s' '${text}'`;
      const codes: string[] = [];
      marked.walkTokens(marked.lexer(render(planOf('plain', command)), { gfm: true }), (token: Token) => {
        if (token.type === 'code') codes.push(token.text);
      });
      expect(codes).toEqual([command.replaceAll(/\r\n?/g, '\n'), command.replaceAll(/\r\n?/g, '\n')]);
    },
  );
});
