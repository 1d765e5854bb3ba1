// Reads log files that grow, are cut, renamed and copied between runs, from a server in memory.

import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventSink } from '../../../lambda/collect/connection-log/event-sink.ts';
import { parsePosition } from '../../../lambda/collect/connection-log/position.ts';
import { type FileBounds, isOfFormat, serverFiles } from '../../../lambda/collect/connection-log/server-files.ts';
import type { LogReading } from '../../../lambda/collect/connection-log/source.ts';
import type { AuditQuery } from '../../../lambda/collect/postgres/query.ts';

const NOW = Date.parse('2026-11-28T12:00:00Z');
type Format = 'stderr' | 'csvlog' | 'jsonlog';

interface LogFile {
  bytes: Buffer;
  modified: number;
}

/** Answers the questions about files as a server does. */
class Folder {
  readonly files = new Map<string, LogFile>();
  /** Another folder, which is not listed any more. */
  readonly old = new Map<string, LogFile>();
  directory = 'logs';
  now = NOW;
  asked = 0;
  /** The question at which the connection ends; undefined for none. */
  failsAt: number | undefined;

  append(name: string, text: string | Buffer): void {
    const { bytes } = this.files.get(name) ?? { bytes: Buffer.alloc(0) };
    this.files.set(name, { bytes: Buffer.concat([bytes, Buffer.from(text)]), modified: this.now });
  }

  ask<T>(query: AuditQuery<T>): Promise<T> {
    this.asked += 1;
    if (this.asked === this.failsAt)
      return Promise.reject(Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }));
    const [sql = ''] = query.selects(18);
    const [, directory, name = '', offset, length] = /E'(\w+)\/(.*)', (\d+), (\d+)\)/.exec(sql) ?? [];
    if (sql.includes('pg_ls_logdir')) {
      const rows = [...this.files].map(([name, { bytes, modified }]) => [name, String(bytes.length), String(modified)]);
      return Promise.resolve(query.read([rows.sort((a, b) => Number(b[2]) - Number(a[2]))]));
    }
    const file = (directory === this.directory ? this.files : this.old).get(name);
    if (file === undefined)
      return Promise.reject(Object.assign(new Error('canary'), { code: '58P01', severity: 'ERROR' }));
    const piece = file.bytes.subarray(Number(offset), Number(offset) + Number(length));
    return Promise.resolve(query.read([[[piece.toString('base64')]]]));
  }
}

interface Run extends LogReading {
  readonly counts: Readonly<Record<string, number>>;
}

async function run(
  folder: Folder,
  format: Format,
  position: unknown,
  bounds: Partial<FileBounds> = { piece: 50, context: 200 },
): Promise<Run> {
  const sink = new EventSink({
    prefix: '%m [%p] ',
    format,
    timezone: 'UTC',
    from: NOW - 86_400_000,
    isPooler: false,
    role: 'auditor',
  });
  const reader = serverFiles({
    endpoint: { host: 'db', port: 5432, verifiedName: 'db', sslNegotiation: 'postgres' },
    questions: folder,
    format,
    directory: folder.directory,
    reading: 'bytes',
    role: 'auditor',
    serverNow: folder.now,
    marker: undefined,
    hasOwnLogin: () => true,
    countFrom: (time) => sink.countFrom(time),
    endsAt: performance.now() + 10_000,
    bounds,
  });
  const signal = new AbortController().signal;
  const reading = await reader.read({ position, from: NOW - 86_400_000, now: folder.now, sink, signal });
  sink.finish();
  const counts = Object.fromEntries(sink.result().clients.map(({ role = '', logins }) => [role, logins]));
  return {
    ...reading,
    gaps: [...reading.gaps, ...sink.gaps()],
    counts,
    position: JSON.parse(JSON.stringify(reading.position ?? null)) ?? undefined,
  };
}

/** No two records have the same time: heads of files differ. */
let records = 0;
function time(): string {
  records += 1;
  return `${new Date(NOW - 3_600_000 + records).toISOString().replace('T', ' ').replace('Z', '')} UTC`;
}

