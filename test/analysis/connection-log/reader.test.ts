// Logs as they come: every format, any prefix, and what clients and torn files put into them.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { processorTime } from '../../../lab/processor-time.ts';
import { POLICY } from '../../../lab/snapshots.ts';
import { LoginAggregator } from '../../../lambda/analysis/connection-log/logins.ts';
import { compilePrefix, KNOWN_PREFIXES, PrefixError } from '../../../lambda/analysis/connection-log/prefix.ts';
import { ConnectionLogReader, UnknownFormatError } from '../../../lambda/analysis/connection-log/reader.ts';
import { LogClock } from '../../../lambda/analysis/connection-log/time.ts';
import { evaluateLogins } from '../../../lambda/checks/logins/evaluate-logins.ts';

interface Options {
  readonly prefix?: string;
  readonly bounds?: ConstructorParameters<typeof LoginAggregator>[0];
}

function readLog(log: string | Buffer, { prefix, bounds }: Options = {}) {
  const aggregator = new LoginAggregator(bounds);
  const reader = new ConnectionLogReader({ prefix, onEvent: (event, record) => aggregator.add(event, record) });
  reader.push(Buffer.from(log));
  reader.end();
  const logins = aggregator.result();
  const findings = evaluateLogins(logins, { target: 'log', kind: 'postgresql', policy: POLICY });
  return { reader, counts: reader.counts, logins, findings };
}

const TAIL = ' SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)';
const at = '2026-11-28 08:17:06.123 UTC';
const line = (text: string, pid = 100): string => `${at} [${pid}] LOG:  ${text}\n`;
const login = (host: string, who: string, pid = 100): string =>
  line(`connection received: host=${host} port=1`, pid) + line(`connection authorized: ${who}`, pid);
const APP = 'user=app database=shop application_name=job';
const REFUSED = `${at} [9] FATAL:  no pg_hba.conf entry for host "10.0.0.9", user "x", database "y", no encryption\n`;

test('finds what handshakes and refusals show besides logins', () => {
  const failed = (pid: number) =>
    line('connection received: host=10.0.0.7 port=1', pid) +
    line('could not accept SSL connection: unsupported protocol', pid);
  const refused = line('connection received: host=10.0.0.9 port=1', 9) + REFUSED;
  const { findings } = readLog(failed(1) + login('10.0.0.7', APP, 2) + failed(3) + login('10.0.0.7', APP, 4) + refused);
  expect(findings.map(({ check, severity, count }) => [check, severity, count])).toEqual([
    ['plaintext-session', 'high', 2],
    ['tls-fallback', 'high', undefined],
    ['tls-handshake-failing', 'low', undefined],
    ['plaintext-login-refused', 'info', undefined],
  ]);
  for (const { evidence } of findings) {
    expect(evidence).toMatchObject({ seenIn: 'connection log' });
    expect(Object.keys(evidence)).not.toEqual(expect.arrayContaining(['openNow']));
  }
});

describe('a transport', () => {
  test.each([
    ['tls', login('10.0.0.7', `${APP}${TAIL}`)],
    ['plaintext', login('10.0.0.7', APP)],
    ['loopback', login('127.0.0.1', APP)],
    ['loopback', login('::1', APP)],
    ['unix-socket', login('[local]', APP)],
    ['gss', login('10.0.0.7', `${APP} GSS (authenticated=yes, encrypted=yes, principal=a@R)`)],
    ['plaintext', login('10.0.0.7', `${APP} GSS (authenticated=yes, encrypted=no, principal=a@R)`)],
    // A name is chosen by who owns the address.
    ['plaintext', login('localhost', APP)],
  ])('%s follows from the tail and the host', (transport, log) => {
    expect(readLog(log).logins.clients).toMatchObject([{ transport, hostKnown: true, logins: 1 }]);
  });

  test('of an unknown host is not called loopback, and is no finding', () => {
    const { logins, findings } = readLog(line(`connection authorized: ${APP}`));
    expect(logins.clients).toMatchObject([{ transport: 'plaintext', hostKnown: false, network: undefined }]);
    expect(findings).toEqual([]);
  });

  test('of an unknown host is known once the connection ends', () => {
    const log =
      line(`connection authorized: ${APP}`) +
      line('disconnection: session time: 0:00:01.000 user=app database=shop host=10.0.0.7 port=1');
    expect(readLog(log).logins).toMatchObject({
      total: 1,
      clients: [{ transport: 'plaintext', hostKnown: true, network: '10.0.0.0/24', logins: 1 }],
    });
  });

  test('belongs to the process, when others write in between', () => {
    const log =
      line('connection received: host=10.0.0.7 port=1', 1) +
      line('connection received: host=[local]', 2) +
      line(`connection authorized: ${APP}`, 1) +
      line('connection authorized: user=b database=c', 2);
    expect(readLog(log).logins.clients.map(({ role, transport }) => [role, transport])).toEqual([
      ['app', 'plaintext'],
      ['b', 'unix-socket'],
    ]);
  });
});

