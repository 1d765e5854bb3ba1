// What programs between the server and the reader make of a log: exports, containers, journals; and hostile ones.

import { describe, expect, test } from 'vitest';
import { LoginAggregator } from '../../../lambda/analysis/connection-log/logins.ts';
import { ConnectionLogReader, UnknownFormatError } from '../../../lambda/analysis/connection-log/reader.ts';

function readLog(log: string | Buffer, prefix?: string) {
  const aggregator = new LoginAggregator();
  const reader = new ConnectionLogReader({ prefix, onEvent: (event, record) => aggregator.add(event, record) });
  const bytes = Buffer.from(log);
  // In pieces that end anywhere.
  for (let at = 0; at < bytes.length; at += 1021) reader.push(bytes.subarray(at, at + 1021));
  reader.end();
  return { reader, counts: reader.counts, logins: aggregator.result() };
}

const TAIL = ' SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)';
const HEAD = '2026-11-28 08:17:06.123 UTC [100] ';
/** A plaintext login, one over TLS, a failed handshake with its DETAIL, and a statement that imitates a login. */
const LINES = [
  `${HEAD}LOG:  connection received: host=10.0.0.7 port=1`,
  `${HEAD}LOG:  connection authorized: user=app database=shop application_name=job, "1"`,
  '2026-11-28 08:17:07.123 UTC [101] LOG:  connection received: host=10.0.0.8 port=1',
  `2026-11-28 08:17:07.123 UTC [101] LOG:  connection authorized: user=web database=shop${TAIL}`,
  '2026-11-28 08:17:08.123 UTC [102] LOG:  connection received: host=10.0.0.9 port=1',
  '2026-11-28 08:17:08.123 UTC [102] LOG:  could not accept SSL connection: certificate verify failed',
  '2026-11-28 08:17:08.123 UTC [102] DETAIL:  Client certificate verification failed at depth 0: certificate has expired.',
  `${HEAD}LOG:  statement: select '`,
  `\t${HEAD}LOG:  connection authorized: user=evil database=shop'`,
];
const NANOSECONDS = '2026-11-28T08:17:06.123456789Z';
const csv = (text: string): string => `"${text.replaceAll('"', '""')}"`;
/** Lines that belong together are one event. */
const EVENTS = [...LINES.slice(0, 7), LINES.slice(7).join('\n')];
const asEvents = EVENTS.map((message, index) => ({
  logStreamName: 'orders.0',
  timestamp: 1_795_853_826_000 + index,
  message,
  ingestionTime: 1_795_853_827_000 + index,
  eventId: `3950${index}`,
}));
const insights = EVENTS.map((message, index) => ({
  '@timestamp': `2026-11-28 08:17:06.00${index}`,
  '@message': message,
  '@logStream': 'orders.0',
  '@log': '123456789012:/aws/rds/instance/orders/postgresql',
}));

