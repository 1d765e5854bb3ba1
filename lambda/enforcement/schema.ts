// The document of the command `plan`, as --format json prints it. The published JSON Schema is generated from here.

import * as z from 'zod';

const timestamp = z.iso.datetime().describe('ISO 8601, UTC.');
const count = z.int().min(0);

const READINESS = ['ready', 'waiting', 'blocked', 'unknown', 'enforced'] as const;

const client = z
  .object({
    role: z.string().nullable(),
    database: z.string().nullable().describe('Null for physical replication, and where it is not known.'),
    application: z.string().nullable().describe('Digits are # where several were folded into one.'),
    replication: z.boolean(),
    networks: z.array(z.string()).describe('Addresses, or networks where there are many.'),
    logins: count.describe('Unencrypted logins over the network in the window, as the connection log shows them.'),
    lastSeen: timestamp,
    lastPlaintext: timestamp.nullable().describe('Null where it was not seen unencrypted in the window.'),
    breaks: z.boolean().describe('Whether it stops working once plaintext is refused. It then blocks.'),
    moved: z.boolean().describe('Whether it came unencrypted in the window, and has come over TLS alone since.'),
    driver: z.string().optional().describe('The probable driver: a guess from its name and behaviour.'),
    fix: z.string().describe('What to write so that it uses TLS and verifies the server.'),
  })
  .describe('One client: what logs in with one role, to one database, by one application.');

/** Where commands are run. */
const RUN_IN = ['psql', 'server shell', 'shell', 'pgbouncer.ini', 'pgbouncer console'] as const;

const step = z.object({
  title: z.string(),
  runIn: z
    .enum(RUN_IN)
    .describe(
      'psql: as a superuser, or as the administrator that a service gives. server shell: on the machine of the server. shell: anywhere with the tool.',
    ),
  commands: z.array(z.string()).describe('To be run one after the other, by people: the plan runs none.'),
  rollback: z.array(z.string()),
  needsReboot: z.boolean().optional().describe('Absent where it is not known before the commands say it.'),
});

const target = z.object({
  name: z.string(),
  readiness: z.enum(READINESS),
  reasons: z.array(z.string()),
  platform: z.string(),
  window: z
    .object({ from: timestamp, to: timestamp, days: count, daysNotCovered: count })
    .nullable()
    .describe('What the readiness is about. Null where nothing is known.'),
  progress: z
    .object({ moved: count, of: count, since: timestamp })
    .describe('How many of the clients that came unencrypted have moved to TLS, since the first of them was seen.'),
  clients: z.array(client).describe('Those that break first.'),
  refused: z
    .array(
      z.object({
        role: z.string().nullable(),
        database: z.string().nullable(),
        networks: z.array(z.string()),
        lastSeen: timestamp,
        count,
      }),
    )
    .describe('Plaintext logins that the server refused, and no login over TLS followed. Names are as given.'),
  steps: z.array(step),
});

export const planSchema = z.object({
  schemaVersion: z.literal(1),
  state: z.string().describe('Where the runs keep it.'),
  days: count,
  at: timestamp,
  targets: z.array(target),
});

export type PlanDocument = z.output<typeof planSchema>;
export type TargetPlan = PlanDocument['targets'][number];
export type PlannedClient = TargetPlan['clients'][number];
export type PlanStep = TargetPlan['steps'][number];

/** The JSON Schema of the document. */
export function planJsonSchema(): object {
  return { ...z.toJSONSchema(planSchema, { target: 'draft-2020-12' }), title: 'pg-tls-auditor plan' };
}
