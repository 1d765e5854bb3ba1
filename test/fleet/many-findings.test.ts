// A target with very many findings: the fleet finds and says what one function does, within the bounds of a part.

import { gunzipSync } from 'node:zlib';
import { describe, expect, test, vi } from 'vitest';
import { targetOf } from '../../lab/collector.ts';
import { PLANNED_AT, planOf } from '../../lab/fleet-plan.ts';
import { healthySnapshot, POLICY, plaintextSession, session } from '../../lab/snapshots.ts';
import type { auditTargets } from '../../lambda/audit.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { evaluateFleet } from '../../lambda/checks/evaluate-fleet.ts';
import { pack, slicesOf } from '../../lambda/fleet/documents.ts';
import { sliceKey } from '../../lambda/fleet/object-keys.ts';
import { MOST_PART_BYTES } from '../../lambda/fleet/part-codec.ts';
import { mergedRun, paceOf, readParts } from '../../lambda/fleet/parts.ts';
import { RunObjectError, type RunObjects } from '../../lambda/fleet/run-objects.ts';
import { evaluateByTrust } from '../../lambda/fleet/trust.ts';
import { auditRange } from '../../lambda/fleet/worker.ts';
import { known } from '../../lambda/model/observed.ts';
import type { AuditedTarget } from '../../lambda/model/run.ts';
import type { Session, Snapshot } from '../../lambda/model/snapshot.ts';

const MANY = 12_000;

/** A number in letters: numbers in names are folded to one finding. */
const word = (index: number): string => String(index).replaceAll(/\d/g, (digit) => 'abcdefghij'[Number(digit)] ?? '');

/** A target with so many roles that connect in plaintext. */
function audited(name: string, roles: number): AuditedTarget {
  const standby = session({ kind: 'replication', database: undefined, clientAddress: '10.9.9.9' });
  return evaluated(name, [...Array.from({ length: roles }, (_, index) => plaintextSession(clientOf(index))), standby]);
}

const clientOf = (index: number): Partial<Session> => ({
  role: `role_${word(index)}`,
  application: `app ${word(index % 7)}\n<!channel>`,
  clientAddress: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
});

function evaluated(name: string, sessions: readonly Session[], facts: Partial<Snapshot> = {}): AuditedTarget {
  const { labels, kind } = targetOf({ name });
  const target = { name, host: name, labels, kind };
  const snapshot = { ...healthySnapshot(sessions), takenAt: PLANNED_AT, target, ...facts };
  return { snapshot, ...evaluate(snapshot, POLICY) };
}

/** Standbys that stream in plaintext, each with a role of its own. */
function replicated(name: string, standbys: number): AuditedTarget {
  const standby = { kind: 'replication', database: undefined } as const;
  const sessions = Array.from({ length: standbys }, (_, index) => plaintextSession({ ...clientOf(index), ...standby }));
  return evaluated(name, sessions);
}

/** Foreign servers with names that make every text of theirs look like many values. */
function linked(name: string, servers: number): AuditedTarget {
  const links = Array.from({ length: servers }, (_, index) => ({
    kind: 'foreign-server' as const,
    name: `${word(index)}${',[{'.repeat(8)}`,
    database: 'shop',
    sslmode: 'disable',
    local: false,
    serviceFile: false,
    gssEncrypted: false,
  }));
  return evaluated(name, [], { outbound: known({ links, unreadable: [] }) });
}

interface Bucket extends RunObjects {
  readonly stored: Map<string, Uint8Array>;
}

function bucket(): Bucket {
  const stored = new Map<string, Uint8Array>();
  return {
    stored,
    async put(key, body) {
      if (stored.has(key)) return false;
      stored.set(key, body);
      return true;
    },
    async get(key, most) {
      const body = stored.get(key);
      if (body === undefined) throw new RunObjectError(`${key} does not exist`);
      if (body.length > most) throw new RunObjectError(`${key} has ${body.length} bytes, and ${most} are allowed`);
      return body;
    },
    list: async (prefix) => [...stored.keys()].filter((key) => key.startsWith(prefix)),
  };
}

/** What a worker and Digest make of the targets. */
async function byFleet(targets: readonly AuditedTarget[]) {
  const plan = planOf(targets.map(({ snapshot }) => snapshot.target.name));
  const objects = bucket();
  const [slice] = slicesOf(plan);
  if (slice !== undefined) objects.stored.set(sliceKey('run-1', 'default'), await pack(slice));
  const audit: typeof auditTargets = async ({ policy }) => ({
    ...{ startedAt: PLANNED_AT, finishedAt: PLANNED_AT, policy },
    audited: evaluateFleet(targets, policy),
  });
  const context = {
    environment: {},
    clock: () => new Date(PLANNED_AT),
    time: { deadline: new AbortController().signal, auditMs: 1_000, leftMs: () => 1_000 },
    services: { logger: { info: vi.fn() }, collector: async () => ({}) },
  };
  await auditRange({ run: 'run-1', worker: 'default', from: 0, to: targets.length }, context as never, objects, audit);
  const { parts, missing } = await readParts(plan, objects, PLANNED_AT);
  const merged = mergedRun(
    plan,
    parts.map(({ run }) => run),
    PLANNED_AT,
  );
  const options = { coversAllTargets: true, replicas: new Map(), satellites: new Set<string>() };
  return { all: evaluateByTrust(merged.audited, POLICY, plan, options), missing, pace: paceOf(plan, parts), objects };
}

const byFunction = (targets: readonly AuditedTarget[]): readonly AuditedTarget[] =>
  evaluateFleet(targets, POLICY, { coversAllTargets: true });

describe(`a target with ${MANY} findings`, () => {
  test.each([
    ['of clients', audited('busy', MANY)],
    ['of standbys', replicated('busy', MANY)],
    ['of foreign servers', linked('busy', MANY)],
  ])('%s has those, and the verdict, of a run of one function, and so have those beside it', async (_, busy) => {
    const targets = [audited('orders', 3), busy, audited('ledger', 0)];
    const { all, missing, objects } = await byFleet(targets);
    const alone = byFunction(targets);
    expect(missing).toEqual([]);
    const verdicts = all.map(({ snapshot, verdict }) => [snapshot.target.name, verdict]);
    expect(verdicts).toEqual(alone.map(({ snapshot, verdict }) => [snapshot.target.name, verdict]));
    expect(all[1]?.findings.length).toBeGreaterThanOrEqual(MANY);
    expect(all.map(({ findings }) => findings)).toEqual(alone.map(({ findings }) => findings));
    const statuses = ({ outcomes }: AuditedTarget) => outcomes.map(({ check, outcome }) => [check, outcome.status]);
    expect(all.map(statuses)).toEqual(alone.map(statuses));
    const sizes = [...objects.stored]
      .filter(([key]) => key.includes('/parts/'))
      .map(([, body]) => gunzipSync(body).length);
    expect(Math.max(...sizes)).toBeLessThan(MOST_PART_BYTES);
  });
});

test('more findings than a part holds are no result, with the cause, and cost no target beside it', async () => {
  const { all, missing, pace } = await byFleet([audited('orders', 3), audited('busy', 31_000), audited('ledger', 0)]);
  expect(missing).toEqual([{ worker: 'default', from: 1, to: 2, reason: 'the part has more than 30000 findings' }]);
  expect(all.map(({ snapshot }) => snapshot.target.name)).toEqual(['orders', 'ledger']);
  // Several parts are one worker.
  expect(pace.workers).toHaveLength(1);
});
