// Fuzzes texts and bytes from outside: how they are displayed, and how they are parsed before and beside TLS.

import fc from 'fast-check';
import { auth, errorMessage, hex } from '../../lab/hostile-postgres.ts';
import { alertName, groupName, readServerFlight } from '../../lambda/collect/probe/server-flight.ts';
import { readStartupAnswer } from '../../lambda/collect/probe/startup.ts';
import { Redacted } from '../../lambda/collect/secrets/redacted.ts';
import { Redaction } from '../../lambda/collect/secrets/redaction.ts';
import { displayText } from '../../lambda/model/display.ts';
import { bytesLike, strangeText } from '../generators/arbitraries.ts';
import { check, type FuzzTarget, throwingOnly } from '../generators/fuzz-target.ts';

/** What no shown text may hold outside an emoji. */
const RAW = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u202a-\u202e\u2066-\u2069\u200b\ufeff]|:\/\/|<[!@#]/u;

const display: FuzzTarget = {
  name: 'display',
  title: 'displayText: one line, bounded, and nothing in it acts',
  share: 1,
  prepare: () => ({
    property: fc.property(strangeText, fc.integer({ min: 1, max: 400 }), (text, length) => {
      const shown = throwingOnly([], () => displayText(text, length)) ?? '';
      check(shown.length <= length, 'longer than it may be');
      check(!RAW.test(shown), `something acts: ${JSON.stringify(shown)}`);
      check(displayText(shown, length) === shown, 'showing it again changes it');
    }),
  }),
};

const SECRET_UNITS = fc.constantFrom(
  ...'abcXYZ0189',
  '+',
  '/',
  '=',
  '%',
  '&',
  '"',
  '\\',
  ' ',
  'é',
  'ß',
  '字',
  '😀',
  '<',
  "'",
);
const secretArbitrary = fc.string({ unit: SECRET_UNITS, minLength: 8, maxLength: 90 });

/** The ways in which an honest or hostile server may write back what it was sent. */
const ENCODERS: readonly ((secret: string) => string)[] = [
  (secret) => secret,
  encodeURIComponent,
  (secret) => JSON.stringify(secret).slice(1, -1),
  (secret) => Buffer.from(secret).toString('base64'),
  (secret) => Buffer.from(secret).toString('base64url'),
  (secret) => Buffer.from(secret).toString('hex'),
  (secret) => Buffer.from(secret).toString('hex').toUpperCase(),
];

const redaction: FuzzTarget = {
  name: 'redaction',
  title: 'a secret of 8 bytes or more is not in what is left of a text',
  share: 2,
  prepare: () => ({
    property: fc.property(
      secretArbitrary.filter((secret) => secret.trim() === secret && !/^[\s*]*$/.test(secret)),
      strangeText.map((text) => text.slice(0, 500)),
      strangeText.map((text) => text.slice(0, 500)),
      fc.nat(ENCODERS.length - 1),
      (secret, before, after, encoder) => {
        const encoded = ENCODERS[encoder]?.(secret) ?? secret;
        const redaction = new Redaction([new Redacted(secret)]);
        const text = `${before}${encoded}${after}`;
        const left = throwingOnly([], () => redaction.text(text)) ?? '';
        check(!left.includes(encoded) || `${before}${after}`.includes(encoded), 'the secret is still there');
        const bytes = Buffer.from(text);
        const masked = Buffer.from(bytes);
        throwingOnly([], () => redaction.mask(masked, 'text'));
        check(masked.length === bytes.length, 'masking changes the length');
        check(!masked.includes(encoded) || bytes.indexOf(encoded) === -1, 'the secret is still in the bytes');
        const kept = throwingOnly([], () => redaction.everywhere({ [text]: [text, new Set([text])] }));
        check(!JSON.stringify(kept).includes(JSON.stringify(encoded).slice(1, -1)), 'the secret is in a value');
      },
    ),
  }),
};

/** ServerHello of TLSv1.3 with supported_versions and key_share, ServerHelloDone, an alert. */
const FLIGHTS = [
  hex(
    `16 0303 0060 02 00005c 0303 ${'ab'.repeat(32)} 20 ${'cd'.repeat(32)} 1301 00 0014 002b 0002 0304 0033 000a 001d 0006 aabbccddeeff`,
  ),
  hex(`16 0303 002e 02 000026 0303 ${'ab'.repeat(32)} 00 c02f 00 0e 000000`),
  hex('15 0303 0002 02 28'),
  hex('14 0303 0001 01 17 0303 0004 deadbeef'),
];

const flight: FuzzTarget = {
  name: 'flight',
  title: "a server's first bytes, of TLS and of a plaintext login",
  share: 1,
  prepare: () => ({
    property: fc.property(
      fc.array(bytesLike(...FLIGHTS), { maxLength: 4 }).map((parts) => Buffer.concat(parts)),
      bytesLike(auth.ok, auth.sasl('SCRAM-SHA-256'), errorMessage({ S: 'FATAL', C: '28000', M: 'no encryption' })),
      (bytes, answer) => {
        const read = throwingOnly([], () => readServerFlight(bytes));
        if (read?.alert !== undefined) check(alertName(read.alert) !== '', 'an alert without a name');
        if (read?.hello?.group !== undefined) check(groupName(read.hello.group) !== '', 'a group without a name');
        const started = throwingOnly([], () => readStartupAnswer(answer));
        if (started !== undefined && !started.known) check(!RAW.test(started.reason), 'the reason acts');
        // A longer beginning may say more, never something else.
        const half = readServerFlight(bytes.subarray(0, Math.floor(bytes.length / 2)));
        check(half.alert === undefined || half.alert === read?.alert, 'more bytes are another alert');
      },
    ),
  }),
};

export const TEXT_TARGETS: readonly FuzzTarget[] = [display, redaction, flight];
