// The schema of the configuration file: every setting with its type, bounds, default and meaning.

import ipaddr from 'ipaddr.js';
import * as z from 'zod';
import { DEFAULT_PORT } from '../model/endpoint.ts';
import { holdsSecret } from '../model/given-text.ts';
import { CIPHER_PROFILES, DEFAULT_POLICY, LOOPBACK_POLICIES } from '../model/policy.ts';
import { parseSchedule } from '../model/schedule.ts';
import { SEVERITIES } from '../model/severity.ts';
import { AUTHENTICATION_METHODS, TARGET_KINDS } from '../model/target.ts';
import { ANY_TAG, fillTemplate, parseTemplate } from '../model/template.ts';

const SECRET_NAME =
  'must be the name or ARN of a Secrets Manager secret (letters, digits and /_+=.@!-), never the secret itself';

const SECRET_NAME_PATTERN = /^(arn:[\w-]+:secretsmanager:[\w-]+:\d{12}:secret:)?[\w/+=.@!-]{1,2048}$/;

const secretName = z
  .string()
  .min(1)
  .max(2048)
  .regex(SECRET_NAME_PATTERN, { error: SECRET_NAME, abort: true })
  .refine((name) => !holdsSecret(name), SECRET_NAME)
  .describe('Name or ARN of a Secrets Manager secret.');

/** Whether a text may name a secret; also one that the tag of a database gives. */
export function isSecretName(text: string): boolean {
  return SECRET_NAME_PATTERN.test(text) && !holdsSecret(text);
}

/** People put the text of a file, or a connection string, where its path belongs. */
const filePath = z
  .string()
  .min(1)
  .max(4096)
  .refine(
    (path) => !/[\n\0]|:\/\//.test(path) && !holdsSecret(path),
    'must be the path of a file, never what the file holds and no URL',
  );

/** Shown in reports and alerts. */
const shownText = z.string().refine((text) => !holdsSecret(text), 'must not hold a secret: it is shown in reports');

const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'must be the name of an environment variable');

const secretField = shownText.min(1).max(256).optional().describe('Field of a JSON secret that holds the PEM text.');

const caSource = z.union([
  z
    .literal('system')
    .describe("Node's bundled public roots and the operating system's store (Neon and other public CAs)."),
  z
    .strictObject({ secret: secretName, key: secretField })
    .describe(
      'A Secrets Manager secret holding one or many PEM certificates. At most 64 KiB: a regional RDS bundle fits, the global one does not.',
    ),
  z.strictObject({ file: filePath }).describe('A PEM file. Command line only.'),
]);

const ca = z
  .union([caSource, z.array(caSource).min(1).max(8)])
  .describe(
    'CA certificates that the server certificate is verified against: one source, or a list of sources that are all trusted.',
  );

const crlSource = z.union([
  z
    .strictObject({ secret: secretName, key: secretField })
    .describe('A Secrets Manager secret holding one or many revocation lists, at most 64 KiB.'),
  z.strictObject({ file: filePath }).describe('A file with PEM lists or one DER list. Command line only.'),
]);

const crl = z
  .union([crlSource, z.array(crlSource).min(1).max(8)])
  .describe(
    'Certificate revocation lists, checked as libpq checks sslcrl: each certificate of the chain needs a list of its issuer that has not ended. Without crl no revocation is checked, as in any verify-full without sslcrl.',
  );

const clientCertificate = z
  .union([
    z
      .strictObject({ secret: secretName })
      .describe(
        'A secret holding the PEM certificate chain and private key, as JSON (certificate, privateKey, and passphrase where the key is encrypted) or as one PEM text.',
      ),
    z
      .strictObject({
        certificateFile: filePath,
        keyFile: filePath,
        keyPassphrase: z
          .union([z.strictObject({ file: filePath }), z.strictObject({ env: variableName })])
          .optional()
          .describe('The passphrase of an encrypted key: a file, or the name of an environment variable.'),
      })
      .describe('Files with the chain and its key, PEM or DER. Command line only.'),
  ])
  .describe("The auditor's own certificate for mutual TLS.");

