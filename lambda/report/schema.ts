// Defines the report document: what `--format json` prints, the handler returns and sqs/lambda subscribers receive.
// The published JSON Schema is generated from here; code uses the types only.

import * as z from 'zod';
import { FAILURE_CAUSES } from '../model/failure.ts';
import { VERDICTS } from '../model/finding.ts';
import { REASONS, RESOLUTIONS } from '../model/lifecycle.ts';
import { CIPHER_PROFILES, LOOPBACK_POLICIES } from '../model/policy.ts';
import { PLAINTEXT_AUTHENTICATIONS, PROBED_VERSIONS } from '../model/probe.ts';
import { SEVERITIES } from '../model/severity.ts';
import { TARGET_KINDS } from '../model/target.ts';
import { TLS_VERSIONS } from '../model/tls.ts';
import { TRANSPORTS } from '../model/transport.ts';

/** What a run covers of the time between it and the run before. */
const COVERAGES = ['snapshot', 'sampled', 'continuous'] as const;

const timestamp = z.iso.datetime().describe('ISO 8601, UTC.');
const count = z.int().min(0);
const severity = z.enum(SEVERITIES);
const milliseconds = z.number().min(0).describe('Milliseconds.');
const evidence = z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.array(z.string())]));

const certificate = z.object({
  subject: z.string(),
  issuer: z.string(),
  notBefore: timestamp,
  notAfter: timestamp,
  subjectAltNames: z.array(z.string()),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const link = z
  .object({
    tlsVersion: z.string(),
    cipher: z.string(),
    authorized: z.boolean(),
    verifiedName: z.string().describe('The name or address the certificate was verified against.'),
    sslNegotiation: z.enum(['postgres', 'direct']),
    authentication: z.enum(['scram-sha-256-plus', 'scram-sha-256', 'md5', 'password', 'none']),
    channelBinding: z
      .boolean()
      .describe('SCRAM was bound to this TLS channel: there is no proxy in between that ends TLS.'),
    serverView: z
      .object({ tlsVersion: z.string(), cipher: z.string() })
      .or(z.literal('not-tls'))
      .nullable()
      .describe("The server's own row for the auditor's session; null where it showed none."),
    certificates: z.array(certificate).describe('The chain as presented, leaf first.'),
    omittedCertificates: count.optional().describe('Further certificates that the server presented.'),
    timings: z.object({
      tcp: milliseconds,
      tlsHandshake: milliseconds,
      authentication: milliseconds,
      queries: milliseconds,
    }),
    roundTrips: count.describe('Round trips after login.'),
    attempts: z.int().min(1),
  })
  .describe("Facts about the auditor's own connection.");

const byTransport = z.object({ tls: count, gss: count, 'unix-socket': count, loopback: count, plaintext: count });

const sessions = z
  .object({
    total: count,
    hidden: count.describe('Sessions whose encryption the server did not show to this login; not in total.'),
    byTransport,
    byTlsVersion: z.record(z.string(), count),
    byHop: z
      .object({ client: byTransport, server: byTransport })
      .optional()
      .describe('Of a pooler only, by transport: its client side, and its server side.'),
  })
  .describe("Client and replication sessions other than the auditor's own.");

const wireAnswer = z
  .object({
    answer: z.enum(['accepted', 'refused', 'unknown']),
    reason: z.string().optional().describe('How the server refused, or why the answer is not known.'),
  })
  .describe('What the server did on the wire.');

const probe = z
  .object({
    role: z.string().describe('The role whose login was tried in plaintext.'),
    database: z.string(),
    plaintext: wireAnswer.extend({
      authentication: z
        .enum(PLAINTEXT_AUTHENTICATIONS)
        .optional()
        .describe('What the server asked for where it accepted; "none": it let the role in.'),
    }),
    offersTls: z.boolean().nullable().describe('Null where it is not known.'),
    tlsVersions: z.record(z.enum(PROBED_VERSIONS), wireAnswer),
    directTls: wireAnswer.describe('TLS without an SSLRequest before it.'),
    keyExchange: z
      .object({ group: z.string().nullable(), postQuantum: z.boolean() })
      .or(z.object({ reason: z.string() }))
      .describe(
        'What the server chose where post-quantum hybrids were offered first; without a group where it does not accept TLSv1.3, with a reason where it is not known.',
      ),
    brokenSuites: wireAnswer
      .extend({ suite: z.string().optional().describe("What the server chose where it accepted, by OpenSSL's name.") })
      .describe(
        'What it did when it was offered only suites without encryption, without authentication or of export grade.',
      ),
    connections: count.describe('How many connections the probe made.'),
  })
  .describe('Results of the wire probe.');

const target = z.object({
  name: z.string(),
  kind: z.enum(TARGET_KINDS).optional().describe('Absent means postgresql.'),
  host: z.string().nullable().describe('Null while the credentials that name it could not be read.'),
  port: z.int().nullable(),
  labels: z.record(z.string(), z.string()),
  takenAt: timestamp.describe('When the target was audited. ISO 8601, UTC.'),
  verdict: z.enum(VERDICTS),
  error: z
    .object({ cause: z.enum(FAILURE_CAUSES), phase: z.string(), message: z.string(), remedy: z.string() })
    .optional()
    .describe('Why the target was not audited.'),
  link: link.nullable().describe('Null when the target was not reached.'),
  server: z.object({ version: z.string(), inRecovery: z.boolean() }).nullable(),
  sessions: sessions.nullable().describe('Null when sessions could not be observed: not the same as zero sessions.'),
  probe: probe
    .or(z.object({ reason: z.string().describe('Why there was no probe.') }))
    .nullable()
    .describe('Null where the target does not ask for the wire probe.'),
  coverage: z
    .enum(COVERAGES)
    .describe(
      'snapshot: the sessions that were open at the moment of the run; sampled: also those of some seconds after it; continuous: also every login that the connection log shows, since coverageSince.',
    ),
  coverageSince: timestamp
    .optional()
    .describe('Since when the connection log was read without a gap, where coverage is continuous. ISO 8601, UTC.'),
  logins: z
    .object({
      source: z.enum(['server-files', 'cloudwatch-logs']),
      from: timestamp.describe('The window that the counts are of. ISO 8601, UTC.'),
      to: timestamp,
      total: count,
      byTransport: z.record(z.enum(TRANSPORTS), count),
    })
    .nullable()
    .optional()
    .describe(
      'Logins of the last 24 hours that the connection log shows; null where it was not read, absent where the target names none. A log can be forged: no verdict rests on it.',
    ),
  checks: z.array(
    z.object({
      id: z.string(),
      status: z.enum(['pass', 'fail', 'not-applicable', 'unknown', 'error']),
      reason: z.string().optional(),
    }),
  ),
});

const muteAgreement = z.object({
  reason: z.string().describe('Why the finding is accepted.'),
  owner: z.string().describe('The person or team that is responsible for the mute.'),
  expires: timestamp.describe('When the mute ends. ISO 8601, UTC.'),
});

const episode = {
  firstSeen: timestamp.optional().describe('When the finding was seen for the first time. ISO 8601, UTC.'),
  openedAt: timestamp
    .optional()
    .describe(
      'When the present episode began: later than firstSeen where the finding was resolved in between. ISO 8601, UTC.',
    ),
  lastSeen: timestamp.optional().describe('When the finding was seen for the last time. ISO 8601, UTC.'),
  lastNotifiedSeverity: severity
    .optional()
    .describe('The severity in the last notification; absent when there was none.'),
};

const notifyReason = z.enum(REASONS).exclude(['resolved']);

const lifecycle = z
  .object({
    reason: notifyReason.describe(
      'The finding compared with earlier runs: new; escalated (more severe than in the last notification); mute-expired; reminder (sent again); ongoing (open, not sent again yet); muted (not sent); observed (found by a run without state).',
    ),
    ...episode,
    mute: muteAgreement.optional().describe('The mute that matches it, or matched it until now.'),
  })
  .describe('The history of the finding; the times only where state is kept.');

const finding = z.object({
  fingerprint: z
    .string()
    .regex(/^[0-9a-f]{16}$/)
    .describe('Identifies the finding: the same from run to run until it is fixed.'),
  check: z.string(),
  severity,
  target: z.string(),
  title: z.string(),
  role: z.string().optional(),
  database: z.string().optional(),
  application: z.string().optional(),
  clients: z.array(z.string()).optional().describe('Client addresses, or networks when there are many.'),
  count: count.optional().describe('How many sessions show it.'),
  evidence,
  remedy: z.string(),
  lifecycle: lifecycle.optional(),
});

const resolvedFinding = finding
  .omit({ lifecycle: true })
  .extend({
    resolution: z
      .enum(RESOLUTIONS)
      .describe(
        'gone: the run looked for it and did not find it; not-applicable: its check no longer applies; check-removed, target-removed: the check or target no longer exists, which does not prove that the finding is fixed.',
      ),
    detail: z.string().optional(),
    ...episode,
  })
  .describe('As it was last seen.');

const muteUse = z.object({
  match: z
    .object({
      fingerprint: z.string().optional(),
      check: z.string().optional(),
      target: z.string().optional(),
      role: z.string().optional(),
      database: z.string().optional(),
      application: z.string().optional(),
      client: z.string().optional(),
    })
    .describe('Every given pattern must match; * stands for any characters.'),
  ...muteAgreement.shape,
  expired: z.boolean(),
  matched: count.describe('How many findings of this run it matched.'),
  unusedSince: timestamp.optional().describe('Since when it has matched nothing, where that is 30 days or more.'),
});

const warning = z.object({
  id: z
    .enum([
      'no-subscriber',
      'subscribers-unknown',
      'state-unreadable',
      'targets-unknown',
      'discovery',
      'database-not-covered',
      'clock',
      'findings-dropped',
      'nearly-out-of-time',
    ])
    .describe(
      'no-subscriber: no confirmed subscription receives an alert; subscribers-unknown: SNS did not say; state-unreadable; targets-unknown: a source of targets failed; discovery: a rule of discovery, or what depends on it, has no database; database-not-covered: RDS has a PostgreSQL database that no rule takes; clock: the state holds times in the future; findings-dropped: a target has so many open findings that the oldest are no longer recorded; nearly-out-of-time: the last targets were reached with little time left.',
    ),
  message: z.string(),
});

export const reportSchema = z.object({
  schemaVersion: z.literal(1),
  startedAt: timestamp,
  finishedAt: timestamp,
  policy: z.object({
    minTlsVersion: z.enum(TLS_VERSIONS),
    preferredTlsVersion: z.enum(TLS_VERSIONS),
    cipherProfile: z.enum(CIPHER_PROFILES),
    cipherProfileSource: z
      .object({ document: z.string(), version: z.string(), url: z.string() })
      .describe('The guideline that the cipher profile follows.'),
    loopback: z.enum(LOOPBACK_POLICIES),
    certificateExpiryDays: z.object({ medium: count, high: count, critical: count }),
    clientCertificateRoles: z.array(z.string()).describe('Roles that must present a client certificate.'),
  }),
  state: z
    .enum(['none', 'kept', 'unreadable'])
    .describe(
      'Whether runs are compared. none: no state is configured; kept: they are; unreadable: this run could not read the state.',
    ),
  warnings: z.array(warning).optional().describe('Problems of the auditor itself. Absent where there are none.'),
  targets: z.array(target),
  findings: z.array(finding).describe('What this run found, muted or not. Worst first.'),
  carriedOver: z
    .array(finding)
    .optional()
    .describe(
      'Findings that are still open though this run did not see them: their target was not audited, a check could not see everything, or a session has not been gone for long enough. Only where state is kept.',
    ),
  resolved: z
    .array(resolvedFinding)
    .optional()
    .describe('Findings resolved since the last run. Only where state is kept.'),
  mutes: z.array(muteUse).optional().describe('The mutes of the configuration, where it has some.'),
  omittedTargets: omitted('Targets', 'the healthiest'),
  omittedFindings: omitted('Findings', 'first those that are not sent by this run, then the last ones'),
  omittedCarriedOver: omitted('Findings of carriedOver', 'the last ones'),
  omittedResolved: omitted('Findings of resolved', 'the last ones'),
  omittedMutes: omitted('Mutes', 'the last ones'),
});

function omitted(what: string, which: string): z.ZodOptional<typeof count> {
  return count.optional().describe(`${what} left out of a message that could not hold them; ${which}.`);
}

export type Report = z.output<typeof reportSchema>;
export type ReportTarget = Report['targets'][number];
export type ReportFinding = Report['findings'][number];
export type ResolvedFinding = NonNullable<Report['resolved']>[number];
export type ReportWarning = NonNullable<Report['warnings']>[number];
export type ReportMute = NonNullable<Report['mutes']>[number];

/** The JSON Schema of the report document. */
export function reportJsonSchema(): object {
  return { ...z.toJSONSchema(reportSchema, { target: 'draft-2020-12' }), title: 'pg-tls-auditor report' };
}
