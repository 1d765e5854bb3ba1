import { describe, expect, test } from 'vitest';
import { messageDiscrepancies, type ThreadedCard, threadDiscrepancies } from '../../demo/verify-messages.ts';
import type { PublishedMessage } from '../../lab/aws.ts';
import type { ReportFinding } from '../../lambda/report/schema.ts';
import { finding, healthyReport } from '../report/builders.ts';

const CHAT = 'arn:aws:sns:eu-west-1:123456789012:chat';
const WORKER = finding({ target: 'shop', application: 'worker' });
const NOTIFIED = 'shop: plaintext-session (high), role app, database shop, application worker';

function published(topicArn: string, bodies: object, targets: readonly string[] = ['shop']): PublishedMessage {
  return {
    messageId: 'id',
    topicArn,
    subject: 'subject',
    message: JSON.stringify({ default: '', ...bodies }),
    messageStructure: 'json',
    attributes: { targets: { type: 'String.Array', value: JSON.stringify(targets) } },
    at: new Date(0),
  };
}

function digest(reason: 'new' | 'ongoing', listed: readonly ReportFinding[] = [WORKER]): PublishedMessage {
  const findings = [{ ...WORKER, lifecycle: { reason } }];
  const email = listed.map(({ fingerprint }) => `  fingerprint: ${fingerprint}\n`).join('');
  return published('arn:aws:sns:eu-west-1:123456789012:alerts', {
    email,
    sqs: JSON.stringify(healthyReport({ findings })),
  });
}

const CARD = published(CHAT, { https: '{"content": {"title": "one"}, "metadata": {"threadId": "t"}}' });

describe('what was sent', () => {
  const problems = (notifications: readonly string[], sent: readonly PublishedMessage[]): string =>
    messageDiscrepancies({ notifications }, sent, CHAT).join('\n');

  test('as it had to be has no discrepancy, and neither has silence', () => {
    const [only = ''] = messageDiscrepancies({ notifications: [] }, [digest('new')], CHAT).filter((each) =>
      each.includes('been: new'),
    );
    const notifications = only.replace('Sent, and should not have been: ', '');
    expect(notifications).toMatch(/^new shop: plaintext-session \(high\), role /);
    expect(problems([notifications], [digest('new'), CARD])).toBe('');
    expect(problems([], [])).toBe('');
  });

  test('to no receiver, twice, or of what was sent before is named', () => {
    expect(problems([`new ${NOTIFIED}`], [])).toContain(`Not sent: new ${NOTIFIED}`);
    expect(problems([`new ${NOTIFIED}`], [])).toContain('1 message should have been sent, and 0 were');
    expect(problems([], [digest('new')])).toContain('0 message should have been sent, and 1 were');
    expect(problems([], [digest('new')])).toContain('Sent, and should not have been: new shop');
  });

  test('in the email only, or in the machine-readable report only, is named', () => {
    expect(problems([], [digest('ongoing')])).toContain(`(${WORKER.fingerprint}, in the email only)`);
    expect(problems([], [digest('new', [])])).toContain(`(${WORKER.fingerprint}, which the email leaves out)`);
  });

  test('without a card of its database, or with one too many, is named', () => {
    expect(problems([`new ${NOTIFIED}`], [digest('new')])).toContain(
      'there should be cards about shop, and there are about nothing',
    );
    expect(problems([], [CARD])).toBe('there should be cards about nothing, and there are about shop');
  });
});

test.each<[string, readonly (readonly [target: string, threadId: string])[], string[]]>([
  [
    'one thread for each database',
    [
      ['shop', 'a'],
      ['billing', 'b'],
      ['shop', 'a'],
    ],
    [],
  ],
  [
    'two threads of one database',
    [
      ['shop', 'a'],
      ['shop', 'b'],
    ],
    ['shop has cards in more than one thread'],
  ],
  [
    'one thread of two databases',
    [
      ['shop', 'a'],
      ['billing', 'a'],
    ],
    ['thread a is of more than one database'],
  ],
])('%s', (_, cards, problems) => {
  const threaded = cards.map(([target, threadId]): ThreadedCard => ({ target, threadId, title: '', message: CARD }));
  expect(threadDiscrepancies(threaded)).toEqual(problems);
});