const HOST_NAME = 'must be a host name or an IP address, without a port';
/** A zone names an interface of one machine (RFC 4007): it means nothing in a configuration. */
const WITHOUT_ZONE = 'must be an address that every machine knows, without a zone (the part from % on)';

const host = z
  .string()
  .max(253)
  .regex(
    // A name, or an IPv6 address: with one colon it would be a name and a port.
    /^(?:[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9])?|[0-9A-Fa-f]*:[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)$/,
    { error: ({ input }) => (String(input).includes('%') ? WITHOUT_ZONE : HOST_NAME) },
  );

const timeoutSeconds = z
  .number()
  .int()
  .min(1)
  .max(600)
  .describe('Total timeout per target, in seconds: secrets, connection, retries and queries.');

const sslNegotiation = z
  .enum(['postgres', 'direct'])
  .describe('"direct" starts TLS without an SSLRequest; PostgreSQL 17 and newer.');

const authenticationMethod = z.enum(AUTHENTICATION_METHODS);

const authentication = z
  .union([authenticationMethod, z.array(authenticationMethod).min(1)])
  .describe(
    'Authentication methods that the auditor answers; it refuses any other. The default is all but "password", which sends the password in clear and which LDAP, PAM and RADIUS need. "none": the server asks for no password, as with the methods cert and trust.',
  );

const minScramIterations = z
  .number()
  .int()
  .min(1)
  .max(1_000_000)
  .describe(
    'Least number of iterations in a SCRAM login (scram_iterations of the server when the password was set). With few iterations, an impostor could guess the password from the answer.',
  );

const probe = z
  .boolean()
  .describe(
    'Test after the audit what the server accepts, on at most eight more connections: a plaintext login, TLSv1 to TLSv1.3, direct TLS, post-quantum key exchange, cipher suites that protect nothing. The probe sends no password. It sends the names of the role and the database once without encryption.',
  );

const logs = z
  .union(
    [
      z.literal('none'),
      z.literal('server'),
      z.strictObject({
        logGroup: z
          .string()
          .regex(
            /^(?:arn:[\w-]+:logs:[\w-]+:\d{12}:log-group:)?[\w./#-]{1,512}$/,
            'must be the name or the ARN of a log group, such as /aws/rds/instance/orders/postgresql',
          )
          .describe('Name or ARN of a log group of CloudWatch Logs.'),
        logStreamPrefix: z
          .string()
          .regex(/^[^:*]{1,512}$/, 'must be 1 to 512 characters without : and *')
          .optional()
          .describe('Only streams whose names begin so. Of a member of Aurora: the name of its instance.'),
      }),
    ],
    'must be "none", "server" or {"logGroup": "…"}',
  )
  .describe(
    'Also find logins between the runs, from the connection log. "server": the log files of the server, over the verified connection. {"logGroup": …}: a log group of CloudWatch Logs. "none": open sessions only.',
  );

const sampleSeconds = z
  .number()
  .int()
  .min(0)
  .max(600)
  .describe(
    'Keep looking at the open sessions for so many seconds of the run, to find short ones where no log can be read. 0: look once.',
  );

/** SNS refuses a message with control characters in an attribute, and labels are one. */
const labelValue = shownText
  .max(256)
  .regex(
    /^[^\u0000-\u001f\u007f-\u009f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufffe\uffff]*$/,
    'must not hold control characters, line ends or characters that are drawn as nothing',
  );

/** Whether a text may be the value of a label; also one that the tag of a database gives. */
export function isLabelValue(text: string): boolean {
  return labelValue.safeParse(text).success;
}

const labelKey = z.string().regex(/^[\w.-]{1,64}$/, 'must be 1 to 64 letters, digits, dots, dashes or underscores');

// The name stands in an IAM policy, where * and $ would match more than one role.
const roleName = z.string().regex(/^[\w.-]{1,63}$/, 'must be 1 to 63 letters, digits, dots, dashes or underscores');

/** Of every partition: eu-west-1, us-gov-west-1, us-iso-east-1, eusc-de-east-1. */
const region = z.string().regex(/^[a-z]{2,8}(?:-[a-z]+)+-\d{1,2}$/, 'must be an AWS region such as eu-west-1');

const database = shownText.min(1).max(63).refine(isDatabaseName, 'must be the name of a database, without parameters');

/** One or more parts of 1 to 63 characters, joined by slashes: `orders`, `shop/writer`. */
export const TARGET_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}(?:\/[A-Za-z0-9][A-Za-z0-9._-]{0,62}){0,3}$/;

