// Parses the event of an invocation: the schedule's, or a request by hand. Refuses every other one.

import * as z from 'zod';
import { quoteName } from './model/given-text.ts';
import type { Target } from './model/target.ts';
import type { TargetList } from './targets/index.ts';

const scheduledEvent = z.object({
  source: z.enum(['aws.scheduler', 'aws.events']),
  'detail-type': z.literal('Scheduled Event'),
});

const request = z.strictObject({
  targets: z.array(z.string()).min(1).optional(),
  notify: z.boolean().optional(),
  testAlert: z.boolean().optional(),
});

/** The work that one run does. */
export interface RunRequest {
  readonly trigger: 'schedule' | 'hand';
  /** Names of the targets to audit; undefined: all targets. */
  readonly targets: readonly string[] | undefined;
  /** Whether receivers are notified. */
  readonly notify: boolean;
  /** Whether a test message is published to every receiver, before the audit. */
  readonly testAlert: boolean;
}

/** An event that the function does not understand. The message says which events it understands. */
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

/** The answer to an event that the function refuses. It says what to send instead. */
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

/** @throws EventError */
export function parseEvent(event: unknown): RunRequest {
  if (scheduledEvent.safeParse(event).success) {
    return { trigger: 'schedule', targets: undefined, notify: true, testAlert: false };
  }
  const parsed = request.safeParse(event);
  if (!parsed.success) {
    const problems = parsed.error.issues.map(describe).join('; ');
    throw new EventError(`The event is not one this function understands: ${problems}.`);
  }
  const { targets, notify = true, testAlert = false } = parsed.data;
  return { trigger: 'hand', targets, notify, testAlert };
}

/**
 * The targets that a request names, in the order of the list; all that were found where it names none.
 *
 * @throws EventError for a name that the list does not have
 */
export function requestedTargets(
  { targets: names }: Pick<RunRequest, 'targets'>,
  list: Pick<TargetList, 'found' | 'all'>,
): readonly Target[] {
  if (names === undefined) return list.found;
  const existing = list.found.map(({ name }) => name);
  const missing = names.filter((name) => !existing.includes(name));
  if (missing.length > 0) {
    throw new EventError(
      list.all.known
        ? `The configuration has no target named ${quoted(missing)}. It has ${quoted(existing)}.`
        : `It is not known whether there is a target named ${quoted(missing)}: ${list.all.reason}.`,
    );
  }
  const wanted = new Set(names);
  return list.found.filter(({ name }) => wanted.has(name));
}

const MUST_BE: Readonly<Record<keyof typeof request.shape, string>> = {
  targets: 'a list of one or more names of targets',
  notify: 'true or false',
  testAlert: 'true or false',
};

/** Names the keys and what their values must be. It quotes no value: an event may hold a secret. */
function describe(issue: z.core.$ZodIssue): string {
  if (issue.code === 'unrecognized_keys') {
    return `${quoted(issue.keys)} ${issue.keys.length === 1 ? 'is not a setting' : 'are not settings'}`;
  }
  const [setting] = issue.path;
  const known = Object.keys(MUST_BE).find((name) => name === setting) as keyof typeof MUST_BE | undefined;
  return known === undefined ? 'it must be a JSON object' : `"${known}" must be ${MUST_BE[known]}`;
}

/** At most ten names: an event may hold any number of names, and a fleet has thousands. */
function quoted(names: readonly string[]): string {
  const shown = names.slice(0, 10).map(quoteName);
  return names.length > 10 ? `${shown.join(', ')} and ${names.length - 10} more` : shown.join(', ');
}
