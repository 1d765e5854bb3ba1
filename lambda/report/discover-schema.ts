// The document of the command `discover`, as --format json prints it. The published JSON Schema is generated from here.

import * as z from 'zod';

const target = z.object({
  name: z.string().describe('As findings, routes and mutes name it: cluster/member for a member of a cluster.'),
  host: z.string().nullable().describe('Null where it is not known, or there is none yet.'),
  port: z.int().nullable(),
  region: z.string().nullable(),
  account: z.string().nullable(),
  taken: z.boolean().describe('Whether an audit covers it.'),
  reason: z.string().describe('Why it was taken or left out.'),
});

export const discoverSchema = z.object({
  schemaVersion: z.literal(1),
  complete: z.boolean().describe('Whether every account, region and file could be listed.'),
  problems: z.array(z.string()).describe('What could not be listed, with what to do. Empty where complete.'),
  warnings: z.array(z.string()).describe('What is not as the configuration means it.'),
  targets: z.array(target),
});

export type DiscoverDocument = z.output<typeof discoverSchema>;

/** The JSON Schema of the document. */
export function discoverJsonSchema(): object {
  return { ...z.toJSONSchema(discoverSchema, { target: 'draft-2020-12' }), title: 'pg-tls-auditor discover' };
}
