// Audits a range of the targets of a run, and writes its part. A worker publishes nothing.

import { auditTargets } from '../audit.ts';
import { AuditFailure } from '../model/failure.ts';
import type { LogStateStore } from '../model/log-state.ts';
import type { Pace } from '../model/run-time.ts';
import type { RunContext } from '../run-context.ts';
import { putClients } from './client-parts.ts';
import { DocumentError, MOST_BYTES, pack, type Slice, unpackSlice } from './documents.ts';
import type { WorkerInput } from './messages.ts';
import { partKey, sliceKey } from './object-keys.ts';
import { encodePart, type Part } from './part-codec.ts';
import type { RunObjects } from './run-objects.ts';

/** What the machine may show of a batch. */
export interface PartSummary {
  readonly targets: number;
  readonly notAudited: number;
  readonly findings: number;
}

/**
 * Safe to repeat: the part that is written first stays.
 *
 * @param audit for benchmarks without servers
 * @throws RunObjectError, DocumentError: Repair then hands the targets out again
 */
export async function auditRange(
  range: WorkerInput,
  { environment, services, clock, time }: RunContext,
  objects: RunObjects,
  audit: typeof auditTargets = auditTargets,
): Promise<PartSummary> {
  const { run, worker, from, to } = range;
  const slice = await unpackSlice(await objects.get(sliceKey(run, worker), MOST_BYTES));
  refuseOther(range, slice);
  const targets = slice.targets.slice(from, to);
  const collector = await services.collector(targets, environment, clock);
  let leftAtLastTurnMs = time.auditMs;
  const log = collector.logs?.state === undefined ? undefined : deferred(collector.logs.state);
  const audited = await audit(
    { targets, concurrency: slice.concurrency, policy: slice.policy },
    {
      collector: log === undefined ? collector : { ...collector, logs: { ...collector.logs, state: log.store } },
      deadline: clock().toISOString() > slice.auditUntil ? RUN_IS_OVER : time.deadline,
      cloud: slice.cloud,
      includesListed: false,
      onTurn: () => {
        leftAtLastTurnMs = time.leftMs();
      },
    },
  );
  const pace: Pace = { leftAtLastTurnMs, auditMs: time.auditMs };
  const stored = await putParts(range, { run: audited, pace }, objects);
  // What was read of connection logs counts as read once it is in a part. An earlier part has its own.
  if (stored) await log?.saveAll();
  else services.logger.info('the part was there already', { run, worker, from, to });
  return {
    targets: audited.audited.length,
    notAudited: audited.audited.filter(({ verdict }) => verdict === 'not-audited').length,
    findings: audited.audited.reduce((sum, { findings }) => sum + findings.length, 0),
  };
}

/**
 * Writes one part, or several of smaller ranges where one would be too large to be read. A target that is too large by
 * itself is written all the same: Digest says so.
 *
 * @returns whether this invocation wrote a part; false: an earlier one did
 */
async function putParts({ run, worker, from, to }: WorkerInput, part: Part, objects: RunObjects): Promise<boolean> {
  const { text, fits } = encodePart(part);
  if (fits || to - from === 1) {
    const range = { worker, from, to };
    // Before the part: where that is, the range is not handed out again.
    await putClients(run, range, part.run, objects);
    return await objects.put(partKey(run, range), await pack(text));
  }
  const middle = Math.ceil((to - from) / 2);
  const { audited } = part.run;
  const halves = [
    // One of them says how the worker used its time: it is one worker.
    { from, to: from + middle, own: { pace: part.pace, run: { ...part.run, audited: audited.slice(0, middle) } } },
    { from: from + middle, to, own: { run: { ...part.run, audited: audited.slice(middle) } } },
  ];
  const stored: boolean[] = [];
  for (const { own, ...half } of halves) stored.push(await putParts({ run, worker, ...half }, own, objects));
  return stored.includes(true);
}

function refuseOther({ run, worker, to }: WorkerInput, slice: Slice): void {
  if (slice.run === run && slice.worker === worker && to <= slice.targets.length) return;
  throw new DocumentError(`the targets of worker ${worker} in run ${run} are not those that the range is of`);
}

const RUN_IS_OVER = AbortSignal.abort(
  new AuditFailure({
    cause: 'out-of-time',
    phase: 'waiting',
    message: 'The run was out of time before the turn of this target came',
    remedy:
      'raise deployment.fleet.timeoutMinutes or deployment.fleet.concurrency, or lower the timeoutSeconds of targets that ' +
      'do not answer',
  }),
);

/** Keeps what is to be saved until `saveAll`. */
function deferred(state: LogStateStore): { readonly store: LogStateStore; saveAll(): Promise<void> } {
  const saves: (() => Promise<unknown>)[] = [];
  return {
    store: {
      read: (target) => state.read(target),
      async save(target, value, version) {
        saves.push(() => state.save(target, value, version));
        return true;
      },
    },
    async saveAll() {
      // A position that is not saved has its rows counted again by the next run.
      await Promise.all(saves.map((save) => save().catch(() => undefined)));
    },
  };
}