describe('the same log', () => {
  test.each<readonly [what: string, format: string, log: string]>([
    ['as it is', 'stderr', LINES.join('\n')],
    ['with line ends of Windows', 'stderr', LINES.join('\r\n')],
    [
      'filter-log-events',
      'cloudwatch',
      JSON.stringify({
        events: asEvents,
        searchedLogStreams: [{ logStreamName: 'orders.0', searchedCompletely: true }],
      }),
    ],
    [
      'filter-log-events, as the AWS CLI prints it',
      'cloudwatch',
      JSON.stringify({ events: asEvents, searchedLogStreams: [], nextToken: 'a{b' }, null, 4),
    ],
    [
      'get-log-events',
      'cloudwatch',
      JSON.stringify(
        {
          events: asEvents.map(({ timestamp, message, ingestionTime }) => ({ timestamp, message, ingestionTime })),
          nextForwardToken: 'f/1',
          nextBackwardToken: 'b/1',
        },
        null,
        4,
      ),
    ],
    ['events, one a line', 'cloudwatch', asEvents.map((event) => JSON.stringify(event)).join('\n')],
    [
      'get-query-results of Logs Insights',
      'cloudwatch',
      JSON.stringify(
        {
          results: insights.map((row) => [
            ...Object.entries(row).map(([field, value]) => ({ field, value })),
            { field: '@ptr', value: 'CmEKJQ==' },
          ]),
          statistics: { recordsMatched: 8, recordsScanned: 8, bytesScanned: 900 },
          status: 'Complete',
        },
        null,
        4,
      ),
    ],
    ["Logs Insights, the console's JSON", 'cloudwatch', JSON.stringify(insights)],
    [
      "Logs Insights, the console's CSV",
      'cloudwatch',
      [
        '@timestamp,@message,@logStream',
        ...insights.map((row) => `${row['@timestamp']},${csv(row['@message'])},orders.0`),
      ].join('\n'),
    ],
    [
      "a stream, the console's CSV",
      'cloudwatch',
      ['timestamp,message', ...asEvents.map(({ timestamp, message }) => `${timestamp},${csv(message)}`)].join('\r\n'),
    ],
    [
      'aws logs tail',
      'cloudwatch',
      EVENTS.map((message) => `2026-11-28T08:17:06.123000+00:00 orders.0 ${message}`).join('\n'),
    ],
    [
      'aws logs tail --format short',
      'stderr',
      EVENTS.map((message) => `2026-11-28T08:17:06+00:00 ${message}`).join('\n'),
    ],
    ['docker logs --timestamps', 'stderr', LINES.map((line) => `${NANOSECONDS} ${line}`).join('\n')],
    [
      'the files of Docker',
      'stderr',
      LINES.map((line) => JSON.stringify({ log: `${line}\n`, stream: 'stderr', time: NANOSECONDS })).join('\n'),
    ],
    ['docker compose logs', 'stderr', LINES.map((line) => `db-1  | ${line}`).join('\n')],
    ['the files of containerd', 'stderr', LINES.map((line) => `${NANOSECONDS} stderr F ${line}`).join('\n')],
    ['kubectl logs --timestamps', 'stderr', LINES.map((line) => `${NANOSECONDS} ${line}`).join('\n')],
    [
      'journalctl',
      'stderr',
      `-- Boot 0123456789abcdef --\n${LINES.map((line) => `Nov 28 08:17:06 db1 postgres[812]: ${line}`).join('\n')}`,
    ],
    [
      'journalctl -o short-iso',
      'stderr',
      LINES.map((line) => `2026-11-28T08:17:06+0000 db1 postgres[812]: ${line}`).join('\n'),
    ],
    [
      'a file of syslog',
      'stderr',
      LINES.map((line, index) => {
        const part = line.startsWith('\t') ? 2 : 1;
        return `Nov  8 08:17:06 db1 postgres[812]: [${index}-${part}] ${line.replace('\t', '#011')}`;
      }).join('\n'),
    ],
  ])('%s', (_what, format, log) => {
    const { reader, counts, logins } = readLog(`${log}\n`);
    expect(reader).toMatchObject({
      format,
      prefix: '%m [%p] ',
      counts: { unreadable: 0, translated: 0, recognised: 6 },
    });
    expect(counts.read).toBeGreaterThanOrEqual(LINES.length);
    expect(
      logins.clients.map(({ role, application, transport, network }) => [role, application, transport, network]),
    ).toEqual([
      ['app', 'job, "1"', 'plaintext', '10.0.0.0/24'],
      ['web', '', 'tls', '10.0.0.0/24'],
    ]);
    expect(logins.failures).toMatchObject([{ reason: 'client-certificate', network: '10.0.0.0/24', count: 1 }]);
  });

  test('as CloudNativePG wraps it', () => {
    const record = (message: string, columns: object = {}) =>
      JSON.stringify({
        level: 'info',
        ts: NANOSECONDS,
        logger: 'postgres',
        msg: 'record',
        logging_pod: 'orders-1',
        record: {
          log_time: '2026-11-28 08:17:06.123 UTC',
          process_id: '100',
          connection_from: '10.0.0.7:39450',
          session_id: '6929a1b2.64',
          session_line_num: '1',
          error_severity: 'LOG',
          sql_state_code: '00000',
          message,
          backend_type: 'client backend',
          query_id: '0',
          ...columns,
        },
      });
    const who = { user_name: 'app', database_name: 'shop' };
    const log = [
      JSON.stringify({ level: 'info', ts: NANOSECONDS, msg: 'Starting workers', worker: { count: 1 } }),
      record('connection received: host=10.0.0.7 port=39450'),
      record('connection authorized: user=app database=shop application_name=job', who),
      record('disconnection: session time: 0:00:00.004 user=app database=shop host=10.0.0.7 port=39450', {
        ...who,
        application_name: 'job',
      }),
    ].join('\n');
    const { reader, logins } = readLog(log);
    expect(reader).toMatchObject({ format: 'jsonlog', counts: { recognised: 3, unreadable: 0 } });
    expect(logins.clients).toMatchObject([{ role: 'app', transport: 'plaintext', addresses: ['10.0.0.7'], logins: 1 }]);
  });

  test('streams of an export are logs of their own', () => {
    // The same process id in both.
    const of = (stream: string, host: string) =>
      [LINES[0]?.replace('10.0.0.7', host), LINES[1]].map((message) => ({ logStreamName: stream, message }));
    const [a = [], b = []] = [of('orders.0', '10.0.1.1'), of('orders.1', '[local]')];
    const { logins } = readLog(JSON.stringify({ events: [a[0], b[0], a[1], b[1]] }));
    expect(logins.clients.map(({ transport, network }) => [transport, network])).toEqual([
      ['plaintext', '10.0.1.0/24'],
      ['unix-socket', undefined],
    ]);
  });

  test('a message that syslog cut at 900 bytes is not read as a login without TLS', () => {
    const log = [
      `Nov 28 08:17:06 db1 postgres[812]: [1-1] ${LINES[0]}`,
      `Nov 28 08:17:06 db1 postgres[812]: [2-1] ${LINES[1]}`,
      `Nov 28 08:17:06 db1 postgres[812]: [2-2] ${TAIL}\n`,
    ].join('\n');
    const { counts, logins } = readLog(log);
    expect(counts.unreadable).toBe(1);
    expect(logins.total).toBe(0);
  });

  test('a line of SQL with a comma is no head of a table', () => {
    expect(readLog(`${HEAD}LOG:  statement: select a,message,b\n${LINES[1]}\n`).reader.format).toBe('stderr');
  });
});

