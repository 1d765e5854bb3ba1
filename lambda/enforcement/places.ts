// Names the places where the commands of a step are run.

import type { PlanStep } from './schema.ts';

/** As they stand after "in". */
export const PLACES: Readonly<Record<PlanStep['runIn'], string>> = {
  psql: 'psql, as a superuser or the administrator that the service gives',
  'server shell': 'a shell on the server, as root or the user of PostgreSQL',
  shell: 'a shell',
  'pgbouncer.ini': 'pgbouncer.ini',
  'pgbouncer console': 'the admin console of PgBouncer',
};
