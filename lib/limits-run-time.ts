// Warns at synthesis of a run that has no time for every target, where none of them answers.

import { Annotations, Validations } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import type { Config } from '../lambda/config/index.ts';
import { divideTime } from '../lambda/model/run-time.ts';
import type { Target } from '../lambda/model/target.ts';
import { rdsRules } from './discovery.ts';

/** The greatest values that the configuration takes. */
const MOST_MINUTES = 15;
const MOST_CONCURRENCY = 256;

type Timing = Pick<Target, 'timeoutMs' | 'sampleMs'>;

/** What decides how long a run takes. */
export type RunTimeSettings = Pick<Config, 'concurrency' | 'discovery'> & {
  readonly targets: readonly Timing[];
  readonly deployment: Pick<Config['deployment'], 'timeoutMinutes' | 'fleet'>;
};

/**
 * Warns where the named targets use up the time of a run when each takes its whole timeout; where they do not, and
 * discovery adds others, says how many others there is time for.
 */
export function warnOfRunTime(scope: Construct, source: string, settings: RunTimeSettings): void {
  const { targets, concurrency, deployment } = settings;
  if (deployment.fleet !== undefined) {
    warnOfBatches(scope, source, settings, deployment.fleet.batch);
    return;
  }
  const late = lateTargets(settings);
  if (late > 0) {
    Validations.of(scope).addWarning(
      'pg-tls-auditor:runTime',
      `${source}: ${targets.length} targets that do not answer take ${seconds(lastEnd(targets, concurrency))} when ` +
        `${concurrency} are audited at once, and a run of ${deployment.timeoutMinutes} minutes has ` +
        `${seconds(auditTime(settings))} for them: ${late} would be reported as not audited. ${remedy(settings)}`,
    );
    return;
  }
  const others = timeForOthers(settings);
  if (others === undefined) return;
  Annotations.of(scope).addInfoV2(
    'pg-tls-auditor:runTimeOfDiscovery',
    `${source}: beside the ${targets.length === 1 ? 'target' : `${targets.length} targets`} that it names, a run of ${deployment.timeoutMinutes} minutes has ` +
      `time for ${others} that discovery finds, where none of them answers. For more, set deployment.fleet, or raise ` +
      'deployment.timeoutMinutes or concurrency',
  );
}

/** Warns of batches that a worker of the fleet has no time for. A batch holds targets of the list in its order. */
function warnOfBatches(scope: Construct, source: string, settings: RunTimeSettings, batch: number): void {
  const fits = largestBatch(settings, batch);
  if (fits === batch) return;
  Validations.of(scope).addWarning(
    'pg-tls-auditor:batchTime',
    `${source}: a worker has ${seconds(auditTime(settings))} for a batch of ${batch} targets, ${settings.concurrency} at ` +
      `once, and where none of them answers there is time for ${fits}: the others would be reported as not audited. ` +
      `Lower deployment.fleet.batch to ${Math.max(1, fits)}, raise deployment.timeoutMinutes or concurrency, or lower ` +
      'timeoutSeconds',
  );
}

/** The largest batch, up to the given one, that a worker has the time for whichever of its targets are in it. */
function largestBatch(settings: RunTimeSettings, batch: number): number {
  const times = [...settings.targets, ...rdsRules(settings).map((rule) => rule.settings)];
  const slowest = times.reduce((longest, each) => Math.max(longest, timeOf(each)), 0);
  const fits = Math.floor(auditTime(settings) / slowest) * settings.concurrency;
  const isSmall = rdsRules(settings).length === 0 && settings.targets.length <= fits;
  return isSmall ? batch : Math.min(batch, fits);
}

/** How many of the named targets end after the run's time, when each takes its whole timeout. */
export function lateTargets(settings: RunTimeSettings): number {
  const limit = auditTime(settings);
  return ends(settings.targets, settings.concurrency).filter((end) => end > limit).length;
}

/**
 * How many targets of discovery there is time for behind the named ones, when each takes the longest timeout of the
 * rules. Undefined without rules that find databases.
 */
function timeForOthers(settings: RunTimeSettings): number | undefined {
  const rules = rdsRules(settings).map((rule) => rule.settings);
  if (rules.length === 0) return undefined;
  const longest = Math.max(...rules.map(timeOf));
  const { lanes } = schedule(settings.targets, settings.concurrency);
  const limit = auditTime(settings);
  return lanes.reduce((sum, end) => sum + Math.max(0, Math.floor((limit - end) / longest)), 0);
}

/** The least value of each setting that suffices, behind the fleet, which has no such limit. */
function remedy(settings: RunTimeSettings): string {
  const { deployment, concurrency } = settings;
  const minutes = leastOf(deployment.timeoutMinutes + 1, MOST_MINUTES, (timeoutMinutes) =>
    isEnough({ ...settings, deployment: { timeoutMinutes } }),
  );
  const atOnce = leastOf(concurrency + 1, MOST_CONCURRENCY, (each) => isEnough({ ...settings, concurrency: each }));
  const raise = [
    minutes === undefined ? [] : [`deployment.timeoutMinutes to ${minutes}`],
    atOnce === undefined ? [] : [`concurrency to ${atOnce}`],
  ].flat();
  const others = raise.length === 0 ? '' : `, or raise ${raise.join(' or ')}`;
  return `Set deployment.fleet, which shares them out among workers${others}, or lower timeoutSeconds`;
}

function isEnough(settings: RunTimeSettings): boolean {
  return lateTargets(settings) === 0;
}

/** The least value from `low` to `high` that suffices; every greater one does too. */
function leastOf(low: number, high: number, suffices: (value: number) => boolean): number | undefined {
  if (low > high || !suffices(high)) return undefined;
  const middle = Math.floor((low + high) / 2);
  return suffices(middle) ? (leastOf(low, middle - 1, suffices) ?? middle) : leastOf(middle + 1, high, suffices);
}

function auditTime({ deployment }: RunTimeSettings): number {
  return divideTime(deployment.timeoutMinutes * 60_000).auditMs;
}

function timeOf({ timeoutMs, sampleMs }: Timing): number {
  return timeoutMs + sampleMs;
}

function lastEnd(targets: readonly Timing[], concurrency: number): number {
  return ends(targets, concurrency).reduce((latest, end) => Math.max(latest, end), 0);
}

function ends(targets: readonly Timing[], concurrency: number): readonly number[] {
  return schedule(targets, concurrency).ends;
}

/** Each target begins, in order, when the first of those that run at once has ended, as the audit does it. */
function schedule(
  targets: readonly Timing[],
  concurrency: number,
): { readonly ends: readonly number[]; readonly lanes: readonly number[] } {
  const lanes = Array.from({ length: concurrency }, () => 0);
  const ends = targets.map((target) => {
    const earliest = Math.min(...lanes);
    const end = earliest + timeOf(target);
    lanes[lanes.indexOf(earliest)] = end;
    return end;
  });
  return { ends, lanes };
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`;
}
