// Which environments are refused, and in which words.

import { expect, test } from 'vitest';
import {
  AWS_SERVICES,
  refuseUnsafeEnvironment,
  UnsafeEnvironmentError,
} from '../../lambda/runtime/unsafe-environment.ts';

function messageFor(
  environment: Readonly<Record<string, string>>,
  { execArgv = [] as readonly string[], services = AWS_SERVICES } = {},
): string | undefined {
  try {
    refuseUnsafeEnvironment({ environment, execArgv, services });
    return undefined;
  } catch (error) {
    if (!(error instanceof UnsafeEnvironmentError)) throw error;
    return error.message;
  }
}

test.each<[Readonly<Record<string, string>>, RegExp]>([
  [{ NODE_TLS_REJECT_UNAUTHORIZED: '0' }, /NODE_TLS_REJECT_UNAUTHORIZED=0/],
  [{ OPENSSL_CONF: '/etc/ssl/own.cnf' }, /OPENSSL_CONF/],
  [{ NODE_EXTRA_CA_CERTS: '/etc/ca.pem' }, /NODE_EXTRA_CA_CERTS/],
  [{ NODE_OPTIONS: '--max-old-space-size=500 --tls-min-v1.1' }, /--tls-min-v1\.1/],
  [{ NODE_OPTIONS: '--tls_cipher_list=ALL' }, /--tls-cipher-list/],
  [{ NODE_OPTIONS: '"--tls-keylog=/tmp/keys"' }, /--tls-keylog/],
  [{ NODE_OPTIONS: '--openssl-legacy-provider\t--trace-tls' }, /--trace-tls[\s\S]*--openssl-legacy-provider/],
  [{ NODE_DEBUG: 'HTTP' }, /NODE_DEBUG/],
  [{ NODE_DEBUG: '*' }, /NODE_DEBUG/],
  [{ SSL_CERT_FILE: '/x', NODE_USE_SYSTEM_CA: '1' }, /SSL_CERT_FILE beside NODE_USE_SYSTEM_CA/],
  [{ NODE_EXTRA_CA_CERTS: '/etc/ca.pem', AWS_ENDPOINT_URL_SNS: 'http://127.0.0.1:4566' }, /NODE_EXTRA_CA_CERTS/],
  [
    {
      NODE_EXTRA_CA_CERTS: '/etc/ca.pem',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:4566',
      AWS_ENDPOINT_URL_S3: 'https://s3.example.com',
    },
    /NODE_EXTRA_CA_CERTS/,
  ],
  [{ SSL_CERT_DIR: '/x', NODE_OPTIONS: '--use-system-ca' }, /SSL_CERT_DIR beside/],
  // The SDK then goes to AWS itself.
  [
    {
      NODE_EXTRA_CA_CERTS: '/etc/ca.pem',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:4566',
      AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'true',
    },
    /NODE_EXTRA_CA_CERTS/,
  ],
  // A profile in it may say the same.
  [
    { NODE_EXTRA_CA_CERTS: '/etc/ca.pem', AWS_ENDPOINT_URL: 'http://127.0.0.1:4566', AWS_CONFIG_FILE: '/x' },
    /NODE_EXTRA_CA_CERTS/,
  ],
  [{ NODE_OPTIONS: '--heapsnapshot-near-heap-limit=1' }, /--heapsnapshot-near-heap-limit/],
  [
    { NODE_OPTIONS: '--report-uncaught-exception --report_on_signal' },
    /--report-uncaught-exception[\s\S]*--report-on-signal/,
  ],
])('%j is refused', (environment, message) => {
  expect(messageFor(environment)).toMatch(message);
});

test.each<[Readonly<Record<string, string>>]>([
  [{}],
  [{ NODE_TLS_REJECT_UNAUTHORIZED: '1' }],
  [{ NODE_TLS_REJECT_UNAUTHORIZED: '' }],
  [{ OPENSSL_CONF: '' }],
  [{ OPENSSL_CONF: '/dev/null' }],
  [{ NODE_EXTRA_CA_CERTS: '/var/runtime/ca-cert.pem' }],
  [{ NODE_OPTIONS: '--enable-source-maps --max-old-space-size=900' }],
  [{ NODE_DEBUG: 'module' }],
  [{ SSL_CERT_FILE: '/x', SSL_CERT_DIR: '/y' }],
  [{ NODE_USE_SYSTEM_CA: '1' }],
  // Nothing of AWS goes over TLS there.
  [{ NODE_EXTRA_CA_CERTS: '/etc/ca.pem', AWS_ENDPOINT_URL: 'http://127.0.0.1:4566' }],
  [
    {
      NODE_EXTRA_CA_CERTS: '/etc/ca.pem',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:4566',
      AWS_CONFIG_FILE: '/dev/null',
    },
  ],
  [
    {
      NODE_EXTRA_CA_CERTS: '/etc/ca.pem',
      AWS_ENDPOINT_URL: 'http://127.0.0.1:4566',
      AWS_IGNORE_CONFIGURED_ENDPOINT_URLS: 'false',
    },
  ],
])('%j is not', (environment) => {
  expect(messageFor(environment)).toBeUndefined();
});

test('an option before the program is refused too', () => {
  expect(messageFor({}, { execArgv: ['--tls-min-v1.0'] })).toMatch(/--tls-min-v1\.0/);
});

test('what only AWS would heed is no matter where AWS is not asked', () => {
  expect(messageFor({ NODE_EXTRA_CA_CERTS: '/etc/ca.pem' }, { services: [] })).toBeUndefined();
});

test('everything is named at once, without values', () => {
  const message = messageFor({ NODE_TLS_REJECT_UNAUTHORIZED: '0', OPENSSL_CONF: '/secret/path', NODE_DEBUG: 'http' });
  expect(message?.split('\n')).toHaveLength(4);
  expect(message).not.toContain('/secret/path');
});
