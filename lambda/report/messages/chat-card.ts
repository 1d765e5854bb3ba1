// Renders chat cards: custom notifications of Amazon Q Developer in chat applications, for Slack and Microsoft Teams.

import { createHash } from 'node:crypto';
import { type Digest, digestsByTarget } from '../digest.ts';
import { headline } from '../headline.ts';
import { nextSteps } from '../lifecycle-text.ts';
import { displayTime, plural } from '../text.ts';
import { cardDescription } from './chat-description.ts';
import { SYMBOLS, titleName } from './chat-style.ts';

/**
 * The event schema that Amazon Q Developer in chat applications accepts; anything else it drops without a word.
 *
 * @see https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
 */
export interface ChatCard {
  readonly version: '1.0';
  readonly source: 'custom';
  readonly content: {
    /** Slack's or Teams' own markdown, whichever the channel is. */
    readonly textType: 'client-markdown';
    readonly title: string;
    readonly description: string;
    readonly nextSteps: readonly string[];
    readonly keywords: readonly string[];
  };
  readonly metadata: {
    /** Cards with the same id stand in one thread, where the channel's preferences allow threads. */
    readonly threadId: string;
    readonly summary: string;
    readonly eventType: string;
    readonly relatedResources: readonly string[];
    readonly additionalContext: Readonly<Record<string, string>>;
  };
}

/** What the service accepts, in UTF-16 code units. */
export const CARD_LIMITS = { title: 250, description: 8_000 } as const;

const MOST_KEYWORDS = 5;
const MOST_RESOURCES = 10;
/** More targets than this share one card, to keep the channel readable. */
const MOST_TARGET_CARDS = 10;

/** A card, with the digest that it shows. */
export interface CardOfDigest {
  readonly digest: Digest;
  readonly card: ChatCard;
}

/**
 * The card of a digest: the worst findings, as many as people read in a chat; the rest is counted.
 *
 * @param service - Names the auditor: two of them in one channel keep to threads of their own.
 */
export function renderChatCard(digest: Digest, service: string): ChatCard {
  return card(digest, threadOf(digest, service));
}

function card(digest: Digest, thread: string): ChatCard {
  const { receiver, severity, active, startedAt } = digest;
  const checks = [...active.map(({ finding }) => finding.check), ...digest.resolved.map(({ check }) => check)];
  const reasons = [...new Set(active.map(({ reason }) => reason)), ...(digest.resolved.length > 0 ? ['resolved'] : [])];
  return {
    version: '1.0',
    source: 'custom',
    content: {
      textType: 'client-markdown',
      title: `${symbol(digest)} ${headline(digest, CARD_LIMITS.title - 3, titleName)}`,
      description: cardDescription(digest, CARD_LIMITS.description),
      nextSteps: nextSteps(digest, (command) => `\`${command}\``),
      // A keyword of a severity on a card about resolved findings would match a search for open ones.
      keywords: [...new Set([active.length > 0 ? severity : 'resolved', ...checks])].slice(0, MOST_KEYWORDS),
    },
    metadata: {
      threadId: thread,
      summary: `pg-tls-auditor: ${headline(digest, CARD_LIMITS.title - 16, titleName)}`,
      eventType: active.length > 0 ? 'pg-tls-auditor-findings' : 'pg-tls-auditor-resolved',
      relatedResources: digest.targets.slice(0, MOST_RESOURCES).map(titleName),
      additionalContext: { severity, reasons: reasons.join(' '), route: receiver.route, startedAt },
    },
  };
}

/**
 * One card for each target, worst first, each in the thread of its target, and a card for mutes that match nothing. One
 * card for all where there are more than ten targets.
 *
 * @param service - See `renderChatCard`.
 */
export function renderTargetCards(digest: Digest, service: string): CardOfDigest[] {
  if (digest.targets.length > MOST_TARGET_CARDS) return [{ digest, card: renderChatCard(digest, service) }];
  const digests = digestsByTarget(digest);
  if (digest.unusedMutes.length > 0) digests.push(onlyMutes(digest));
  return digests.map((one) => ({ digest: one, card: card(one, threadId(service, one.targets)) }));
}

function onlyMutes(digest: Digest): Digest {
  const none = { info: 0, low: 0, medium: 0, high: 0, critical: 0 };
  return {
    ...digest,
    severity: 'info',
    active: [],
    resolved: [],
    targets: [],
    countBySeverity: none,
    suppressed: new Map(),
  };
}

/** The card that shows that the channel works. */
export function renderTestCard(targets: readonly string[], at: string): ChatCard {
  return {
    version: '1.0',
    source: 'custom',
    content: {
      textType: 'client-markdown',
      title: '🧪 TEST – nothing is wrong',
      description: [
        `This is a test message of pg-tls-auditor, requested at ${displayTime(at)}. It works: alerts about ${plural(targets.length, 'database')} reach this channel.`,
        'It says nothing about any database.',
      ].join('\n'),
      nextSteps: ['Nothing to do.'],
      keywords: ['test'],
    },
    metadata: {
      threadId: `pg-tls-auditor-test-${at}`,
      summary: 'pg-tls-auditor: TEST – nothing is wrong',
      eventType: 'pg-tls-auditor-test',
      relatedResources: targets.slice(0, MOST_RESOURCES).map(titleName),
      additionalContext: { startedAt: at },
    },
  };
}

/**
 * With state, cards about the same targets share a thread. Without state, cards about the same findings do: repeats go
 * to one thread while nothing changes, and a new finding starts a thread, where people see it.
 */
function threadOf({ targets, active, state }: Digest, service: string): string {
  if (state === 'kept') return threadId(service, targets);
  return threadId(
    service,
    active.map(({ finding }) => finding.fingerprint),
  );
}

function threadId(service: string, about: readonly string[]): string {
  return `pg-tls-auditor-${createHash('sha256')
    .update(JSON.stringify([service, about.toSorted()]))
    .digest('hex')
    .slice(0, 16)}`;
}

function symbol({ active, resolved, severity }: Digest): string {
  if (active.length > 0) return SYMBOLS[severity];
  return resolved.length > 0 ? '✅' : '🔕';
}
