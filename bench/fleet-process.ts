// Runs one function of the fleet in a process of its own, as Lambda does, and reports its answers and its memory.
// The parent sends the inputs, one message after the other. Servers are replaced by a snapshot that was recorded.

import { readFileSync } from 'node:fs';
import { evaluate } from '../lambda/checks/evaluate.ts';
import { evaluateFleet } from '../lambda/checks/evaluate-fleet.ts';
import { createDigestHandler } from '../lambda/fleet/digest-handler.ts';
import { fleetFunction } from '../lambda/fleet/fleet-function.ts';
import { parseWorkerInput } from '../lambda/fleet/messages.ts';
import { createPlanHandler } from '../lambda/fleet/plan-handler.ts';
import { auditRange } from '../lambda/fleet/worker.ts';
import { known } from '../lambda/model/observed.ts';
import type { Snapshot } from '../lambda/model/snapshot.ts';
import type { Target } from '../lambda/model/target.ts';

/** What a run of the benchmark needs, as JSON in a variable of the process. */
export interface FleetWork {
  readonly fn: 'plan' | 'worker' | 'digest';
  readonly targets: number;
  /** A file with the snapshot that was recorded. */
  readonly recorded: string;
}

export interface FleetAnswer {
  readonly output: unknown;
  /** Bytes of the process at its highest so far. */
  readonly memory: number;
}

const INVOCATION = { awsRequestId: 'bench', getRemainingTimeInMillis: () => 900_000 };

const work = JSON.parse(process.env.FLEET_WORK ?? '{}') as FleetWork;
const functions = {
  plan: () => createPlanHandler({ sources: [() => async () => known(targets(work.targets))] }),
  worker: () => fleetFunction({ parse: parseWorkerInput, run: auditRecorded }),
  digest: () => createDigestHandler(),
};
const fn = functions[work.fn]();
process.on('message', (input) => {
  fn(input, INVOCATION).then(
    (output) => process.send?.({ output, memory: process.resourceUsage().maxRSS * 1024 } satisfies FleetAnswer),
    (error: unknown) => {
      console.error(error);
      process.exit(1);
    },
  );
});

function targets(count: number): readonly Target[] {
  return Array.from({ length: count }, (_, index) => ({
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
  }));
}

/** The worker's own steps, but that each target has the facts that were recorded. */
async function auditRecorded(
  ...[range, context, objects]: Parameters<typeof auditRange>
): ReturnType<typeof auditRange> {
  const recorded = JSON.parse(readFileSync(work.recorded, 'utf8')) as Snapshot;
  return await auditRange(range, context, objects, async ({ targets: own, policy }) => {
    const now = new Date().toISOString();
    const evaluated = own.map(({ name, labels, kind, host }) => {
      const target = { ...recorded.target, name, labels, kind, host };
      const snapshot = { ...recorded, target, takenAt: now };
      return { snapshot, ...evaluate(snapshot, policy) };
    });
    return { startedAt: now, finishedAt: now, policy, audited: evaluateFleet(evaluated, policy) };
  });
}
