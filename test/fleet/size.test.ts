// A fleet at its size, through the real functions and endpoints with the limits of AWS: what Digest keeps in memory,
// what it writes, and what it publishes.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { gunzipSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AwsEndpoint, startAwsEndpoint } from '../../lab/aws.ts';
import type { StoredObject } from '../../lab/aws-s3.ts';
import { compileCache } from '../../lab/compile-cache.ts';
import type { DigestProcessAnswer } from '../../lab/digest-process.ts';
import { type MemoryDynamoDb, startMemoryDynamoDb } from '../../lab/dynamodb-memory.ts';
import { healthySnapshot, POLICY, plaintextSession, session } from '../../lab/snapshots.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { evaluateFleet } from '../../lambda/checks/evaluate-fleet.ts';
import { newPlan, pack } from '../../lambda/fleet/documents.ts';
import { partKey, planKey } from '../../lambda/fleet/object-keys.ts';
import { encodePart } from '../../lambda/fleet/part-codec.ts';
import type { AuditedTarget } from '../../lambda/model/run.ts';
import type { Target } from '../../lambda/model/target.ts';
import type { Report } from '../../lambda/report/schema.ts';

/** The real size takes some minutes: it is run where larger runs are asked for. */
const IS_LARGE = process.env.PG_TLS_AUDITOR_FLEET === 'large';
const TARGETS = IS_LARGE ? 10_000 : 300;
/** Findings of one target more: a server with very many clients, or one that makes them up. */
const MANY = IS_LARGE ? 12_000 : 300;
const BATCH = 100;
/** Every fiftieth write is throttled. */
const THROTTLED = 50;
const FINDINGS = 2;
const SESSIONS = 20;

/** What a hostile worker writes in place of its parts. */
const BOMBS: readonly (() => string | Uint8Array)[] = [
  () => Buffer.alloc(100_000_000, ' '),
  () => `{"schemaVersion":1,"texts":0,"audited":[${'0,'.repeat(95_000)}0]}`,
  () => `{"schemaVersion":1,"texts":0,"audited":${'['.repeat(95_000)}${']'.repeat(95_000)}}`,
];

/** MiB of V8's heap, and of the whole process. */
const MOST_HEAP = 320;
const MOST_MEMORY = 700;
/** Bytes of an answer: far below what a state of the machine may have. */
const MOST_ANSWER = 2_000;
/** Bytes that CloudWatch Logs takes as one event. */
const MOST_LOG_EVENT = 256 * 1024;

let aws: AwsEndpoint;
let dynamodb: MemoryDynamoDb;
let folder: string;

beforeAll(async () => {
  aws = await startAwsEndpoint();
  dynamodb = await startMemoryDynamoDb(THROTTLED);
  folder = await mkdtemp(join(tmpdir(), 'pg-tls-auditor-size-'));
  const config = { alerts: { email: ['dba@example.com'] }, deployment: { fleet: {} }, targets: [targetOf(0)] };
  await writeFile(
    join(folder, 'auditor.config.json'),
    JSON.stringify({ ...config, targets: [{ name: 'database-0', secret: 'prod/database-0' }] }),
  );
});
afterAll(async () => {
  await Promise.all([aws[Symbol.asyncDispose](), dynamodb[Symbol.asyncDispose](), rm(folder, { recursive: true })]);
});

function targetOf(index: number): Target {
  return {
    name: `database-${index}`,
    kind: 'postgresql',
    credentials: { secret: `prod/database-${index}` },
    ca: [{ secret: 'shared/ca' }],
    host: `database-${index}.example.internal`,
    sslNegotiation: 'postgres',
    authentication: ['scram-sha-256'],
    minScramIterations: 4096,
    timeoutMs: 20_000,
    probe: false,
    logs: 'none',
    sampleMs: 0,
    labels: { team: `team-${index % 20}` },
  };
}

/** Writes the plan and the parts of a run whose targets have two findings each. */
async function writeRun(run: string, at: string): Promise<void> {
  const targets = Array.from({ length: TARGETS }, (_, index) => targetOf(index));
  const objects = aws.objects as StoredObject[];
  const put = (key: string, body: Uint8Array): void => {
    const rest = { contentType: undefined, contentEncoding: undefined, checksumSha256: '' };
    objects.push({ bucket: aws.bucket, key, body: Buffer.from(body), ...rest });
  };
  const plan = newPlan({
    run,
    startedAt: at,
    auditUntil: at,
    batch: BATCH,
    policy: POLICY as never,
    concurrency: 10,
    request: { trigger: 'schedule', notify: true, testAlert: false },
    coversAllTargets: true,
    slices: [
      { worker: 'default', targets: targets as never },
      { worker: 'busy', targets: [targetOf(TARGETS + BOMBS.length)] as never },
      { worker: 'hostile', targets: BOMBS.map((_, index) => targetOf(TARGETS + index)) as never },
    ],
    unassigned: [],
    list: {
      all: { known: true, value: targets.map(({ name, labels }) => ({ name, labels })) },
      warnings: [],
      cloud: { databases: [], places: [] },
      replicas: [],
    },
  });
  put(planKey(run), await pack(plan));
  for (const [from, bomb] of BOMBS.entries()) {
    put(partKey(run, { worker: 'hostile', from, to: from + 1 }), gzipSync(bomb()));
  }
  for (let from = 0; from < TARGETS; from += BATCH) {
    const evaluated = targets.slice(from, from + BATCH).map((target, index) => {
      const takenAt = new Date(Date.parse(at) + from + index).toISOString();
      return evaluatedAt(takenAt, target, FINDINGS);
    });
    put(partKey(run, { worker: 'default', from, to: Math.min(from + BATCH, TARGETS) }), await partOf(at, evaluated));
  }
  const busy = evaluatedAt(at, targetOf(TARGETS + BOMBS.length), MANY);
  put(partKey(run, { worker: 'busy', from: 0, to: 1 }), await partOf(at, [busy]));
}

