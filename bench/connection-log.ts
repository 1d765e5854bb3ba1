// Measures speed and peak memory of reading a connection log of a million lines.

import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { mkdtempDisposable } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import type { Benchmark } from './benchmark.ts';
import { atLeast, atMost, megabytes } from './measure.ts';

const LINES = 1_000_000;
const LEAST_LINES_A_SECOND = 300_000;
const MOST_BYTES = 200e6;
const PROGRAM = join(import.meta.dirname, 'read-connection-log.ts');

interface Reading {
  readonly milliseconds: number;
  readonly peakBytes: number;
  readonly lines: number;
  readonly recognised: number;
}

export const connectionLog: Benchmark = {
  name: 'connection-log',
  title: `A log of ${LINES.toLocaleString('en')} lines, one in five about a connection`,
  run: async () => {
    await using folder = await mkdtempDisposable(join(tmpdir(), 'connection-log-'));
    const file = join(folder.path, 'postgresql.log');
    await pipeline(Readable.from(chunks(LINES)), createWriteStream(file));
    const readings: Reading[] = [];
    for (let turn = 0; turn < 3; turn += 1) readings.push(await read(file));
    const best = Math.max(...readings.map(({ lines, milliseconds }) => lines / (milliseconds / 1000)));
    const [first] = readings;
    return [
      { what: 'entries about connections', value: String(first?.recognised ?? 0) },
      atLeast('lines a second, of the best of three', best, LEAST_LINES_A_SECOND),
      atMost('peak memory', Math.max(...readings.map(({ peakBytes }) => peakBytes)), MOST_BYTES, megabytes),
    ];
  },
};

async function read(file: string): Promise<Reading> {
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', PROGRAM, file]);
  return JSON.parse(stdout) as Reading;
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
