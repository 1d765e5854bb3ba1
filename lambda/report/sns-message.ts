// One SNS message for everybody: a body for each protocol, attributes for filter policies, all within SNS's limits.

import { SEVERITIES } from '../model/severity.ts';
import { toAscii } from './ascii.ts';
import { renderChatCard, renderTestCard } from './chat-card.ts';
import { type Digest, REASONS } from './digest.ts';
import { emailRenderer } from './email.ts';
import { fitReport } from './fit-report.ts';
import type { Report } from './schema.ts';
import { renderSms, toGsm } from './sms.ts';
import { displayTime, headline, PLAIN, plural } from './wording.ts';
import { wrap } from './wrap.ts';

/** What `sns:Publish` takes, with `MessageStructure: 'json'`. */
export interface RenderedAlert {
  /** Printable ASCII on one line, under 100 characters. */
  readonly subject: string;
  /** JSON: a body for each of `default`, `email`, `sms`, `https`, `sqs` and `lambda`. */
  readonly message: string;
  /** For subscription filter policies; see `alertAttributes`. */
  readonly attributes: Readonly<Record<string, MessageAttribute>>;
}

interface MessageAttribute {
  /** The value of a `String.Array` is JSON. */
  readonly DataType: 'String' | 'String.Array' | 'Number';
  readonly StringValue: string;
}

/**
 * Bytes of UTF-8: the message with all its bodies, and its attributes with their names and types.
 *
 * @see https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
 * @see https://docs.aws.amazon.com/sns/latest/api/API_MessageAttributeValue.html
 */
export const MESSAGE_BYTES = 262_144;

/** SNS wants fewer than 100 characters. */
const SUBJECT_LENGTH = 99;

/** Mail services clip a message past about 100 KB and hide its end, where the omissions are counted. */
const EMAIL_BYTES = 64 * 1_024;

/** Room for the names in the `targets` attribute, about 1,500 of them. */
const TARGETS_BYTES = 32 * 1_024;

/** Stands in the `targets` attribute for the names that did not fit. */
const OTHER_TARGETS = '*';

/**
 * The message of a digest. When it would pass SNS's limit, whole findings are left out from the bottom, and whole
 * targets beginning with the healthiest, and counted: in words in the email and the card, as `omittedFindings` and
 * `omittedTargets` in the JSON for `sqs` and `lambda`.
 */
export function renderAlert(digest: Digest, report: Report): RenderedAlert {
  const start = '[pg-tls-auditor] ';
  const subject = `${start}${headline(digest, SUBJECT_LENGTH - start.length, (name) => toAscii(PLAIN.target(name)))}`;
  const attributes = alertAttributes(digest);
  const small = {
    default: `${subject}\nRun of ${displayTime(digest.startedAt)}. Email subscriptions receive the text, sqs and lambda subscriptions the report as JSON.`,
    sms: renderSms(digest),
    https: JSON.stringify(renderChatCard(digest)),
  };
  const room =
    MESSAGE_BYTES -
    utf8Bytes(subject) -
    attributeBytes(attributes) -
    utf8Bytes(JSON.stringify({ ...small, email: '', sqs: '', lambda: '' }));
  const email = fittingEmail(digest, Math.min(EMAIL_BYTES, room / 3));
  const json = JSON.stringify(fitReport(report, (room - nestedBytes(email)) / 2, nestedBytes));
  return { subject, message: JSON.stringify({ ...small, email, sqs: json, lambda: json }), attributes };
}

/**
 * A message that shows that every subscription works, and says so first. It matches every filter policy on severity,
 * and those on any of `targets`.
 *
 * @param at - ISO 8601, UTC.
 */
