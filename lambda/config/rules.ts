// Rules of the configuration that span settings, or depend on who uses it: what a JSON Schema for editors can't say.

import * as z from 'zod';
import { quoteName, showGiven, showName } from '../model/given-text.ts';
import type { ConfigProblem } from './wording.ts';

/**
 * The parts that rules across fields look at, read from a document that may be wrong elsewhere: whatever does not fit
 * is undefined here and named by the schema, so that one mistake does not hide another.
 */
const outline = z.object({
  policy: z
    .object({
      minTlsVersion: z.string().default('TLSv1.2').catch('TLSv1.2'),
      preferredTlsVersion: z.string().default('TLSv1.3').catch('TLSv1.3'),
      certificateExpiryDays: z
        .object({ medium: z.number().default(30), high: z.number().default(14), critical: z.number().default(7) })
        .optional()
        .catch(undefined),
    })
    .optional()
    .catch(undefined),
  defaults: z.object({ ca: z.unknown().optional(), crl: z.unknown().optional() }).optional().catch(undefined),
  deployment: z
    .object({
      vpc: z
        .object({ subnetIds: z.array(z.unknown()), availabilityZones: z.array(z.unknown()) })
        .optional()
        .catch(undefined),
    })
    .optional()
    .catch(undefined),
  targets: z
    .array(
      z
        .object({
          name: z.string().optional().catch(undefined),
          kind: z.string().optional().catch(undefined),
          database: z.string().optional().catch(undefined),
          secret: z.unknown().optional(),
          credentials: z.unknown().optional(),
          ca: z.unknown().optional(),
          crl: z.unknown().optional(),
          clientCertificate: z.unknown().optional(),
        })
        .optional()
        .catch(undefined),
    )
    .catch([]),
});

/** Rules that span fields, which a JSON Schema for editors can't say. */
export function* crossFieldProblems(document: unknown): Iterable<ConfigProblem> {
  const config = outline.safeParse(document).data;
  if (config === undefined) return;
  const { policy, deployment } = config;
  if (policy !== undefined && policy.preferredTlsVersion < policy.minTlsVersion) {
    yield {
      path: 'policy.preferredTlsVersion',
      message: `must not be below minTlsVersion (${showName(policy.minTlsVersion)}), got ${showGiven(policy.preferredTlsVersion)}`,
    };
  }
  const days = policy?.certificateExpiryDays;
  if (days !== undefined && !(days.medium >= days.high && days.high >= days.critical)) {
    yield {
      path: 'policy.certificateExpiryDays',
      message: `medium, high and critical must descend, got ${days.medium}, ${days.high}, ${days.critical}`,
    };
  }
  const vpc = deployment?.vpc;
  if (vpc !== undefined && vpc.availabilityZones.length !== vpc.subnetIds.length) {
    yield {
      path: 'deployment.vpc.availabilityZones',
      message: `must name one zone for each of the ${vpc.subnetIds.length} subnets, got ${vpc.availabilityZones.length}`,
    };
  }
  const firstUse = new Map<string, number>();
  for (const [index, target] of config.targets.entries()) {
    if (target === undefined) continue;
    const path = `targets[${index}]`;
    if (target.name !== undefined) {
      const first = firstUse.get(target.name);
      if (first === undefined) firstUse.set(target.name, index);
      else
        yield {
          path: `${path}.name`,
          message: `must be unique, but targets[${first}] is named ${quoteName(target.name)} too`,
        };
    }
    if (target.secret === undefined && target.credentials === undefined) {
      yield {
        path,
        message: 'names no credentials: give "secret" (or, on the command line, "credentials" with "env" or "file")',
      };
    }
    if (target.kind === 'pgbouncer' && target.database !== undefined && target.database !== 'pgbouncer') {
      yield {
        path: `${path}.database`,
        message: `must be "pgbouncer" or left out where kind is "pgbouncer", got ${showGiven(target.database)}`,
      };
    }
    if (target.secret !== undefined && target.credentials !== undefined) {
      yield { path, message: 'names both "secret" and "credentials": give one of them' };
    }
  }
}

/** What a deployed function cannot reach. */
export function* localSources(document: unknown): Iterable<ConfigProblem> {
  const config = outline.safeParse(document).data;
  const instead = 'works on the command line only; a deployed function needs {"secret": …}';
  const isLocal = (source: unknown): boolean =>
    Array.isArray(source)
      ? source.some(isLocal)
      : typeof source === 'object' && source !== null && ('file' in source || 'certificateFile' in source);
  if (isLocal(config?.defaults?.ca)) yield { path: 'defaults.ca', message: `a file ${instead} or "system"` };
  if (isLocal(config?.defaults?.crl)) yield { path: 'defaults.crl', message: `a file ${instead}` };
  for (const [index, target] of (config?.targets ?? []).entries()) {
    if (target === undefined) continue;
    const path = `targets[${index}]`;
    if (target.credentials !== undefined) {
      yield { path: `${path}.credentials`, message: `an environment variable or a file ${instead}` };
    }
    if (isLocal(target.ca)) yield { path: `${path}.ca`, message: `a file ${instead} or "system"` };
    if (isLocal(target.crl)) yield { path: `${path}.crl`, message: `a file ${instead}` };
    if (isLocal(target.clientCertificate)) yield { path: `${path}.clientCertificate`, message: `a file ${instead}` };
  }
}
