// What people give in the wrong place is described; what they mistype is quoted.

import { expect, test } from 'vitest';
import { holdsSecret, mayBeSecret, NOT_SHOWN, showGiven, showName, showPath } from '../../lambda/model/given-text.ts';

const CREDENTIALS = [
  'postgres://app:hunter2@db/app',
  'u:hunter2@db.example.com',
  'app/hunter2@db',
  'postgres%3A%2F%2Fapp%3Ahunter2%40db',
  'app?password=hunter2',
  'host=db password=hunter2',
  'PGPASSWORD: hunter2',
  '{"pwd":"hunter2"}',
  'DB_PW=hunter2',
  'token => hunter2',
  '-----BEGIN PRIVATE KEY-----\nMIIEvQ',
  'BEGIN RSA PRIVATE KEY',
  'LS0tLS1CRUdJTiBQUklWQVRF',
  'MIIEvQIBADANBgkqhkiG9w0B',
  'xoxb-2345-6789-hunter2',
  'xapp-1-A0-2-hunter2',
  'AKIAIOSFODNN7EXAMPLE',
  'ghp_abcdefgh12345678',
  'github_pat_11AAAA',
  'glpat-abcdefgh',
  'eyJhbGciOiJIUzI1NiJ9.e30',
  'npg_Ab12Cd34',
  'hvs.CAESIJ',
  'https://hooks.slack.com/services/T0/B0/hunter2',
];

const SUSPECTS = [
  'postgres://db/app',
  'https://db.example.com',
  'host=db user=u',
  'Server=db;Uid=u',
  'app?sslcert=x',
  'app:hunter2',
  'wJalrXUtnFEMIK7MDENGbPxRfiCY',
  'x7Kq9mPz2Wn4',
  'Tr0ub4dor&3',
  '9f86d081884c7d659a2feaa0c55ad015',
  'the password is hunter2',
];

const NAMES = [
  'orders',
  'ordres-2',
  'prod/orders/tls-auditor',
  'rds!db-1a2b3c4d-5e6f-7890-abcd-ef1234567890',
  'arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/orders',
  'db.example.com:5432',
  'db:5432/x',
  'ep-cool-darkness-123456.us-east-2.aws.neon.tech',
  '::1',
  'fe80::1%eth0',
  'dba@example.com',
  'Mars/Olympus',
  'every day',
  'TLSv1.1',
  'rate(15 minutes)',
  'auditor.config.json',
  '0123456789abcde',
  'AmazonRootCertificates2048',
  'tokens',
  'password',
  'PGPASSWORD',
  '',
];

test.each(CREDENTIALS)('%j is not shown anywhere', (text) => {
  expect(holdsSecret(text)).toBe(true);
  expect(showGiven(text)).toBe(NOT_SHOWN);
  expect(showName(text)).toBe('(not shown)');
  expect(showPath(text)).toBe('(not shown)');
});

test.each(SUSPECTS)('%j is not shown where a name belongs', (text) => {
  expect(holdsSecret(text)).toBe(false);
  expect(showGiven(text)).toBe(NOT_SHOWN);
});

test.each(NAMES)('%j is shown', (text) => {
  expect(mayBeSecret(text)).toBe(false);
  expect(showGiven(text)).toBe(`"${text}"`);
});

test('what is shown acts on no terminal', () => {
  expect(showGiven('a\x1b[31mb\u202ec"')).toBe('"a\\u{1b}[31mb\\u{202e}c\\""');
  expect(showName('\x07bell')).toBe('\\u{7}bell');
  expect(showPath('./a\x1b[2J')).toBe('./a\\u{1b}[2J');
});

test.each(['./ca.pem', '/home/me@corp.example.com/ca.pem', '/tmp/x7Kq9mPz2Wn4/ca.pem', 'state.json', '../a b/c.pem'])(
  'the path %j is shown',
  (path) => {
    expect(showPath(path)).toBe(path);
  },
);

test('labels may hold addresses of pages, reasons may be long', () => {
  expect(holdsSecret('https://wiki.example.com/runbooks/orders')).toBe(false);
  expect(holdsSecret(`driver replaced in March; ${'see the ticket, '.repeat(20)}`)).toBe(false);
});
