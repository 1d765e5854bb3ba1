// What a server writes of an event, in any format and with any prefix, is read back as that event.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ConnectionEvent, LogRecord } from '../../../lambda/analysis/connection-log/events.ts';
import { compilePrefix, KNOWN_PREFIXES } from '../../../lambda/analysis/connection-log/prefix.ts';
import { ConnectionLogReader } from '../../../lambda/analysis/connection-log/reader.ts';
import { LogClock } from '../../../lambda/analysis/connection-log/time.ts';

const RUNS = { numRuns: 300 } as const;
const TIME = '2026-11-28 08:17:06.123 UTC';
const MILLISECONDS = Date.parse('2026-11-28T08:17:06.123Z');

/** What only the server writes behind a name, and what a line end and its escapes are made of. */
const NO_TAIL = / (?:SSL enabled|GSS) \(|[\r\n\0]/;
const SEPARATORS = fc.constantFrom(
  ' database=',
  ' application_name=',
  '", user "',
  '", database "',
  '"',
  ',',
  '\\',
  '\t',
  ' ',
);
const text = fc
  .array(fc.oneof({ weight: 3, arbitrary: fc.string({ unit: 'grapheme', maxLength: 12 }) }, SEPARATORS), {
    maxLength: 6,
  })
  .map((parts) => parts.join(''))
  .filter((joined) => !NO_TAIL.test(` ${joined}`) && joined.trim() === joined && joined !== '[unknown]');
const name = text.filter((joined) => joined !== '');
const host = fc.constantFrom('10.1.2.3', '[local]', 'fe80::1', '2001:db8::7', 'client-7.example.com');
const tls = fc.constantFrom(
  { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384', bits: 256 },
  { version: 'TLSv1.2', cipher: 'ECDHE-RSA-AES128-GCM-SHA256', bits: 128 },
  { version: 'TLSv1', cipher: 'ECDHE-ECDSA-AES128-SHA', bits: 128 },
);
const gss = fc.record({ encrypted: fc.boolean(), principal: fc.constantFrom('app@LAB.TEST', 'a/b@R', undefined) });
const major = fc.integer({ min: 12, max: 18 });

interface Written {
  readonly event: ConnectionEvent;
  readonly message: string;
  readonly role?: string | undefined;
  readonly database?: string | undefined;
  readonly severity?: 'LOG' | 'FATAL';
}

/** Logins, as `PerformAuthentication` of each major writes them. */
const loginOf = (names: fc.Arbitrary<string>): fc.Arbitrary<Written> =>
  fc
    .record({
      major,
      role: names,
      database: names,
      application: text,
      tls: fc.option(tls, { nil: undefined }),
      gss: fc.option(gss, { nil: undefined }),
      replication: fc.boolean(),
    })
    .map(({ major: of, role, database, application, tls: over, gss: by, replication }) => {
      const parts = [
        `${replication ? 'replication ' : ''}connection authorized: user=${role}`,
        replication ? '' : ` database=${database}`,
        application === '' ? '' : ` application_name=${application}`,
        over === undefined
          ? ''
          : ` SSL enabled (protocol=${over.version}, cipher=${over.cipher}, bits=${over.bits}${of < 14 ? ', compression=off' : ''})`,
        by === undefined
          ? ''
          : ` GSS (authenticated=yes, encrypted=${by.encrypted ? 'yes' : 'no'}${of < 16 ? '' : ', delegated_credentials=no'}${
              by.principal === undefined ? '' : `, principal=${by.principal}`
            })`,
      ];
      return {
        role,
        database,
        message: parts.join(''),
        event: {
          kind: 'authorized',
          role,
          database: replication ? undefined : database,
          application,
          tls: over,
          gss: by,
          replication,
          forged: false,
        },
      };
    });

const login = loginOf(name);

const refusal: fc.Arbitrary<Written> = fc
  .record({
    major,
    role: name,
    database: name,
    host,
    encryption: fc.constantFrom('plaintext', 'tls'),
    replication: fc.boolean(),
    by: fc.constantFrom('no-rule', 'reject-rule'),
  })
  .map(({ major: of, role, database, host: from, encryption, replication, by }) => {
    const begin =
      by === 'no-rule'
        ? `no pg_hba.conf entry for ${replication ? 'replication connection from ' : ''}`
        : `pg_hba.conf rejects ${replication ? 'replication connection' : 'connection'} for `;
    const words =
      of < 14 ? { plaintext: 'SSL off', tls: 'SSL on' } : { plaintext: 'no encryption', tls: 'SSL encryption' };
    const who = `host "${from}", user "${role}"${replication ? '' : `, database "${database}"`}`;
    return {
      role,
      database,
      severity: 'FATAL',
      message: `${begin}${who}, ${words[encryption]}`,
      event: { kind: 'refused', by, encryption, host: from, role, database: replication ? undefined : database },
    };
  });

const arrival: fc.Arbitrary<Written> = fc.record({ host, port: fc.nat(65_535) }).map(({ host: from, port }) => ({
  message: `connection received: host=${from}${from === '[local]' ? '' : ` port=${port}`}`,
  event: { kind: 'received', host: from, port: from === '[local]' ? undefined : port },
}));

const authentication: fc.Arbitrary<Written> = fc
  .record({
    identity: name,
    method: fc.constantFrom('scram-sha-256', 'cert', 'trust'),
    line: fc.integer({ min: 1, max: 9_999 }),
  })
  .map(({ identity, method, line }) => ({
    role: identity,
    message: `connection authenticated: identity="${identity}" method=${method} (/var/lib/pg data/pg_hba.conf:${line})`,
    event: { kind: 'authenticated', identity, method, rule: { file: '/var/lib/pg data/pg_hba.conf', line } },
  }));

const ending: fc.Arbitrary<Written> = fc
  .record({ role: name, database: name, host })
  .map(({ role, database, host: from }) => ({
    role,
    database,
    message: `disconnection: session time: 0:00:00.004 user=${role} database=${database} host=${from}${from === '[local]' ? '' : ' port=1'}`,
    event: { kind: 'disconnected', host: from },
  }));

const written = fc.oneof(
  { weight: 3, arbitrary: login },
  { weight: 2, arbitrary: refusal },
  arrival,
  authentication,
  ending,
);

interface Read {
  readonly event: ConnectionEvent;
  readonly record: LogRecord;
}

function readAll(
  log: string,
  prefix?: string,
): { readonly read: readonly Read[]; readonly reader: ConnectionLogReader } {
  const read: Read[] = [];
  const reader = new ConnectionLogReader({ prefix, onEvent: (event, record) => read.push({ event, record }) });
  const bytes = Buffer.from(log);
  for (let at = 0; at < bytes.length; at += 61) reader.push(bytes.subarray(at, at + 61));
  reader.end();
  expect(reader.counts).toMatchObject({ unreadable: 0, translated: 0 });
  return { read, reader };
}

const csv = (raw: string): string => `"${raw.replaceAll('"', '""')}"`;

function asCsv({ message, role = '', database = '', severity = 'LOG' }: Written): string {
  const columns = [
    TIME,
    csv(role),
    csv(database),
    '4711',
    '"10.1.2.3:5432"',
    '6a1.1267',
    '3',
    '"startup"',
    TIME,
    '3/7',
    '0',
  ];
  const rest = [severity, '00000', csv(message), '', '', '', '', '', '', '', '', '""', '"client backend"', '', '0'];
  return `${[...columns, ...rest].join(',')}\n`;
}

function asJson({ message, role, database, severity = 'LOG' }: Written): string {
  const entry = {
    ...{ timestamp: TIME, user: role, dbname: database, pid: 4711, remote_host: '10.1.2.3', remote_port: 5432 },
    ...{ session_id: '6a1.1267', line_num: 3, error_severity: severity, message, backend_type: 'client backend' },
  };
  return `${JSON.stringify(entry)}\n`;
}

describe('csvlog and jsonlog', () => {
  test.each([
    ['csvlog', asCsv],
    ['jsonlog', asJson],
  ] as const)('%s: any event is read back, whatever names hold', (format, formatted) => {
    fc.assert(
      fc.property(fc.array(written, { minLength: 1, maxLength: 4 }), (all) => {
        const { read, reader } = readAll(all.map(formatted).join(''));
        expect(reader.format).toBe(format);
        expect(read.map(({ event }) => event)).toEqual(all.map(({ event }) => event));
        for (const [index, { record }] of read.entries()) {
          const { role, database, message } = all[index] ?? {};
          expect(record).toMatchObject({ time: MILLISECONDS, connection: '6a1.1267', host: '10.1.2.3', message });
          expect([record.role, record.database]).toEqual([role, database]);
        }
      }),
      RUNS,
    );
  });

  test('names with line ends are read back from csvlog', () => {
    fc.assert(
      fc.property(name, name, (first, last) => {
        const role = `${first}\n${last}`;
        const message = `connection authorized: user=${role} database=shop`;
        const [only] = readAll(asCsv({ message, role, database: 'shop', event: { kind: 'ready' } })).read;
        expect(only?.event).toMatchObject({ role, database: 'shop', tls: undefined, forged: false });
      }),
      RUNS,
    );
  });
});

/** What each escape stands for here. */
const VALUES: Readonly<Record<string, string>> = {
  ...{ t: '2026-11-28 08:17:06 UTC', m: TIME, n: '1795853826.123', s: '2026-11-28 08:17:00 UTC' },
  ...{ p: '4711', P: '', c: '6a1.1267', l: '7', e: '00000', v: '3/7', x: '0', Q: '-12', L: '10.0.0.1' },
  ...{ h: '10.1.2.3', r: '10.1.2.3(5432)', i: 'authentication', b: 'client backend', a: '[unknown]', q: '' },
};

function prefixText(prefix: string, { role = '[unknown]', database = '[unknown]' }: Partial<Written>): string {
  const values: Record<string, string> = { ...VALUES, u: role, d: database };
  return prefix.replaceAll(/%(-?\d*)(.)/g, (_, padding: string, letter: string) => {
    if (letter === '%') return '%';
    const value = values[letter] ?? '';
    const width = Math.abs(Number(padding));
    return padding.startsWith('-') ? value.padEnd(width) : value.padStart(width);
  });
}

function asStderr(prefix: string, { message, severity = 'LOG', ...who }: Written): string {
  return `${prefixText(prefix, who)}${severity}:  ${message.replaceAll('\n', '\n\t')}\n`;
}

/** Where a name stands in a prefix, nothing but what is around it shows its ends. */
const plainName = fc.stringMatching(/^[a-z][a-z0-9_]{0,20}$/);
const plainLogin = loginOf(fc.stringMatching(/^[a-z][a-z_ -]{0,10}[a-z]$/));

describe('stderr', () => {
  test('any login behind a prefix of any platform is read back', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...KNOWN_PREFIXES.map(([prefix]) => prefix)),
        fc.oneof(plainLogin, arrival),
        plainName,
        (prefix, one, fallback) => {
          // Without both names in the prefix, an application with a separator is read as it seems.
          const known = prefix.includes('%u') && prefix.includes('%d');
          const entry: Written = known || one.event.kind !== 'authorized' ? one : simple(one.event, fallback);
          const { read } = readAll(asStderr(prefix, entry), prefix);
          expect(read.map(({ event }) => event)).toEqual([entry.event]);
        },
      ),
      RUNS,
    );
  });

  const separator = fc.constantFrom('@', '|', ' | ', ';', ' <', '> ', '/', ' => ', '%%', '.*+?^$', '[(', ')] ', '\\');
  const fixed = fc.constantFrom(
    't',
    'm',
    'n',
    's',
    'p',
    'P',
    'c',
    'l',
    'h',
    'r',
    'e',
    'v',
    'x',
    'Q',
    'L',
    'u',
    'd',
    'b',
    'i',
    'a',
  );
  const padding = fc.constantFrom('', '', '', '10', '-10', '-25');
  const prefixes = fc
    .array(fc.record({ separator, letter: fixed, padding }), { minLength: 1, maxLength: 8 })
    .chain((parts) => fc.record({ parts: fc.constant(parts), at: fc.nat(parts.length), end: separator }))
    .map(({ parts, at, end }) => {
      const texts = parts.map((part) => `${part.separator}%${part.padding}${part.letter}`);
      return `${[...texts.slice(0, at), '%q', ...texts.slice(at)].join('')}${end}`;
    })
    // A host may hold a % (the zone of an IPv6 address): directly behind one it shows no end, as a colon would not.
    .filter((prefix) => !/%-?\d*[hrL](?:%q)?%%/.test(prefix));

  test('any prefix is read back with its facts, and any message behind it', () => {
    fc.assert(
      fc.property(
        prefixes,
        plainName,
        plainName,
        fc.string({ unit: 'grapheme', maxLength: 30 }),
        (prefix, role, database, raw) => {
          const message = raw.replaceAll(/[\r\n]/g, ' ');
          const compiled = compilePrefix(prefix);
          const read = compiled.read(`${prefixText(prefix, { role, database })}LOG:  ${message}`, new LogClock());
          expect(read).toMatchObject({ label: 'LOG', message, isWhole: true });
          expect(read?.fields.role).toBe(/%-?\d*u/.test(prefix) ? role : undefined);
          expect(read?.fields.database).toBe(/%-?\d*d/.test(prefix) ? database : undefined);
          expect(read?.fields.host).toBe(/%-?\d*[hr]/.test(prefix) ? '10.1.2.3' : undefined);
          expect(read?.fields.application).toBe(undefined);
          if (/%-?\d*[mn]/.test(prefix) && !/%-?\d*t/.test(prefix)) expect(read?.fields.time).toBe(MILLISECONDS);
          if (/%-?\d*[pc]/.test(prefix)) expect(['4711', '6a1.1267']).toContain(read?.fields.connection);
          // What %q ends is not there for processes without a session.
          const [alone = ''] = prefix.split('%q');
          const short = compiled.read(`${prefixText(alone, {})}LOG:  ${message}`, new LogClock());
          expect(short).toMatchObject({ label: 'LOG', message });
        },
      ),
      RUNS,
    );
  });
});

