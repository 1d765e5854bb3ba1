// Defines the schema of the facts of a connection log, for runs that are read from JSON.

import * as z from 'zod';
import { isoMoment, listOf } from './bounded-schema.ts';
import { type ConnectionLogFacts, LOG_GAP_CAUSES } from './connection-log.ts';
import { TRANSPORTS } from './transport.ts';

const text = z.string();
const count = z.int().min(0);
/** Milliseconds since 1970, as far as a Date goes. */
export const momentSchema = z.number().min(0).max(8_640_000_000_000_000);
const time = momentSchema;
/** Pairs of an hour since 1970 and a count. */
const hours = listOf(z.tuple([count, z.int()]), { most: 30 }).optional();
const encryption = z.enum(['plaintext', 'tls', 'gss']);

/** Also of what is remembered from run to run. */
export const clientLoginsSchema = z.strictObject({
  role: text.optional(),
  database: text.optional(),
  application: text.optional(),
  replication: z.boolean(),
  transport: z.enum(TRANSPORTS),
  forged: z.boolean(),
  tls: z.strictObject({ version: text, cipher: text, bits: count.optional() }).optional(),
  network: text.optional(),
  hostKnown: z.boolean(),
  addresses: listOf(text),
  moreAddresses: z.boolean(),
  logins: count,
  first: time.optional(),
  last: time.optional(),
  others: z.boolean(),
  hours,
});

export const failedLoginsSchema = z.strictObject({
  kind: z.enum(['handshake-failed', 'refused', 'client-certificate-failed', 'others']),
  reason: text,
  encryption: encryption.optional(),
  role: text.optional(),
  database: text.optional(),
  network: text.optional(),
  certificate: z.strictObject({ why: text, subject: text.optional(), issuer: text.optional() }).optional(),
  count,
  retriedOverTls: count,
  first: time.optional(),
  last: time.optional(),
  hours,
});

export const tlsFallbackSchema = z.strictObject({
  role: text.optional(),
  database: text.optional(),
  application: text.optional(),
  network: text.optional(),
  addresses: listOf(text),
  transport: z.enum(['plaintext', 'loopback']),
  reason: text,
  count,
  first: time.optional(),
  last: time.optional(),
  hours,
});

export const connectionLogSchema = z.strictObject({
  source: z.enum(['server-files', 'cloudwatch-logs']),
  window: z.strictObject({ from: isoMoment, to: isoMoment }),
  continuousSince: isoMoment.optional(),
  clients: listOf(clientLoginsSchema),
  failures: listOf(failedLoginsSchema),
  fallbacks: listOf(tlsFallbackSchema),
  gaps: listOf(z.strictObject({ cause: z.enum(LOG_GAP_CAUSES), reason: text.min(1), remedy: text.optional() })),
}) as unknown as z.ZodType<ConnectionLogFacts>;
