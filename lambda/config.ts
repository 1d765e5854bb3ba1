// The configuration file: its schema, its defaults, and parseConfig, which names every problem at once.

import * as z from 'zod';
import { CIPHER_PROFILES, LOOPBACK_POLICIES, type Policy } from './model/policy.ts';
import { SEVERITIES, type Severity } from './model/severity.ts';
import type { CaSource, ClientCertificateSource, CredentialSource, Target } from './model/target.ts';

const DEFAULT_PORT = 5432;

const secretName = z
  .string()
  .min(1)
  .max(2048)
  .regex(
    /^(arn:[\w-]+:secretsmanager:[\w-]+:\d{12}:secret:)?[\w/+=.@!-]+$/,
    'must be the name or ARN of a Secrets Manager secret (letters, digits and /_+=.@!-), never the secret itself',
  )
  .describe('Name or ARN of a Secrets Manager secret.');

const filePath = z.string().min(1).max(4096);

const caSource = z.union([
  z
    .literal('system')
    .describe("Node's bundled public roots and the operating system's store (Neon and other public CAs)."),
  z
    .strictObject({
      secret: secretName,
      key: z.string().min(1).optional().describe('Field of a JSON secret that holds the PEM text.'),
    })
    .describe(
      'A Secrets Manager secret holding one or many PEM certificates. At most 64 KiB: a regional RDS bundle fits, the global one does not.',
    ),
  z.strictObject({ file: filePath }).describe('A PEM file. Command line only.'),
]);

const ca = z
  .union([caSource, z.array(caSource).min(1).max(8)])
  .describe('The CAs that vouch for the server: one source, or several trusted together.');

const clientCertificate = z
  .union([
    z
      .strictObject({ secret: secretName })
      .describe(
        'A secret holding the PEM certificate chain and private key, as JSON (certificate, privateKey) or as one PEM text.',
      ),
    z.strictObject({ certificateFile: filePath, keyFile: filePath }).describe('PEM files. Command line only.'),
  ])
  .describe("The auditor's own certificate for mutual TLS.");

const host = z
  .string()
  .max(253)
  .regex(
    // A name, or an IPv6 address: with one colon it would be a name and a port.
    /^(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)$/,
    'must be a host name or an IP address, without a port',
  );

const timeoutSeconds = z
  .number()
  .int()
  .min(1)
  .max(600)
  .describe('Seconds one target may take in all: secrets, connection, retries and queries.');

const sslNegotiation = z
  .enum(['postgres', 'direct'])
  .describe('"direct" starts TLS without an SSLRequest; PostgreSQL 17 and newer.');

const targetSchema = z.strictObject({
  name: z
    .string()
    .regex(
      /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/,
      'must be 1 to 63 letters, digits, dots, dashes or underscores, starting with a letter or digit',
    )
    .describe('Unique name of the target, shown in alerts.'),
  secret: secretName
    .optional()
    .describe('The secret that holds the credentials: RDS JSON, {"url": …}, or a bare connection string.'),
  credentials: z
    .union([
      z.strictObject({
        env: z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable'),
      }),
      z.strictObject({ file: filePath }),
    ])
    .optional()
    .describe(
      'Instead of secret: an environment variable or a file holding a connection string or JSON. Command line only.',
    ),
  host: host.optional().describe('Wins over the host in the credentials.'),
  port: z
    .number()
    .int()
    .min(1)
    .max(65535)
    .optional()
    .describe(`Wins over the port in the credentials; ${DEFAULT_PORT} when neither names one.`),
  database: z.string().min(1).max(63).optional().describe('Wins over the database in the credentials.'),
  tlsServerName: host.optional().describe("The name the server's certificate must carry, when it is not host."),
  ca: ca.optional(),
  clientCertificate: clientCertificate.optional(),
  sslNegotiation: sslNegotiation.optional(),
  timeoutSeconds: timeoutSeconds.optional(),
  labels: z
    .record(
      z.string().regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, dashes or underscores'),
      z.string().max(256),
    )
    .optional()
    .describe('Free labels, e.g. the owning team.'),
});

