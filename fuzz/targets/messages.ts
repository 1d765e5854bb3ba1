// Fuzzes the names in a report: every message stays within its limit and contains no active content.

import fc from 'fast-check';
import { renderTable } from '../../bin/command-line/terminal/table.ts';
import { catalogue } from '../../lambda/checks/catalogue.ts';
import { wholeText } from '../../lambda/report/exports/chunks.ts';
import { renderMarkdown } from '../../lambda/report/exports/markdown.ts';
import { CARD_LIMITS, renderChatCard, renderTargetCards } from '../../lambda/report/messages/chat-card.ts';
import { renderEmail } from '../../lambda/report/messages/email.ts';
import { MESSAGE_BYTES, renderAlert } from '../../lambda/report/messages/sns-message.ts';
import type { Report } from '../../lambda/report/schema.ts';
import { badNight, digestOf, finding, healthyTarget } from '../../test/report/builders.ts';
import { strangeText } from '../generators/arbitraries.ts';
import { check, type FuzzTarget, throwingOnly } from '../generators/fuzz-target.ts';

/** But line ends, and what an emoji is made of. */
const ACTS = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\u200b\ufeff]/;

const findingArbitrary = fc
  .record(
    {
      role: strangeText,
      database: strangeText,
      application: strangeText,
      clients: fc.array(strangeText, { maxLength: 4 }),
      evidence: fc.dictionary(fc.constantFrom('cipher', 'subject', 'tlsVersion', 'rule'), strangeText),
      remedy: strangeText,
      title: strangeText,
      severity: fc.constantFrom('critical', 'high', 'medium', 'low', 'info'),
    },
    { requiredKeys: [] },
  )
  .map((overrides) => finding(overrides));

const targetArbitrary = fc
  .record({
    name: strangeText.map((text) => text.slice(0, 200)),
    host: strangeText,
    label: strangeText,
    version: strangeText,
    message: strangeText,
  })
  .map(({ name, host, label, version, message }) =>
    healthyTarget({
      name,
      host,
      labels: { team: label },
      server: { version, inRecovery: false },
      error: { cause: 'login-failed', phase: 'login', message, remedy: message },
      verdict: 'not-audited',
    }),
  );

const reportArbitrary: fc.Arbitrary<Report> = fc
  .tuple(fc.array(findingArbitrary, { minLength: 1, maxLength: 8 }), fc.array(targetArbitrary, { maxLength: 4 }))
  .map(([findings, targets]) => {
    const base = badNight();
    return { ...base, findings: [...base.findings, ...findings], targets: [...base.targets, ...targets] };
  });

function checkText(what: string, text: string): void {
  const found = ACTS.exec(text);
  check(
    found === null,
    `${what} holds ${JSON.stringify(text.slice((found?.index ?? 0) - 20, (found?.index ?? 0) + 20))}`,
  );
}

const messages: FuzzTarget = {
  name: 'messages',
  title: 'email, chat card, SNS message, table and Markdown of a report full of strange names',
  share: 3,
  prepare: () => ({
    property: fc.property(reportArbitrary, fc.integer({ min: 20, max: 200 }), (report, columns) => {
      const digest = digestOf(report, 'info');
      const email = throwingOnly([], () => renderEmail(digest)) ?? '';
      checkText('the email', email);
      const cards = throwingOnly([], () => [
        renderChatCard(digest, 'auditor'),
        ...renderTargetCards(digest, 'auditor').map(({ card }) => card),
      ]);
      for (const { content } of cards ?? []) {
        checkText('the card', `${content.title}${content.description}`);
        check(content.description.length <= CARD_LIMITS.description, 'a card is too long');
        check(!/<[!@#]/.test(content.description), 'a card mentions a channel or a person');
      }
      const alert = throwingOnly([], () => renderAlert(digest, report, 'auditor'));
      check(/^[\x20-\x7e]{1,99}$/.test(alert?.subject ?? ''), `the subject is ${alert?.subject}`);
      check(Buffer.byteLength(alert?.message ?? '') <= MESSAGE_BYTES, 'the message is too large for SNS');
      for (const [name, { StringValue }] of Object.entries(alert?.attributes ?? {})) {
        checkText(`the attribute ${name}`, StringValue);
      }
      checkText('the table', throwingOnly([], () => renderTable(report, { columns, colour: false })) ?? '');
      const context = { catalogue: catalogue(), toolVersion: '0.0.0' };
      checkText('the Markdown', throwingOnly([], () => wholeText(renderMarkdown(report, context))) ?? '');
    }),
  }),
};

export const MESSAGE_TARGETS: readonly FuzzTarget[] = [messages];
