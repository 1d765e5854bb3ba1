// The document of the command `logs`, as --format json prints it. The published JSON Schema is generated from here.

import * as z from 'zod';
import { TRANSPORTS } from '../model/transport.ts';
import { reportSchema } from './schema.ts';

const timestamp = z.iso.datetime().describe('ISO 8601, UTC.');
const moment = timestamp.nullable().describe('ISO 8601, UTC; null where the log shows no times.');
const count = z.int().min(0);
const network = z
  .string()
  .nullable()
  .describe(
    'The client network (/24 or /64), or a name where the server logs names; null where there is none or it is not known.',
  );

const client = z
  .object({
    role: z.string().nullable(),
    database: z.string().nullable().describe('Null for replication.'),
    application: z
      .string()
      .nullable()
      .describe('Digits are # where several were folded into one; empty where the client gave none.'),
    network,
    addresses: z.array(z.string()).describe('Addresses in that network, at most eight.'),
    moreAddresses: z.boolean().describe('Whether there are further addresses.'),
    transport: z.enum(TRANSPORTS).describe('plaintext also where nothing shows more: see hostKnown and forged.'),
    hostKnown: z
      .boolean()
      .describe('Whether the log shows where the client is. Where not, a plaintext login may have been a local one.'),
    forged: z
      .boolean()
      .describe('The application name forges the text of an encrypted login: how it travelled is not known.'),
    tlsVersion: z.string().nullable(),
    cipher: z.string().nullable(),
    replication: z.boolean(),
    logins: count,
    firstSeen: moment,
    lastSeen: moment,
    others: z.boolean().describe('Clients beyond the bound of 10,000, added together.'),
  })
  .describe('Logins of one role, database, application and network by one transport.');

const failure = z
  .object({
    kind: z.enum(['handshake-failed', 'refused', 'client-certificate-failed', 'others']),
    reason: z.string(),
    encryption: z.enum(['plaintext', 'tls', 'gss']).nullable().describe('Of what was refused.'),
    role: z.string().nullable().describe('As the client gave it; nothing has verified it.'),
    database: z.string().nullable().describe('As the client gave it; nothing has verified it.'),
    network,
    count,
    firstSeen: moment,
    lastSeen: moment,
  })
  .describe('Logins that failed or were refused. Names are what an unverified client gave.');

export const logsSchema = z.object({
  schemaVersion: z.literal(1),
  format: z.enum(['stderr', 'csvlog', 'jsonlog', 'cloudwatch', 'pgbouncer']).nullable(),
  prefix: z.string().nullable().describe('The log_line_prefix by which lines were read, given or guessed.'),
  window: z.object({ from: moment, to: moment }).describe('First and last event about a connection.'),
  lines: z.object({
    read: count,
    recognised: count.describe('Entries about connections that were understood.'),
    unreadable: count.describe('Lines that name a connection and could not be read.'),
    translated: count.describe('Lines about connections in another language than English.'),
  }),
  logins: count,
  complete: z
    .boolean()
    .describe(
      'Whether all that was given was read and understood. Never a proof that all is well: logs can be forged.',
    ),
  gaps: z.array(z.string()).describe('What could not be read or is not known. Empty where complete.'),
  clients: z.array(client).describe('Insecure transports first, then by logins.'),
  failures: z.array(failure),
  findings: reportSchema.shape.findings,
});

export type LogsDocument = z.output<typeof logsSchema>;

/** The JSON Schema of the document. */
export function logsJsonSchema(): object {
  return { ...z.toJSONSchema(logsSchema, { target: 'draft-2020-12' }), title: 'pg-tls-auditor logs' };
}
