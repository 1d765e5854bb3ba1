// One card for each target, in the one thread of that target.

import { describe, expect, test } from 'vitest';
import { CARD_LIMITS, renderChatCard, renderTargetCards } from '../../../lambda/report/messages/chat-card.ts';
import {
  MESSAGE_BYTES,
  renderChatMessages,
  renderTestChatMessage,
} from '../../../lambda/report/messages/sns-message.ts';
import { HOSTILE_NAMES, UNSAFE } from '../hostile.ts';
import { decided, digestOfNight, eventfulNight, muteUse, night, YESTERDAY } from '../lifecycle-cases.ts';

const cardsOf = (run: Parameters<typeof digestOfNight>[0], service = 'auditor') =>
  renderTargetCards(digestOfNight(run), service);
const threadOf = (
  reason: Parameters<typeof decided>[0],
  target = 'orders',
  service = 'auditor',
  severity: 'high' | 'critical' = 'high',
) => {
  const [first] = cardsOf(night([decided(reason, { target, severity })]), service);
  return first?.card.metadata.threadId;
};
const onTargets = (count: number) =>
  night(Array.from({ length: count }, (_, index) => decided('new', { target: `database-${index}` })));

describe('the cards of a digest', () => {
  test('are one for each target, worst first, and one for mutes', () => {
    const cards = cardsOf(eventfulNight());
    expect(cards.map(({ card }) => card.content.title)).toMatchInlineSnapshot(`
      [
        "🔴 1 critical (worse), 1 resolved: billing",
        "🟠 4 high (2 new, 1 mute ended, 1 reminder): orders",
        "✅ 1 resolved: old-crm",
        "🔕 1 mute matches no finding (1 not audited)",
      ]
    `);
    expect(cards.map(({ card }) => card.metadata.relatedResources)).toEqual([['billing'], ['orders'], ['old-crm'], []]);
  });

  test('tell of their own target only', () => {
    const [billing, orders] = cardsOf(eventfulNight());
    expect(JSON.stringify(billing?.card)).not.toMatch(/orders|crm/);
    expect(JSON.stringify(orders?.card)).not.toMatch(/billing|crm/);
    expect(billing?.card.content.description).toMatchInlineSnapshot(`
      "🔴 *CRITICAL: A server certificate expires in 6 days* (\`server-certificate-expiring\`)
      • *WORSE (was high)* \`billing\`: subject: CN=billing.db.example.com; not after: 2026-11-16 12:00 UTC; since 2026-10-03 21:40 UTC; fingerprint \`a1b2c3d4e5f60001\`
      *How to fix:* Renew the certificate, then reload: SELECT pg_reload_conf();

      ✅ *RESOLVED*
      • \`billing\`: Unencrypted session over the network (was high); role \`app\`, database \`shop\`, application \`nightly\`; resolved: this run looked for it and did not find it; seen from 2026-11-09 06:15 UTC to 2026-11-09 23:30 UTC

      Result for 1 database: 1 with findings. Run of 2026-11-10 06:15 UTC.
      Findings not listed: 1 already reported and still open, 1 muted.
      A message is sent when a finding is new, worse or resolved, and not after every run.
      The findings listed here are sent again by 2026-11-11 06:15 UTC if they are still open."
    `);
  });

  test('stay in one thread, whatever becomes of the target', () => {
    const threads = (['new', 'escalated', 'reminder', 'mute-expired', 'resolved'] as const).map((reason) =>
      threadOf(reason, 'orders', 'auditor', reason === 'escalated' ? 'critical' : 'high'),
    );
    expect(new Set(threads).size).toBe(1);
    expect(threads[0]).toMatch(/^pg-tls-auditor-[0-9a-f]{16}$/);
  });

  test('stay in it without state too', () => {
    const observed = { ...decided('new'), reason: 'observed' as const };
    const [first] = cardsOf(night([observed], { state: false }));
    expect(first?.card.metadata.threadId).toBe(threadOf('new'));
  });

  test('have a thread for each target, and for each auditor', () => {
    const threads = [threadOf('new'), threadOf('new', 'billing'), threadOf('new', 'orders', 'another')];
    expect(new Set(threads).size).toBe(3);
  });

  test('cannot be led into the thread of others by what they are called', () => {
    // The names of service and target must not run into each other.
    expect(threadOf('new', 'b', 'a')).not.toBe(threadOf('new', '","b', 'a'));
    expect(threadOf('new', 'ab', 'c')).not.toBe(threadOf('new', 'a', 'bc'));
  });

  test('are ten at most, and beyond it one for all', () => {
    expect(cardsOf(onTargets(10))).toHaveLength(10);
    const cards = cardsOf(onTargets(11));
    expect(cards).toHaveLength(1);
    expect(cards[0]?.card.content.title).toBe('🟠 11 high (new): database-0, database-1, database-10 and 8 more');
  });

  test('say of mutes that match nothing, where there is nothing else to say', () => {
    const mutes = [muteUse({ unusedSince: YESTERDAY, notifyUnused: true })];
    const cards = cardsOf(night([], { targets: [{ name: 'orders' }], mutes }));
    expect(cards.map(({ card }) => card.content.title)).toEqual(['🔕 1 mute matches no finding']);
  });

  test('of what is over have a tick, and a kind of their own to act on', () => {
    const [card] = cardsOf(night([decided('resolved', { severity: 'critical' })], { targets: [{ name: 'orders' }] }));
    expect(card?.card.content.title).toBe('✅ 1 resolved: orders');
    expect(card?.card.metadata).toMatchObject({
      eventType: 'pg-tls-auditor-resolved',
      additionalContext: { severity: 'critical', reasons: 'resolved', route: 'all' },
    });
  });

  test.each(HOSTILE_NAMES)('show %s harmlessly at every turn', (_what, name) => {
    const mute = { match: { role: name }, reason: name, owner: name, expires: '2026-11-01T00:00:00.000Z' };
    const run = night(
      [
        decided('mute-expired', { role: name }, { mute }),
        decided('resolved', { role: name, title: `Session of ${name}` }, { detail: name }),
      ],
      { mutes: [muteUse({ mute, unusedSince: YESTERDAY, notifyUnused: true })] },
    );
    const { content, metadata } = renderChatCard(digestOfNight(run), 'auditor');
    expect(content.description.replaceAll('\n', '')).not.toMatch(UNSAFE);
    expect(content.description).not.toMatch(/[<>]|:\/\//);
    expect(content.description.length).toBeLessThanOrEqual(CARD_LIMITS.description);
    const prose = content.description.replaceAll(/`[^`]*`/g, '');
    expect(prose).not.toMatch(/(?<![\p{L}\p{N}])_|_(?![\p{L}\p{N}])|[~`]|\]\(|@/u);
    expect(JSON.stringify(metadata)).not.toContain('U012ABCDE');
  });
});