/** A record of a login, or of a statement that holds one. */
function record(format: Format, pid: number, message: string, statement = ''): string {
  const at = time();
  if (format === 'jsonlog') {
    return `${JSON.stringify({ timestamp: at, pid, session_id: `6a.${pid}`, error_severity: 'LOG', message, statement })}\n`;
  }
  if (format === 'csvlog') {
    const quoted = (text: string): string => (text === '' ? '' : `"${text.replaceAll('"', '""')}"`);
    return `${at},"app","shop",${pid},"10.0.0.7:1",6a.${pid},1,"x",${at},1/1,0,LOG,00000,${quoted(message)},,,,,,${quoted(statement)},,,"","client backend",,0\n`;
  }
  const lines = (text: string): string => text.replaceAll('\n', '\n\t');
  const shown = `${at} [${pid}] LOG:  ${lines(message)}\n`;
  return statement === '' ? shown : `${shown}${at} [${pid}] STATEMENT:  ${lines(statement)}\n`;
}

const login = (role: string): string => `connection authorized: user=${role} database=shop`;
const FORGED = (format: Format): string => `x\n${record(format, 9, login('forged'))}"\n\t`;

const steps = fc.array(
  fc.oneof(
    { weight: 6, arbitrary: fc.record({ what: fc.constant('login' as const), statement: fc.boolean() }) },
    {
      weight: 2,
      arbitrary: fc.record({ what: fc.constant('run' as const), dies: fc.boolean(), failsAt: fc.option(fc.nat(12)) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ what: fc.constant('torn' as const), cut: fc.double({ min: 0, max: 1, noNaN: true }) }),
    },
    {
      weight: 1,
      arbitrary: fc.record({ what: fc.constantFrom('rotate' as const, 'rename' as const, 'copytruncate' as const) }),
    },
  ),
  { maxLength: 40 },
);

test.each(['stderr', 'csvlog', 'jsonlog'] as const)(
  '%s: each login is counted once, whatever happens between runs',
  async (format) => {
    await fc.assert(
      fc.asyncProperty(steps, fc.integer({ min: 20, max: 400 }), async (schedule, piece) => {
        const folder = new Folder();
        const bounds = { piece, context: 300 };
        const expected: Record<string, number> = {};
        const counts: Record<string, number> = {};
        let position: unknown;
        let isLost = false;
        let [files, logins] = [1, 0];
        let name = 'log.1.x';
        let rest = '';
        const flush = (): void => {
          if (rest !== '') folder.append(name, rest);
          rest = '';
        };
        const read = async (dies: boolean): Promise<void> => {
          const { counts: found, position: next, gaps } = await run(folder, format, position, bounds);
          if (dies) return;
          isLost ||= gaps.some(({ cause }) => cause === 'lost');
          for (const [role, count] of Object.entries(found)) counts[role] = (counts[role] ?? 0) + count;
          position = next;
        };
        const suffix = format === 'csvlog' ? '.csv' : format === 'jsonlog' ? '.json' : '.log';
        name = `server-1${suffix}`;
        folder.append(name, record(format, 1, 'starting'));
        for (const step of schedule) {
          folder.now += 10_000;
          if (step.what === 'run') {
            folder.failsAt = step.failsAt === null ? undefined : folder.asked + step.failsAt;
            await read(step.dies);
            folder.failsAt = undefined;
            continue;
          }
          flush();
          if (step.what === 'login' || step.what === 'torn') {
            logins += 1;
            const role = `app ${logins % 5}`;
            expected[role] = (expected[role] ?? 0) + 1;
            const text = record(
              format,
              logins,
              login(role),
              step.what === 'login' && step.statement ? FORGED(format) : '',
            );
            const cut = step.what === 'torn' ? Math.floor(step.cut * text.length) : text.length;
            folder.append(name, text.slice(0, cut));
            rest = text.slice(cut);
          } else if (step.what === 'rotate') {
            files += 1;
            name = `server-${files}${suffix}`;
            folder.append(name, record(format, 1, `file ${files}`));
          } else {
            const file = folder.files.get(name);
            if (file === undefined) throw new Error('no file');
            files += 1;
            folder.files.set(`${name}.${files}`, {
              bytes: file.bytes,
              modified: step.what === 'rename' ? file.modified : folder.now,
            });
            folder.now += 10_000;
            folder.files.set(name, { bytes: Buffer.alloc(0), modified: folder.now });
            folder.append(name, record(format, 1, `file ${files}`));
          }
        }
        flush();
        folder.now += 10_000;
        folder.append(name, record(format, 2, 'the end'));
        await read(false);
        // What was left unread when it was renamed may be lost: that is said, and nothing is counted twice.
        if (!isLost) expect(counts).toEqual(expected);
        for (const [role, count] of Object.entries(counts)) expect(count).toBeLessThanOrEqual(expected[role] ?? 0);
      }),
      { numRuns: 20 },
    );
  },
);

