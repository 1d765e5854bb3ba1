// Renders rows to the message several times, in a process of its own, and prints the cost.

import { healthySnapshot } from '../lab/snapshots.ts';
import { evaluate } from '../lambda/checks/evaluate.ts';
import { catalogueQuery } from '../lambda/collect/postgres/catalogue-query.ts';
import { readSessions } from '../lambda/collect/postgres/session-query.ts';
import { parseConfig } from '../lambda/config/index.ts';
import { known } from '../lambda/model/observed.ts';
import type { Policy } from '../lambda/model/policy.ts';
import { buildDecidedReport } from '../lambda/report/build-report.ts';
import { buildDigest } from '../lambda/report/digest.ts';
import { type RenderedAlert, renderAlert } from '../lambda/report/messages/sns-message.ts';
import { catalogueRows, type Mix, type SessionRow, sessionRows } from './session-rows.ts';

export interface RowsToMessage {
  /** Milliseconds; the first is that of a cold process, as a scheduled function's is. */
  readonly times: readonly number[];
  /**
   * Milliseconds of processor time, garbage collection and compiling included: what other work on the machine hardly
   * changes.
   */
  readonly processorTimes: readonly number[];
  readonly findings: number;
  readonly messageBytes: number;
  /**
   * Bytes: all of the process at its highest, Node and the rows included; the rest beyond that before the first run.
   */
  readonly peakMemory: number;
  readonly memoryGrowth: number;
  readonly heapGrowth: number;
}

const AT = '2026-11-10T06:15:00.000Z';
const { policy, alerts } = parseConfig({ targets: [{ name: 'orders', secret: 'orders' }] }, { use: 'deployment' });

const [mix = 'typical', count = '50000', runs = '1'] = process.argv.slice(2);
process.stdout.write(JSON.stringify(measure(mix as Mix, Number(count), Number(runs))));

function measure(mix: Mix, count: number, runs: number): RowsToMessage {
  const times: number[] = [];
  const processorTimes: number[] = [];
  const run = (rows: readonly SessionRow[]): ReturnType<typeof render> => {
    const before = process.cpuUsage();
    const result = render(rows, policy, times);
    const { user, system } = process.cpuUsage(before);
    processorTimes.push((user + system) / 1000);
    return result;
  };
  let rows = sessionRows(count, mix);
  const { rss, heapUsed } = process.memoryUsage();
  let result = run(rows);
  const heapGrowth = process.memoryUsage().heapUsed - heapUsed;
  const peakMemory = process.resourceUsage().maxRSS * 1024;
  while (times.length < runs) {
    // New ones each time: strings that were hashed once are looked up faster.
    rows = sessionRows(count, mix);
    result = run(rows);
  }
  return {
    times,
    processorTimes,
    findings: result.findings,
    messageBytes: Buffer.byteLength(result.alert.message),
    peakMemory,
    memoryGrowth: peakMemory - rss,
    heapGrowth,
  };
}

function render(
  rows: readonly SessionRow[],
  policy: Policy,
  times: number[],
): { readonly alert: RenderedAlert; readonly findings: number } {
  const start = performance.now();
  const snapshot = healthySnapshot([], {
    sessions: known(readSessions(rows, catalogueQuery.read(catalogueRows()))),
  });
  const audited = [{ snapshot, ...evaluate(snapshot, policy) }];
  const decided = buildDecidedReport({ startedAt: AT, finishedAt: AT, policy, audited });
  const { report } = decided;
  const digest = buildDigest(decided, { route: 'all', minSeverity: alerts.minSeverity });
  if (digest === undefined) throw new Error('nothing to tell: these rows were to have findings');
  const alert = renderAlert(digest, report, 'pg-tls-auditor');
  times.push(performance.now() - start);
  return { alert, findings: report.findings.length };
}