describe('csvlog', () => {
  const record = (message: string, { user = 'app', from = '10.0.0.7:1', application = '', severity = 'LOG' } = {}) =>
    `2026-11-28 08:17:06.123 UTC,${csv(user)},"shop",100,"${from}",6929a1b2.64,1,"authentication",2026-11-28 08:17:06 UTC,3/1,0,${severity},00000,${csv(message)},,,,,,,,,${csv(application)},"client backend",,0`;

  test('a record of several lines that imitate logins is one record', () => {
    const imitation = [
      "duration: 1 ms  statement: select '",
      record('connection authorized: user=evil database=shop'),
      `2026-11-28 08:17:06.123 UTC,"evil","shop",1,"10.0.0.7:1",1.1,1,"",,,,LOG,00000,"connection authorized: user=evil database=shop"`,
      "'",
    ].join('\n');
    const { counts, logins } = readLog(
      [record('connection authorized: user=app database=shop'), record(imitation), ''].join('\n'),
    );
    expect(logins.clients).toMatchObject([{ role: 'app', logins: 1 }]);
    expect(counts).toMatchObject({ unreadable: 0, recognised: 1 });
  });

  test.each(['x', 'x"'])('a record with a line that is cut ends where its quotes do', (filler) => {
    const forged = record('connection authorized: user=evil database=shop');
    const long = record(`statement: ${filler.repeat(70_000)}\n${forged}\n${forged}`);
    const real = record('connection authorized: user=app database=shop');
    expect(readLog(`${real}\n${long}\n${real}\n`).logins.clients).toMatchObject([{ role: 'app', logins: 2 }]);
  });

  test.each(['a "quoted" name', 'a\nname', 'x","LOG","', `x${TAIL}`, ',,,', '\0'])(
    'the role %j is read whole',
    (user) => {
      const { logins } = readLog(record(`connection authorized: user=${user} database=shop`, { user }));
      expect(logins.clients).toMatchObject([{ role: user, database: 'shop', logins: 1 }]);
    },
  );

  test('a record that is torn leaves no login behind, and is counted', () => {
    const whole = record(`connection authorized: user=app database=shop application_name=a"b${TAIL}`);
    for (let end = whole.indexOf('authorized: ') + 1; end < whole.length - 30; end += 1) {
      const { counts, logins } = readLog(`${record('checkpoint')}\n${whole.slice(0, end)}`);
      expect({ end, total: logins.total, unreadable: counts.unreadable }).toEqual({ end, total: 0, unreadable: 1 });
    }
  });
});

