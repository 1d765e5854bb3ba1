// Measures 1,000 targets in one invocation, beside as many bare verified connections, each in a process of its own.

import { startAwsEndpoint } from '../lab/aws.ts';
import { rdsSecret } from '../lab/collector.ts';
import { type Benchmark, bareLogin, caOf } from './benchmark.ts';
import { atLeast, atMost, median, megabytes, type Row } from './measure.ts';
import type { Work, WorkDone, WorkWanted } from './thousand-targets-process.ts';
import { startWorkProcess } from './work-process.ts';

const TARGETS = 1_000;
const ROUNDS = 3;
const LEAST_SHARE = 0.8;
const MOST_MEMORY = 400e6;

const names = Array.from({ length: TARGETS }, (_, index) => `database-${index}`);

export const thousandTargets: Benchmark = {
  name: 'thousand-targets',
  title: `${TARGETS.toLocaleString('en')} targets in one invocation against bare verify-full connects`,
  run: async (server) => {
    const secrets = Object.fromEntries(names.map((name) => [`prod/${name}`, rdsSecret(server)]));
    await using aws = await startAwsEndpoint({ secrets: { ...secrets, ca: caOf(server) } });
    const start = (work: Work) =>
      startWorkProcess<WorkWanted, WorkDone>('thousand-targets-process.ts', {
        ...aws.environment(),
        BENCH_WORK: JSON.stringify(work),
      });
    const auditor = start({ kind: 'audit' });
    const bare = start({ kind: 'bare', login: bareLogin(server) });
    try {
      const half = { targets: names.slice(0, TARGETS / 2) };
      const few = { targets: names.slice(0, TARGETS / 10) };
      await bare.call(few);
      await auditor.call(few);
      const rounds: { readonly ours: number; readonly theirs: number }[] = [];
      let memory = 0;
      for (let round = 0; round < ROUNDS; round += 1) {
        // Half of the bare ones before and half after: what else the machine does meets both alike.
        const before = await bare.call(half);
        const ours = await auditor.call({ targets: names });
        const after = await bare.call(half);
        rounds.push({ ours: ours.milliseconds, theirs: before.milliseconds + after.milliseconds });
        memory = ours.memory;
      }
      return [
        atLeast(`share of the bare rate, median of ${ROUNDS} rounds`, share(rounds), LEAST_SHARE),
        rate(
          'targets audited a second',
          rounds.map(({ ours }) => ours),
        ),
        rate(
          'bare connections a second, as many at once',
          rounds.map(({ theirs }) => theirs),
        ),
        atMost("the auditor's memory at its highest", memory, MOST_MEMORY, megabytes),
      ];
    } finally {
      await Promise.all([auditor.end(), bare.end()]);
    }
  },
};

function share(rounds: readonly { readonly ours: number; readonly theirs: number }[]): number {
  return median(rounds.map(({ ours, theirs }) => theirs / ours));
}

function rate(what: string, times: readonly number[]): Row {
  return { what, value: (TARGETS / (median(times) / 1000)).toFixed(0) };
}
