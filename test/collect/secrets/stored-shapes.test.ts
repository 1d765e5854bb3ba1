// The shapes in which people store credentials: read where the meaning is certain, refused by the field's name
// elsewhere.

import { describe, expect, test } from 'vitest';
import { targetOf } from '../../../lab/collector.ts';
import { parseCredentials } from '../../../lambda/collect/secrets/credentials.ts';
import { CANARY, everythingShownOf, failureOf } from '../canary.ts';

const HOST = 'db.example.com';
const FIELDS = { host: HOST, username: 'u', password: CANARY };
const URL_TEXT = `postgres://u:${CANARY}@${HOST}:5432/app`;
const base64 = (text: string): string => Buffer.from(text).toString('base64');

const asText = (secret: string | object): string => (typeof secret === 'string' ? secret : JSON.stringify(secret));
const read = (secret: string | object) => parseCredentials(asText(secret), 'secret s', targetOf({}));

describe('read', () => {
  test.each<[string, string | object, object?]>([
    ['a host with its port', { ...FIELDS, host: `${HOST}:5433` }, { port: 5433 }],
    ['the same port twice', { ...FIELDS, host: `${HOST}:5433`, port: '5433' }, { port: 5433 }],
    ['IPv6', { ...FIELDS, host: '2001:db8::1' }, { host: '2001:db8::1' }],
    ['IPv6 in brackets', { ...FIELDS, host: '[2001:db8::1]' }, { host: '2001:db8::1' }],
    ['IPv6 in brackets with a port', { ...FIELDS, host: '[2001:db8::1]:5433' }, { host: '2001:db8::1', port: 5433 }],
    [
      'white space around fields',
      { ...FIELDS, host: ` ${HOST}\n`, username: 'u ', port: ' 5432\n', dbname: 'app\r\n' },
    ],
    ['nulls', { ...FIELDS, port: null, dbname: null, sslmode: null }, { database: 'postgres' }],
    ['other names', { server: HOST, login: 'u', pwd: CANARY, db: 'app' }, { database: 'app' }],
    ['names of any case', { Host: HOST, UserName: 'u', Password: CANARY, Port: 5432 }],
    [
      'DB_…',
      { DB_HOST: HOST, DB_USER: 'u', DB_PASSWORD: CANARY, DB_PORT: '5432', DB_NAME: 'app' },
      { database: 'app' },
    ],
    ['PG…', { PGHOST: HOST, PGUSER: 'u', PGPASSWORD: CANARY, PGDATABASE: 'app' }, { database: 'app' }],
    ['POSTGRES_…', { POSTGRES_HOST: HOST, POSTGRES_USER: 'u', POSTGRES_PASSWORD: CANARY, POSTGRES_DB: 'app' }],
    ['POSTGRES_URL', { POSTGRES_URL: URL_TEXT }, { database: 'app' }],
    [
      'Spring',
      {
        'spring.datasource.url': `jdbc:postgresql://${HOST}/app`,
        'spring.datasource.username': 'u',
        'spring.datasource.password': CANARY,
      },
    ],
    [
      'Django',
      { ENGINE: 'django.db.backends.postgresql', NAME: 'app', USER: 'u', PASSWORD: CANARY, HOST },
      { database: 'app' },
    ],
    ['SQLAlchemy', { drivername: 'postgresql+psycopg2', ...FIELDS, database: 'app' }, { database: 'app' }],
    ['variables of a file', `# database\nexport PGHOST=${HOST}\r\nPGUSER='u'\n\nPGPASSWORD="${CANARY}"\n`],
    ['a URL as a variable', `DATABASE_URL=${URL_TEXT}?sslmode=verify-full\n`],
    ['JSON in JSON', JSON.stringify(JSON.stringify(FIELDS))],
    ['base64 of JSON', base64(JSON.stringify(FIELDS))],
    ['base64 of a URL with a line end', `${base64(`${URL_TEXT}\n`)}\n`],
    ['base64 of key=value', base64(`host=${HOST} user=u password=${CANARY}`)],
    [
      'Npgsql',
      `Host=${HOST};Port=5432;Username=u;Password=${CANARY};Database=app;SSL Mode=VerifyFull`,
      { database: 'app' },
    ],
    ['Npgsql with other names and quotes', `Server=${HOST};User Id=u;Password='${CANARY}';Initial Catalog="app";`],
    [
      'ODBC',
      `Driver={PostgreSQL Unicode};Server=${HOST};Port=5432;Database=app;Uid=u;Pwd={${CANARY}};sslmode=verify-full`,
    ],
    ...[
      'postgis',
      'pgsql',
      'psql',
      'postgresql+asyncpg',
      'postgresql+psycopg',
      'r2dbc:postgresql',
      'r2dbc:pool:postgresql',
    ].map((scheme): [string, string] => [scheme, `${scheme}://u:${CANARY}@${HOST}/app`]),
    ['jdbc:aws-wrapper', `jdbc:aws-wrapper:postgresql://${HOST}/app?user=u&password=${CANARY}`],
  ])('%s', (_what, secret, expected) => {
    const { host, port, user, password, database } = read(secret);
    expect({ host, port, user, password: password?.reveal(), database }).toEqual({
      ...{ host: HOST, port: 5432, user: 'u', password: CANARY, database: expect.any(String) },
      ...expected,
    });
  });
});