describe('findings', () => {
  test('are those of the checks of sessions, one for each client', () => {
    const old = ' SSL enabled (protocol=TLSv1, cipher=ECDHE-RSA-AES128-SHA, bits=128)';
    const log =
      [1, 2, 3].map((host) => login(`10.0.${host}.7`, APP, host)).join('') +
      login('10.0.0.9', `user=old database=shop${old}`, 9);
    expect(readLog(log).findings).toMatchObject([
      {
        check: 'plaintext-session',
        severity: 'high',
        role: 'app',
        count: 3,
        clients: ['10.0.1.7', '10.0.2.7', '10.0.3.7'],
      },
      { check: 'deprecated-tls-session', severity: 'high', role: 'old', count: 1, evidence: { tlsVersion: 'TLSv1' } },
    ]);
  });

  test('a forged login is a finding of its own, and never one over TLS', () => {
    const { logins, findings } = readLog(login('10.0.0.7', `${APP}${TAIL}${TAIL}`));
    expect(logins.clients).toMatchObject([{ transport: 'plaintext', forged: true, tls: undefined }]);
    expect(findings).toMatchObject([{ check: 'forged-connection-log', severity: 'high', role: 'app' }]);
  });
});

describe('other formats', () => {
  const events = [login('10.0.0.7', APP).split('\n')[0], login('10.0.0.7', APP).split('\n')[1]];
  const asEvents = events.map((message, index) => ({
    logStreamName: 'orders.0',
    timestamp: 1_795_853_826_000 + index,
    message,
    eventId: String(index),
  }));
  test.each([
    ['an export, one line', JSON.stringify({ events: asEvents, searchedLogStreams: [] })],
    ['an export, pretty', JSON.stringify({ events: asEvents }, null, 4)],
    ['an event a line', asEvents.map((event) => JSON.stringify(event)).join('\n')],
    ['results of Logs Insights', JSON.stringify({ results: events.map((value) => [{ field: '@message', value }]) })],
    [
      'lines of aws logs tail',
      events.map((message) => `2026-11-28T08:17:06.123000+00:00 orders.0 ${message}\n`).join(''),
    ],
  ])('CloudWatch Logs: %s', (_what, log) => {
    const { reader, logins } = readLog(log);
    expect(reader.format).toBe('cloudwatch');
    expect(logins.clients).toMatchObject([{ role: 'app', transport: 'plaintext', network: '10.0.0.0/24', logins: 1 }]);
  });

  test('of no known form are refused without a word of them', () => {
    const read = () => readLog('secret stuff\nmore secret stuff\n');
    expect(read).toThrow(UnknownFormatError);
    expect(read).toThrow(/^the first 2 lines are of no form that is known$/);
    expect(() => readLog(login('10.0.0.7', APP), { prefix: '%t:%r:%u@%d:[%p]:' })).toThrow(UnknownFormatError);
    expect(() => compilePrefix('%m %j ')).toThrow(PrefixError);
  });

  test.each([
    'Verbindung autorisiert: Benutzer=app Datenbank=shop',
    'connexion autorisée : utilisateur=app',
    'подключение авторизовано: пользователь=app',
    '接続の認証完了: ユーザー=app',
  ])('translated lines are counted and never read: %s', (text) => {
    const { counts, logins } = readLog(line(text).repeat(3));
    expect(counts).toMatchObject({ translated: 3, recognised: 0 });
    expect(logins.total).toBe(0);
  });
});

