// SARIF 2.1.0. The npm packages that carry its JSON Schema carry a whole tool with it (over 100 MB): this schema is
// written from the OASIS standard with errata 01 (https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/),
// strictly, for the objects that are used here. What the standard asks for beyond its own schema is checked too:
// indexes that point at what they name, properties that all results have or none.

import * as z from 'zod';

const string = z.string().min(1);
const message = z.strictObject({ text: string });
const level = z.enum(['none', 'note', 'warning', 'error']);
const time = z.iso.datetime();
const properties = z.record(string, z.json());

const logicalLocation = z.strictObject({
  name: string.optional(),
  fullyQualifiedName: string.optional(),
  decoratedName: string.optional(),
  kind: string.optional(),
});
const logicalLocations = z.array(logicalLocation).min(1);
const locations = z.array(z.strictObject({ logicalLocations }));
// GitHub: exactly what it refuses a file without, and a relative address that stays below the root.
const githubLocations = z
  .array(
    z.strictObject({
      physicalLocation: z.strictObject({
        artifactLocation: z.strictObject({
          uri: z.string().regex(/^targets\/(?!\.{1,2}$)([A-Za-z0-9._~!*'()-]|%[0-9A-F]{2})+$/),
        }),
        region: z.strictObject({ startLine: z.int().min(1) }),
      }),
      logicalLocations,
    }),
  )
  .min(1)
  .max(100);
const reference = z.strictObject({ id: string, index: z.int().min(0).optional() });

const rule = z.strictObject({
  id: string,
  shortDescription: z.strictObject({ text: string.max(1_024) }).optional(),
  fullDescription: z.strictObject({ text: string.max(1_024) }).optional(),
  help: z.strictObject({ text: string, markdown: string.optional() }).optional(),
  helpUri: z.url().optional(),
  defaultConfiguration: z.strictObject({ level }).optional(),
  properties: properties.optional(),
});

const result = z.strictObject({
  ruleId: string,
  ruleIndex: z.int().min(0).optional(),
  kind: z.literal('fail'),
  level,
  message,
  locations: githubLocations,
  // Versioned names, as the standard wants them, and the one that GitHub reads.
  partialFingerprints: z.strictObject({ 'pgTlsAuditor/v1': string, primaryLocationLineHash: string }),
  baselineState: z.enum(['new', 'unchanged', 'updated', 'absent']).optional(),
  suppressions: z
    .array(
      z.strictObject({
        kind: z.enum(['inSource', 'external']),
        status: z.enum(['accepted', 'underReview', 'rejected']).optional(),
        justification: string.optional(),
      }),
    )
    .optional(),
  properties: properties.optional(),
});

const notification = z.strictObject({
  descriptor: reference,
  associatedRule: reference.optional(),
  level,
  message,
  locations: locations.optional(),
});

const run = z
  .strictObject({
    tool: z.strictObject({
      driver: z.strictObject({ name: string, version: string, rules: z.array(rule), notifications: z.array(rule) }),
    }),
    automationDetails: z.strictObject({ id: string }),
    invocations: z.array(
      z.strictObject({
        executionSuccessful: z.boolean(),
        startTimeUtc: time,
        endTimeUtc: time,
        toolExecutionNotifications: z.array(notification),
      }),
    ),
    columnKind: z.enum(['utf16CodeUnits', 'unicodeCodePoints']),
    results: z.array(result),
  })
  .superRefine(({ tool: { driver }, results, invocations }, context) => {
    const wrong = (text: string): void => context.addIssue({ code: 'custom', message: text });
    const ids = driver.rules.map(({ id }) => id);
    if (new Set(ids).size < ids.length) wrong('two rules have one id');
    for (const { ruleId, ruleIndex } of results) {
      if (ruleIndex === undefined ? ids.includes(ruleId) : ids[ruleIndex] !== ruleId) wrong(`rule of ${ruleId}`);
    }
    for (const property of ['baselineState', 'suppressions'] as const) {
      const having = results.filter((one) => one[property] !== undefined).length;
      if (having !== 0 && having !== results.length) wrong(`${property} of some results only`);
    }
    for (const { descriptor, associatedRule } of invocations.flatMap((one) => one.toolExecutionNotifications)) {
      if (!driver.notifications.some(({ id }) => id === descriptor.id)) wrong(`notification ${descriptor.id}`);
      const index = associatedRule?.index;
      if (index !== undefined && ids[index] !== associatedRule?.id) wrong(`rule of ${associatedRule?.id}`);
    }
  });

export const sarifLogSchema = z.strictObject({
  $schema: z.url(),
  version: z.literal('2.1.0'),
  runs: z.array(run),
});