const deploymentSchema = z.strictObject({
  vpc: z
    .strictObject({
      vpcId: z.string().regex(/^vpc-[0-9a-f]{8,17}$/, 'must look like vpc-0123456789abcdef0'),
      subnetIds: z.array(z.string().regex(/^subnet-[0-9a-f]{8,17}$/, 'must look like subnet-0123456789abcdef0')).min(1),
      availabilityZones: z.array(z.string().min(1)).min(1).describe('The zone of each subnet, in the same order.'),
      securityGroupIds: z
        .array(z.string().regex(/^sg-[0-9a-f]{8,17}$/, 'must look like sg-0123456789abcdef0'))
        .optional(),
    })
    .optional()
    .describe('Run inside a VPC. Isolated subnets need VPC endpoints for Secrets Manager and SNS.'),
  reservedConcurrency: z
    .number()
    .int()
    .min(1)
    .max(100)
    .optional()
    .describe('Reserved concurrency of the function. Unset by default: a new account refuses any reservation.'),
  memoryMiB: z
    .number()
    .int()
    .min(256)
    .max(10240)
    .default(1024)
    .describe('Memory of the function, and with it its share of a processor.'),
  timeoutMinutes: z
    .number()
    .int()
    .min(1)
    .max(15)
    .default(5)
    .describe('Minutes a run may take. Targets it leaves no time for are reported as not audited.'),
  logRetentionDays: z
    .union(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653].map(
        (d) => z.literal(d),
      ),
    )
    .default(90)
    .describe('Days the log is kept: the evidence of what each run saw.'),
  secretKmsKeyArns: z
    .array(z.string().regex(/^arn:[\w-]+:kms:[\w-]*:\d{12}:.+$/, 'must be the ARN of a KMS key'))
    .default([])
    .describe('Customer-managed KMS keys that encrypt the secrets named in this file.'),
  topicEncryption: z
    .enum(['customer-managed', 'none'])
    .default('customer-managed')
    .describe(
      'Encryption of the alert topic. "customer-managed" makes a KMS key (about a dollar a month) whose policy lets CloudWatch alarms publish; the AWS-managed key cannot.',
    ),
  completionWindowHours: z
    .number()
    .int()
    .min(1)
    .max(168)
    .optional()
    .describe(
      'Hours without a completed run after which an alarm is raised. By default three intervals of a rate() schedule, 25 hours for a cron() one.',
    ),
});

const policySchema = z.strictObject({
  minTlsVersion: z
    .enum(['TLSv1.2', 'TLSv1.3'])
    .default('TLSv1.2')
    .describe('A session below this is reported as deprecated.'),
  preferredTlsVersion: z
    .enum(['TLSv1.2', 'TLSv1.3'])
    .default('TLSv1.3')
    .describe('A session below this is reported as information.'),
  cipherProfile: z
    .enum(CIPHER_PROFILES)
    .default('mozilla-intermediate')
    .describe(
      'Which cipher suites are strong enough: Mozilla Server Side TLS 5.7 (intermediate or modern), or NIST SP 800-52 Revision 2, section 3.3.1.1.',
    ),
  loopback: z
    .enum(LOOPBACK_POLICIES)
    .default('info')
    .describe('Plaintext over loopback: reported as information, ignored, or judged like any network session.'),
  certificateExpiryDays: z
    .strictObject({
      medium: z.number().int().min(1).max(825).default(30),
      high: z.number().int().min(1).max(825).default(14),
      critical: z.number().int().min(1).max(825).default(7),
    })
    .default({ medium: 30, high: 14, critical: 7 })
    .describe('Days before the end of a certificate at which its finding becomes medium, high, critical.'),
  clientCertificateRoles: z
    .array(z.string().min(1).max(63))
    .max(1000)
    .default([])
    .describe(
      'Roles whose TLS sessions must show a client certificate (mutual TLS); * stands for any characters, e.g. "app_*". None by default.',
    ),
});

