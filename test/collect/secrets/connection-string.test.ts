import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { processorTime } from '../../../lab/processor-time.ts';
import {
  ConnectionStringError,
  isConnectionString,
  parseConnectionString,
} from '../../../lambda/collect/secrets/connection-string.ts';
import { CANARY, everythingShownOf } from '../canary.ts';

/** The parts, the password in the clear, without those that the string does not name. */
function read(text: string): Readonly<Record<string, unknown>> {
  const { password, ...parts } = parseConnectionString(text);
  return Object.fromEntries(
    Object.entries({ ...parts, password: password?.reveal() }).filter(([, value]) => value !== undefined),
  );
}

function refusal(text: string): string {
  try {
    parseConnectionString(text);
  } catch (error) {
    expect(error).toBeInstanceOf(ConnectionStringError);
    expect(everythingShownOf(error)).not.toContain(CANARY);
    return (error as ConnectionStringError).message;
  }
  return 'not refused';
}

const ALL = {
  host: 'db.example.com',
  port: 6432,
  user: 'app',
  password: CANARY,
  database: 'orders',
  weakParameters: [],
};

describe('spellings', () => {
  test.each([
    ['postgres', `postgres://app:${CANARY}@db.example.com:6432/orders`],
    ['postgresql', `postgresql://app:${CANARY}@db.example.com:6432/orders`],
    ['capitals', `PostgreSQL://app:${CANARY}@db.example.com:6432/orders`],
    ['SQLAlchemy', `postgresql+asyncpg://app:${CANARY}@db.example.com:6432/orders`],
    ['SQLAlchemy, short', `postgres+psycopg2://app:${CANARY}@db.example.com:6432/orders`],
    ['JDBC', `jdbc:postgresql://db.example.com:6432/orders?user=app&password=${CANARY}`],
    ['a URL of parameters', `postgres://?host=db.example.com&port=6432&user=app&password=${CANARY}&dbname=orders`],
    [
      'parameters over parts',
      `postgres://x:y@z:1/w?host=db.example.com&port=6432&user=app&password=${CANARY}&dbname=orders`,
    ],
    ['key=value', `host=db.example.com port=6432 user=app password=${CANARY} dbname=orders`],
    [
      'key = value on lines',
      `\n host = db.example.com\n\tport\t= 6432\r\n user=app password=${CANARY}\vdbname=orders\n`,
    ],
    ['key=value, quoted', `host='db.example.com' port='6432' user='app' password='${CANARY}' dbname='orders'`],
    ['key=value, the last of two', `host=old host=db.example.com port=6432 user=app password=${CANARY} dbname=orders`],
    ['keys in capitals', `HOST=db.example.com Port=6432 User=app PASSWORD=${CANARY} dbname=orders`],
    ['white space around', ` \t\r\npostgres://app:${CANARY}@db.example.com:6432/orders\r\n `],
  ])('%s', (_name, text) => {
    expect(isConnectionString(text)).toBe(true);
    expect(read(text)).toEqual(ALL);
  });

  test.each([
    ['host alone', 'postgres://db', { host: 'db' }],
    ['no host', 'postgres:///orders', { database: 'orders' }],
    ['no host, no slash', 'postgres://app:pw@', { user: 'app', password: 'pw' }],
    ['no password', 'postgres://app@db', { host: 'db', user: 'app' }],
    ['an empty password', 'postgres://app:@db', { host: 'db', user: 'app' }],
    ['an empty user', 'postgres://:pw@db', { host: 'db', password: 'pw' }],
    ['an empty port', 'postgres://db:/orders', { host: 'db', database: 'orders' }],
    ['an empty database', 'postgres://db/', { host: 'db' }],
    [
      'empty parameters',
      'postgres://app:pw@db?user=&password=&host=&port=&',
      { host: 'db', user: 'app', password: 'pw' },
    ],
    ['empty values', "host='' port='' user='' password='' dbname=", {}],
    ['a value that holds =', 'host=db options=-csearch_path=x user=u', { host: 'db', user: 'u' }],
    ['an empty host that the address stands in for', "host='' hostaddr=10.0.0.1", { host: '10.0.0.1' }],
    ['an address', 'hostaddr=10.0.0.1', { host: '10.0.0.1' }],
    ['a host and its address', 'host=db hostaddr=10.0.0.1', { host: 'db' }],
    ['IPv4', 'postgres://10.0.0.1:5433/a', { host: '10.0.0.1', port: 5433, database: 'a' }],
    ['IPv6', 'postgres://u@[2001:db8::1]/a', { host: '2001:db8::1', user: 'u', database: 'a' }],
    ['IPv6 and port', 'jdbc:postgresql://[::1]:5433/a', { host: '::1', port: 5433, database: 'a' }],
    ['IPv6 as a value', 'host=::1 port=05432', { host: '::1', port: 5432 }],
    ['a name of other letters', 'postgres://dätenbank.example', { host: 'dätenbank.example' }],
    ['a database of several parts', 'postgres://db/a/b', { host: 'db', database: 'a/b' }],
    ['a database with dots', 'postgres://db/../a', { host: 'db', database: '../a' }],
    ['the highest port', 'postgres://db:65535', { host: 'db', port: 65535 }],
  ])('%s', (_name, text, parts) => {
    expect(read(text)).toEqual({ weakParameters: [], ...parts });
  });

  test.each([
    '',
    ' ',
    'hunter2',
    'db.example.com',
    'mysql://db',
    'https://db',
    '{"host": "db"}',
    '=',
    '-----BEGIN X-----',
  ])('no connection string: %j', (text) => {
    expect(isConnectionString(text)).toBe(false);
    expect(refusal(text)).toMatch(/neither a postgres:\/\/ URL nor a list of key=value pairs/);
  });
});

