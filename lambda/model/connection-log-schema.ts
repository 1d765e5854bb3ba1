// Defines the schema of the facts of a connection log, for runs that are read from JSON.

import * as z from 'zod';
import { type ConnectionLogFacts, LOG_GAP_CAUSES } from './connection-log.ts';
import { TRANSPORTS } from './transport.ts';

const text = z.string();
const count = z.int().min(0);
/** Milliseconds since 1970. */
const time = z.number();
const encryption = z.enum(['plaintext', 'tls', 'gss']);

const client = z.strictObject({
  role: text.optional(),
  database: text.optional(),
  application: text.optional(),
  replication: z.boolean(),
  transport: z.enum(TRANSPORTS),
  forged: z.boolean(),
  tls: z.strictObject({ version: text, cipher: text, bits: count.optional() }).optional(),
  network: text.optional(),
  hostKnown: z.boolean(),
  addresses: z.array(text),
  moreAddresses: z.boolean(),
  logins: count,
  first: time.optional(),
  last: time.optional(),
  others: z.boolean(),
});

const failure = z.strictObject({
  kind: z.enum(['handshake-failed', 'refused', 'client-certificate-failed', 'others']),
  reason: text,
  encryption: encryption.optional(),
  role: text.optional(),
  database: text.optional(),
  network: text.optional(),
  count,
  first: time.optional(),
  last: time.optional(),
});

const fallback = z.strictObject({
  role: text.optional(),
  database: text.optional(),
  application: text.optional(),
  network: text.optional(),
  addresses: z.array(text),
  reason: text,
  count,
  first: time.optional(),
  last: time.optional(),
});

export const connectionLogSchema = z.strictObject({
  source: z.enum(['server-files', 'cloudwatch-logs']),
  window: z.strictObject({ from: z.iso.datetime(), to: z.iso.datetime() }),
  continuousSince: z.iso.datetime().optional(),
  clients: z.array(client),
  failures: z.array(failure),
  fallbacks: z.array(fallback),
  gaps: z.array(z.strictObject({ cause: z.enum(LOG_GAP_CAUSES), reason: text.min(1), remedy: text.optional() })),
}) as unknown as z.ZodType<ConnectionLogFacts>;