export const configSchema = z.strictObject({
  $schema: z.string().optional(),
  schedule: z
    .string()
    .regex(
      /^(rate\([1-9]\d* (minutes?|hours?|days?)\)|cron\(\S+ \S+ \S+ \S+ \S+ \S+\))$/,
      'must be an EventBridge Scheduler expression such as rate(15 minutes) or cron(0 6 * * ? *)',
    )
    .default('rate(15 minutes)')
    .describe('EventBridge Scheduler expression. Used by the deployment.'),
  timezone: z
    .string()
    .refine(isTimeZone, 'must be an IANA time zone such as Europe/Berlin')
    .default('UTC')
    .describe('Time zone of a cron() schedule. Used by the deployment.'),
  alerts: z
    .strictObject({
      email: z
        .array(z.email('must be an email address'))
        .default([])
        .describe('Used by the deployment; each recipient confirms once.'),
      slack: z
        .array(
          z.strictObject({
            workspaceId: z.string().regex(/^T[A-Z0-9]{6,}$/, 'must be a Slack workspace id such as T0123ABCD'),
            channelId: z.string().regex(/^[CG][A-Z0-9]{6,}$/, 'must be a Slack channel id such as C0123ABCD'),
          }),
        )
        .default([])
        .describe(
          'Used by the deployment. Authorise the workspace once in Amazon Q Developer in chat applications before deploying.',
        ),
      minSeverity: z
        .enum(SEVERITIES)
        .default('medium')
        .describe('Findings below this are in the report but send no alert.'),
    })
    .prefault({}),
  defaults: z
    .strictObject({
      ca: ca.optional(),
      sslNegotiation: sslNegotiation.default('postgres'),
      timeoutSeconds: timeoutSeconds.default(20),
    })
    .prefault({})
    .describe('What targets use that do not say otherwise.'),
  policy: policySchema.prefault({}),
  concurrency: z.number().int().min(1).max(256).default(32).describe('How many targets are audited at once.'),
  deployment: deploymentSchema.prefault({}).describe('What cdk deploy builds. Not used by the command line.'),
  targets: z.array(targetSchema).min(1).max(5000).describe('The PostgreSQL endpoints to audit.'),
});

/** The configuration as people write it. */
export type ConfigInput = z.input<typeof configSchema>;

type Parsed = z.output<typeof configSchema>;

/** The configuration with every default filled in. Plain, readonly, serialisable. */
export interface Config {
  readonly schedule: string;
  readonly timezone: string;
  readonly alerts: {
    readonly email: readonly string[];
    readonly slack: readonly { readonly workspaceId: string; readonly channelId: string }[];
    /** Findings below this send no alert. */
    readonly minSeverity: Severity;
  };
  readonly policy: Policy;
  readonly concurrency: number;
  readonly deployment: Readonly<Parsed['deployment']>;
  readonly targets: readonly Target[];
}

/** One thing wrong with a configuration. */
export interface ConfigProblem {
  /** e.g. `targets[2].port`; empty for the document itself. */
  readonly path: string;
  /** What is wrong and what is allowed, with the value given. */
  readonly message: string;
}

/** A configuration that can't be used. `message` lists every problem, one a line. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly ConfigProblem[];

  constructor(source: string, problems: readonly ConfigProblem[]) {
    const list = problems.map(({ path, message }) => `  ${path === '' ? '(document)' : path}: ${message}`).join('\n');
    super(`${source} has ${problems.length === 1 ? 'a problem' : `${problems.length} problems`}:\n${list}`);
    this.problems = problems;
  }
}

export interface ParseConfigOptions {
  /** How messages call the document. @default 'the configuration' */
  readonly source?: string;
  /** `deployment` refuses what only the command line can reach: files and environment variables. */
  readonly use: 'deployment' | 'command-line';
}

/**
 * Validates a configuration document and fills in its defaults.
 *
 * @throws ConfigError naming every problem at once, each with its path, the value given and what is allowed.
 */
export function parseConfig(document: unknown, options: ParseConfigOptions): Config {
  const source = options.source ?? 'the configuration';
  const result = configSchema.safeParse(document, { reportInput: true });
  const problems = [
    ...(result.error?.issues ?? []).flatMap(describeIssue),
    ...crossFieldProblems(document),
    ...(options.use === 'deployment' ? localSources(document) : []),
  ];
  if (result.data === undefined || problems.length > 0) throw new ConfigError(source, problems);
  return toConfig(result.data);
}

