// Renders one SNS message: a body for each protocol, and attributes for filter policies, within SNS's limits.

import type { Digest } from '../digest.ts';
import { largestThatFits } from '../fit.ts';
import { fitReport } from '../fit-report.ts';
import { headline } from '../headline.ts';
import type { Report } from '../schema.ts';
import { displayTime, PLAIN, plural } from '../text.ts';
import { toAscii } from './ascii.ts';
import { renderChatCard, renderTargetCards, renderTestCard } from './chat-card.ts';
import { emailRenderer } from './email.ts';
import { renderSms, toGsm } from './sms.ts';
import { alertAttributes, attributeBytes, type MessageAttribute, testAttributes, utf8Bytes } from './sns-attributes.ts';
import { wrap } from './wrap.ts';

/** What `sns:Publish` takes, with `MessageStructure: 'json'`. */
export interface RenderedAlert {
  /** Printable ASCII on one line, under 100 characters. */
  readonly subject: string;
  /**
   * JSON: a body for each of `default`, `email`, `sms`, `https`, `sqs` and `lambda`; of `default` and `https` only
   * where it is for a chat topic.
   */
  readonly message: string;
  /** For subscription filter policies; see `alertAttributes`. */
  readonly attributes: Readonly<Record<string, MessageAttribute>>;
  /** Names of all targets with something to report; none where the message is about mutes only. */
  readonly targets: readonly string[];
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

/**
 * The message of a digest, for every subscription of its receiver. When it would exceed SNS's limit, whole
 * findings are left out from the bottom, and whole targets beginning with the healthiest, and counted: in words in the
 * email and the card, as `omittedFindings`, `omittedTargets` and so on in the JSON for `sqs` and `lambda`.
 *
 * @param report - The report that the digest was built from, scoped to the same receiver.
 * @param service - Names the auditor: two of them in one chat channel keep to threads of their own.
 */
export function renderAlert(digest: Digest, report: Report, service: string): RenderedAlert {
  const subject = subjectOf(digest);
  const attributes = alertAttributes(digest);
  const small = {
    default: `${subject}\nRun of ${displayTime(digest.startedAt)}. Email subscriptions receive the text, sqs and lambda subscriptions the report as JSON.`,
    sms: renderSms(digest),
    https: JSON.stringify(renderChatCard(digest, service)),
  };
  const room =
    MESSAGE_BYTES -
    utf8Bytes(subject) -
    attributeBytes(attributes) -
    utf8Bytes(JSON.stringify({ ...small, email: '', sqs: '', lambda: '' }));
  const email = fittingEmail(digest, Math.min(EMAIL_BYTES, room / 3));
  const json = JSON.stringify(fitReport(report, (room - nestedBytes(email)) / 2, nestedBytes));
  return {
    subject,
    message: JSON.stringify({ ...small, email, sqs: json, lambda: json }),
    attributes,
    targets: digest.targets,
  };
}

/**
 * The messages of a digest for a chat topic, one for each target, worst first; see `renderTargetCards`.
 *
 * @param service - See `renderAlert`.
 */
export function renderChatMessages(digest: Digest, service: string): RenderedAlert[] {
  return renderTargetCards(digest, service).map(({ digest: shown, card }) => {
    const subject = subjectOf(shown);
    return {
      subject,
      message: JSON.stringify({
        default: `${subject}\nRun of ${displayTime(shown.startedAt)}. https subscriptions receive a card.`,
        https: JSON.stringify(card),
      }),
      attributes: alertAttributes(shown),
      targets: shown.targets,
    };
  });
}

/** The receiver of a test message. */
export interface TestReceiver {
  /** `all`, or the name of a route. */
  readonly route: string;
  /** The names of the targets in its scope. */
  readonly targets: readonly string[];
  /** ISO 8601, UTC. */
  readonly at: string;
}

const TEST = 'TEST - nothing is wrong';
const TEST_SUBJECT = `[pg-tls-auditor] ${TEST}`;

/**
 * A message that proves that every subscription of a receiver works, and says so first. It matches every filter policy
 * on severity, on any of `targets`, and on `route`.
 */
export function renderTestAlert({ route, targets, at }: TestReceiver): RenderedAlert {
  const request = `This is a test message of pg-tls-auditor, requested at ${displayTime(at)} (${at}).`;
  const email = [
    [TEST],
    wrap(`${request} It works: alerts about ${plural(targets.length, 'database')} reach this address.`, 72),
    ['It says nothing about any database, and there is nothing to do.'],
  ];
  const json = JSON.stringify({ schemaVersion: 1, test: true, message: TEST, at });
  return {
    subject: TEST_SUBJECT,
    message: JSON.stringify({
      default: `${TEST}. ${request}`,
      sms: toGsm(`pg-tls-auditor: ${TEST}. Test message of ${displayTime(at)}`),
      https: JSON.stringify(renderTestCard(targets, at)),
      email: `${email.map((lines) => lines.join('\n')).join('\n\n')}\n`,
      sqs: json,
      lambda: json,
    }),
    attributes: testAttributes(route, targets),
    targets,
  };
}

/** The same for a chat topic. */
export function renderTestChatMessage({ route, targets, at }: TestReceiver): RenderedAlert {
  return {
    subject: TEST_SUBJECT,
    message: JSON.stringify({
      default: `${TEST}. Test message of ${displayTime(at)}`,
      https: JSON.stringify(renderTestCard(targets, at)),
    }),
    attributes: testAttributes(route, targets),
    targets,
  };
}

function subjectOf(digest: Digest): string {
  const start = '[pg-tls-auditor] ';
  return start + headline(digest, SUBJECT_LENGTH - start.length, (name) => toAscii(PLAIN.target(name)));
}

/** The email with as many findings as fit into `bytes` of the message. */
function fittingEmail(digest: Digest, bytes: number): string {
  const { render, most } = emailRenderer(digest);
  // The email of a hundred thousand findings is not rendered to learn that it does not fit.
  return largestThatFits(most(bytes), render, (email) => nestedBytes(email) <= bytes);
}

/** What `text` takes as a string within JSON, without its quotation marks. */
function nestedBytes(text: string): number {
  return utf8Bytes(JSON.stringify(text)) - 2;
}
