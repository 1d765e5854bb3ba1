// The connections that the server itself opens to others.

import type { Scenario } from './scenario.ts';

/** A foreign server with those options. The wrapper only has to have the name. */
function foreignServer(options: string): NonNullable<Scenario['sql']> {
  return {
    before: [
      'CREATE FOREIGN DATA WRAPPER postgres_fdw',
      `CREATE SERVER warehouse FOREIGN DATA WRAPPER postgres_fdw OPTIONS (${options})`,
    ],
    after: ['DROP FOREIGN DATA WRAPPER postgres_fdw CASCADE'],
  };
}

/** An enabled subscription that never connects: the lab's server runs no workers. */
function subscription(conninfo: string): NonNullable<Scenario['sql']> {
  return {
    before: [
      `CREATE SUBSCRIPTION feed CONNECTION '${conninfo}' PUBLICATION p WITH (connect = false, slot_name = 'feed')`,
      'ALTER SUBSCRIPTION feed ENABLE',
    ],
    after: [
      'ALTER SUBSCRIPTION feed DISABLE',
      'ALTER SUBSCRIPTION feed SET (slot_name = NONE)',
      'DROP SUBSCRIPTION feed',
    ],
  };
}

const EVALUATES = { evaluates: ['insecure-outbound-link'] } as const;
const INSECURE = { check: 'insecure-outbound-link', severity: 'high' } as const;

export const OUTBOUND_SCENARIOS: readonly Scenario[] = [
  {
    name: 'foreign server: sslmode=disable',
    ...EVALUATES,
    sql: foreignServer(`host 'dwh.example.com', sslmode 'disable'`),
    finds: [{ ...INSECURE, database: 'orders' }],
    verdict: 'findings',
  },
  {
    name: 'foreign server: no sslmode',
    ...EVALUATES,
    sql: foreignServer(`host 'dwh.example.com'`),
    finds: [INSECURE],
    verdict: 'findings',
  },
  {
    name: 'foreign server: sslmode=verify-full',
    ...EVALUATES,
    sql: foreignServer(`host 'dwh.example.com', sslmode 'verify-full'`),
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'foreign server: on this machine',
    ...EVALUATES,
    sql: foreignServer(`host 'localhost'`),
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'subscription: sslmode=prefer, seen by a superuser',
    ...EVALUATES,
    login: 'boss',
    sql: subscription('host=primary.example.com dbname=x user=u password=hunter2 sslmode=prefer'),
    finds: [INSECURE],
    verdict: 'findings',
  },
  {
    name: 'subscription: sslmode=verify-full, seen by a superuser',
    ...EVALUATES,
    login: 'boss',
    sql: subscription('host=primary.example.com dbname=x user=u password=hunter2 sslmode=verify-full'),
    finds: [],
    verdict: 'clean',
  },
  {
    name: 'subscription: that the login may not read',
    ...EVALUATES,
    sql: subscription('host=primary.example.com dbname=x sslmode=disable'),
    finds: [],
    unknown: ['insecure-outbound-link'],
    verdict: 'unknown',
  },
];