/** The JSON Schema of the configuration file, for editors. */
export function configJsonSchema(): object {
  return {
    ...z.toJSONSchema(configSchema, { io: 'input', target: 'draft-2020-12' }),
    title: 'pg-tls-auditor configuration',
  };
}

function toConfig(parsed: Parsed): Config {
  const { schedule, timezone, alerts, defaults, policy, concurrency, deployment } = parsed;
  const targets = parsed.targets.map((target): Target => {
    const sources: CaSource | readonly CaSource[] = target.ca ?? defaults.ca ?? 'system';
    return {
      name: target.name,
      credentials: credentialSource(target),
      ca: Array.isArray(sources) ? sources : [sources as CaSource],
      host: target.host,
      port: target.port,
      database: target.database,
      tlsServerName: target.tlsServerName,
      sslNegotiation: target.sslNegotiation ?? defaults.sslNegotiation,
      clientCertificate: target.clientCertificate as ClientCertificateSource | undefined,
      timeoutMs: (target.timeoutSeconds ?? defaults.timeoutSeconds) * 1000,
      labels: target.labels ?? {},
    };
  });
  return { schedule, timezone, alerts, policy, concurrency, deployment, targets };
}

function credentialSource(target: Parsed['targets'][number]): CredentialSource {
  if (target.credentials !== undefined) return target.credentials;
  if (target.secret !== undefined) return { secret: target.secret };
  throw new Error(`target ${target.name} names no credentials`);
}

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
  defaults: z.object({ ca: z.unknown().optional() }).optional().catch(undefined),
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
          secret: z.unknown().optional(),
          credentials: z.unknown().optional(),
          ca: z.unknown().optional(),
          clientCertificate: z.unknown().optional(),
        })
        .optional()
        .catch(undefined),
    )
    .catch([]),
});

/** Rules that span fields, which a JSON Schema for editors can't say. */
function* crossFieldProblems(document: unknown): Iterable<ConfigProblem> {
  const config = outline.safeParse(document).data;
  if (config === undefined) return;
  const { policy, deployment } = config;
  if (policy !== undefined && policy.preferredTlsVersion < policy.minTlsVersion) {
    yield {
      path: 'policy.preferredTlsVersion',
      message: `must not be below minTlsVersion (${policy.minTlsVersion}), got "${policy.preferredTlsVersion}"`,
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
        yield { path: `${path}.name`, message: `must be unique, but targets[${first}] is named "${target.name}" too` };
    }
    if (target.secret === undefined && target.credentials === undefined) {
      yield {
        path,
        message: 'names no credentials: give "secret" (or, on the command line, "credentials" with "env" or "file")',
      };
    }
    if (target.secret !== undefined && target.credentials !== undefined) {
      yield { path, message: 'names both "secret" and "credentials": give one of them' };
    }
  }
}

/** What a deployed function cannot reach. */
function* localSources(document: unknown): Iterable<ConfigProblem> {
  const config = outline.safeParse(document).data;
  const instead = 'works on the command line only; a deployed function needs {"secret": …}';
  const isLocal = (source: unknown): boolean =>
    Array.isArray(source)
      ? source.some(isLocal)
      : typeof source === 'object' && source !== null && ('file' in source || 'certificateFile' in source);
  if (isLocal(config?.defaults?.ca)) yield { path: 'defaults.ca', message: `a file ${instead} or "system"` };
  for (const [index, target] of (config?.targets ?? []).entries()) {
    if (target === undefined) continue;
    const path = `targets[${index}]`;
    if (target.credentials !== undefined) {
      yield { path: `${path}.credentials`, message: `an environment variable or a file ${instead}` };
    }
    if (isLocal(target.ca)) yield { path: `${path}.ca`, message: `a file ${instead} or "system"` };
    if (isLocal(target.clientCertificate)) yield { path: `${path}.clientCertificate`, message: `a file ${instead}` };
  }
}

type Issue = z.core.$ZodIssue;

