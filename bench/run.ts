// Runs the benchmarks, and prints whether each met its limit.
//
// Exit code 0: all did; 1: one did not; 2: bad usage, or a benchmark that could not run.

import { availableParallelism, cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { healthyServer, LOOPBACK_PLAINTEXT_HBA } from '../lab/healthy-server.ts';
import { type PostgresServer, startPostgres } from '../lab/postgres.ts';
import type { Benchmark } from './benchmark.ts';
import { bundle } from './bundle.ts';
import { connectionLog } from './connection-log.ts';
import { fleet } from './fleet.ts';
import { formats } from './formats.ts';
import { manySessions } from './many-sessions.ts';
import { renderRows } from './measure.ts';
import { oneAudit } from './one-audit.ts';
import { thousandTargets } from './thousand-targets.ts';

const BENCHMARKS: readonly Benchmark[] = [
  oneAudit,
  manySessions,
  formats,
  thousandTargets,
  bundle,
  connectionLog,
  fleet,
];

const USAGE = `Usage: npm run bench -- [--only NAME]...

Measures what the design holds this project to. Ratios compare two things that were
measured in turns, in the same run on the same machine. Takes about three minutes.

  --only NAME  run this one, and others so named
  --help       this text

${BENCHMARKS.map(({ name, title }) => `  ${name.padEnd(18)}${title}`).join('\n')}

Exit code: 0 every bar met, 1 one was missed, 2 a benchmark could not run.`;

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof TypeError ? `${error.message}\n\n${USAGE}` : error);
  process.exitCode = 2;
}

async function main(): Promise<number> {
  const { values } = parseArgs({ options: { only: { type: 'string', multiple: true }, help: { type: 'boolean' } } });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const wanted = values.only?.map(named) ?? BENCHMARKS;
  // What counts round trips has to read them: it goes on to the server in plaintext.
  await using server = await startPostgres(healthyServer({ hba: LOOPBACK_PLAINTEXT_HBA }));
  console.log(await environment(server));
  let met = true;
  for (const { title, run } of wanted) {
    console.log(`\n${title}`);
    const rows = await run(server);
    console.log(renderRows(rows));
    met &&= rows.every(({ bar }) => bar?.met !== false);
  }
  console.log(`\n${met ? 'Every bar was met.' : 'A bar was MISSED.'}`);
  return met ? 0 : 1;
}

function named(name: string): Benchmark {
  const found = BENCHMARKS.find((benchmark) => benchmark.name === name);
  if (found !== undefined) return found;
  throw new TypeError(`--only ${name}: there is ${BENCHMARKS.map((benchmark) => benchmark.name).join(', ')}`);
}

async function environment(server: PostgresServer): Promise<string> {
  const [row] = await server.adminQuery<{ server_version: string }>('show server_version');
  const busy = loadavg()[0]?.toFixed(1);
  return [
    `Node ${process.versions.node}, PostgreSQL ${row?.server_version}, ${process.platform}-${process.arch}`,
    `${availableParallelism()} cores (${cpus()[0]?.model ?? 'unknown'}), load average before: ${busy}`,
  ].join('\n');
}