describe('the messages for a chat topic', () => {
  test('have a card, words for whoever can read none, and the attributes of their own target', () => {
    const [billing] = renderChatMessages(digestOfNight(eventfulNight()), 'auditor');
    const bodies = JSON.parse(billing?.message ?? '{}') as Record<string, string>;
    expect(Object.keys(bodies)).toEqual(['default', 'https']);
    expect(JSON.parse(bodies.https ?? '')).toMatchObject({ version: '1.0', source: 'custom' });
    expect(bodies.default).toMatchInlineSnapshot(`
      "[pg-tls-auditor] 1 critical (worse), 1 resolved: billing
      Run of 2026-11-10 06:15 UTC. https subscriptions receive a card."
    `);
    expect(billing?.subject).toMatchInlineSnapshot(`"[pg-tls-auditor] 1 critical (worse), 1 resolved: billing"`);
    expect(billing?.attributes).toMatchObject({
      targets: { StringValue: '["billing"]' },
      labels: { StringValue: '["team=payments","tier=1"]' },
    });
  });

  test('hold the limit with thousands of findings', () => {
    const findings = Array.from({ length: 5_000 }, (_, index) =>
      decided('new', { role: `注文_${index}`, target: `database-${index % 3_000}` }),
    );
    for (const { message } of renderChatMessages(digestOfNight(night(findings)), 'auditor')) {
      expect(Buffer.byteLength(message)).toBeLessThan(MESSAGE_BYTES / 2);
    }
  });

  test('show that the channel works', () => {
    const { message, attributes } = renderTestChatMessage({ route: 'payments', targets: ['orders'], at: YESTERDAY });
    expect(Object.keys(JSON.parse(message) as object)).toEqual(['default', 'https']);
    expect(message).toContain('nothing is wrong');
    expect(attributes.route?.StringValue).toBe('payments');
  });
});
