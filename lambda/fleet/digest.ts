// Digests a run of the fleet: compares the parts with the plan, and finishes the run as the function does.

import { listedSnapshots } from '../analysis/provider/cloud-facts.ts';
import { auditTargets } from '../audit.ts';
import { evaluateListed } from '../checks/evaluate-listed.ts';
import { finishRun, publishTestAlerts } from '../finish-run.ts';
import { AuditFailure, type Failure } from '../model/failure.ts';
import type { Run } from '../model/run.ts';
import type { Severity } from '../model/severity.ts';
import type { Snapshot } from '../model/snapshot.ts';
import type { Target } from '../model/target.ts';
import { countBySeverity, targetsByVerdict } from '../report/digest.ts';
import type { RunContext } from '../run-context.ts';
import { addTargetSourceError } from '../run-targets.ts';
import { readClients } from './client-parts.ts';
import { MOST_BYTES, type Plan, unpackPlan } from './documents.ts';
import type { DigestInput } from './messages.ts';
import { planKey } from './object-keys.ts';
import { runTime } from './own-results.ts';
import { type MissingRange, mergedRun, paceOf, readParts } from './parts.ts';
import type { Range } from './ranges.ts';
import type { RunObjects } from './run-objects.ts';
import { evaluateByTrust } from './trust.ts';
import { budgetsOf } from './worker-budget.ts';

/** Ranges in a line of the log, which has a bound; each of their targets has a finding. */
const MOST_LOGGED = 100;

/** What an execution answers: counts, and where the report is. */
export interface RunSummary {
  readonly run: string;
  /** Undefined where it could not be stored. */
  readonly report: { readonly bucket: string; readonly key: string; readonly sha256: string } | undefined;
  readonly startedAt: string;
  readonly finishedAt: string;
  /** How many targets came out how. */
  readonly targets: Readonly<Record<string, number>>;
  readonly findings: Readonly<Record<Severity, number>>;
}

/**
 * @throws RunObjectError, DocumentError before anything is published; TargetSourceError, PublishError, StateError,
 * EvidenceError, KeepClientsError, SecurityHubError at the end, when every other step is done
 */
export async function digestRun(
  { run: id }: DigestInput,
  context: RunContext,
  objects: RunObjects,
): Promise<RunSummary> {
  const { clock, errors, services } = context;
  const plan = await unpackPlan(await objects.get(planKey(id), MOST_BYTES));
  const { list, coversAllTargets } = plan;
  const request = { ...plan.request, targets: plan.request.targets };
  addTargetSourceError(request, list, errors);
  if (request.testAlert) {
    await publishTestAlerts(list.all.known ? list.all.value : plan.slices.flatMap(({ targets }) => targets), context);
  }
  const { parts, ranges, missing } = await readParts(plan, objects, clock().toISOString());
  if (missing.length > 0) {
    const shown = { missing: missing.slice(0, MOST_LOGGED), omitted: Math.max(0, missing.length - MOST_LOGGED) };
    services.logger.error('targets without a result', { run: id, ...shown });
  }
  const audits = [...parts.map((part) => part.run), ...(await withoutResult(plan, missing, context))];
  const merged = mergedRun(plan, audits, clock().toISOString());
  const replicas = new Map(list.replicas);
  const satellites = new Set(Object.keys(context.config.satellites));
  const audited = evaluateByTrust(merged.audited, plan.policy, plan, { coversAllTargets, replicas, satellites });
  // As in a run of the one function, what is listed is evaluated where all targets are asked for.
  const listed =
    request.targets === undefined ? evaluateListed(listedSnapshots(list.cloud, plan.startedAt), plan.policy) : [];
  const run: Run = { ...merged, audited, ...(listed.length === 0 ? {} : { listed }) };
  const clients = clientsOf(plan, ranges, { objects, context });
  const pace = paceOf(plan, parts);
  const { report, evidence } = await finishRun({ request, run, list, coversAllTargets, pace, clients }, context);
  errors.throwIfAny();
  return {
    run: id,
    report: evidence && { bucket: evidence.bucket, key: evidence.key, sha256: evidence.sha256 },
    startedAt: report.startedAt,
    finishedAt: report.finishedAt,
    targets: Object.fromEntries(
      Object.entries(targetsByVerdict(report)).map(([verdict, targets]) => [verdict, targets.length]),
    ),
    findings: countBySeverity(report.findings),
  };
}

/** One object after the other: its snapshots are whole. What can't be used is logged, and costs `plan` this run. */
async function* clientsOf(
  plan: Plan,
  ranges: readonly Range[],
  { objects, context }: { readonly objects: RunObjects; readonly context: RunContext },
): AsyncGenerator<Snapshot> {
  const { run, slices } = plan;
  const targets = new Map(slices.map((slice) => [slice.worker, slice.targets]));
  const budgets = budgetsOf(plan);
  const time = runTime(plan, context.clock().toISOString());
  for (const range of ranges) {
    const own = (targets.get(range.worker) ?? []).slice(range.from, range.to);
    const clients = await readClients(run, { range, targets: own, time, budget: budgets(range) }, objects);
    if (typeof clients === 'string')
      context.services.logger.warn('clients not kept', { run, ...range, reason: clients });
    else yield* clients;
  }
}

/** Targets in the plan and in no part are not audited: neither clean nor gone. */
async function withoutResult(
  plan: Plan,
  missing: readonly MissingRange[],
  context: RunContext,
): Promise<readonly Run[]> {
  const targets = new Map(plan.slices.map((slice) => [slice.worker, slice.targets]));
  const failed = missing.map(({ worker, from, to, reason }) => ({
    targets: (targets.get(worker) ?? []).slice(from, to),
    failure: workerFailed(reason),
  }));
  const unassigned = plan.unassigned.map(({ target, failure }) => ({ targets: [target], failure }));
  return await Promise.all([...failed, ...unassigned].map((group) => notAudited(plan, group, context)));
}

async function notAudited(
  { policy, list }: Plan,
  { targets, failure }: { readonly targets: readonly Target[]; readonly failure: Failure },
  { services, environment, clock }: RunContext,
): Promise<Run> {
  // Nothing is asked for, and no secret is read: the time is over from the start.
  const collector = await services.collector([], environment, clock);
  const deadline = AbortSignal.abort(new AuditFailure(failure));
  return await auditTargets(
    { targets, concurrency: 1, policy },
    { collector, deadline, cloud: list.cloud, includesListed: false },
  );
}

function workerFailed(reason: string): Failure {
  return {
    cause: 'worker-failed',
    phase: 'waiting',
    message: `Its worker brought no result that can be used: ${reason}`,
    remedy:
      'read the last errors in the log of the worker function: "Task timed out" means that deployment.timeoutMinutes is too ' +
      'short, "Runtime exited" that deployment.memoryMiB is too small. Where it is the same target in each run, audit it ' +
      'with the command line, and report it as a defect of pg-tls-auditor',
  };
}
