// Defines the schema of a run as JSON, which is strict about every fact of a snapshot.

import * as z from 'zod';
import { listOf, isoMoment as moment, partialRecordOf, recordOf } from './bounded-schema.ts';
import type { CertificateFacts } from './certificate.ts';
import { cloudFactsSchema } from './cloud-schema.ts';
import { connectionLogSchema } from './connection-log-schema.ts';
import { FAILURE_CAUSES, type Failure, PHASES } from './failure.ts';
import { type Finding, type Outcome, VERDICTS } from './finding.ts';
import { HBA_RULE_TYPES, type HbaFacts } from './hba.ts';
import type { Observed } from './observed.ts';
import { CIPHER_PROFILES, LOOPBACK_POLICIES, type Policy } from './policy.ts';
import { PGBOUNCER_SETTING_NAMES, type PgBouncerSettings } from './pooler.ts';
import { OUTBOUND_KINDS, type Outbound, SETTING_NAMES, type Settings } from './posture.ts';
import { PLAINTEXT_AUTHENTICATIONS, PROBED_VERSIONS, type WireProbe } from './probe.ts';
import { PLATFORMS, type Remedy } from './remedy.ts';
import { type AuditedTarget, type ListedTarget, verdictOf } from './run.ts';
import { SEVERITIES } from './severity.ts';
import { type AuditConnection, type Session, SIDES, type Snapshot } from './snapshot.ts';
import { TARGET_KINDS } from './target.ts';
import { LATEST_MS } from './time.ts';
import { TLS_VERSIONS } from './tls.ts';
import { TRANSPORTS } from './transport.ts';

const text = z.string();
const flag = z.boolean();
const count = z.int().min(0);
const milliseconds = z.number().min(0);
const days = z.number().min(0);
const sha256 = text.regex(/^[0-9a-f]{64}$/);

/** A fact with its value, or the reason why it is not known; nothing in between. */
function observed<T>(value: z.ZodType<T>): z.ZodType<Observed<T>> {
  return z.union([
    z.strictObject({ known: z.literal(true), value }) as unknown as z.ZodType<Extract<Observed<T>, { known: true }>>,
    z.strictObject({ known: z.literal(false), reason: text.min(1) }),
  ]);
}

const certificate: z.ZodType<CertificateFacts> = z.strictObject({
  subject: text,
  issuer: text,
  // A check refuses a moment that it cannot read.
  notBefore: text,
  notAfter: text,
  subjectAltNames: listOf(text),
  serialNumber: text,
  sha256,
  publicKey: z.strictObject({ type: text, bits: count.optional(), sha256: sha256.optional() }),
  signatureAlgorithm: text.optional(),
  selfSigned: flag,
});

const failure: z.ZodType<Failure> = z.strictObject({
  cause: z.enum(FAILURE_CAUSES),
  phase: z.enum(PHASES),
  message: text,
  remedy: text,
  remedyForUrl: text.optional(),
});

const sessionTls = z.strictObject({
  version: text,
  cipher: text,
  bits: count.optional(),
  clientDn: text.optional(),
});

export const sessionSchema: z.ZodType<Session> = z
  .strictObject({
    pid: count.optional(),
    side: z.enum(SIDES).optional(),
    role: text.optional(),
    database: text.optional(),
    application: text,
    kind: z.enum(['client', 'replication']),
    superuser: flag.optional(),
    transport: z.enum(TRANSPORTS),
    clientAddress: text.optional(),
    tls: sessionTls.optional(),
    startedAt: z.int().min(0).max(LATEST_MS),
  })
  .refine(
    ({ transport, tls }) => (transport === 'tls') === (tls !== undefined),
    'has TLS facts if and only if it uses TLS',
  )
  .refine(({ side, superuser }) => side !== undefined || superuser !== undefined, 'lacks "superuser"');

const link: z.ZodType<AuditConnection> = z.strictObject({
  tlsVersion: text,
  cipher: text,
  authorized: flag,
  verifiedName: text,
  sslNegotiation: z.enum(['postgres', 'direct']),
  authentication: z.enum(['scram-sha-256-plus', 'scram-sha-256', 'md5', 'password', 'none']),
  channelBinding: flag,
  serverView: observed(z.union([z.literal('not-tls'), z.strictObject({ tlsVersion: text, cipher: text })])),
  backendPid: z.strictObject({ announced: z.int(), own: z.int() }).optional(),
  timings: z.strictObject({
    tcp: milliseconds,
    tlsHandshake: milliseconds,
    authentication: milliseconds,
    queries: milliseconds,
  }),
  roundTrips: count,
  attempts: count,
});

