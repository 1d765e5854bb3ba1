// Labels in message attributes: SNS refuses a message for one control character, and filter policies compare the rest.

import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../../lambda/config/index.ts';
import { alertAttributes } from '../../../lambda/report/messages/sns-attributes.ts';
import { digestOf, finding, healthyReport, healthyTarget } from '../builders.ts';

function labelsOf(team: string): unknown {
  const targets = [healthyTarget({ labels: { team }, verdict: 'findings' })];
  const { labels } = alertAttributes(digestOf(healthyReport({ targets, findings: [finding()] })));
  return JSON.parse(labels?.StringValue ?? 'null');
}

describe('a label', () => {
  test.each(['payments', 'https://wiki/team?x=<y>', 'Zahlungen & Ä', '支払い', 'x'.repeat(256)])(
    'is in the attribute as it is: %s',
    (team) => {
      expect(labelsOf(team)).toEqual([`team=${team}`]);
    },
  );

  test.each([
    ['\u0007bell', 'team=\\u{7}bell'],
    ['a\nb', 'team=a\\u{a}b'],
    ['\u007f\u009b', 'team=\\u{7f}\\u{9b}'],
    ['a\ufffe', 'team=a\\u{fffe}'],
    ['a\ud800', 'team=a\\u{d800}'],
    ['\u202eevil', 'team=\\u{202e}evil'],
  ])('that SNS would refuse the message for is escaped: %j', (team, shown) => {
    expect(labelsOf(team)).toEqual([shown]);
  });

  test.each(['a\u0000', 'a\n', 'a\u001b[31m', '\u202ex', 'a\u200b', 'a\u2028'])(
    'with characters that do something is refused in the configuration: %j',
    (team) => {
      const target = { name: 'orders', secret: 'prod/orders', labels: { team } };
      expect(() => parseConfig({ targets: [target] }, { use: 'command-line' })).toThrow(
        /labels\.team.*control characters/,
      );
    },
  );
});