/** The name of the worker of targets that name no network, where the configuration has no other for them. */
export const DEFAULT_NETWORK = 'default';

const networkName = z
  .string()
  .regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be 1 to 32 lower-case letters, digits or dashes, starting with a letter')
  .refine((name) => name !== DEFAULT_NETWORK, 'must not be "default": it is that of targets that name no network');

/** What one state machine can choose among, and one bucket policy can name. */
const MOST_NETWORKS = 20;
const MOST_SATELLITES = 50;

/** How many targets a configuration may name one by one. */
export const MOST_TARGETS = 5000;

const targetSchema = z.strictObject({
  name: z
    .string()
    .regex(TARGET_NAME, {
      error:
        'must be 1 to 63 letters, digits, dots, dashes or underscores, starting with a letter or digit; a slash may join up to four such parts',
      abort: true,
    })
    .refine((name) => !holdsSecret(name), 'must be a name of your own choice, never a secret: it is shown in alerts')
    .describe('Unique name of the target, shown in alerts.'),
  kind: z
    .enum(TARGET_KINDS)
    .default('postgresql')
    .describe(
      'A PostgreSQL server, or the admin console of a PgBouncer. Of a PgBouncer, both the client side and the server side are audited; stats_users in pgbouncer.ini must name the user.',
    ),
  secret: secretName
    .optional()
    .describe('The secret that holds the credentials: RDS JSON, {"url": …}, or a bare connection string.'),
  credentials: z
    .union([z.literal('iam'), z.strictObject({ env: variableName }), z.strictObject({ file: filePath })])
    .optional()
    .describe(
      'Instead of secret. "iam": IAM database authentication of RDS and Aurora, with role and host. On the command line only: an environment variable or a file holding a connection string or JSON.',
    ),
  role: roleName.optional().describe('With credentials "iam": the PostgreSQL role to log in as.'),
  region: region
    .optional()
    .describe('With credentials "iam": the region of the database, where the name of the host does not say it.'),
  host: host.optional().describe('Host name or IP address; overrides the host in the credentials.'),
  port: z
    .number()
    .int()
    .min(1)
    .max(65535)
    .optional()
    .describe(`Port; overrides the port in the credentials. ${DEFAULT_PORT} when neither sets one.`),
  database: database
    .optional()
    .describe('Database; overrides the database in the credentials. The console of a PgBouncer is always "pgbouncer".'),
  tlsServerName: host.optional().describe('Name that the server certificate must have, where it is not host.'),
  ca: ca.optional(),
  crl: crl.optional(),
  clientCertificate: clientCertificate.optional(),
  sslNegotiation: sslNegotiation.optional(),
  authentication: authentication.optional(),
  minScramIterations: minScramIterations.optional(),
  timeoutSeconds: timeoutSeconds.optional(),
  probe: probe.optional(),
  logs: logs.optional(),
  sampleSeconds: sampleSeconds.optional(),
  network: networkName.optional().describe('The network or satellite whose worker audits it. Used by the deployment.'),
  labels: z.record(labelKey, labelValue).optional().describe('Free labels, e.g. the owning team.'),
});

/** What a template may name of a database that was found. */
export const DATABASE_PLACEHOLDERS = ['name', 'instance', 'cluster', 'region', 'account', ANY_TAG] as const;
/** What the secret with the CA bundle may be named by: what is the same for all databases of a region or account. */
export const CA_PLACEHOLDERS = ['region', 'account'] as const;

/** A name of a secret with placeholders. It begins with text: the function may read the secrets that begin so. */
function secretTemplate(placeholders: readonly string[]) {
  return z
    .string()
    .min(1)
    .max(512)
    .superRefine((text, context) => {
      const problem = secretTemplateProblem(text, placeholders);
      if (problem !== undefined) context.addIssue({ code: 'custom', message: problem, input: text });
    });
}

