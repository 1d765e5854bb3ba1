// Renders for the demo the runs after the first: no message, then reminders, an expired mute and a resolved finding.

import { bodyFor, type PublishedMessage } from '../lab/aws.ts';
import { wrap } from '../lambda/report/messages/wrap.ts';
import type { Report } from '../lambda/report/schema.ts';
import { framed, heading, ruleWidth, type Screen } from './screen.ts';
import type { ThreadedCard } from './verify-messages.ts';

/** Open findings that are not sent, by the reason. */
export function showSilence(screen: Screen, { findings }: Report): string {
  const muted = findings.filter(({ lifecycle }) => lifecycle?.reason === 'muted').length;
  const known = findings.filter(({ lifecycle }) => lifecycle?.lastNotifiedSeverity !== undefined).length;
  return [
    heading(screen, 'A quarter of an hour later: the same again'),
    `Nothing sent. Still open: ${known} already reported, ${muted} muted until tomorrow,`,
    `${findings.length - muted - known} below alerts.minSeverity.`,
    '',
  ].join('\n');
}

/** The second and third run in a few lines. */
export function showLaterInShort(screen: Screen, again: Report, nextDay: PublishedMessage | undefined): string {
  const subject = wrap(`Subject: ${nextDay?.subject ?? '(none)'}`, ruleWidth(screen), '', '         ');
  return [
    showSilence(screen, again),
    heading(screen, 'A day later: one client fixed, one mute expired'),
    ...subject,
    '',
  ].join('\n');
}

/** The parts of the email that are new. */
export function showNextDay(screen: Screen, message: PublishedMessage): string {
  const subject = wrap(`Subject: ${message.subject}`, ruleWidth(screen) - 4, '', '         ');
  return [
    heading(screen, 'A day later: one client fixed, one mute expired'),
    framed(screen, 'email', [...subject.map((line) => screen.paint(line, 'bold')), '', ...news(message)], 'dim'),
    '',
  ].join('\n');
}

/** Without reminders, remedies and what stands under every email. */
function news(message: PublishedMessage): string[] {
  const [summary = '', ...sections] = bodyFor(message, 'email').split(/^=+\n/m);
  const groups = sections.map((section) => {
    const [heading = '', ...entries] = (section.split('How to fix:')[0] ?? '').split(/\n(?=- )/);
    const fresh = heading.startsWith('RESOLVED') ? entries : entries.filter((entry) => entry.includes('MUTE EXPIRED'));
    return { fresh: fresh.length === 0 ? [] : [heading, ...fresh], reminders: entries.length - fresh.length };
  });
  const reminders = groups.reduce((sum, group) => sum + group.reminders, 0);
  const [first = ''] = summary.split('\n\n');
  return [
    ...first.split('\n'),
    '',
    `[${reminders} reminders of findings that were reported a day ago are left out here.]`,
    ...groups.flatMap(({ fresh }) => (fresh.length === 0 ? [] : ['', ...fresh.join('\n').trimEnd().split('\n')])),
  ];
}

/** What a channel reads about one database: each card under the one before. */
export function showThread(
  screen: Screen,
  target: string,
  posts: readonly { readonly when: string; readonly card: ThreadedCard }[],
): string {
  const width = ruleWidth(screen) - 4;
  const lines = posts.flatMap(({ when, card: { title } }, index) =>
    index === 0 ? wrap(`${when}: ${title}`, width) : wrap(`${when}: ${title}`, width, '  ↳ ', '    '),
  );
  return [
    heading(screen, `All of it about "${target}" in one thread in Slack`),
    framed(screen, 'Amazon Q  APP', lines, 'red'),
    '',
  ].join('\n');
}