describe('TLS settings that are too weak', () => {
  test.each<[object | string, readonly string[]]>([
    [{ sslmode: 'disable' }, ['sslmode=disable']],
    [{ sslMode: 'require' }, ['sslMode=require']],
    [{ ssl_mode: 'prefer' }, ['ssl_mode=prefer']],
    [{ PGSSLMODE: 'allow' }, ['PGSSLMODE=allow']],
    [{ ssl: false }, ['ssl=false']],
    [{ ssl: 'disabled' }, ['ssl=disabled']],
    [{ tls: 0 }, ['tls=0']],
    [{ useSSL: 'false' }, ['useSSL=false']],
    [{ trustServerCertificate: true }, ['trustServerCertificate=true']],
    [{ rejectUnauthorized: false }, ['rejectUnauthorized=false']],
    [{ ssl: { rejectUnauthorized: false } }, ['rejectUnauthorized=false']],
    [{ dialectOptions: { ssl: { rejectUnauthorized: false } } }, ['rejectUnauthorized=false']],
    [{ OPTIONS: { sslmode: 'verify-ca' } }, ['sslmode=verify-ca']],
    [{ query: { sslmode: 'require' } }, ['sslmode=require']],
    [{ url: `${URL_TEXT}?sslmode=verify-full`, rejectUnauthorized: 'no' }, ['rejectUnauthorized=no']],
    [
      `Host=${HOST};Username=u;Ssl Mode=Require;Trust Server Certificate=true`,
      ['Ssl Mode=Require', 'Trust Server Certificate=true'],
    ],
    [`r2dbc:postgresql://u@${HOST}/app?sslMode=require`, ['sslMode=require']],
    [`DB_HOST=${HOST}\nDB_USER=u\nDB_SSLMODE=disable`, ['DB_SSLMODE=disable']],
  ])('%j', (secret, weak) => {
    const { facts } = read(typeof secret === 'string' ? secret : { ...FIELDS, ...secret });
    expect(facts.dsn?.weakParameters).toEqual(weak);
  });

  test.each([{}, { ssl: true }, { tls: 'on' }, { rejectUnauthorized: true }, { trustServerCertificate: false }])(
    'are none in %j',
    (settings) => {
      expect(read({ ...FIELDS, ...settings }).facts.dsn).toBeUndefined();
    },
  );

  test('verify-full is none, in every spelling', () => {
    for (const sslmode of ['verify-full', 'VERIFY-FULL', 'VerifyFull']) {
      expect(read({ ...FIELDS, sslmode }).facts.dsn).toEqual({ sslmode: 'verify-full', weakParameters: [] });
    }
  });

  test('a mode that no driver knows is weak, and not shown', () => {
    expect(read({ ...FIELDS, sslmode: CANARY }).facts.dsn).toEqual({
      sslmode: '(unknown value)',
      weakParameters: ['sslmode=(unknown value)'],
    });
  });
});

describe('refused by the name of the field', () => {
  test.each<[string, object | string, string]>([
    ['a URL as the host', { ...FIELDS, host: URL_TEXT }, '"host"'],
    ['user and password in the host', { ...FIELDS, host: `u:${CANARY}@${HOST}` }, '"host"'],
    ['a URL of the web', { ...FIELDS, host: `https://${HOST}` }, '"host"'],
    ['a zone', { ...FIELDS, host: 'fe80::1%eth0' }, 'zone (from % on) in "host"'],
    ['a zone of loopback', { ...FIELDS, DB_HOST: undefined, host: '::1%lo' }, 'zone'],
    ['several hosts', { ...FIELDS, host: 'a,b' }, '"host"'],
    ['a Unix socket', { ...FIELDS, host: '/var/run/postgresql' }, '"host"'],
    ['a port out of range', { ...FIELDS, host: `${HOST}:99999` }, '"host"'],
    ['two ports', { ...FIELDS, host: `${HOST}:5433`, port: 5432 }, 'host and port'],
    ['a port of Docker', { ...FIELDS, DB_PORT: 'tcp://10.0.0.1:5432' }, 'DB_PORT'],
    ['parameters in the database', { ...FIELDS, dbname: `app?password=${CANARY}` }, '"dbname"'],
    ['the password in the database', { ...FIELDS, password: CANARY, dbname: `app qassword=${CANARY}` }, '"dbname"'],
    ['the password in the user', { ...FIELDS, password: CANARY, username: `app:${CANARY}` }, '"username"'],
    ['a URL as the database', { ...FIELDS, database: URL_TEXT }, '"database"'],
    ['a URL as the user', { ...FIELDS, username: URL_TEXT }, '"username"'],
    ['a password with the user', { ...FIELDS, username: `u:${CANARY}@x` }, '"username"'],
    ['fields one level down', { postgres: FIELDS }, '"postgres"'],
    ['JSON one level down', { SecretString: JSON.stringify(FIELDS) }, '"SecretString"'],
    ['two databases in variables', { PGHOST: HOST, PGUSER: 'a', DB_USER: 'b' }, 'PGUSER and DB_USER'],
    ['a variable that tools read differently', `PGHOST=${HOST}\nPGUSER=u\nPGPASSWORD=${CANARY}#1$x`, 'PGPASSWORD'],
    ['a host in Npgsql', `Host=u:${CANARY}@db;Username=u;Password=x`, '"Host"'],
    ['parameters in the database in Npgsql', `Host=db;Username=u;Database=a?password=${CANARY}`, '"Database"'],
  ])('%s', async (_what, secret, named) => {
    const error = await failureOf(() => read(secret));
    expect(error.failure.message).toContain(named);
    expect(everythingShownOf(error)).not.toContain(CANARY);
  });
});
