// What a person reads in the messages of a simulated week: which findings, and why now, from the texts that they get.

import { bodyFor, type PublishedMessage } from '../../lab/aws.ts';
import { CHECKS } from '../../lambda/checks/registry.ts';

/** Everyone's topic, that of all routes, and those of each audience's chat channels. */
export const TOPICS = ['alerts', 'routes', 'chat-all', 'chat-payments'] as const;
export type Topic = (typeof TOPICS)[number];

/** A message, by what tells it from another. */
export interface Read {
  readonly topic: Topic;
  /** `new shop plaintext-session worker`: why, where, what, and whose session it is; in the order of the text. */
  readonly notified: readonly string[];
  /** Of a chat topic: the thread of the card. */
  readonly thread?: string;
}

const REASONS = {
  NEW: 'new',
  WORSE: 'worse',
  'MUTE EXPIRED': 'mute expired',
  'STILL THERE': 'reminder',
} as const;

/** The same by the message attribute `reasons`. */
const ATTRIBUTES: Readonly<Record<string, string>> = {
  new: 'new',
  escalated: 'worse',
  'mute-expired': 'mute expired',
  reminder: 'reminder',
  resolved: 'gone',
};

/**
 * Reads the email of a message, or the card of one on a chat topic.
 *
 * @throws Error where text and attributes of the message do not say the same
 */
export function read(message: PublishedMessage): Read {
  const topic = message.topicArn.split(':').at(-1) as Topic;
  const isChat = topic.startsWith('chat-');
  const notified = isChat ? readCard(cardOf(message).content.description) : readEmail(bodyFor(message, 'email'));
  const attribute = (name: string): string => message.attributes[name]?.value ?? '';
  const list = (name: string): string[] => JSON.parse(attribute(name)) as string[];
  mustAgree('route', [attribute('route')], [topic === 'alerts' || topic === 'chat-all' ? 'all' : 'payments']);
  mustAgree('targets', list('targets'), [...new Set(notified.map(({ target }) => target))]);
  mustAgree('checks', list('checks'), [...new Set(notified.map(({ check }) => check))]);
  mustAgree(
    'reasons',
    list('reasons').map((reason) => ATTRIBUTES[reason] ?? reason),
    [...new Set(notified.map(({ reason }) => reason))],
  );
  return {
    topic,
    notified: notified.map(({ reason, target, check, role }) =>
      [reason, target, check, ...(role ? [role] : [])].join(' '),
    ),
    ...(isChat ? { thread: cardOf(message).metadata.threadId } : {}),
  };
}

/** Whether it says that it was told without state: then it has all that is there, and no reasons. */
export function isWithoutState(message: PublishedMessage): boolean {
  return message.message.includes('The state could not be read');
}

interface Card {
  readonly content: { readonly description: string };
  readonly metadata: { readonly threadId: string };
}

/** The card of a message on any topic. */
export function cardOf(message: PublishedMessage): Card {
  return JSON.parse(bodyFor(message, 'https')) as Card;
}

interface Entry {
  readonly reason: string;
  readonly target: string;
  readonly check: string;
  readonly role: string | undefined;
}

function readEmail(text: string): readonly Entry[] {
  return text.split(/^=+\n/m).flatMap((section) => {
    const [heading = '', ...entries] = section.split('How to fix:')[0]?.split(/^- /m) ?? [];
    return entries.map((entry) => {
      const [, target = '', first = ''] = /^([\w-]+): (.+)$/m.exec(entry) ?? [];
      return entryOf(heading, target, first, /role "(\w+)"/.exec(entry)?.[1]);
    });
  });
}

function readCard(description: string): readonly Entry[] {
  return description.split('\n\n').flatMap((group) => {
    const [heading = '', ...lines] = group.split('\n');
    return lines
      .filter((line) => line.startsWith('• '))
      .map((line) => {
        const [, label, target = '', rest = ''] = /^• (?:\*(.+?)\* )?`([\w-]+)`: (.+)$/.exec(line) ?? [];
        return entryOf(heading, target, label ?? rest, /role `(\w+)`/.exec(line)?.[1]);
      });
  });
}

/** @param first what follows the target: the label, or the title of what is gone */
function entryOf(heading: string, target: string, first: string, role: string | undefined): Entry {
  if (heading.includes('RESOLVED')) {
    const check = CHECKS.find(({ title }) => first.startsWith(`${title} (was `))?.id ?? first;
    return { reason: 'gone', target, check, role };
  }
  const check = /\(`?([\w-]+)`?[,)]/.exec(heading)?.[1] ?? heading;
  const reason = Object.entries(REASONS).find(([label]) => first.startsWith(label))?.[1] ?? first;
  return { reason, target, check, role };
}

function mustAgree(what: string, said: readonly string[], read: readonly string[]): void {
  if (JSON.stringify(said.toSorted()) === JSON.stringify(read.toSorted())) return;
  throw new Error(`the attribute ${what} says ${JSON.stringify(said)}, and the text ${JSON.stringify(read)}`);
}