test.each([
  ['server.log', 'stderr', true],
  ['postgresql-Sat.log', 'stderr', true],
  ['postgresql', 'stderr', true],
  ['server.log.1', 'stderr', true],
  ['server.log-20261128', 'stderr', true],
  ['server.log.2.gz', 'stderr', false],
  ['server.csv', 'stderr', false],
  ['server.csv.1', 'stderr', false],
  ['server.csv.1', 'csvlog', true],
  ['server.log', 'csvlog', false],
  ['server.json', 'jsonlog', true],
  ['server.csv', 'jsonlog', false],
] as const)('%s of the format %s: %s', (name, format, expected) => {
  expect(isOfFormat(name, format)).toBe(expected);
});

test('a file that was removed before it was read to its end is lost, and one that was read is not', async () => {
  const folder = new Folder();
  folder.append('a.log', record('stderr', 1, login('one')));
  folder.now += 10_000;
  folder.append('b.log', record('stderr', 1, login('two')));
  const first = await run(folder, 'stderr', undefined);
  expect(first).toMatchObject({ counts: { one: 1, two: 1 }, gaps: [] });
  folder.files.delete('a.log');
  expect((await run(folder, 'stderr', first.position)).gaps).toEqual([]);
  folder.files.delete('b.log');
  folder.append('c.log', record('stderr', 1, login('three')));
  expect(await run(folder, 'stderr', first.position)).toMatchObject({
    counts: { three: 1 },
    gaps: [{ cause: 'lost', reason: 'the log file "b.log" was removed before it was read to its end' }],
  });
});

test('a log that is too much for one run is read on by the next ones', async () => {
  const folder = new Folder();
  for (let file = 0; file < 3; file += 1) {
    folder.now += 10_000;
    for (let index = 0; index < 40; index += 1) folder.append(`${file}.log`, record('stderr', index, login('app')));
  }
  let position: unknown;
  let total = 0;
  let runs = 0;
  for (; ; runs += 1) {
    folder.now += 10_000;
    const read = await run(folder, 'stderr', position, { piece: 100, context: 200, run: 1_000 });
    total += read.counts.app ?? 0;
    position = read.position;
    if (read.gaps.length === 0) break;
    expect(read.gaps).toMatchObject([{ cause: 'not-read-to-end' }]);
  }
  expect(total).toBe(120);
  expect(runs).toBeGreaterThan(5);
});

test.each([
  ['is read to its end', true, { one: 1, two: 1 }, []],
  ['and is gone', false, { two: 1 }, [{ cause: 'lost' }]],
])('where log_directory was changed, the file in the old one %s', async (_what, isThere, counts, gaps) => {
  const folder = new Folder();
  folder.append('a.log', record('stderr', 1, login('zero')));
  const { position } = await run(folder, 'stderr', undefined);
  folder.now += 10_000;
  folder.append('a.log', record('stderr', 2, login('one')));
  if (isThere) for (const [name, file] of folder.files) folder.old.set(name, file);
  folder.files.clear();
  folder.directory = 'other';
  folder.append('b.log', record('stderr', 3, login('two')));
  const second = await run(folder, 'stderr', position);
  expect(second).toMatchObject({ counts, gaps });
  folder.now += 10_000;
  expect(await run(folder, 'stderr', second.position)).toMatchObject({ counts: {}, gaps: [] });
});

test('what no run has written is not believed', async () => {
  const folder = new Folder();
  folder.append('a.log', record('stderr', 1, login('one')));
  const { position } = await run(folder, 'stderr', undefined);
  expect(parsePosition(position)?.files).toHaveLength(1);
  for (const spoilt of [
    { ...(position as object), format: 'xml' },
    { ...(position as object), files: [{ name: 'a.log', offset: -1 }] },
    'canary',
    null,
  ]) {
    const { gaps, counts } = await run(folder, 'stderr', spoilt);
    expect(gaps).toMatchObject([{ cause: 'lost' }]);
    expect(counts).toEqual({ one: 1 });
  }
});