function secretTemplateProblem(text: string, placeholders: readonly string[]): string | undefined {
  const template = parseTemplate(text, placeholders);
  if ('problem' in template) return template.problem;
  const values = Object.fromEntries(placeholders.map((name) => [name, 'x']));
  const keys = template.flatMap((part) => ('tag' in part ? [[part.tag, 'x'] as const] : []));
  const example = fillTemplate(template, { placeholders: values, tags: new Map(keys) });
  if (typeof example !== 'string' || !isSecretName(example)) return SECRET_NAME;
  return /^[\w/+=.@!:-]/.test(text)
    ? undefined
    : 'must begin with text, such as audit/${name}: the function may read the secrets whose names begin so';
}

const labelTemplate = shownText.max(256).superRefine((text, context) => {
  const template = parseTemplate(text, DATABASE_PLACEHOLDERS);
  if ('problem' in template) context.addIssue({ code: 'custom', message: template.problem, input: text });
});

/** Keys and values of tags, as RDS takes them. */
const tagKey = z
  .string()
  .regex(/^[\p{L}\p{Z}\p{N}_.:/=+\-@%]{1,128}$/u, 'must be the key of a tag, 1 to 128 characters');
const tagValue = z.string().regex(/^[\p{L}\p{Z}\p{N}_.:/=+\-@%]{0,256}$/u, 'must be the value of a tag');

const ruleCaSource = z.union([
  z.literal('system').describe("Node's bundled public roots and the operating system's store."),
  z
    .strictObject({ secret: secretTemplate(CA_PLACEHOLDERS), key: secretField })
    .describe('A Secrets Manager secret holding PEM certificates; ${region} and ${account} are filled in.'),
  z.strictObject({ file: filePath }).describe('A PEM file. Command line only.'),
]);

const TAGS = 'must be "all", or an object with one tag or more';

const rdsSchema = z.strictObject({
  regions: z.array(region).min(1).max(50).describe('Regions in which databases are found.'),
  accounts: z
    .array(
      z.strictObject({
        roleArn: z
          .string()
          .regex(/^arn:[\w-]+:iam::\d{12}:role\/[\w+=,.@/-]{1,512}$/, 'must be the ARN of an IAM role'),
        externalId: z
          .string()
          .regex(/^[\w+=,.@:/-]{2,1224}$/, 'must be the external id that the trust policy of the role asks for')
          .optional(),
      }),
    )
    .min(1)
    .max(200)
    .optional()
    .describe('Roles to assume, one for each account. The default is the own account of the auditor alone.'),
  tags: z
    .union([z.literal('all'), z.record(tagKey, tagValue).refine((tags) => Object.keys(tags).length > 0, TAGS)], TAGS)
    .default({ 'pg-tls-auditor': 'on' })
    .describe('Tags that an instance or its cluster must have, all of them; "all" takes every PostgreSQL there is.'),
  include: z
    .array(pattern())
    .min(1)
    .max(200)
    .optional()
    .describe('Identifiers of instances or clusters, or both as cluster/member; * stands for any characters.'),
  exclude: z.array(pattern()).min(1).max(200).optional().describe('The same, of databases that are left out.'),
});