describe('any prefix', () => {
  const name = fc.stringMatching(/^[a-z][a-z0-9_]{0,20}$/);
  const values: Record<string, string> = {
    t: '2026-11-28 08:17:06 UTC',
    m: at,
    n: '1795853826.123',
    s: '2026-11-28 08:17:06 UTC',
    p: '4711',
    P: '',
    c: '6a1.4b',
    l: '7',
    h: '10.1.2.3',
    r: '10.1.2.3(5432)',
    e: '00000',
    v: '3/7',
    x: '0',
    Q: '0',
    q: '',
    i: 'authentication',
    b: 'client backend',
    L: '10.0.0.1',
  };
  const format = (prefix: string, of: Record<string, string>): string =>
    prefix.replaceAll(/%(.)/g, (_, letter: string) => ({ ...values, ...of, '%': '%' })[letter] ?? '');

  test('of any platform and any message is read back', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...KNOWN_PREFIXES.map(([prefix]) => prefix)),
        name,
        name,
        fc.string({ maxLength: 30 }).filter((text) => !/[\n\r\t]/.test(text)),
        (prefix, role, database, message) => {
          const text = `${format(prefix, { u: role, d: database, a: '[unknown]' })}LOG:  ${message}`;
          const read = compilePrefix(prefix).read(text, new LogClock());
          expect(read).toMatchObject({ label: 'LOG', message });
          if (prefix.includes('%u')) expect(read?.fields.role).toBe(role);
          if (prefix.includes('%d')) expect(read?.fields.database).toBe(database);
          if (/%[hr]/.test(prefix)) expect(read?.fields.host).toBe('10.1.2.3');
          if (/%[tmn]/.test(prefix))
            expect(Math.abs((read?.fields.time ?? 0) - Date.parse('2026-11-28T08:17:06Z'))).toBeLessThan(
              1_000_000_000_000,
            );
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('hostile logs', () => {
  const long = 'x'.repeat(10_000);
  test.each([
    ['a name of 10,000 characters', login('10.0.0.7', `user=app database=shop application_name=${long}`)],
    [
      'a name of 10,000 tails',
      login('10.0.0.7', `user=app database=shop application_name=${' SSL enabled ('.repeat(700)}`),
    ],
    ['a name with a newline', login('10.0.0.7', 'user=a\n\tb database=shop')],
    ['NUL', login('10.0.0.7', 'user=a\0b database=shop')],
  ])('%s stays one login in plaintext', (_what, log) => {
    const { logins, counts } = readLog(log);
    expect(logins.clients).toMatchObject([{ transport: 'plaintext', logins: 1 }]);
    expect(counts.unreadable).toBe(0);
  });

  test('a tail after a newline in a name is found', () => {
    expect(readLog(login('10.0.0.7', `user=a\n\tb database=shop${TAIL}`)).logins.clients).toMatchObject([
      { transport: 'tls', role: 'a\nb' },
    ]);
  });

  test('bytes that are no UTF-8 are read', () => {
    const log = Buffer.from(login('10.0.0.7', 'user=app database=\xff\xfe'), 'latin1');
    expect(readLog(log).logins.clients).toMatchObject([{ role: 'app', database: '\ufffd\ufffd' }]);
  });

  test.each([
    ['torn', line(`connection authorized: ${APP}`).slice(10)],
    ['cut in its endless name', line(`connection authorized: ${APP}${'y'.repeat(200_000)}${TAIL}`)],
  ])('a line that is %s is counted, and nothing is made of it', (_what, text) => {
    const { counts, logins } = readLog(login('10.0.0.7', `${APP}${TAIL}`) + text);
    expect(counts).toMatchObject({ unreadable: 1 });
    expect(logins.total).toBe(1);
  });

  test('statements that quote such lines are no logins', () => {
    const log = `${login('10.0.0.7', `${APP}${TAIL}`)}${at} [9] LOG:  statement: select 'x\n\t${line(`connection authorized: ${APP}`)}${at} [9] STATEMENT:  connection authorized: ${APP}\n`;
    expect(readLog(log).logins.total).toBe(1);
  });

  test('clients beyond the bound are counted together, by transport', () => {
    const names = ['a', 'b', 'c', 'd', 'e', 'f'];
    const log = names
      .map((role, pid) => login('10.0.0.7', `user=${role} database=shop${pid % 2 === 0 ? TAIL : ''}`, pid + 1))
      .join('');
    const { logins } = readLog(log, { bounds: { clients: 2 } });
    expect(logins.total).toBe(6);
    expect(logins.clients.filter(({ others }) => others)).toMatchObject([
      { transport: 'tls', logins: 2 },
      { transport: 'plaintext', logins: 2 },
    ]);
  });

  test("strangers' names are bounded", () => {
    const refusals = Array.from(
      { length: 50 },
      (_, index) =>
        `${at} [${index}] FATAL:  no pg_hba.conf entry for host "10.0.0.7", user "u${index}", database "d", no encryption\n`,
    );
    const { logins } = readLog(refusals.join(''), { bounds: { failures: 10 } });
    expect(logins.failures).toHaveLength(11);
    expect(logins.failures.at(-1)).toMatchObject({ kind: 'others', count: 40 });
  });

  test('time grows in proportion to the lines', () => {
    const make = (count: number): string =>
      Array.from({ length: count }, (_, pid) =>
        login(
          `10.0.${pid % 250}.7`,
          `user=app database=shop application_name=w${pid}${pid % 3 === 0 ? TAIL : ''}`,
          pid,
        ),
      ).join('');
    const cost = (log: string): number => processorTime(() => readLog(log), 2);
    const [few, many] = [make(10_000), make(40_000)];
    cost(few);
    expect(cost(many)).toBeLessThan(10 * Math.max(cost(few), 40));
  });
});