function simple(event: ConnectionEvent, role: string): Written {
  if (event.kind !== 'authorized') throw new Error('it is no login');
  const over = event.tls;
  const tail =
    over === undefined ? '' : ` SSL enabled (protocol=${over.version}, cipher=${over.cipher}, bits=${over.bits})`;
  return {
    message: `connection authorized: user=${role} database=shop${tail}`,
    event: { ...event, role, database: 'shop', application: '', gss: undefined, replication: false },
  };
}

describe('an application name', () => {
  const parts = fc.constantFrom(
    ' SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256)',
    ' SSL enabled (protocol=TLSv1.3, cipher=TLS_AES_256_GCM_SHA384, bits=256, compression=off)',
    ' SSL enabled (',
    ' GSS (authenticated=yes, encrypted=yes, principal=a@R)',
    ' GSS (',
    ' application_name=',
    ' database=',
    ')',
    'x',
    ' ',
  );
  const hostile = fc.array(parts, { maxLength: 5 }).map((all) => all.join(''));

  test('never changes what the server wrote behind it, unless it is marked as forged', () => {
    fc.assert(
      fc.property(hostile, fc.option(tls, { nil: undefined }), (application, over) => {
        const tail =
          over === undefined ? '' : ` SSL enabled (protocol=${over.version}, cipher=${over.cipher}, bits=${over.bits})`;
        const message = `connection authorized: user=app database=shop application_name=${application}${tail}`;
        const entry: Written = { message, role: 'app', database: 'shop', event: { kind: 'ready' } };
        for (const formatted of [asCsv, asJson]) {
          const [only] = readAll(formatted(entry)).read;
          if (only?.event.kind !== 'authorized') throw new Error('the login is not read');
          const { event } = only;
          expect([event.role, event.database]).toEqual(['app', 'shop']);
          if (event.forged) return;
          if (over !== undefined) expect(event).toMatchObject({ tls: over, application });
          // One well-made tail in a login without TLS does not show.
          else if (event.tls !== undefined || event.gss !== undefined) expect(application).toMatch(NO_TAIL);
          else expect(event.application).toBe(application);
        }
      }),
      RUNS,
    );
  });
});