describe('jsonlog', () => {
  const entry = (fields: object): object => ({
    timestamp: '2026-11-28 08:17:06.123 UTC',
    user: 'app',
    dbname: 'shop',
    pid: 100,
    remote_host: '10.0.0.7',
    remote_port: 1,
    session_id: '6929a1b2.64',
    error_severity: 'LOG',
    message: 'connection authorized: user=app database=shop',
    ...fields,
  });

  test('lines that are no objects are counted where they name a connection, and nothing is made of them', () => {
    const deep = `${'{"record":'.repeat(5_000)}"connection authorized: "${'}'.repeat(5_000)}`;
    const log = [
      JSON.stringify(entry({})),
      deep,
      '["connection authorized: user=evil database=shop"]',
      '{"error_severity":"LOG","message":"connection authorized: user=evil database=shop"',
      '{"error_severity":{"a":1},"message":"connection authorized: user=evil"}',
      JSON.stringify(entry({ message: ['connection authorized: user=evil'] })),
    ].join('\n');
    const { counts, logins } = readLog(log);
    expect(logins.clients).toMatchObject([{ role: 'app', logins: 1 }]);
    expect(counts.unreadable).toBe(4);
  });

  test('of keys that are there twice the last one counts, as it does for every reader of JSON', () => {
    const twice = JSON.stringify(entry({})).replace('{', '{"message":"connection received: host=[local]",');
    expect(readLog(twice).logins.clients).toMatchObject([{ role: 'app', transport: 'plaintext' }]);
  });

  test('names that look like keys stay names', () => {
    const name = '","error_severity":"LOG","message":"connection authorized: user=evil';
    const log = JSON.stringify(
      entry({ message: `connection authorized: user=app database=shop application_name=${name}` }),
    );
    expect(readLog(log).logins.clients).toMatchObject([{ role: 'app', application: name }]);
  });

  test('names and messages written as escapes are read', () => {
    const log = JSON.stringify(entry({})).replace('connection', '\\u0063onnection');
    expect(readLog(log).logins.total).toBe(1);
  });
});

describe('a line without an end', () => {
  test('of 2 GB is passed over in bounded memory, and what follows it is read', () => {
    const reader = new ConnectionLogReader({ onEvent: () => undefined });
    const garbage = Buffer.alloc(8 * 1024 * 1024, 'connection authorized: "{[,');
    reader.push(Buffer.from(`${LINES[0]}\n`));
    const before = process.memoryUsage.rss();
    for (let pushed = 0; pushed < 2 * 1024 ** 3; pushed += garbage.length) reader.push(garbage);
    expect(process.memoryUsage.rss() - before).toBeLessThan(150e6);
    reader.push(Buffer.from(`\n${LINES[1]}\n`));
    reader.end();
    expect(reader.counts).toEqual({ read: 3, recognised: 2, unreadable: 1, translated: 0 });
  });

  test.each([
    ['JSON', '{"events":[{"message":"'],
    ['CSV', '2026-11-28 08:17:06.123 UTC,"'],
  ])('of %s is not held', (_what, begin) => {
    const reader = new ConnectionLogReader({ onEvent: () => undefined });
    const garbage = Buffer.alloc(1024 * 1024, 'x\nconnection authorized: ');
    reader.push(Buffer.from(begin));
    const before = process.memoryUsage.rss();
    for (let count = 0; count < 200; count += 1) reader.push(garbage);
    expect(process.memoryUsage.rss() - before).toBeLessThan(150e6);
    reader.end();
    expect(reader.counts.unreadable).toBeGreaterThan(0);
  });
});

describe('a last line without its end', () => {
  test('is torn wherever it is cut, and no login without TLS', () => {
    const whole = LINES[3] ?? '';
    for (let end = whole.indexOf('authorized: ') + 1; end <= whole.length; end += 1) {
      const { counts, logins } = readLog(`${LINES.slice(0, 3).join('\n')}\n${whole.slice(0, end)}`);
      expect({ end, total: logins.total, unreadable: counts.unreadable }).toEqual({ end, total: 1, unreadable: 1 });
    }
  });

  test('about something else is no fault', () => {
    expect(readLog(`${LINES[0]}\n${HEAD}LOG:  statement: select 'connection authorized: `).counts.unreadable).toBe(0);
  });
});

test('a log of nothing that is known is refused', () => {
  for (const log of ['<html>\n<body>\n', 'timestamp,level\n1,2\n', '\0'.repeat(1000)]) {
    expect(() => readLog(log)).toThrow(UnknownFormatError);
  }
});
