// The link to the page of a run, in the messages of receivers that may read it.

import { expect, test } from 'vitest';
import { buildDigest } from '../../../lambda/report/digest.ts';
import { renderChatCard } from '../../../lambda/report/messages/chat-card.ts';
import { renderEmail } from '../../../lambda/report/messages/email.ts';
import { objectLink, pageKey } from '../../../lambda/report/page-link.ts';
import { badNight, undecided } from '../builders.ts';

const RECEIVER = { route: 'all', minSeverity: 'low' } as const;
const KEY = pageKey('2026-11-10T06:15:02.123Z', 'request-1');
const LINK = objectLink({ bucket: 'evidence', region: 'eu-west-1' }, KEY);

test.each([
  ['console', 'it asks for a login to AWS'],
  ['page', 'for some hours; anyone with this link can read it'],
] as const)(
  'an email and a card have the link to the %s whole, and nothing of it where there is none',
  (opens, note) => {
    const digest = buildDigest(undecided(badNight()), RECEIVER, { url: LINK, opens });
    const plain = buildDigest(undecided(badNight()), RECEIVER);
    if (digest === undefined || plain === undefined) throw new Error('there is something to send');
    expect(renderEmail(digest).split('\n')).toContain(LINK);
    expect(renderEmail(digest)).toContain(note);
    expect(renderChatCard(digest, 'x').content.description).toContain(LINK.replaceAll('&', '&amp;'));
    expect(renderEmail(plain)).not.toContain('page of this run');
    expect(renderChatCard(plain, 'x').content.description).not.toContain('Page of the run');
  },
);

test.each([
  ['eu-west-1', 'https://eu-west-1.console.aws.amazon.com/s3/object/evidence?region=eu-west-1&prefix='],
  ['cn-north-1', 'https://cn-north-1.console.amazonaws.cn/s3/object/evidence?region=cn-north-1&prefix='],
  [
    'us-gov-west-1',
    'https://us-gov-west-1.console.amazonaws-us-gov.com/s3/object/evidence?region=us-gov-west-1&prefix=',
  ],
])('in %s it leads to the console, without credentials', (region, start) => {
  expect(objectLink({ bucket: 'evidence', region }, KEY)).toBe(
    `${start}reports%2F2026%2F11%2F10%2F20261110T061502123Z-request-1.html`,
  );
});
