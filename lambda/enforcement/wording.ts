// Words of the plan that every format shows alike.

import type { PlannedClient, PlanStep, TargetPlan } from './schema.ts';

/** Where the commands of a step are run; stands after "in". */
export const PLACES: Readonly<Record<PlanStep['runIn'], string>> = {
  psql: 'psql, as a superuser or the administrator that the service gives',
  'server shell': 'a shell on the server, as root or the user of PostgreSQL',
  shell: 'a shell',
  'pgbouncer.ini': 'pgbouncer.ini',
  'pgbouncer console': 'the admin console of PgBouncer',
};

/** How the titles of steps begin that may be run before the plan says ready. */
export const STAGE_1 = 'Stage 1, now: ';
/** How those begin that come behind these. Their line numbers are of the file without stage 1. */
export const LAST_STAGE = 'Stage 2, not yet, and after stage 1 by a new audit and plan: ';

/** What stands over the steps. */
export function stepsHeading({ readiness, steps }: Pick<TargetPlan, 'readiness' | 'steps'>): string {
  const isStaged = steps.some(({ title }) => title.startsWith(STAGE_1));
  return isStaged
    ? `Stage 1 for the roles that are done, which may be run now. ${STEPS_HEADINGS[readiness]}`
    : STEPS_HEADINGS[readiness];
}

const STEPS_HEADINGS: Readonly<Record<TargetPlan['readiness'], string>> = {
  ready: 'Steps, one after the other',
  waiting: 'NOT YET. Steps for the day on which the plan says ready',
  blocked: 'NOT YET: the clients above would break. Steps for the day on which the plan says ready',
  unknown: 'NOT YET: it is not known which clients would break. Steps for the day on which the plan says ready',
  enforced: 'Plaintext is refused already. What is left',
};

/** `7 of 9 clients moved to TLS since 3 November 2026`; undefined where none came unencrypted. */
export function describeProgress({ moved, of, since }: TargetPlan['progress']): string | undefined {
  if (of === 0) return undefined;
  return `${moved} of ${of} ${of === 1 ? 'client' : 'clients'} moved to TLS since ${dateOf(since)}`;
}

/** How a client came unencrypted. */
export function describeUse({ logins, lastPlaintext, moved }: PlannedClient): string {
  if (lastPlaintext === null) return 'not seen unencrypted';
  const what = logins === 0 ? 'open sessions' : `${logins} ${logins === 1 ? 'login' : 'logins'}`;
  return `${what} in plaintext, the last on ${timeOf(lastPlaintext)}${moved ? ', moved to TLS since' : ''}`;
}

const DATE = new Intl.DateTimeFormat('en-GB', { dateStyle: 'long', timeZone: 'UTC' });

function dateOf(moment: string): string {
  return DATE.format(new Date(moment));
}

/** `2026-11-03 06:00 UTC` */
export function timeOf(moment: string): string {
  return `${moment.slice(0, 10)} ${moment.slice(11, 16)} UTC`;
}
