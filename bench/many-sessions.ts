// Measures 50,000 sessions from rows to the rendered message, in fresh processes.

import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Benchmark } from './benchmark.ts';
import { atMost, median, megabytes, milliseconds, type Row } from './measure.ts';
import type { RowsToMessage } from './rows-to-message.ts';
import type { Mix } from './session-rows.ts';
import { heapOptions } from './work-process.ts';

const SESSIONS = 50_000;
const PROCESSES = 5;
const RUNS = 5;
const MOST_MS = 300;

export const manySessions: Benchmark = {
  name: 'many-sessions',
  title: `${SESSIONS.toLocaleString('en')} sessions from rows to rendered message`,
  run: async () => {
    const typical = await inProcesses('typical');
    const hostile = await inProcesses('hostile');
    const times = typical.flatMap((result) => result.times);
    return [
      atMost(`median of ${times.length} runs in ${PROCESSES} processes`, median(times), MOST_MS, milliseconds),
      atMost('worst of them', Math.max(...times), MOST_MS, milliseconds),
      {
        what: 'processor time, median of all runs',
        value: milliseconds(median(typical.flatMap((result) => result.processorTimes))),
      },
      ...facts('first run of a process', typical),
      ...facts('hostile: first run of a process', hostile),
      {
        what: 'hostile: median of all runs',
        value: milliseconds(median(hostile.flatMap((result) => result.times))),
      },
    ];
  },
};

function facts(what: string, results: readonly RowsToMessage[]): Row[] {
  const of = (fact: (result: RowsToMessage) => number): number => median(results.map(fact));
  return [
    { what: `${what}, median`, value: milliseconds(of(({ times }) => times[0] ?? Number.NaN)) },
    { what: '  findings in its report', value: String(of(({ findings }) => findings)) },
    { what: '  size of its message', value: megabytes(of(({ messageBytes }) => messageBytes)) },
    { what: '  memory at its highest', value: megabytes(of(({ peakMemory }) => peakMemory)) },
    { what: '  memory beyond Node and the rows', value: megabytes(of(({ memoryGrowth }) => memoryGrowth)) },
    { what: '  growth of the heap', value: megabytes(of(({ heapGrowth }) => heapGrowth)) },
  ];
}

async function inProcesses(mix: Mix): Promise<RowsToMessage[]> {
  const results: RowsToMessage[] = [];
  for (let process = 0; process < PROCESSES; process += 1) results.push(await inProcess(mix));
  return results;
}

async function inProcess(mix: Mix): Promise<RowsToMessage> {
  const script = join(import.meta.dirname, 'rows-to-message.ts');
  const run = [...heapOptions(), script, mix, String(SESSIONS), String(RUNS)];
  const { stdout } = await promisify(execFile)(process.execPath, run);
  return JSON.parse(stdout) as RowsToMessage;
}
