// Renders message attributes, by which subscriptions to the alert topic can filter.

import { REASONS } from '../../model/lifecycle.ts';
import { SEVERITIES } from '../../model/severity.ts';
import { type Digest, labelsOf } from '../digest.ts';
import { largestThatFits } from '../fit.ts';

export interface MessageAttribute {
  /** The value of a `String.Array` is JSON. */
  readonly DataType: 'String' | 'String.Array' | 'Number';
  readonly StringValue: string;
}

type Attributes = Readonly<Record<string, MessageAttribute>>;

/** Room for the names in the `targets` attribute, about 1,500 of them, and the same for labels. */
const LIST_BYTES = 32 * 1_024;

/** Stands in a list for what did not fit. */
const OTHERS = '*';

/**
 * - `route`: `all` for the default receiver; else the name of the route
 * - `severity`: of the worst finding; where all are resolved, the worst severity with which one of them was sent, so
 * that
 *   a subscription to `critical` gets the resolution of what it got, and of nothing else
 * - `targets`: names of the targets with something to report, worst first. Past 32 KiB the rest is the one name `*`,
 * and
 *   `targetsOmitted` counts them: a filter policy that names a target should name `*` too, to miss nothing
 * - `labels`: the labels of these targets, as `key=value`; bounded likewise, with `labelsOmitted`. Absent without
 * labels
 * - `checks`: ids of the checks with something to report. Absent where the message is about mutes only
 * - `reasons`: why it is sent: `new`, `escalated`, `mute-expired`, `reminder`, `resolved`; `observed` without state;
 *   `mute-unused` where mutes match nothing
 *
 * Filter policies see `String` and `String.Array`, case-sensitively; raw delivery to SQS drops a message with more than
 * ten attributes.
 *
 * @see https://docs.aws.amazon.com/sns/latest/dg/subscription-filter-policy-constraints.html
 */
export function alertAttributes(digest: Digest): Attributes {
  const { receiver, severity, active, resolved, unusedMutes, targets } = digest;
  const given = new Set<string>([...active.map(({ reason }) => reason), ...resolved.map(() => 'resolved')]);
  const checks = new Set([...active.map(({ finding }) => finding.check), ...resolved.map(({ check }) => check)]);
  const labels = labelsOf(digest);
  return {
    route: { DataType: 'String', StringValue: attributeText(receiver.route) },
    severity: { DataType: 'String', StringValue: severity },
    ...targetAttributes(targets),
    ...(labels.length === 0 ? {} : boundedList('labels', labels)),
    ...(checks.size === 0 ? {} : { checks: stringArray([...checks]) }),
    reasons: stringArray([
      ...REASONS.filter((reason) => given.has(reason)),
      ...(unusedMutes.length > 0 ? ['mute-unused'] : []),
    ]),
  };
}

/** Of a test message: every severity, so that it passes whatever is filtered by. */
export function testAttributes(route: string, targets: readonly string[]): Attributes {
  return {
    route: { DataType: 'String', StringValue: attributeText(route) },
    severity: stringArray(SEVERITIES),
    ...targetAttributes(targets),
    reasons: stringArray(['test']),
  };
}

function targetAttributes(targets: readonly string[]): Attributes {
  return boundedList('targets', targets.length > 0 ? targets : [OTHERS]);
}

function boundedList(name: string, values: readonly string[]): Attributes {
  return largestThatFits(
    values.length,
    (items): Attributes => {
      const omitted = values.length - items;
      if (omitted === 0) return { [name]: stringArray(values) };
      return {
        [name]: stringArray([...values.slice(0, items), OTHERS]),
        [`${name}Omitted`]: { DataType: 'Number', StringValue: String(omitted) },
      };
    },
    ({ [name]: list }) => utf8Bytes(list?.StringValue ?? '') <= LIST_BYTES,
  );
}

function stringArray(values: readonly string[]): MessageAttribute {
  return { DataType: 'String.Array', StringValue: JSON.stringify(values.map(attributeText)) };
}

/**
 * What SNS refuses a whole message for, also within JSON (control characters, surrogates, what is no character), and
 * what would show a value as another one. Everything else stays as it is: filter policies compare it.
 */
const NOT_IN_ATTRIBUTES = /[\p{Cc}\p{Cs}\p{Cn}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

function attributeText(value: string): string {
  return value.replaceAll(NOT_IN_ATTRIBUTES, (found) => `\\u{${found.codePointAt(0)?.toString(16)}}`);
}

/** As SNS counts them: names and types are part of the message. */
export function attributeBytes(attributes: Attributes): number {
  return Object.entries(attributes).reduce(
    (sum, [name, { DataType, StringValue }]) => sum + utf8Bytes(name) + utf8Bytes(DataType) + utf8Bytes(StringValue),
    0,
  );
}

export function utf8Bytes(text: string): number {
  return Buffer.byteLength(text, 'utf8');
}
