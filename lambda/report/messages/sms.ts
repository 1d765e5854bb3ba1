// Renders the text message: one line.

import type { Digest } from '../digest.ts';
import { headline } from '../headline.ts';
import { displayTime, PLAIN } from '../text.ts';
import { toAscii } from './ascii.ts';

/** One GSM 03.38 message holds 160 characters or 140 bytes: within 140 SNS never splits it, whatever the encoding. */
export const SMS_LENGTH = 140;

/** Printable ASCII that GSM 03.38 lacks, or has only as two characters. */
const NOT_IN_GSM = /[[\\\]^`{|}~]/g;

/** `pg-tls-auditor: 2 critical, 3 high: orders and 5 more. 2026-11-10 06:15 UTC`, at most 140 GSM characters. */
export function renderSms(digest: Digest): string {
  const start = 'pg-tls-auditor: ';
  const end = `. ${displayTime(digest.startedAt)}`;
  const name = (target: string) => toGsm(PLAIN.target(target));
  return `${start}${headline(digest, SMS_LENGTH - start.length - end.length, name)}${end}`;
}

/** `text` in characters that GSM 03.38 and ASCII share. */
export function toGsm(text: string): string {
  return toAscii(text).replaceAll(NOT_IN_GSM, '?');
}
