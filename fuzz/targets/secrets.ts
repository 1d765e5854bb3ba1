// Fuzzes secrets (connection strings, JSON, CA bundles, keys): no error message quotes their content.

import fc from 'fast-check';
import { targetOf } from '../../lab/collector.ts';
import { certificateFacts } from '../../lambda/collect/certificates/certificate-facts.ts';
import { isConnectionString, parseConnectionString } from '../../lambda/collect/secrets/connection-string.ts';
import { parseCredentials } from '../../lambda/collect/secrets/credentials.ts';
import { parseCaBundle, parseClientCertificate } from '../../lambda/collect/secrets/pem.ts';
import { AuditFailure } from '../../lambda/model/failure.ts';
import {
  type ByteChange,
  byteChange,
  bytesLike,
  changeBytes,
  documentLike,
  strangeText,
} from '../generators/arbitraries.ts';
import { derOf, EC_ROOT, KEY_PEM, RSA_ROOT } from '../generators/certificates.ts';
import { check, type FuzzTarget, throwingOnly } from '../generators/fuzz-target.ts';

const CANARY = 'cAnArY-Pa55w0rd-8613';

/** @param error what was said about a secret that can't be used */
function checkSaid(error: Error, secrets: readonly string[] = [CANARY]): void {
  const failure = error instanceof AuditFailure ? error.failure : undefined;
  const said = failure === undefined ? error.message : `${failure.message} ${failure.remedy}`;
  for (const secret of secrets) check(!said.includes(secret), `what is said of it holds the secret: ${said}`);
  check(!/[\u0000-\u001f\u007f\u202a-\u202e]/.test(said), `what is said of it acts: ${JSON.stringify(said)}`);
  check(said.length < 4_000, `${said.length} characters are said of it`);
}

const STRINGS = [
  `postgres://app:${CANARY}@db.example.com:5432/shop?sslmode=verify-full&application_name=x`,
  `postgresql+psycopg://app:${CANARY}@[::1]/shop`,
  `jdbc:postgresql://db:5432/shop?user=app&password=${CANARY}&ssl=true`,
  `host=db.example.com port=5432 user=app password='${CANARY}' dbname=shop sslmode=disable`,
  `host = db password = ${CANARY} hostaddr=10.0.0.1`,
  `postgres://app:${CANARY}@a,b:5433/shop`,
].map((text) => Buffer.from(text));

/** With the password in one piece, whatever else is changed. */
const stringArbitrary = fc.oneof(
  bytesLike(...STRINGS).map((bytes) => bytes.toString('utf8')),
  fc
    .tuple(fc.constantFrom(...STRINGS), fc.nat(200), strangeText)
    .map(([bytes, at, text]) => `${bytes.toString('utf8', 0, at)}${text.slice(0, 300)}${bytes.toString('utf8', at)}`),
);

const connectionString: FuzzTarget = {
  name: 'dsn',
  title: 'connection strings',
  share: 2,
  prepare: () => ({
    property: fc.property(stringArbitrary, (text) => {
      throwingOnly([], () => isConnectionString(text));
      const parsed = throwingOnly(['ConnectionStringError'], () => parseConnectionString(text), checkSaid);
      if (parsed === undefined) return;
      const { port, password } = parsed;
      check(port === undefined || (Number.isInteger(port) && port > 0 && port < 65_536), `port ${port}`);
      check(
        password === undefined || !JSON.stringify(parsed).includes(password.reveal()) || password.reveal().length < 8,
        'the password can be printed',
      );
    }),
  }),
};

const SECRETS: readonly unknown[] = [
  { engine: 'postgres', host: 'db.example.com', port: 5432, username: 'app', password: CANARY, dbname: 'shop' },
  { username: 'app', password: CANARY },
  { url: `postgres://app:${CANARY}@db/shop`, sslmode: 'disable', ssl: false },
  { DATABASE_URL: `postgres://app:${CANARY}@db/shop`, port: '5432' },
  `postgres://app:${CANARY}@db/shop`,
  { host: `postgres://app:${CANARY}@db/app`, username: 'app', port: 'five' },
  { connection: { host: 'db', user: 'app', password: CANARY } },
];

const credentials: FuzzTarget = {
  name: 'credentials',
  title: 'secrets with credentials',
  share: 2,
  prepare: () => ({
    property: fc.property(
      documentLike(...SECRETS),
      fc.array(byteChange, { maxLength: 1 }),
      fc.boolean(),
      (document, changes: readonly ByteChange[], binary) => {
        const bytes = changeBytes(Buffer.from(JSON.stringify(document) ?? ''), changes);
        const content = binary ? bytes : bytes.toString();
        const read = (): unknown => parseCredentials(content, 'secret db', targetOf({ host: 'db.example.com' }));
        const parsed = throwingOnly(['AuditFailure'], read, (error) => {
          check(error instanceof AuditFailure && error.failure.cause === 'secret-unusable', 'another cause');
          checkSaid(error);
        });
        const { password } = (parsed ?? {}) as { readonly password?: { reveal(): string } };
        if (password?.reveal() === CANARY) check(!JSON.stringify(password).includes(CANARY), 'it can be printed');
      },
    ),
  }),
};

const pem: FuzzTarget = {
  name: 'pem',
  title: 'CA bundles and client certificates',
  share: 3,
  prepare: () => {
    const examples = [
      EC_ROOT,
      `${EC_ROOT}${RSA_ROOT}`,
      `${EC_ROOT}${KEY_PEM}`,
      JSON.stringify({ certificate: EC_ROOT, key: KEY_PEM }),
      JSON.stringify({ certificate: `${EC_ROOT}${RSA_ROOT}`, privateKey: KEY_PEM, passphrase: CANARY }),
    ].map((text) => Buffer.from(text));
    const spoilt = bytesLike(derOf(EC_ROOT), derOf(RSA_ROOT)).map((bytes) => Buffer.from(pemOf(bytes)));
    const key = KEY_PEM.split('\n')[1] ?? '';
    return {
      property: fc.property(
        fc.oneof(
          bytesLike(...examples),
          spoilt,
          spoilt.map((bytes) => Buffer.concat([bytes, examples[0] ?? bytes])),
        ),
        fc.boolean(),
        (bytes, binary) => {
          const content = binary ? bytes : bytes.toString();
          const said = (cause: string) => (error: Error) => {
            check(error instanceof AuditFailure && error.failure.cause === cause, 'another cause');
            checkSaid(error, [CANARY, key]);
          };
          const read = () => parseCaBundle(content, 'secret ca');
          const bundle = throwingOnly(['AuditFailure'], read, said('ca-bundle-unusable'));
          if (bundle !== undefined) throwingOnly([], () => bundle.certificates.map(certificateFacts));
          const readClient = (): unknown => parseClientCertificate([content], 'secret client');
          throwingOnly(['AuditFailure'], readClient, said('client-certificate-unusable'));
        },
      ),
    };
  },
};

function pemOf(der: Buffer): string {
  const lines = der.toString('base64').replaceAll(/.{64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

export const SECRET_TARGETS: readonly FuzzTarget[] = [connectionString, credentials, pem];
