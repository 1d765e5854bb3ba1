// What the function may be invoked with: the schedule's event, or a request by hand. Anything else is refused.

import * as z from 'zod';
import { quoteName } from './model/given-text.ts';

const scheduledEvent = z.object({
  source: z.enum(['aws.scheduler', 'aws.events']),
  'detail-type': z.literal('Scheduled Event'),
});

const request = z.strictObject({
  targets: z.array(z.string()).min(1).optional(),
  notify: z.boolean().optional(),
  testAlert: z.boolean().optional(),
});

/** What a run is to do. */
export interface RunRequest {
  readonly trigger: 'schedule' | 'hand';
  /** Names of the targets to audit; undefined is all of them. */
  readonly targets: readonly string[] | undefined;
  /** Whether findings are published. */
  readonly notify: boolean;
  /** Whether a test message is published, before and beside everything else. */
  readonly testAlert: boolean;
}

/** An event that says nothing this function understands. The message says what it does. */
export class EventError extends Error {
  override readonly name = 'EventError';
  /** What is wrong with the event, in one sentence. */
  readonly problem: string;

  constructor(problem: string) {
    super(`${problem} Allowed: ${ALLOWED}.`);
    this.problem = problem;
  }
}

const ALLOWED =
  'EventBridge\'s scheduled event, or {"targets": ["<name>", …], "notify": true|false, "testAlert": true|false}, each optional, {} for everything';

/** What the function answers to an event that it refuses: whoever sent it reads what to send instead. */
export interface Refusal {
  readonly refused: true;
  readonly message: string;
  readonly problem: string;
  readonly allowed: string;
}

export function refusalOf({ problem }: EventError): Refusal {
  return {
    refused: true,
    message: 'The event was refused: nothing was audited, and nothing was sent.',
    problem,
    allowed: ALLOWED,
  };
}

/**
 * @param targetNames of the configuration
 * @throws EventError
 */
export function parseEvent(event: unknown, targetNames: readonly string[]): RunRequest {
  if (scheduledEvent.safeParse(event).success) {
    return { trigger: 'schedule', targets: undefined, notify: true, testAlert: false };
  }
  const parsed = request.safeParse(event);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(describe).join('; ');
    throw new EventError(`The event is not one this function understands: ${problems}.`);
  }
  const { targets, notify = true, testAlert = false } = parsed.data;
  const unknownNames = targets?.filter((name) => !targetNames.includes(name)) ?? [];
  if (unknownNames.length > 0) {
    throw new EventError(
      `The configuration has no target named ${quoted(unknownNames)}. It has ${quoted(targetNames)}.`,
    );
  }
  return { trigger: 'hand', targets, notify, testAlert };
}

const MUST_BE: Readonly<Record<keyof typeof request.shape, string>> = {
  targets: 'a list of one or more names of targets',
  notify: 'true or false',
  testAlert: 'true or false',
};

/** Names keys and what they must be, no values: an event may hold anything. */
function describe(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') {
    return `${quoted(issue.keys)} ${issue.keys.length === 1 ? 'is not a setting' : 'are not settings'}`;
  }
  const [setting] = issue.path;
  const known = Object.keys(MUST_BE).find((name) => name === setting) as keyof typeof MUST_BE | undefined;
  return known === undefined ? 'it must be a JSON object' : `"${known}" must be ${MUST_BE[known]}`;
}

/** At most ten: names by hand may be anything, and a fleet has thousands. */
function quoted(names: readonly string[]): string {
  const shown = names.slice(0, 10).map(quoteName);
  return names.length > 10 ? `${shown.join(', ')} and ${names.length - 10} more` : shown.join(', ');
}