export function renderTestAlert(options: { readonly targets: readonly string[]; readonly at: string }): RenderedAlert {
  const { targets, at } = options;
  const headlineText = 'TEST - nothing is wrong';
  const told = `Someone asked pg-tls-auditor for a test message at ${displayTime(at)} (${at}).`;
  const email = [
    [headlineText],
    wrap(`${told} It works: alerts about ${plural(targets.length, 'database')} reach this address.`, 72),
    ['It says nothing about any database, and there is nothing to do.'],
  ];
  const json = JSON.stringify({ schemaVersion: 1, test: true, message: headlineText, at });
  return {
    subject: `[pg-tls-auditor] ${headlineText}`,
    message: JSON.stringify({
      default: `${headlineText}. ${told}`,
      sms: toGsm(`pg-tls-auditor: ${headlineText}. Test message of ${displayTime(at)}`),
      https: JSON.stringify(renderTestCard(targets, at)),
      email: `${email.map((lines) => lines.join('\n')).join('\n\n')}\n`,
      sqs: json,
      lambda: json,
    }),
    attributes: {
      severity: stringArray(SEVERITIES),
      ...targetAttributes(targets),
      reasons: stringArray(['test']),
    },
  };
}

/**
 * - `severity`: of the worst finding
 * - `targets`: names of the targets with findings, worst first. Past 32 KiB the rest is the one name `*`, and
 *   `targetsOmitted` counts them: a filter policy that names a target should name `*` too, to miss nothing
 * - `checks`: ids of the checks with findings
 * - `reasons`: why the findings are told
 *
 * Filter policies see `String` and `String.Array`, case-sensitively; raw delivery to SQS drops a message with more than
 * ten attributes.
 *
 * @see https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
 */
function alertAttributes(digest: Digest): Record<string, MessageAttribute> {
  const reasons = new Set(digest.notices.map((notice) => notice.reason));
  return {
    severity: { DataType: 'String', StringValue: digest.severity },
    ...targetAttributes(digest.targets),
    checks: stringArray([...new Set(digest.notices.map(({ finding }) => finding.check))]),
    reasons: stringArray(REASONS.filter((reason) => reasons.has(reason))),
  };
}

function targetAttributes(targets: readonly string[]): Record<string, MessageAttribute> {
  let bytes = utf8Bytes(JSON.stringify([OTHER_TARGETS]));
  const fitting: string[] = [];
  for (const name of targets) {
    bytes += utf8Bytes(JSON.stringify(name)) + 1;
    if (bytes > TARGETS_BYTES) break;
    fitting.push(name);
  }
  const omitted = targets.length - fitting.length;
  if (omitted === 0) return { targets: stringArray(fitting.length > 0 ? fitting : [OTHER_TARGETS]) };
  return {
    targets: stringArray([...fitting, OTHER_TARGETS]),
    targetsOmitted: { DataType: 'Number', StringValue: String(omitted) },
  };
}

function stringArray(values: readonly string[]): MessageAttribute {
  return { DataType: 'String.Array', StringValue: JSON.stringify(values) };
}

/** The email with as many findings as fit into `bytes` of the message; found by halving, not by trying each. */
function fittingEmail(digest: Digest, bytes: number): string {
  const render = emailRenderer(digest);
  const whole = digest.notices.length <= bytes / LEAST_BYTES ? render(digest.notices.length) : undefined;
  if (whole !== undefined && nestedBytes(whole) <= bytes) return whole;
  let most = 0;
  let tooMany = Math.min(digest.notices.length, Math.ceil(bytes / LEAST_BYTES));
  let best = render(0);
  while (tooMany - most > 1) {
    const findings = Math.floor((most + tooMany) / 2);
    const text = render(findings);
    if (nestedBytes(text) <= bytes) {
      most = findings;
      best = text;
    } else {
      tooMany = findings;
    }
  }
  return best;
}

/** Less than any finding takes in an email. */
const LEAST_BYTES = 20;

/** What `text` takes as a string within JSON, without its quotation marks. */
function nestedBytes(text: string): number {
  return utf8Bytes(JSON.stringify(text)) - 2;
}

function attributeBytes(attributes: RenderedAlert['attributes']): number {
  return Object.entries(attributes).reduce(
    (sum, [name, { DataType, StringValue }]) => sum + utf8Bytes(name) + utf8Bytes(DataType) + utf8Bytes(StringValue),
    0,
  );
}

function utf8Bytes(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}