/** Says a schema's complaint the way the rest of the project says errors: what is allowed, and the value given. */
function describeIssue(issue: Issue): ConfigProblem[] {
  const path = formatPath(issue.path);
  const got = issue.input === undefined ? '' : `, got ${showValue(issue.input)}`;
  const problem = (message: string): ConfigProblem[] => [{ path, message }];
  switch (issue.code) {
    case 'unrecognized_keys': {
      const allowed = allowedKeys(issue.path);
      return issue.keys.map((key) => ({
        path: formatPath([...issue.path, key]),
        message: `is not a setting${allowed.length === 0 ? '' : `; allowed here: ${allowed.join(', ')}`}`,
      }));
    }
    case 'invalid_type':
      return problem(
        issue.input === undefined ? `is required (${issue.expected})` : `must be of type ${issue.expected}${got}`,
      );
    case 'invalid_value':
      return problem(
        `must be ${issue.values.length === 1 ? '' : 'one of '}${issue.values.map((v) => JSON.stringify(v)).join(', ')}${got}`,
      );
    case 'too_small':
    case 'too_big': {
      const [word, bound] = issue.code === 'too_small' ? ['at least', issue.minimum] : ['at most', issue.maximum];
      const unit = issue.origin === 'string' ? ' characters' : issue.origin === 'array' ? ' entries' : '';
      const size = issue.origin === 'array' && Array.isArray(issue.input) ? `, got ${issue.input.length}` : got;
      return problem(
        issue.origin === 'number' || issue.origin === 'int'
          ? `must be ${word} ${bound}${got}`
          : `must have ${word} ${bound}${unit}${size}`,
      );
    }
    case 'invalid_union': {
      const allowed = allowedValues(issue.path);
      return problem(`must be ${allowed.join(' or ')}${got}`);
    }
    default:
      return problem(`${issue.message}${got}`);
  }
}

/** A value as an error may show it: short, and never what could be a secret put in the wrong place. */
function showValue(value: unknown): string {
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'an object';
  if (typeof value === 'string' && /:\/\/|-----BEGIN|password/i.test(value))
    return 'a text that may hold a secret (not shown)';
  const text = JSON.stringify(value);
  return text.length <= 80 ? text : `${text.slice(0, 79)}…`;
}

function formatPath(path: readonly PropertyKey[]): string {
  return path.reduce<string>((text, part) => {
    if (typeof part === 'number') return `${text}[${part}]`;
    return text === '' ? String(part) : `${text}.${String(part)}`;
  }, '');
}

/** The schemas a path of the document can lead to: more than one behind a union. */
function schemasAt(path: readonly PropertyKey[]): z.core.$ZodType[] {
  const unwrap = (schema: z.core.$ZodType): z.core.$ZodType[] => {
    if (schema instanceof z.ZodOptional || schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
      return unwrap(schema.def.innerType);
    }
    return schema instanceof z.ZodUnion ? schema.def.options.flatMap(unwrap) : [schema];
  };
  return path.reduce<z.core.$ZodType[]>(
    (schemas, part) =>
      schemas.flatMap((schema) => {
        if (schema instanceof z.ZodArray) return unwrap(schema.def.element);
        const child = schema instanceof z.ZodObject ? schema.def.shape[String(part)] : undefined;
        return child === undefined ? [] : unwrap(child);
      }),
    [configSchema],
  );
}

function allowedKeys(path: readonly PropertyKey[]): string[] {
  return schemasAt(path).flatMap((schema) => (schema instanceof z.ZodObject ? Object.keys(schema.def.shape) : []));
}

/** What may stand at a union's place, in words. */
function allowedValues(path: readonly PropertyKey[]): string[] {
  const words = schemasAt(path).map((schema) => {
    if (schema instanceof z.ZodLiteral) return schema.def.values.map((value) => JSON.stringify(value)).join(' or ');
    if (schema instanceof z.ZodObject)
      return `{${Object.keys(schema.def.shape)
        .map((key) => `"${key}": …`)
        .join(', ')}}`;
    return schema instanceof z.ZodArray ? 'an array of these' : schema._zod.def.type;
  });
  return [...new Set(words)];
}

function isTimeZone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
