import { describe, expect, test } from 'vitest';
import { renderSms, SMS_LENGTH, toGsm } from '../../../lambda/report/messages/sms.ts';
import { badNight, digestOf, finding, healthyReport } from '../builders.ts';

describe('renderSms', () => {
  test('says in one line whether to get up', () => {
    expect(renderSms(digestOf(badNight()))).toMatchInlineSnapshot(
      `"pg-tls-auditor: 2 critical, 4 high (1 not audited): ledger, orders and crm. 2026-11-10 06:15 UTC"`,
    );
  });

  test('names fewer databases rather than pass the limit', () => {
    const targets = ['a'.repeat(50), 'b'.repeat(50), 'c'.repeat(50)];
    const sms = renderSms(digestOf(healthyReport({ findings: targets.map((target) => finding({ target })) })));
    expect(sms).toBe(`pg-tls-auditor: 3 high: ${'a'.repeat(50)} and 2 more. 2026-11-10 06:15 UTC`);
    expect(sms.length).toBeLessThanOrEqual(SMS_LENGTH);
  });

  test('holds the limit in GSM characters whatever the databases are called', () => {
    const names = ['Zoë 👨‍👩‍👧‍👦 [x] {y} ~^|`\\', '注'.repeat(64), 'x\u001b\n'.repeat(64)];
    const sms = renderSms(digestOf(healthyReport({ findings: names.map((target) => finding({ target })) })));
    expect(sms).toMatch(/^[\x20-\x7e]*$/);
    expect(sms).not.toMatch(/[[\\\]^`{|}~]/);
    expect(sms.length).toBeLessThanOrEqual(SMS_LENGTH);
  });

  test('drops accents and shows what has no letter in ASCII as a question mark', () => {
    expect(toGsm('Zoë Škoda 注文 [a]')).toBe('Zoe Skoda ?? ?a?');
  });
});
