// Defines the schema of what a cloud provider's API says, as a part of a snapshot in JSON.

import * as z from 'zod';
import { CLOUD_PARAMETER_NAMES, CLOUD_PLATFORMS, type CloudFacts } from './cloud.ts';

const text = z.string();
const flag = z.boolean();
const moment = z.iso.datetime();

function observed<T extends z.ZodType>(value: T) {
  return z.discriminatedUnion('known', [
    z.strictObject({ known: z.literal(true), value }),
    z.strictObject({ known: z.literal(false), reason: text.min(1) }),
  ]);
}

export const cloudFactsSchema: z.ZodType<CloudFacts> = z.discriminatedUnion('is', [
  z.strictObject({
    is: z.literal('database'),
    platform: z.enum(CLOUD_PLATFORMS),
    publiclyAccessible: flag,
    internetGateway: flag,
    parameterGroup: z.strictObject({ name: text, ofCluster: flag, status: text }).optional(),
    parameters: observed(
      z.partialRecord(
        z.enum(CLOUD_PARAMETER_NAMES),
        z.strictObject({ value: text, source: text, applyType: z.enum(['static', 'dynamic']).optional() }),
      ),
    ),
    certificateValidTill: observed(moment),
    authority: observed(z.strictObject({ id: text, validTill: moment })),
    logExports: z.array(text),
  }),
  z.strictObject({
    is: z.literal('place'),
    failures: z.array(text.min(1)),
    uncovered: observed(z.array(z.strictObject({ name: text.min(1), why: text }))),
    proxies: observed(z.array(z.strictObject({ name: text.min(1), requireTls: flag }))),
  }),
]);