export const discoveryRuleSchema = z.strictObject({
  file: filePath
    .optional()
    .describe('A JSON file with a list of targets, as in targets. Relative to this file. A deployment packs it in.'),
  rds: rdsSchema.optional().describe('Databases of RDS and Aurora for PostgreSQL.'),
  credentials: z
    .union([
      z.literal('iam'),
      z.strictObject({ secret: secretTemplate(DATABASE_PLACEHOLDERS) }),
      z.strictObject({ secretTag: tagKey }),
    ])
    .optional()
    .describe(
      'How to log in to what rds finds. "iam": IAM database authentication, with role. {"secret": …}: a name with placeholders such as audit/${name}. {"secretTag": …}: the key of the tag that names the secret.',
    ),
  role: roleName.optional().describe('With credentials "iam": the PostgreSQL role to log in as.'),
  tagRoles: z
    .array(roleName)
    .max(50)
    .optional()
    .describe('With credentials "iam": further roles that the tag pg-tls-auditor:role of a database may name.'),
  tagSecrets: z
    .boolean()
    .optional()
    .describe(
      'Whether the tag pg-tls-auditor:secret of a database may name its secret. A deployed function may read those whose own tag pg-tls-auditor is "on". Always so with {"secretTag": …}.',
    ),
  ca: z
    .union([ruleCaSource, z.array(ruleCaSource).min(1).max(8)])
    .optional()
    .describe('CA certificates, as in targets. The name of a secret may hold ${region} and ${account}.'),
  database: database.optional().describe('The database to log in to. The default is postgres.'),
  labels: z
    .record(labelKey, labelTemplate)
    .optional()
    .describe(
      'Labels with placeholders: ${name}, ${instance}, ${cluster}, ${region}, ${account}, ${tag:KEY}. A label whose placeholder has no value is left out.',
    ),
  logs: z
    .union([z.literal('auto'), ...logs.options], 'must be "auto", "none", "server" or {"logGroup": "…"}')
    .optional()
    .describe(
      'As in targets. "auto": the log group of CloudWatch Logs to which the database exports its PostgreSQL log, if it does.',
    ),
  network: labelTemplate
    .optional()
    .describe(
      'The network or satellite whose worker audits what rds finds. It may hold placeholders, e.g. ${tag:network}.',
    ),
  probe: probe.optional(),
  sampleSeconds: sampleSeconds.optional(),
  timeoutSeconds: timeoutSeconds.optional(),
});

const severityFrom = z.enum(SEVERITIES);

const emails = z.array(z.email('must be an email address')).default([]);

const slackChannels = z
  .array(
    z.strictObject({
      workspaceId: z.string().regex(/^T[A-Z0-9]{6,}$/, 'must be a Slack workspace id such as T0123ABCD'),
      channelId: z.string().regex(/^[CG][A-Z0-9]{6,}$/, 'must be a Slack channel id such as C0123ABCD'),
    }),
  )
  .default([]);

const routeSchema = z
  .strictObject({
    name: z
      .string()
      .regex(/^[a-z][a-z0-9-]{0,31}$/, 'must be 1 to 32 lower-case letters, digits or dashes, starting with a letter')
      .describe('Unique name of the route: the message attribute "route" carries it.'),
    targets: z.array(pattern()).min(1).optional().describe('Names of targets; * stands for any characters.'),
    labels: z
      .record(z.string().regex(/^[\w.-]{1,64}$/), labelValue)
      .optional()
      .describe('Labels that a target must have, all of them.'),
    minSeverity: severityFrom
      .optional()
      .describe('Least severity of the findings that this route notifies of. The default is alerts.minSeverity.'),
    email: emails.describe('Each recipient confirms once.'),
    slack: slackChannels,
    https: z
      .array(z.url({ protocol: /^https$/, error: 'must be an https:// URL' }))
      .default([])
      .describe('Each confirms once, by the URL that SNS sends it.'),
    sqs: z
      .array(z.string().regex(/^arn:[\w-]+:sqs:[\w-]+:\d{12}:[\w-]+(\.fifo)?$/, 'must be the ARN of an SQS queue'))
      .default([])
      .describe("Standard queues. Each one's policy must let sns.amazonaws.com send messages from the routes' topic."),
    lambda: z
      .array(
        z
          .string()
          .regex(
            /^arn:[\w-]+:lambda:[\w-]+:\d{12}:function:[\w-]+(:[\w$-]+)?$/,
            'must be the ARN of a Lambda function',
          ),
      )
      .default([])
      .describe("In the deployment's account and region; elsewhere its owner must let the routes' topic invoke it."),
  })
  .describe('Notifies a team of the findings on its own databases, and of no others.');

