// Our own sentences in messages: what they say stays readable, what others put into them does nothing.

import { describe, expect, test } from 'vitest';
import { displayProse, remedyLines } from '../../lambda/report/text.ts';

describe('a sentence of ours', () => {
  test.each([
    'store JSON such as {"host": …, "username": …, "password": …} or one postgres:// URL',
    'one that begins with postgresql://',
    'see https://www.postgresql.org/docs/current/libpq-ssl.html',
    'curl -O https://truststore.pki.rds.amazonaws.com/<region>/<region>-bundle.pem',
  ])('is shown as it is written: %s', (text) => {
    expect(displayProse(text)).toBe(text);
    expect(remedyLines(text)).toEqual([text]);
  });

  test.each([
    ['a link to elsewhere', 'https://evil.example/', 'https[:]//evil.example/'],
    ['a connection string', 'role postgres://evil.example/x', 'role postgres[:]//evil.example/x'],
    ['one with a name before it', 'xpostgres:// y', 'xpostgres[:]// y'],
    ['another scheme alone', 'javascript:// alert', 'javascript[:]// alert'],
    [
      'a host that only begins like ours',
      'https://www.postgresql.org.evil.example/',
      'https[:]//www.postgresql.org.evil.example/',
    ],
  ])('leaves %s harmless', (_what, text, shown) => {
    expect(displayProse(text)).toBe(shown);
  });
});
