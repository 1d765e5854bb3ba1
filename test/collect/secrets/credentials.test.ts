import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { targetOf } from '../../../lab/collector.ts';
import { processorClock } from '../../../lab/processor-time.ts';
import { type Credentials, parseCredentials } from '../../../lambda/collect/secrets/credentials.ts';
import { AuditFailure } from '../../../lambda/model/failure.ts';
import type { Target } from '../../../lambda/model/target.ts';
import { CANARY, everythingShownOf, failureOf } from '../canary.ts';

const SOURCE = 'secret prod/orders';
const URL_TEXT = `postgres://app:${CANARY}@db.example.com:6432/orders?sslmode=require`;

const parse = (content: string | Uint8Array | object, target: Partial<Target> = {}): Credentials =>
  parseCredentials(
    typeof content === 'string' || content instanceof Uint8Array ? content : JSON.stringify(content),
    SOURCE,
    targetOf(target),
  );

const clear = ({ password, ...credentials }: Credentials): object => ({ ...credentials, password: password?.reveal() });

const ALL = { host: 'db.example.com', port: 6432, user: 'app', password: CANARY, database: 'orders' };
const FROM_JSON = { ...ALL, facts: { source: SOURCE, dsn: undefined } };
const FROM_URL = {
  ...ALL,
  facts: { source: SOURCE, dsn: { sslmode: 'require', weakParameters: ['sslmode=require'] } },
};

/** What RDS stores, with one thing spoilt. */
const rds = (spoilt: object = {}): object => ({
  engine: 'postgres',
  host: 'db.example.com',
  port: 6432,
  username: 'app',
  password: CANARY,
  dbname: 'orders',
  dbInstanceIdentifier: 'orders-1',
  ...spoilt,
});

describe('shapes', () => {
  test.each<[string, string | Uint8Array | object, object]>([
    ['the JSON of RDS', rds(), FROM_JSON],
    ['its port as text', rds({ port: '6432' }), FROM_JSON],
    ['other names', { hostname: ALL.host, port: 6432, user: 'app', password: CANARY, database: 'orders' }, FROM_JSON],
    ['JSON between white space', `\ufeff\n ${JSON.stringify(rds())} \n`, FROM_JSON],
    ['a bare URL', URL_TEXT, FROM_URL],
    ['a bare URL with a line end', `${URL_TEXT}\r\n`, FROM_URL],
    ['a bare URL after a byte order mark', `\ufeff${URL_TEXT}`, FROM_URL],
    ['a JSON string', JSON.stringify(URL_TEXT), FROM_URL],
    ['key=value', `host=db.example.com port=6432 user=app password=${CANARY} dbname=orders sslmode=require`, FROM_URL],
    ['bytes of JSON', Buffer.from(JSON.stringify(rds())), FROM_JSON],
    ['bytes of a URL', new TextEncoder().encode(URL_TEXT), FROM_URL],
    ['bytes with a byte order mark', Buffer.from(`\ufeff${URL_TEXT}\n`), FROM_URL],
    ...['connectionString', 'connection_string', 'url', 'uri', 'dsn', 'DATABASE_URL', 'database_url'].map(
      (key): [string, object, object] => [`JSON with ${key}`, { [key]: URL_TEXT }, FROM_URL],
    ),
    ['a URL with white space around it in JSON', { url: ` ${URL_TEXT}\n` }, FROM_URL],
    ['an empty URL beside fields', rds({ url: '' }), FROM_JSON],
    ['a URL that wins over fields', rds({ url: URL_TEXT, host: 'old', username: 'x', password: 'y' }), FROM_URL],
    ['the preferred of two URLs', { dsn: 'postgres://x@old', connectionString: URL_TEXT }, FROM_URL],
    [
      'a URL whose gaps fields fill',
      rds({ url: 'jdbc:postgresql://db.example.com:6432/?sslmode=require', host: 'old' }),
      FROM_URL,
    ],
  ])('%s', (_name, content, expected) => {
    expect(clear(parse(content))).toEqual(expected);
  });

  test('a secret that RDS manages names user and password only: the rest is the configuration’s or a default', () => {
    const managed = { username: 'app', password: CANARY };
    expect(clear(parse(managed, { host: 'db.example.com' }))).toEqual({
      ...FROM_JSON,
      port: 5432,
      database: 'postgres',
    });
    expect(clear(parse(managed, { host: 'db.example.com', port: 6432, database: 'orders' }))).toEqual(FROM_JSON);
  });

  test.each([
    ['JSON', rds()],
    ['a URL', URL_TEXT],
  ])('the configuration wins over %s, and never over user and password', (_name, content) => {
    const target = { host: '10.0.0.1', port: 7000, database: 'other' };
    expect(clear(parse(content, target))).toMatchObject({ ...target, user: 'app', password: CANARY });
  });

  test.each([
    ['JSON', { host: 'db', username: 'app' }],
    ['a URL', 'postgres://app@db'],
  ])('%s without a password means a login without one', (_name, content) => {
    expect(parse(content).password).toBeUndefined();
  });

  test('a password is taken as it is, white space and all', () => {
    const password = ' \t{"a": "\\u00e9%41+"}\n';
    expect(parse(rds({ password })).password?.reveal()).toBe(password);
    expect(parse('host=db user=app password=a\\ ').password?.reveal()).toBe('a ');
  });

  test('the source is named in the facts, and no value of it', () => {
    expect(parse(URL_TEXT).facts.source).toBe(SOURCE);
    expect(JSON.stringify(parse(URL_TEXT).facts)).not.toContain('db.example.com');
  });
});