/** A target with so many roles that connect in plaintext. */
function evaluatedAt(takenAt: string, { name, labels, kind, host }: Target, findings: number): AuditedTarget {
  const open = Array.from({ length: SESSIONS - FINDINGS }, () => session());
  const plaintext = Array.from({ length: findings }, (_, role) => plaintextSession({ role: `batch_${role}` }));
  const snapshot = { ...healthySnapshot([...open, ...plaintext]), takenAt, target: { name, labels, kind, host } };
  return { snapshot, ...evaluate(snapshot, POLICY) };
}

async function partOf(at: string, evaluated: readonly AuditedTarget[]): Promise<Uint8Array> {
  const run = { startedAt: at, finishedAt: at, policy: POLICY, audited: evaluateFleet(evaluated, POLICY) };
  return await pack(encodePart({ run }).text);
}

async function digest(run: string, at: string): Promise<DigestProcessAnswer & { readonly log: readonly string[] }> {
  const child = spawn(
    process.execPath,
    [`--max-old-space-size=${MOST_HEAP}`, join(import.meta.dirname, '../../lab/digest-process.ts')],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
      env: {
        PATH: process.env.PATH,
        ...compileCache(),
        ...aws.environment(),
        AWS_ENDPOINT_URL_DYNAMODB: dynamodb.url,
        DIGEST_RUN: run,
        DIGEST_AT: at,
        ALERT_TOPIC_ARN: aws.topicArn,
        EVIDENCE_BUCKET: aws.bucket,
        STATE_TABLE: 'state',
        AUDITOR_CONFIG_FILE: join(folder, 'auditor.config.json'),
        POWERTOOLS_SERVICE_NAME: 'size',
        POWERTOOLS_METRICS_NAMESPACE: 'PgTlsAuditor',
      },
    },
  );
  const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')]);
  expect(code).toBe(0);
  const lines = printed.trimEnd().split('\n');
  return { ...(JSON.parse(lines.at(-1) ?? '') as DigestProcessAnswer), log: lines.slice(0, -1) };
}

const minutes = (count: number): string =>
  new Date(Date.parse('2026-11-28T12:00:00.000Z') + count * 60_000).toISOString();

const ALL = FINDINGS * TARGETS + MANY;

test(`${TARGETS} targets, and one more, with ${ALL} findings pass through Digest`, { timeout: 1_800_000 }, async () => {
  const digested = async (run: string, minute: number) => {
    const before = { puts: dynamodb.count('PutItem'), messages: aws.published.length };
    const answer = await digest(run, minutes(minute));
    return {
      ...answer,
      puts: dynamodb.count('PutItem') - before.puts,
      messages: aws.published.slice(before.messages),
    };
  };
  await writeRun('first', minutes(0));
  const first = await digested('first', 1);
  await writeRun('second', minutes(15));
  const second = await digested('second', 16);
  const shown = [first, second].map(({ memory, puts }) => `${Math.round(memory / 2 ** 20)} MiB, ${puts} writes`);
  process.stderr.write(`Digest of ${TARGETS} targets: ${shown.join('; of a run without changes ')}\n`);

  for (const { output, error, memory, log } of [first, second]) {
    expect(error).toBeUndefined();
    expect(output).toMatchObject({
      targets: { findings: TARGETS + 1, 'not-audited': BOMBS.length },
      findings: { high: ALL + BOMBS.length },
    });
    expect(Buffer.byteLength(JSON.stringify(output))).toBeLessThan(MOST_ANSWER);
    expect(memory / 2 ** 20).toBeLessThan(MOST_MEMORY);
    expect(Math.max(...log.map((line) => Buffer.byteLength(line)))).toBeLessThan(MOST_LOG_EVENT);
  }
  expect(first.messages).toHaveLength(1);
  expect(second.messages).toEqual([]);
  // Sixteen items say that everything was seen again; the lease takes the rest.
  expect(second.puts).toBeLessThan(30);
  const { report } = first.output as { readonly report: { readonly key: string } };
  const stored = aws.objects.find(({ key }) => key === report.key);
  const { targets, findings } = JSON.parse(String(gunzipSync(stored?.body ?? ''))) as Report;
  expect(targets).toHaveLength(TARGETS + 1 + BOMBS.length);
  expect(findings).toHaveLength(ALL + BOMBS.length);
});