const settings: z.ZodType<Settings> = z.strictObject({
  values: partialRecordOf(SETTING_NAMES, text),
  unusable: partialRecordOf(SETTING_NAMES, text).optional(),
  pendingRestart: listOf(z.enum(SETTING_NAMES)).optional(),
  overrides: listOf(
    z.strictObject({
      setting: z.enum(SETTING_NAMES),
      database: text.optional(),
      role: text.optional(),
      value: text,
      ofLogin: flag,
    }),
  ).optional(),
  seesAll: flag,
});

const quotes = listOf(flag.nullable()).optional();

const place = { fileName: text.optional(), lineNumber: count };

const hba: z.ZodType<HbaFacts> = z
  .strictObject({
    major: count,
    rules: listOf(
      z.strictObject({
        ...place,
        quotes: z.strictObject({ databases: quotes, users: quotes, address: flag.optional() }).optional(),
        type: z.enum(HBA_RULE_TYPES),
        databases: listOf(text),
        users: listOf(text),
        address: text.optional(),
        netmask: text.optional(),
        method: text,
        options: listOf(text),
        warning: text.optional(),
      }),
    ),
    faults: listOf(z.strictObject({ ...place, error: text.optional() })),
    roles: listOf(
      z.strictObject({ name: text, canLogin: flag, superuser: flag, replication: flag, memberOf: listOf(count) }),
    ),
    databases: listOf(z.strictObject({ name: text, allowConnections: flag })),
    changedSinceLoad: flag.optional(),
    login: z
      .strictObject({ encryption: z.enum(['plaintext', 'tls']), role: text, database: text, address: text })
      .optional(),
    patterns: listOf(z.strictObject({ token: text, roles: listOf(text), databases: listOf(text) })),
  })
  .refine(({ roles }) => roles.every(({ memberOf }) => memberOf.every((group) => group < roles.length)), {
    message: 'has a role that is a member of a role which is not in the list',
  });

const outbound: z.ZodType<Outbound> = z.strictObject({
  links: listOf(
    z.strictObject({
      kind: z.enum(OUTBOUND_KINDS),
      name: text.optional(),
      database: text.optional(),
      sslmode: text.optional(),
      emptySslmode: flag.optional(),
      sslrootcert: z.enum(['system', 'other']).optional(),
      local: flag,
      loopback: flag.optional(),
      serviceFile: flag,
      gssEncrypted: flag,
    }),
  ),
  unreadable: listOf(z.strictObject({ kind: z.enum(OUTBOUND_KINDS), count, refusal: text.optional() })),
});

const pooler: z.ZodType<PgBouncerSettings> = z.strictObject({
  version: text,
  values: partialRecordOf(PGBOUNCER_SETTING_NAMES, text),
  databases: observed(listOf(z.strictObject({ name: text, host: text.optional() }))),
});

const refused = z.strictObject({ accepted: z.literal(false), said: text });
const wireAnswer = z.union([z.strictObject({ accepted: z.literal(true) }), refused]);

const probe: z.ZodType<WireProbe> = z.strictObject({
  role: text,
  database: text,
  loopback: flag,
  plaintext: observed(
    z.union([
      z.strictObject({ accepted: z.literal(true), authentication: z.enum(PLAINTEXT_AUTHENTICATIONS) }),
      refused,
    ]),
  ),
  offersTls: observed(flag),
  tlsVersions: z.record(z.enum(PROBED_VERSIONS), observed(wireAnswer)),
  directTls: observed(wireAnswer),
  keyExchange: observed(z.strictObject({ group: text.optional(), postQuantum: flag })),
  brokenSuites: observed(z.union([z.strictObject({ accepted: z.literal(true), suite: text }), refused])),
  connections: count,
});

export const snapshotSchema: z.ZodType<Snapshot> = z
  .strictObject({
    target: z.strictObject({
      name: text.min(1),
      host: text.optional(),
      port: count.optional(),
      labels: recordOf(text),
      kind: z.enum(TARGET_KINDS).optional(),
      fromOption: flag.optional(),
    }),
    takenAt: moment,
    failure: failure.optional(),
    credentials: observed(
      z.strictObject({
        source: text,
        dsn: z.strictObject({ sslmode: text.optional(), weakParameters: listOf(text) }).optional(),
      }),
    ),
    serverChain: observed(listOf(certificate)),
    link: observed(link),
    networkPath: z
      .strictObject({ remoteAddress: text, clientAddressAtServer: text.optional(), isDirect: flag })
      .optional(),
    server: observed(z.strictObject({ version: text, inRecovery: flag })),
    visibility: observed(
      z.strictObject({
        role: text,
        assumed: z
          .strictObject({
            login: text,
            setting: z.strictObject({ role: text.optional(), database: text.optional() }).optional(),
          })
          .optional(),
        seesAllSessions: flag,
        inherits: flag.optional(),
      }),
    ),
    sessions: observed(z.strictObject({ visible: listOf(sessionSchema), hidden: count })),
    settings: observed(settings),
    hba: observed(hba),
    outbound: observed(outbound),
    pooler: observed(pooler).optional(),
    aurora: observed(
      z.strictObject({
        own: text.optional(),
        instances: listOf(z.strictObject({ id: text, writer: flag })),
      }),
    ).optional(),
    probe: observed(probe).optional(),
    connectionLog: observed(connectionLogSchema).optional(),
    sampled: observed(
      z.strictObject({ from: moment, to: moment, samples: count, sessions: listOf(sessionSchema) }),
    ).optional(),
    trust: observed(
      z.strictObject({
        system: flag,
        systemStoreLeftOut: z.enum(['SSL_CERT_FILE', 'SSL_CERT_DIR']).optional(),
        bundle: listOf(certificate),
        unusable: listOf(z.strictObject({ subject: text, sha256, problem: text })).optional(),
      }),
    ),
    clientCertificate: observed(certificate.nullable()),
    cloud: observed(cloudFactsSchema).optional(),
  })
  .refine(
    ({ target, pooler: settingsOfPooler }) => (target.kind === 'pgbouncer') === (settingsOfPooler !== undefined),
    {
      message: 'has facts of a pooler if and only if it is one',
    },
  );