describe('refused', () => {
  const unusable: readonly [string, string | Uint8Array | object, RegExp][] = [
    ['nothing', '', /neither a JSON object nor a connection string/],
    ['white space', ' \n', /neither/],
    ['a password alone', CANARY, /neither/],
    ['a password alone, as JSON', JSON.stringify(CANARY), /neither/],
    ['broken JSON', `{"username": "app", "password": "${CANARY}"`, /neither/],
    ['JSON with a stray comma', `{"password": "${CANARY}",}`, /neither/],
    ['JSON with a line end in the password', `{"password": "${CANARY}\n"}`, /neither/],
    ['a list', [rds()], /neither/],
    ['null', 'null', /neither/],
    ['a number', '5432', /neither/],
    ['a URL of something else', `https://app:${CANARY}@db.example.com`, /neither/],
    ['bytes that are no UTF-8', Buffer.concat([Buffer.from(CANARY), Buffer.of(0xff)]), /binary and not UTF-8/],
    ['UTF-16', Buffer.from(URL_TEXT, 'utf16le'), /neither|binary/],
    ['no host', { username: 'app', password: CANARY }, /names no host/],
    ['a URL without a host', `postgres://app:${CANARY}@/orders`, /names no host/],
    ['a URL with an empty host', `postgres://app:${CANARY}@?host=`, /names no host/],
    ['key=value with an empty host', `host='' user=app password=${CANARY}`, /names no host/],
    ['no user', { host: 'db', password: CANARY }, /names no user/],
    ['a URL without a user', `postgres://:${CANARY}@db`, /names no user/],
    ['key=value with an empty user', `host=db user='' password=${CANARY}`, /names no user/],
    ['an empty object', {}, /names no host/],
    ['an empty host', rds({ host: '' }), /empty or of the wrong type: host$/],
    ['an empty user', rds({ username: '' }), /: username$/],
    ['a host that is a number', rds({ host: 1 }), /: host$/],
    ['a user that is null', rds({ username: null }), /names no user/],
    ['a password that is a number', rds({ password: 7 }), /: password$/],
    ['a password in a list', rds({ password: [CANARY] }), /: password$/],
    ['several at once', { host: 1, username: 2, password: { CANARY } }, /: host, username, password$/],
    ['port 0', rds({ port: 0 }), /: port$/],
    ['port 65536', rds({ port: '65536' }), /: port$/],
    ['a port with a fraction', rds({ port: 5432.5 }), /: port$/],
    ['a port that is a word', rds({ port: 'x5432' }), /: port$/],
    ['an empty port', rds({ port: '' }), /: port$/],
    ['a broken URL in JSON', { url: `postgres://app:${CANARY}#@db` }, /not a valid URL/],
    ['a URL of something else in JSON', rds({ url: `mysql://app:${CANARY}@db` }), /neither a postgres/],
    ['several hosts in JSON', { dsn: `host=a,b password=${CANARY}` }, /several hosts/],
    ['more than Secrets Manager stores', rds({ note: 'x'.repeat(65_536) }), /longer than 64 KiB/],
    ['a stray % in a JSON string', JSON.stringify(`postgres://app:${CANARY}%@db`), /stray %/],
  ];

  test.each(unusable)('%s', async (_name, content, message) => {
    const failure = await failureOf(() => parse(content));
    expect(failure.failure).toMatchObject({ cause: 'secret-unusable', phase: 'secrets' });
    expect(failure.message).toMatch(/^The secret prod\/orders /);
    expect(failure.message).toMatch(message);
    expect(failure.transient).toBe(false);
    expect(everythingShownOf(failure)).not.toContain(CANARY);
  });

  test.each(['?', '&', ';', 'a;'])('a database of many %s takes no time', async (separator) => {
    const spent = processorClock();
    const dbname = separator.repeat(60_000 / separator.length);
    expect(parse(rds({ dbname })).database).toBe(dbname);
    await failureOf(() => parse(rds({ dbname: `${dbname}=` })));
    expect(spent()).toBeLessThan(500);
  });

  test('a remedy for a missing host names the target', async () => {
    const { failure } = await failureOf(() => parse({ username: 'app' }, { name: 'billing' }));
    expect(failure.remedy).toContain('target billing');
  });

  test('a host in the configuration does not make up for a broken secret', async () => {
    await failureOf(() => parse('{', { host: 'db' }));
    await failureOf(() => parse(rds({ host: '' }), { host: 'db' }));
  });
});

describe('the password shows nowhere', () => {
  test.each([
    ['JSON', rds()],
    ['a URL', URL_TEXT],
  ])('in credentials from %s', (_name, content) => {
    const credentials = parse(content);
    expect(everythingShownOf(credentials)).not.toContain(CANARY);
    expect(everythingShownOf(credentials)).toContain('(redacted)');
    expect(everythingShownOf(new Error('x', { cause: { ...credentials } }))).not.toContain(CANARY);
  });

  test('in what is said of any text that a password stands in', () => {
    const around = fc.oneof(
      fc.constantFrom('{', '}', '"', ',', ':', '[', ']', 'null', '"password"', '"username"', '"url"', '"host"', '\\'),
      fc.constantFrom('postgres://', 'host=', 'password=', 'port=', "'", '@', '/', '?', '#', '%', '=', ' ', '\n', ';'),
      fc.string({ unit: 'binary', maxLength: 3 }),
    );
    fc.assert(
      fc.property(fc.array(around, { maxLength: 12 }), fc.array(around, { maxLength: 12 }), (before, after) => {
        try {
          parse([...before, CANARY, ...after].join(''));
        } catch (error) {
          expect(error).toBeInstanceOf(AuditFailure);
          expect(everythingShownOf(error)).not.toContain(CANARY);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