const muteSchema = z
  .strictObject({
    fingerprint: z
      .string()
      .regex(/^[0-9a-f]{16}$/, 'must be the 16 hexadecimal characters of a finding')
      .optional(),
    check: pattern().optional(),
    target: pattern().optional(),
    role: pattern().optional(),
    database: pattern().optional(),
    application: pattern().optional(),
    client: z
      .string()
      .refine(isNetwork, 'must be an IP address or a network such as 10.1.0.0/16')
      .optional()
      .describe('Every client of the finding must lie in it.'),
    reason: shownText.min(1).max(500).describe('Why these findings need no notification.'),
    owner: shownText.min(1).max(200).describe('Person or team that is responsible for the mute.'),
    expires: z
      .union([z.iso.date(), z.iso.datetime({ offset: true })], 'must be a day such as 2027-03-31 or an ISO 8601 time')
      .describe('Last day (UTC) of the mute, or the time at which it ends.'),
  })
  .describe(
    'Mutes the findings that match every setting given: reports count them, notifications leave them out. * stands for any characters.',
  );

const vpc = z.strictObject({
  vpcId: z.string().regex(/^vpc-[0-9a-f]{8,17}$/, 'must look like vpc-0123456789abcdef0'),
  subnetIds: z.array(z.string().regex(/^subnet-[0-9a-f]{8,17}$/, 'must look like subnet-0123456789abcdef0')).min(1),
  availabilityZones: z.array(z.string().min(1)).min(1).describe('The zone of each subnet, in the same order.'),
  securityGroupIds: z.array(z.string().regex(/^sg-[0-9a-f]{8,17}$/, 'must look like sg-0123456789abcdef0')).optional(),
});

const keyArns = z.array(z.string().regex(/^arn:[\w-]+:kms:[\w-]*:\d{12}:.+$/, 'must be the ARN of a KMS key'));

const accountId = z.string().regex(/^\d{12}$/, 'must be the 12 digits of an AWS account, in quotes');

const networkSchema = z
  .strictObject({
    vpc: vpc.optional().describe('The VPC of the network. Without it, its worker runs outside of a VPC.'),
  })
  .describe('A network with a worker of its own.');

const satelliteSchema = z
  .strictObject({
    account: accountId.describe('The account of the worker.'),
    region: region.describe('The region of the worker.'),
    vpc: vpc.optional().describe('The VPC of the worker, in that account. Without it, it runs outside of a VPC.'),
    secretKmsKeyArns: keyArns.optional().describe('Customer-managed KMS keys that encrypt the secrets there.'),
  })
  .describe('A network in another account or region: its worker is a stack of its own.');

/** Workers of a fleet at the same time. */
export const FLEET_CONCURRENCY = 20;