const evidence = recordOf(z.union([text, z.number(), flag, listOf(text)]));

const remedy: z.ZodType<Remedy> = z.union([
  text,
  z.strictObject({
    ...(Object.fromEntries(PLATFORMS.map((platform) => [platform, text])) as Record<
      (typeof PLATFORMS)[number],
      z.ZodString
    >),
    everywhere: text.optional(),
    pgbouncer: text.optional(),
  }),
]);

/** What a problem and its finding have in common. */
export const namesOfProblem = {
  severity: z.enum(SEVERITIES),
  title: text,
  role: text.optional(),
  database: text.optional(),
  application: text.optional(),
  clients: listOf(text).optional(),
  count: count.optional(),
  evidence,
};

const withReason = <const Status extends string>(status: Status) =>
  z.strictObject({ status: z.literal(status), reason: text.min(1) });

const outcome: z.ZodType<Outcome> = z.union([
  z.strictObject({ status: z.literal('pass') }),
  z.strictObject({
    status: z.literal('fail'),
    problems: listOf(
      z.strictObject({
        ...namesOfProblem,
        subject: text.optional(),
        side: z.enum(SIDES).optional(),
        remedy: remedy.optional(),
      }),
      { least: 1 },
    ),
    incomplete: text.optional(),
  }),
  withReason('not-applicable'),
  withReason('unknown'),
  withReason('error'),
]);

const finding: z.ZodType<Finding> = z.strictObject({
  ...namesOfProblem,
  fingerprint: text.regex(/^[0-9a-f]{16}$/),
  check: text.min(1),
  target: text.min(1),
  remedy: text,
});

const audited: z.ZodType<AuditedTarget> = z
  .strictObject({
    snapshot: snapshotSchema,
    verdict: z.enum(VERDICTS),
    outcomes: listOf(z.strictObject({ check: text.min(1), outcome })),
    findings: listOf(finding),
  })
  .refine(hasOwnFindings, { message: 'has other findings than its outcomes say' })
  .refine((one) => one.verdict === verdictOf(one.snapshot, one), {
    message: 'has another verdict than its outcomes give',
  });

const listed: z.ZodType<ListedTarget> = z
  .strictObject({
    snapshot: snapshotSchema,
    outcomes: listOf(z.strictObject({ check: text.min(1), outcome })),
    findings: listOf(finding),
  })
  .refine(hasOwnFindings, { message: 'has other findings than its outcomes say' });

/** Whether each problem is a finding, under this target's name. */
function hasOwnFindings({ snapshot: { target }, outcomes, findings }: ListedTarget): boolean {
  const counts = new Map(
    outcomes.map(({ check, outcome: one }) => [check, one.status === 'fail' ? one.problems.length : 0]),
  );
  if (counts.size < outcomes.length) return false;
  for (const { check, target: name } of findings) {
    const left = counts.get(check) ?? 0;
    if (left === 0 || name !== target.name) return false;
    counts.set(check, left - 1);
  }
  return [...counts.values()].every((left) => left === 0);
}

export const policySchema: z.ZodType<Policy> = z.strictObject({
  minTlsVersion: z.enum(TLS_VERSIONS),
  preferredTlsVersion: z.enum(TLS_VERSIONS),
  cipherProfile: z.enum(CIPHER_PROFILES),
  loopback: z.enum(LOOPBACK_POLICIES),
  certificateExpiryDays: z.strictObject({ medium: days, high: days, critical: days }),
  clientCertificateRoles: listOf(text),
});

export const RUN_SCHEMA_VERSION = 1;

export const runSchema = z.strictObject({
  schemaVersion: z.literal(RUN_SCHEMA_VERSION),
  startedAt: moment,
  finishedAt: moment,
  policy: policySchema,
  audited: listOf(audited),
  listed: listOf(listed).optional(),
});
