// Answers about logs that no PostgreSQL gives are refused, whatever is in them.

import { expect, test } from 'vitest';
import { UnusableAnswer } from '../../../lambda/collect/answers/answer.ts';
import { listQuery, pieceQuery } from '../../../lambda/collect/connection-log/file-queries.ts';
import { logSetupQuery, readingGrant } from '../../../lambda/collect/connection-log/settings.ts';

const SERVER = ['18.4', 't', 't', 'auditor', '1795867459.123'];
const SETTINGS = [
  ['log_connections', 'on'],
  ['log_line_prefix', '%m [%p] '],
];

test('a setup that PostgreSQL can have sent is read, and what the login does not see is named', () => {
  const { settings, hidden, reading, role, now } = logSetupQuery.read([[SERVER], SETTINGS]);
  expect({ reading, role, now }).toEqual({ reading: 'bytes', role: 'auditor', now: 1_795_867_459_123 });
  expect(settings).toMatchObject({
    version: '18.4',
    logConnections: 'on',
    logLinePrefix: '%m [%p] ',
    logDirectory: '',
  });
  expect(hidden).toContain('log_directory');
  expect(logSetupQuery.read([[['18.4', 'f', 't', 'a', '1']], []]).reading).toBe('text');
  expect(logSetupQuery.read([[['18.4', 'f', 'f', 'a', '1']], []]).reading).toBeUndefined();
});

test.each<[string, (string | null)[], (string | null)[][]]>([
  ['a flag that is none', ['18.4', 'yes', 't', 'a', '1'], []],
  ['no version', [null, 't', 't', 'a', '1'], []],
  ['a time that is none', ['18.4', 't', 't', 'a', 'NaN'], []],
  ['a time beyond all calendars', ['18.4', 't', 't', 'a', '999999999999'], []],
  ['a column too many', ['18.4', 't', 't', 'a', '1', '2'], []],
  ['words that are no words', SERVER, [['log_connections', 'on\u001b[31m']]],
  ['a prefix without end', SERVER, [['log_line_prefix', '%m'.repeat(10_000)]]],
  ['a setting without a name', SERVER, [[null, 'on']]],
])('%s is refused', (_what, server, settings) => {
  expect(() => logSetupQuery.read([[server], settings])).toThrow(UnusableAnswer);
});

test('files with names that no file has are passed over, and sizes that none has are refused', () => {
  const files = listQuery.read([
    [
      ['a.log', '10', '1795867459000'],
      ['../../secret', '10', '1795867459000'],
      ['x'.repeat(300), '10', '1795867459000'],
      [null, '1', '1'],
    ],
  ]);
  expect(files).toEqual([{ name: 'a.log', size: 10, modified: 1_795_867_459_000 }]);
  expect(() => listQuery.read([[['a.log', '-1', '1']]])).toThrow(UnusableAnswer);
  expect(() => listQuery.read([[['a.log', '1e9', '1']]])).toThrow(UnusableAnswer);
});

test('a piece is never longer than what was asked for, and names cannot end their literal', () => {
  const query = pieceQuery("log/it's\\", 5, 3, 'bytes');
  expect(query.selects(18)).toEqual([String.raw`SELECT encode(pg_read_binary_file(E'log/it''s\\', 5, 3), 'base64')`]);
  expect(query.read([[[Buffer.from('abc').toString('base64')]]]).toString()).toBe('abc');
  expect(query.read([[[null]]])).toHaveLength(0);
  expect(() => query.read([[[Buffer.from('abcd').toString('base64')]]])).toThrow(UnusableAnswer);
});

test('the GRANT quotes the role', () => {
  expect(readingGrant('we"ird')).toBe(
    'GRANT EXECUTE ON FUNCTION pg_catalog.pg_read_binary_file(text, bigint, bigint) TO "we""ird";',
  );
});
