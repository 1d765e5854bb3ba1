// Defines the schema of a target as JSON, for the plans of runs.

import * as z from 'zod';
import type { LogSource } from '../model/connection-log.ts';
import {
  AUTHENTICATION_METHODS,
  type CaSource,
  type ClientCertificateSource,
  type CredentialSource,
  type CrlSource,
  TARGET_KINDS,
  type Target,
} from '../model/target.ts';

const text = z.string();
const milliseconds = z.int().min(0);
const assumedRole = z.strictObject({ roleArn: text, externalId: text.optional() });
const secret = z.strictObject({ secret: text });
const secretWithKey = z.strictObject({ secret: text, key: text.optional() });

// What a deployed function can't reach, such as a file, is no source here.
const ca: z.ZodType<CaSource> = z.union([z.literal('system'), secretWithKey]);
const crl: z.ZodType<CrlSource> = secretWithKey;
const clientCertificate: z.ZodType<ClientCertificateSource> = secret;
const credentials: z.ZodType<CredentialSource> = z.union([
  z.strictObject({ secret: text, place: z.strictObject({ region: text, assumedRole }).optional() }),
  z.strictObject({
    iam: z.strictObject({
      role: text,
      region: text.optional(),
      assumedRole: assumedRole.optional(),
    }),
  }),
]);
const logs: z.ZodType<LogSource> = z.union([
  z.enum(['none', 'server']),
  z.strictObject({ logGroup: text, logStreamPrefix: text.optional(), assumedRole: assumedRole.optional() }),
]);

export const targetSchema: z.ZodType<Target> = z.strictObject({
  name: text.min(1),
  kind: z.enum(TARGET_KINDS),
  credentials,
  ca: z.array(ca).min(1),
  crl: z.array(crl).optional(),
  host: text.optional(),
  port: z.int().min(1).max(65_535).optional(),
  database: text.optional(),
  tlsServerName: text.optional(),
  sslNegotiation: z.enum(['postgres', 'direct']),
  clientCertificate: clientCertificate.optional(),
  authentication: z.array(z.enum(AUTHENTICATION_METHODS)).min(1),
  minScramIterations: z.int().min(0),
  timeoutMs: milliseconds,
  probe: z.boolean(),
  logs,
  sampleMs: milliseconds,
  network: text.optional(),
  labels: z.record(text, text),
});

export const namedTargetSchema = z.strictObject({ name: text.min(1), labels: z.record(text, text) });
