// Measures speed and peak memory of the command `logs` on a log of a million lines, and pgBadger beside it.

import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type { LogsDocument } from '../lambda/report/logs-schema.ts';
import type { Benchmark } from './benchmark.ts';
import { atLeast, atMost, megabytes, milliseconds, type Row, timed } from './measure.ts';

const LINES = 1_000_000;
/** pgBadger reads for minutes where the command reads for seconds. */
const COMPARED_LINES = 100_000;
const PREFIX = '%t:%r:%u@%d:[%p]:';
const LEAST_LINES_A_SECOND = 300_000;
const MOST_BYTES = 200e6;
const LEAST_RATIO = 10;
const COMMAND = join(import.meta.dirname, '..', 'bin', 'pg-tls-auditor.mjs');
const COST = join(import.meta.dirname, 'print-cost.ts');
const run = promisify(execFile);

interface Reading {
  readonly milliseconds: number;
  /** Of all its threads: what it takes on one core, whatever else this machine does. */
  readonly processorMs: number;
  readonly peakBytes: number;
  readonly lines: LogsDocument['lines'];
}

export const connectionLog: Benchmark = {
  name: 'connection-log',
  title: `pg-tls-auditor logs, ${LINES.toLocaleString('en')} lines, one in five about a connection`,
  run: async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'connection-log-'));
    const file = join(folder.path, 'postgresql.log');
    await pipeline(Readable.from(chunks(LINES)), createWriteStream(file));
    const readings: Reading[] = [];
    for (let turn = 0; turn < 3; turn += 1) readings.push(await read(file, join(folder.path, 'cache')));
    const [first] = readings;
    return [
      { what: 'entries about connections', value: String(first?.lines.recognised ?? 0) },
      {
        what: 'from start to end, of the best of three',
        value: milliseconds(Math.min(...readings.map((one) => one.milliseconds))),
      },
      atLeast('lines a second on one core', Math.max(...readings.map(speed)), LEAST_LINES_A_SECOND),
      atMost('peak memory', Math.max(...readings.map(({ peakBytes }) => peakBytes)), MOST_BYTES, megabytes),
      ...(await besidePgBadger(folder.path)),
    ];
  },
};

function speed({ lines, processorMs }: Reading): number {
  return lines.read / (processorMs / 1000);
}

async function read(file: string, cache: string): Promise<Reading> {
  const start = performance.now();
  const { stdout, stderr } = await run(
    process.execPath,
    ['--no-warnings', '--import', COST, COMMAND, 'logs', file, '--format', 'json', '--fail-on', 'critical'],
    // The first turn compiles TypeScript, which is no part of reading.
    { maxBuffer: 64 * 1024 * 1024, env: { ...process.env, NODE_COMPILE_CACHE: cache } },
  );
  const taken = performance.now() - start;
  const { lines } = JSON.parse(stdout) as LogsDocument;
  return { milliseconds: taken, ...(JSON.parse(stderr) as Pick<Reading, 'peakBytes' | 'processorMs'>), lines };
}

async function besidePgBadger(folder: string): Promise<Row[]> {
  const what = 'times as fast as pgBadger';
  const version = await run('pgbadger', ['--version']).then(
    ({ stdout }) => stdout.trim(),
    () => undefined,
  );
  if (version === undefined) return [{ what, value: 'skipped: pgbadger is not installed (apt-get install pgbadger)' }];
  const file = join(folder, 'compared.log');
  await pipeline(Readable.from(chunks(COMPARED_LINES)), createWriteStream(file));
  const options = ['--quiet', '--jobs', '1', '--format', 'stderr', '--prefix', PREFIX, '--outfile'];
  const theirs = await timed(() => run('pgbadger', [...options, join(folder, 'report.html'), file]));
  const ours = await read(file, join(folder, 'cache'));
  return [
    { what: `${version}, lines a second`, value: (COMPARED_LINES / (theirs / 1000)).toFixed(0) },
    atLeast(`${what}, ${COMPARED_LINES.toLocaleString('en')} lines`, theirs / ours.milliseconds, LEAST_RATIO),
  ];
}

/** A server's log with the prefix of Amazon RDS: 400 clients, and statements between their logins. */
function* chunks(lines: number): Iterable<string> {
  let chunk: string[] = [];
  for (let index = 0; index < lines; index += 1) {
    chunk.push(line(index));
    if (chunk.length === 10_000) {
      yield `${chunk.join('\n')}\n`;
      chunk = [];
    }
  }
  if (chunk.length > 0) yield `${chunk.join('\n')}\n`;
}

function line(index: number): string {
  const session = Math.floor(index / 10);
  const client = session % 400;
  const time = new Date(1_795_853_826_000 + index * 50).toISOString().slice(0, 19).replace('T', ' ');
  const from = `10.0.${client % 20}.${client % 250}(${40_000 + (session % 20_000)})`;
  const prefix = (who: string): string => `${time} UTC:${from}:${who}:[${1000 + (session % 30_000)}]:`;
  const who = `app${client % 7}@shop`;
  if (index % 10 === 0) {
    return `${prefix('[unknown]@[unknown]')}LOG:  connection received: host=10.0.${client % 20}.${client % 250} port=40000`;
  }
  if (index % 10 === 1) {
    const tail = client % 9 === 0 ? '' : ' SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)';
    return `${prefix(who)}LOG:  connection authorized: user=app${client % 7} database=shop application_name=worker-${session % 50}${tail}`;
  }
  return `${prefix(who)}LOG:  duration: ${index % 997}.123 ms  statement: select * from orders where id = ${index} and state = 'open'`;
}