describe('the password is sent as it was meant', () => {
  test.each([
    ['percent-encoding', 'postgres://u:%40%3a%2F%3F%23%25%20%2B@db', '@:/?#% +'],
    ['a plus in the authority', 'postgres://u:a+b@db', 'a+b'],
    ['a plus in the authority, SQLAlchemy', 'postgresql+psycopg://u:a+b@db', 'a+b'],
    ['a plus in a parameter is a plus to libpq', 'postgres://u@db?password=a+b', 'a+b'],
    ['a plus in a parameter is a space to pgjdbc', 'jdbc:postgresql://db/a?user=u&password=a+b', 'a b'],
    ['a plus in a parameter is a space to SQLAlchemy', 'postgresql+psycopg://u@db?password=a+b', 'a b'],
    ['an encoded plus, libpq', 'postgres://u@db?password=a%2Bb', 'a+b'],
    ['an encoded plus, pgjdbc', 'jdbc:postgresql://db/a?user=u&password=a%2Bb', 'a+b'],
    ['an encoded space', 'jdbc:postgresql://db/a?user=u&password=a%20b', 'a b'],
    ['= in a parameter', 'jdbc:postgresql://db/a?user=u&password=YWJj==', 'YWJj=='],
    ['@ in a parameter', 'jdbc:postgresql://db/a?user=u@tenant&password=p@ss', 'p@ss'],
    ['/ and ? in a parameter', 'jdbc:postgresql://db/a?user=u&password=a/b?c', 'a/b?c'],
    ['decoded once', 'postgres://u:%2541@db', '%41'],
    ['a colon', 'postgres://u:a:b:c@db', 'a:b:c'],
    ['an @: the last one ends it', 'postgres://u:a@b@db', 'a@b'],
    ['a comma', 'postgres://u:a,b@db', 'a,b'],
    ['brackets and quotes', `postgres://u:[a]{b}|"c"'\\^\`@db`, `[a]{b}|"c"'\\^\``],
    ['a space', 'postgres://u:a b@db', 'a b'],
    ['other scripts, raw', 'postgres://u:pässwörd密@db', 'pässwörd密'],
    ['other scripts, encoded', 'postgres://u:p%C3%A4ss@db', 'päss'],
    ['encoded white space at the end', 'postgres://db?user=u&password=a%20', 'a '],
    ['a value with = and #', 'host=db user=u password=a=b#c;d', 'a=b#c;d'],
    ['a value with percent and plus', 'host=db user=u password=a%20b+c', 'a%20b+c'],
    ['a quote within a value', "host=db user=u password=it's", "it's"],
    ['quoted spaces', "host=db user=u password=' a  b '", ' a  b '],
    ['escapes in quotes', String.raw`host=db user=u password='a\'b\\c\d'`, String.raw`a'b\cd`],
    ['escapes without quotes', String.raw`host=db user=u password=a\ b\\c\'d`, String.raw`a b\c'd`],
    ['an escaped space at the end', 'host=db user=u password=a\\ ', 'a '],
    ['a line end in quotes', "host=db user=u password='a\nb\\\nc'", 'a\nb\nc'],
    ['a space that is none to libpq', 'host=db user=u password=a\u00a0b\u2003', 'a\u00a0b\u2003'],
  ])('%s', (_name, text, password) => {
    expect(read(text)).toMatchObject({ host: 'db', password });
  });

  const word = fc.string({ unit: 'binary', minLength: 1, maxLength: 20 }).filter((text) => !text.includes('\0'));
  const address = fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6());
  const port = fc.integer({ min: 1, max: 65535 });
  const encoded = (text: string): string => encodeURIComponent(text);
  const quoted = (text: string): string => `'${text.replaceAll(/[\\']/g, '\\$&')}'`;
  const escaped = (text: string): string => text.replaceAll(/[\s\\']/g, '\\$&');
  const bracketed = (host: string): string => (host.includes(':') ? `[${host}]` : host);

  test.each<
    [string, (parts: { host: string; port: number; user: string; password: string; database: string }) => string]
  >([
    [
      'URLs',
      (p) =>
        `postgres://${encoded(p.user)}:${encoded(p.password)}@${bracketed(p.host)}:${p.port}/${encoded(p.database)}`,
    ],
    [
      'URLs of parameters',
      (p) =>
        `postgresql://${bracketed(p.host)}:${p.port}/${encoded(p.database)}?user=${encoded(p.user)}&password=${encoded(p.password)}`,
    ],
    [
      'JDBC URLs',
      (p) =>
        `jdbc:postgresql://${bracketed(p.host)}:${p.port}/${encoded(p.database)}?${new URLSearchParams({ user: p.user, password: p.password })}`,
    ],
    [
      'quoted values',
      (p) =>
        `host=${p.host} port=${p.port} user=${quoted(p.user)} password=${quoted(p.password)} dbname=${quoted(p.database)}`,
    ],
    [
      'escaped values',
      (p) =>
        `host=${p.host} port=${p.port} password=${escaped(p.password)} user=${escaped(`u${p.user}`).slice(1)} dbname=${escaped(p.database)}`,
    ],
  ])('%s carry any user, password and database', (_name, write) => {
    fc.assert(
      fc.property(fc.record({ host: address, port, user: word, password: word, database: word }), (parts) => {
        expect(read(write(parts))).toEqual({ ...parts, weakParameters: [] });
      }),
      { numRuns: 500 },
    );
  });
});

describe('refused', () => {
  test.each([
    ['several hosts', `postgres://u:${CANARY}@a,b/db`, /several hosts/],
    ['several hosts with ports', `postgres://u:${CANARY}@a:5432,b:5433/db`, /several hosts/],
    ['several IPv6 hosts', `postgres://u:${CANARY}@[::1],[::2]/db`, /several hosts/],
    ['several hosts of JDBC', `jdbc:postgresql://a:1,b:2/db?user=u&password=${CANARY}`, /several hosts/],
    ['several hosts in a value', `host=a,b password=${CANARY}`, /several hosts/],
    ['several addresses', `hostaddr=10.0.0.1,10.0.0.2 password=${CANARY}`, /several hosts/],
    ['several hosts in a parameter', `postgres://u:${CANARY}@/db?host=a,b`, /several hosts/],
    ['several host parameters', `postgresql+psycopg2://u:${CANARY}@/db?host=a&host=b`, /several hosts/],
    ['a socket in a value', `host=/var/run/postgresql password=${CANARY}`, /Unix socket/],
    ['a socket in a parameter', `postgres://u:${CANARY}@/db?host=/cloudsql/project:region:db`, /Unix socket/],
    ['a socket over a host', `postgres://u:${CANARY}@localhost/db?host=/cloudsql/project:region:db`, /Unix socket/],
    ['an encoded socket', `postgres://u:${CANARY}@%2Fcloudsql%2Fproject%3Aregion%3Adb/db`, /Unix socket/],
    ['an encoded socket with colons', `postgres://u:${CANARY}@%2fcloudsql%2fproject:region:db/db`, /Unix socket/],
    ['an abstract socket', `host=@postgres password=${CANARY}`, /Unix socket/],
    ['a stray %', `postgres://u:100%${CANARY}@db`, /stray % sign.*%25/],
    ['a % at the end', `postgres://u:${CANARY}%@db`, /stray % sign/],
    ['a stray % in a parameter', `postgres://u@db?password=${CANARY}%zz`, /stray % sign/],
    ['bytes that are no UTF-8', `postgres://u:${CANARY}%E9@db`, /stray % sign/],
    ['an encoded NUL', `postgres://u%00database%00:${CANARY}@db`, /stray % sign/],
    ['a NUL', `host=db password=${CANARY}\0`, /NUL/],
    ['a tab within a URL', `postgres://u:${CANARY}\tx@db`, /tab/],
    ['a line end within a URL', `postgres://u:${CANARY}@db/orders\n?sslmode=verify-full`, /line end/],
    ['# in a password', `postgres://u:${CANARY}#x@db`, /percent-encode the characters #/],
    ['# in a parameter', `jdbc:postgresql://db/a?user=u&password=${CANARY}#x`, /percent-encode/],
    ['# at the end', `postgres://u:${CANARY}@db/orders#`, /percent-encode/],
    ['/ in a password', `postgres://u:${CANARY}/x@db`, /percent-encode/],
    ['/ in a password after digits', 'postgres://u:12/34@db/orders', /percent-encode/],
    ['? in a password', `postgres://u:${CANARY}?x@db`, /percent-encode/],
    ['? in a password after digits', 'postgres://u:12?34@db/orders', /percent-encode/],
    ['? and = in a password after digits', 'postgres://u:12?a=b@db/orders', /percent-encode/],
    ['@ and / in a password', `postgres://u:a@b/${CANARY}@db/orders`, /percent-encode/],
    ['@ and ? in a password', `postgres://u:a@b?${CANARY}@db/orders`, /percent-encode/],
    ['@ in a database', `postgres://u:${CANARY}@db/a@b`, /percent-encode/],
    ['IPv6 without brackets', `postgres://u:${CANARY}@::1/db`, /port/],
    ['an open bracket', `postgres://u:${CANARY}@[::1/db`, /host|port/],
    ['port 0', `postgres://u:${CANARY}@db:0`, /port that is not a number from 1 to 65535/],
    ['port 65536', `postgres://u:${CANARY}@db:65536`, /port/],
    ['a port that is a word', `postgres://u:${CANARY}@db:http`, /port/],
    ['a negative port', `host=db port=-1 password=${CANARY}`, /port/],
    ['a hexadecimal port', `host=db port=0x1538 password=${CANARY}`, /port/],
    ['a port with an exponent', `host=db port=1e3 password=${CANARY}`, /port/],
    ['a port with a fraction', `host=db port=5432.0 password=${CANARY}`, /port/],
    ['several ports', `host=db port=5432,5433 password=${CANARY}`, /port/],
    ['a host with a space', `postgres://u:${CANARY}@d b`, /neither a host name nor an address/],
    ['a host that is a URL', `host=https://db password=${CANARY}`, /neither a host name nor an address/],
    ['a quote left open', `host=db password='${CANARY}`, /neither a postgres/],
    ['a quote closed too early', `host=db password='a'${CANARY}`, /neither a postgres/],
    ['a backslash at the end', `host=db password=${CANARY}\\`, /neither a postgres/],
    ['a word without a value', `host=db ${CANARY}`, /neither a postgres/],
    ['a key without a value', `host=db user= password=${CANARY}`, /without a value/],
    ['an IPv6 zone', `postgres://u:${CANARY}@[fe80::1%25eth0]`, /zone/],
    ['an IPv6 zone in key=value', `host=::1%lo password=${CANARY}`, /zone/],
    ['semicolons after the user', `host=db user=u;password=${CANARY}`, /; between pairs instead of spaces/],
    [
      'semicolons after the database',
      `host=db user=u dbname=a;password=${CANARY}`,
      /; between pairs instead of spaces/,
    ],
  ])('%s', (_name, text, message) => {
    expect(refusal(text)).toMatch(message);
  });

  test('whatever the text, it is parsed or refused, and nothing that people are shown holds a part of it', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        'postgres://',
        'jdbc:postgresql://',
        'postgresql+x://',
        'host',
        'port',
        'sslmode',
        'ssl',
        'password',
      ),
      fc.constantFrom(
        'u',
        'db',
        '5432',
        '@',
        ':',
        '/',
        '?',
        '#',
        '&',
        '=',
        '%',
        '+',
        ',',
        ';',
        "'",
        '\\',
        ' ',
        '\n',
        '[',
        ']',
      ),
      fc.string({ unit: 'binary', maxLength: 3 }),
      fc.constant(CANARY),
    );
    const beginning = fc.constantFrom('', 'postgres://u@db/', 'jdbc:postgresql://db/a?user=u&', 'host=db ');
    let refused = 0;
    let parsed = 0;
    fc.assert(
      fc.property(beginning, fc.array(piece, { maxLength: 12 }), (start, pieces) => {
        const text = start + pieces.join('');
        try {
          const { password, sslmode, weakParameters } = parseConnectionString(text);
          parsed += 1;
          expect(everythingShownOf({ password, sslmode, weakParameters })).not.toContain(CANARY);
        } catch (error) {
          refused += 1;
          expect(error).toBeInstanceOf(ConnectionStringError);
          expect(everythingShownOf(error)).not.toContain(CANARY);
        }
      }),
      { numRuns: 3_000 },
    );
    expect(refused).toBeGreaterThan(100);
    expect(parsed).toBeGreaterThan(100);
  });

  test('a text of any length is refused or read in time that grows with it, not with its square', () => {
    const refuseAll = (length: number): void => {
      for (const unit of ['a=b ', "'", 'a', '@', '\\', '=', 'a@', ' ']) {
        for (const start of ['', 'postgres://', "password='", 'password=']) refusal(start + unit.repeat(length));
      }
    };
    const timed = (length: number): number => processorTime(() => refuseAll(length), 2);
    refuseAll(1_000);
    // Sixteen times the text: 16 times the time, or 256 times.
    expect(timed(64_000) / timed(4_000)).toBeLessThan(100);
  });
});

