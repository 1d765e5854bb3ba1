// The chat card: a custom notification of Amazon Q Developer in chat applications, for Slack and Microsoft Teams.

import { createHash } from 'node:crypto';
import { displayText } from '../model/display.ts';
import type { Severity } from '../model/severity.ts';
import type { Digest, Notice } from './digest.ts';
import {
  blindSpots,
  displayProse,
  displayTime,
  evidenceLines,
  groupNotices,
  headline,
  howMany,
  leftOut,
  lookedAt,
  loopbackNote,
  type NoticeGroup,
  PLAIN,
  plural,
  remedyLines,
  type Style,
  title,
  who,
} from './wording.ts';

/**
 * The event schema that Amazon Q Developer in chat applications accepts; anything else it drops without a word.
 *
 * @see https://docs.aws.amazon.com/chatbot/latest/adminguide/custom-notifs.html
 */
interface ChatCard {
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

/** What Slack holds in one block of text: beyond it a card is folded or split, and nobody reads on. */
const COMFORTABLE_LENGTH = 3_000;
const MOST_FINDINGS = 20;
const MOST_KEYWORDS = 5;
const MOST_RESOURCES = 10;

/** Always beside the word: colour alone tells some people nothing. */
const SYMBOLS: Readonly<Record<Severity, string>> = {
  critical: '🔴',
  high: '🟠',
  medium: '🟡',
  low: '🔵',
  info: '⚪',
};

const CHAT: Style = {
  target: (name) => code(displayText(name)),
  value: (raw) => code(displayText(raw)),
  prose: (text) => chatProse(displayProse(text)),
};

/** The card of a digest: as many whole findings, worst first, as people read in a chat; the rest is counted. */
export function renderChatCard(digest: Digest): ChatCard {
  return {
    version: '1.0',
    source: 'custom',
    content: {
      textType: 'client-markdown',
      title: `${SYMBOLS[digest.severity]} ${headline(digest, CARD_LIMITS.title - 3, titleName)}`,
      description: fittingDescription(digest),
      nextSteps: [
        'Fix from the top: each group says how.',
        'Check at once with `pg-tls-auditor audit --target NAME`, or wait for the next run.',
      ],
      keywords: [...new Set([digest.severity, ...digest.notices.map(({ finding }) => finding.check)])].slice(
        0,
        MOST_KEYWORDS,
      ),
    },
    metadata: {
      threadId: threadId(digest),
      summary: `pg-tls-auditor: ${headline(digest, CARD_LIMITS.title - 16, titleName)}`,
      eventType: 'pg-tls-auditor-findings',
      relatedResources: digest.targets.slice(0, MOST_RESOURCES).map(titleName),
      additionalContext: { severity: digest.severity, startedAt: digest.startedAt },
    },
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
        `Someone asked pg-tls-auditor for a test message at ${displayTime(at)}. It works: alerts about ${plural(targets.length, 'database')} reach this channel.`,
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
 * The same for the same findings: while nothing changes, repeats gather in the thread of the first card; whatever is new
 * starts a card of its own, where people see it.
 */
function threadId(digest: Digest): string {
  const hash = createHash('sha256');
  for (const fingerprint of digest.notices.map(({ finding }) => finding.fingerprint).sort()) hash.update(fingerprint);
  return `pg-tls-auditor-${hash.digest('hex').slice(0, 16)}`;
}

function fittingDescription(digest: Digest): string {
  for (let findings = Math.min(digest.notices.length, MOST_FINDINGS); findings > 0; findings -= 1) {
    const text = description(digest, findings);
    // One finding with a long story is still worth its length.
    if (text.length <= (findings > 1 ? COMFORTABLE_LENGTH : CARD_LIMITS.description)) return text;
  }
  return description(digest, 0);
}

function description(digest: Digest, findings: number): string {
  const shown = digest.notices.slice(0, findings);
  const omitted = leftOut(digest.notices, shown.length);
  const note = loopbackNote(digest.loopback);
  const paragraphs = [
    ...blindSpots(digest.targetsByVerdict, CHAT).map((sentence) => `⚠️ ${sentence}`),
    ...groupNotices(shown).map(renderGroup),
    ...(omitted === undefined ? [] : [`*${omitted}.* The email lists more.`]),
    [
      `Looked at ${lookedAt(digest.targetsByVerdict)}. Run of ${displayTime(digest.startedAt)}.`,
      ...(note === undefined ? [] : [chatProse(note)]),
      'No state is configured: every run stands alone, and this alert repeats while a problem lasts.',
    ].join('\n'),
  ];
  return paragraphs.join('\n\n');
}

function renderGroup(group: NoticeGroup): string {
  const heading = group.title === undefined ? group.check : CHAT.prose(group.title);
  const many = group.notices.length > 1 ? `, ${plural(group.notices.length, 'finding')}` : '';
  return [
    `${SYMBOLS[group.severity]} *${group.severity.toUpperCase()}: ${heading}* (${code(group.check)}${many})`,
    ...group.notices.map((notice) => renderNotice(notice, group.title === undefined)),
    `*How to fix:* ${remedyLines(group.remedy).map(chatProse).join('\n')}`,
  ].join('\n');
}

function renderNotice({ finding }: Notice, withTitle: boolean): string {
  const facts = [
    withTitle ? title(finding, CHAT) : undefined,
    who(finding, CHAT),
    howMany(finding),
    ...evidenceLines(finding, CHAT),
  ].filter((fact) => fact !== undefined);
  return `• ${CHAT.target(finding.target)}${facts.length > 0 ? `: ${facts.join('; ')}` : ''}`;
}

/** A target's name where there is no code to put it in. */
function titleName(name: string): string {
  return chatProse(PLAIN.target(name));
}

/** A span of code: no markup, mention or link works inside, except what `<`, `>` and `&` make. */
function code(text: string): string {
  return `\`${escapeEntities(text.replaceAll('`', "'"))}\``;
}

/**
 * A sentence of ours: spans of code stay, and what else would be markup is shown by a character that looks like it and
 * does nothing.
 */
function chatProse(text: string): string {
  return text
    .split(/(`[^`]+`)/)
    .map((part, index) => escapeEntities(index % 2 === 1 ? part : withoutMarkup(part)))
    .join('');
}

function withoutMarkup(text: string): string {
  return (
    text
      .replaceAll('`', "'")
      .replaceAll('*', '∗')
      .replaceAll('~', '∼')
      .replaceAll('](', '] (')
      // Within a word neither is markup or a mention: pg_hba.conf, role@host.
      .replaceAll(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])/gu, 'ˍ')
      .replaceAll(/(?<![\p{L}\p{N}.-])@/gu, '＠')
  );
}

/** @see https://docs.slack.dev/messaging/formatting-message-text#escaping */
function escapeEntities(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