const deploymentSchema = z.strictObject({
  account: accountId
    .optional()
    .describe('The account that the auditor is deployed to. Required with satellites, which let only this one in.'),
  region: region.optional().describe('The region that the auditor is deployed to. Required with satellites.'),
  vpc: vpc
    .optional()
    .describe(
      'Run inside a VPC. Isolated subnets need VPC endpoints for Secrets Manager, SNS, DynamoDB, S3, Security Hub, CloudWatch Logs, RDS and STS, as far as they are used.',
    ),
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
    .describe('Memory of the function, in MiB. Lambda assigns processor time in proportion.'),
  timeoutMinutes: z
    .number()
    .int()
    .min(1)
    .max(15)
    .default(5)
    .describe('Timeout of a run, in minutes. Targets that a run has no time for are reported as not audited.'),
  logRetentionDays: z
    .union(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653].map(
        (d) => z.literal(d),
      ),
    )
    .default(90)
    .describe('Days to keep the log, which holds what each run observed.'),
  secretKmsKeyArns: keyArns
    .default([])
    .describe('Customer-managed KMS keys that encrypt the secrets named in this file.'),
  topicEncryption: z
    .enum(['customer-managed', 'none'])
    .default('customer-managed')
    .describe(
      'Encryption of the alert topic. "customer-managed" makes a KMS key (about a dollar a month) whose policy lets CloudWatch alarms publish; the AWS-managed key cannot.',
    ),
  state: z
    .enum(['dynamodb', 'none'])
    .default('dynamodb')
    .describe(
      'Where runs store what they have notified of. "none": every run repeats its alert while a problem lasts.',
    ),
  evidence: z
    .enum(['s3', 'none'])
    .default('s3')
    .describe("Where to keep every run's full report as evidence, in addition to the log."),
  evidenceRetentionDays: z
    .number()
    .int()
    .min(1)
    .max(3653)
    .default(400)
    .describe('Days that reports are kept in S3 (PCI DSS 10.5.1 asks for twelve months of history).'),
  pageLink: z
    .enum(['console', 'presigned'])
    .default('console')
    .describe(
      'What messages link to. console: the page of the run in the S3 console, which asks for a login; presigned: a URL that ends within hours, and with which anyone can read the page until then.',
    ),
  securityHub: z
    .boolean()
    .default(false)
    .describe('Import findings into AWS Security Hub, which must be on in the account and region.'),
  dashboard: z
    .boolean()
    .default(true)
    .describe('Make a CloudWatch dashboard of the fleet (three dollars a month beyond the first three of an account).'),
  fleet: z
    .strictObject({
      batch: z
        .number()
        .int()
        .min(1)
        .max(1000)
        .default(100)
        .describe('Targets that one worker audits in one invocation, at most.'),
      concurrency: z
        .number()
        .int()
        .min(1)
        .max(1000)
        .default(20)
        .describe('Workers that run at the same time, at most.'),
      timeoutMinutes: z
        .number()
        .int()
        .min(40)
        .max(1440)
        .default(60)
        .describe(
          'Timeout of a whole run, in minutes. The last 20, and timeoutMinutes of the deployment before them, are kept for the last workers and the notifications.',
        ),
    })
    .optional()
    .describe(
      'Audits in many workers at once, on AWS Step Functions: for more databases than one function can audit in its time. {} for the defaults. Needs evidence in s3.',
    ),
  completionWindowHours: z
    .number()
    .int()
    .min(1)
    .max(168)
    .optional()
    .describe(
      'Hours without a completed run after which an alarm is raised: more than the longest time between two runs. By default three intervals of a rate() schedule, 25 hours for a cron() one; required for a cron() that skips days.',
    ),
});

const policySchema = z.strictObject({
  minTlsVersion: z
    .enum(['TLSv1.2', 'TLSv1.3'])
    .default(DEFAULT_POLICY.minTlsVersion)
    .describe('A session below this is reported as deprecated.'),
  preferredTlsVersion: z
    .enum(['TLSv1.2', 'TLSv1.3'])
    .default(DEFAULT_POLICY.preferredTlsVersion)
    .describe('A session below this is reported as information.'),
  cipherProfile: z
    .enum(CIPHER_PROFILES)
    .default(DEFAULT_POLICY.cipherProfile)
    .describe(
      'Which cipher suites are strong enough: Mozilla Server Side TLS 5.7 (intermediate or modern), or NIST SP 800-52 Revision 2, section 3.3.1.1.',
    ),
  loopback: z
    .enum(LOOPBACK_POLICIES)
    .default(DEFAULT_POLICY.loopback)
    .describe('Plaintext sessions over loopback: report as information, ignore, or treat like any network session.'),
  certificateExpiryDays: z
    .strictObject({
      medium: z.number().int().min(1).max(825).default(DEFAULT_POLICY.certificateExpiryDays.medium),
      high: z.number().int().min(1).max(825).default(DEFAULT_POLICY.certificateExpiryDays.high),
      critical: z.number().int().min(1).max(825).default(DEFAULT_POLICY.certificateExpiryDays.critical),
    })
    .default(DEFAULT_POLICY.certificateExpiryDays)
    .describe('Days before the end of a certificate at which its finding becomes medium, high, critical.'),
  clientCertificateRoles: z
    .array(shownText.min(1).max(63))
    .max(1000)
    .default([...DEFAULT_POLICY.clientCertificateRoles])
    .describe(
      'Roles whose TLS sessions must show a client certificate (mutual TLS); * stands for any characters, e.g. "app_*". None by default.',
    ),
});

