// Defines the schema of what a cloud provider's API says, as a part of a snapshot in JSON.

import * as z from 'zod';
import { listOf, isoMoment as moment, partialRecordOf, recordOf } from './bounded-schema.ts';
import {
  CLOUD_PARAMETER_NAMES,
  CLOUD_PLATFORMS,
  type CloudDatabase,
  type CloudFacts,
  type CloudListing,
  type CloudPlace,
  type ConfigurationFacts,
} from './cloud.ts';
import type { Observed } from './observed.ts';

const text = z.string();
const flag = z.boolean();

function observed<T extends z.ZodType>(value: T) {
  return z.discriminatedUnion('known', [
    z.strictObject({ known: z.literal(true), value }),
    z.strictObject({ known: z.literal(false), reason: text.min(1) }),
  ]);
}

const database = z.strictObject({
  is: z.literal('database'),
  platform: z.enum(CLOUD_PLATFORMS),
  publiclyAccessible: flag,
  internetGateway: flag,
  parameterGroup: z.strictObject({ name: text, ofCluster: flag, status: text }).optional(),
  parameters: observed(
    partialRecordOf(
      CLOUD_PARAMETER_NAMES,
      z.strictObject({ value: text, source: text, applyType: z.enum(['static', 'dynamic']).optional() }),
    ),
  ),
  certificateValidTill: observed(moment),
  authority: observed(z.strictObject({ id: text, validTill: moment })),
  logExports: listOf(text),
});

const place = z.strictObject({
  is: z.literal('place'),
  failures: listOf(text.min(1)),
  uncovered: observed(listOf(z.strictObject({ name: text.min(1), why: text }))),
  proxies: observed(listOf(z.strictObject({ name: text.min(1), requireTls: flag }))),
});

const configuration = z.strictObject({
  is: z.literal('configuration'),
  problem: text.min(1).optional(),
  lastReadAt: moment.optional(),
  added: z.strictObject({ count: z.int().min(0), names: listOf(text) }),
  notInEffect: listOf(text.min(1)),
});

export const cloudFactsSchema: z.ZodType<CloudFacts> = z.discriminatedUnion('is', [database, place, configuration]);

const databaseFacts: z.ZodType<Observed<CloudDatabase>> = observed(database);
const placeFacts: z.ZodType<CloudPlace> = place;
const configurationFacts: z.ZodType<ConfigurationFacts> = configuration;

export const cloudListingSchema: z.ZodType<CloudListing> = z.strictObject({
  databases: listOf(
    z.strictObject({
      name: text.min(1),
      labels: recordOf(text),
      host: text.optional(),
      port: z.int().min(1).max(65_535).optional(),
      dormant: flag,
      facts: databaseFacts,
    }),
  ),
  places: listOf(z.strictObject({ name: text.min(1), facts: placeFacts })),
  configuration: z.strictObject({ name: text.min(1), facts: configurationFacts }).optional(),
});