describe('what a string asks of TLS', () => {
  const forms = [
    ['a URL', (name: string, value: string) => `postgres://u:${CANARY}@db?${name}=${value}`],
    ['JDBC', (name: string, value: string) => `jdbc:postgresql://db/a?user=u&password=${CANARY}&${name}=${value}`],
    ['key=value', (name: string, value: string) => `host=db password=${CANARY} ${name}=${value}`],
  ] as const;

  describe.each(forms)('%s', (_form, write) => {
    test.each(['disable', 'allow', 'prefer', 'no-verify', 'require', 'verify-ca'])('sslmode=%s is weak', (mode) => {
      expect(parseConnectionString(write('sslmode', mode))).toMatchObject({
        sslmode: mode,
        weakParameters: [`sslmode=${mode}`],
      });
    });

    test.each(['verify-full', 'VERIFY-FULL', 'Verify-Full'])('sslmode=%s is not', (mode) => {
      expect(parseConnectionString(write('sslmode', mode))).toMatchObject({
        sslmode: 'verify-full',
        weakParameters: [],
      });
    });

    test('no sslmode is neither', () => {
      expect(parseConnectionString(write('application_name', 'x'))).toMatchObject({
        sslmode: undefined,
        weakParameters: [],
      });
    });

    test.each([
      ['ssl', 'false'],
      ['ssl', 'False'],
      ['ssl', '0'],
      ['ssl', 'no-verify'],
      ['ssl', 'disable'],
      ['ssl', 'allow'],
      ['ssl', 'prefer'],
      ['ssl', 'require'],
      ['ssl', 'verify-ca'],
      ['sslfactory', 'org.postgresql.ssl.NonValidatingFactory'],
      ['sslaccept', 'accept_invalid_certs'],
    ])('%s=%s is weak', (name, value) => {
      expect(parseConnectionString(write(name, value)).weakParameters).toEqual([`${name}=${value}`]);
    });

    test.each([
      ['ssl', 'true'],
      ['ssl', 'verify-full'],
      ['sslfactory', 'org.postgresql.ssl.DefaultJavaSSLFactory'],
      ['sslaccept', 'strict'],
      ['sslrootcert', 'system'],
      ['channel_binding', 'require'],
    ])('%s=%s is not', (name, value) => {
      expect(parseConnectionString(write(name, value)).weakParameters).toEqual([]);
    });
  });

  test('sslrootcert=system without sslmode is verify-full where libpq reads the string, and nothing to other drivers', () => {
    const sslmodeOf = (text: string): string | undefined => parseConnectionString(text).sslmode;
    expect(sslmodeOf('postgres://db?sslrootcert=system')).toBe('verify-full');
    expect(sslmodeOf('host=db sslrootcert=system')).toBe('verify-full');
    expect(sslmodeOf('postgresql+psycopg://db/x?sslrootcert=system')).toBe('verify-full');
    expect(sslmodeOf('jdbc:postgresql://db/x?sslrootcert=system')).toBeUndefined();
    expect(sslmodeOf('postgresql+asyncpg://db/x?sslrootcert=system')).toBeUndefined();
    expect(sslmodeOf('postgres://db?sslrootcert=system.pem')).toBeUndefined();
    expect(parseConnectionString('postgres://db?sslrootcert=system&sslmode=require')).toMatchObject({
      sslmode: 'require',
      weakParameters: ['sslmode=require'],
    });
  });

  test('the last sslmode counts, and an earlier weak one is reported: drivers do not agree on which counts', () => {
    expect(parseConnectionString('postgres://db?sslmode=disable&sslmode=verify-full')).toMatchObject({
      sslmode: 'verify-full',
      weakParameters: ['sslmode=disable'],
    });
  });

  test('a name in other letters is no sslmode to a driver, and weak if it asks for less', () => {
    expect(parseConnectionString('postgres://db?sslMode=verify-full')).toMatchObject({
      sslmode: undefined,
      weakParameters: [],
    });
    expect(parseConnectionString('postgres://db?sslMode=require')).toMatchObject({
      sslmode: undefined,
      weakParameters: ['sslMode=require'],
    });
  });

  test('a mode that no driver knows is weak, and not shown: it may be a password in the wrong place', () => {
    expect(parseConnectionString(`host=db sslmode=require;password:${CANARY}`)).toMatchObject({
      sslmode: '(unknown value)',
      weakParameters: ['sslmode=(unknown value)'],
    });
    expect(parseConnectionString(`host=db sslfactory=${CANARY}/NonValidatingFactory`).weakParameters).toEqual([]);
  });
});

describe('a name that is shown', () => {
  test.each([
    ['as its database', `jdbc:postgresql://db/shop>user=app&qassword=${CANARY}/x?user=app&password=${CANARY}`],
    ['as its database', `host=db user=app password=${CANARY} dbname='shop qassword=${CANARY}'`],
    ['as its user', `postgres://app%3A${CANARY}:${CANARY}@db/shop`],
  ])('may not hold the password behind a sign of a pair: %s', (where, text) => {
    expect(() => parseConnectionString(text)).toThrow(where);
    expect(() => parseConnectionString(text)).not.toThrow(CANARY);
  });

  test('may be a word that is the password too', () => {
    expect(parseConnectionString('postgres://postgres:postgres@db/postgres_prod')).toMatchObject({
      user: 'postgres',
      database: 'postgres_prod',
    });
  });
});