export const configSchema = z.strictObject({
  $schema: z.string().optional(),
  schedule: z
    .string()
    .superRefine((expression, context) => {
      const schedule = parseSchedule(expression);
      if ('problem' in schedule) {
        context.addIssue({ code: 'custom', message: schedule.problem, input: expression });
      }
    })
    .meta({ pattern: '^(rate|cron)\\(.+\\)$' })
    .default('rate(15 minutes)')
    .describe('EventBridge Scheduler expression. Used by the deployment.'),
  timezone: z
    .string()
    .refine(isTimeZone, 'must be an IANA time zone such as Europe/Berlin')
    .default('UTC')
    .describe('Time zone of a cron() schedule. Used by the deployment.'),
  alerts: z
    .strictObject({
      email: emails.describe('Email addresses to notify. Used by the deployment; each recipient confirms once.'),
      slack: slackChannels.describe(
        'Used by the deployment. Authorise the workspace once in Amazon Q Developer in chat applications before deploying.',
      ),
      minSeverity: z
        .enum(SEVERITIES)
        .default('medium')
        .describe('Findings below this are in the report but send no alert.'),
      repeatIntervalHours: z
        .number()
        .min(0)
        .max(8760)
        .default(24)
        .describe('Hours after which an open finding is notified again; 0: never. Needs state.'),
      resolveAfterHours: z
        .number()
        .min(0)
        .max(8760)
        .default(24)
        .describe('Hours without an observation after which a session finding is resolved. Needs state.'),
      routes: z
        .array(routeSchema)
        .max(200)
        .default([])
        .describe('More receivers, each with the targets that it is notified of. Used by the deployment.'),
    })
    .prefault({}),
  defaults: z
    .strictObject({
      ca: ca.optional(),
      crl: crl.optional(),
      sslNegotiation: sslNegotiation.default('postgres'),
      authentication: authentication.default(['scram-sha-256', 'md5', 'none']),
      minScramIterations: minScramIterations.default(4096),
      timeoutSeconds: timeoutSeconds.default(20),
      probe: probe.default(false),
      logs: logs.default('none'),
      sampleSeconds: sampleSeconds.default(0),
    })
    .prefault({})
    .describe('Defaults for targets that do not set these themselves.'),
  policy: policySchema.prefault({}),
  concurrency: z.number().int().min(1).max(256).default(32).describe('Targets audited at the same time.'),
  mutes: z.array(muteSchema).max(1000).default([]).describe('Findings that are not notified of until a date.'),
  deployment: deploymentSchema.prefault({}).describe('Settings of the deployment. Not used by the command line.'),
  networks: z
    .record(networkName, networkSchema)
    .refine((networks) => Object.keys(networks).length <= MOST_NETWORKS, `must be at most ${MOST_NETWORKS} networks`)
    .default({})
    .describe('Networks that databases are in, by name. More than one needs deployment.fleet. Used by the deployment.'),
  satellites: z
    .record(networkName, satelliteSchema)
    .refine((given) => Object.keys(given).length <= MOST_SATELLITES, `must be at most ${MOST_SATELLITES} satellites`)
    .default({})
    .describe(
      'Networks in other accounts and regions, by name, each deployed there with -c satellite=NAME. Needs deployment.fleet.',
    ),
  targets: z
    .array(targetSchema)
    .max(MOST_TARGETS)
    .default([])
    .describe('The PostgreSQL endpoints to audit. May be left out where discovery finds them.'),
  discovery: z
    .array(discoveryRuleSchema)
    .max(50)
    .default([])
    .describe('Where each run finds more targets. Of two with one name, that of targets is audited.'),
});

/** A name, in which * stands for any characters. */
function pattern() {
  return shownText.min(1).max(256);
}

/** A name may hold nearly anything, but what looks like a URL or its parameters is one. */
function isDatabaseName(name: string): boolean {
  return !/:\/\/|[?&;][^=]*=/.test(name);
}

function isNetwork(text: string): boolean {
  return text.includes('/') ? ipaddr.isValidCIDR(text) : ipaddr.isValid(text);
}

function isTimeZone(name: string): boolean {
  // Intl also takes offsets, and names in any case; Scheduler does not.
  if (!/^[A-Z]/.test(name)) return false;
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}
