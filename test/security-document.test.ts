// SECURITY.md gives the figures that the code has.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { MAX_SCRAM_ITERATIONS } from '../lambda/collect/protocol/authentication.ts';
import { SESSION_LIMITS } from '../lambda/collect/protocol/dialogue.ts';
import { parseConfig } from '../lambda/config/index.ts';

const text = readFileSync(join(import.meta.dirname, '..', 'SECURITY.md'), 'utf8').replaceAll(/\s+/g, ' ');
const [target] = parseConfig({ targets: [{ name: 'x', secret: 'x' }] }, { use: 'deployment' }).targets;

test.each([
  ['iterations that are computed at most', `above ${MAX_SCRAM_ITERATIONS.toLocaleString('en')} iterations`],
  [
    'iterations that are the least',
    `\`minScramIterations\` (${target?.minScramIterations.toLocaleString('en')} by default)`,
  ],
  ['memory of a session', `${SESSION_LIMITS.cost / 1024 / 1024} MiB in memory`],
  ['rows of a session', `${SESSION_LIMITS.rows.toLocaleString('en')} rows`],
  ['other messages', `${SESSION_LIMITS.others.toLocaleString('en')} other messages`],
])('%s', (_what, figure) => {
  expect(text).toContain(figure);
});

test('the password in clear is not sent by default, and MD5 is', () => {
  expect(target?.authentication).not.toContain('password');
  expect(target?.authentication).toContain('md5');
});
