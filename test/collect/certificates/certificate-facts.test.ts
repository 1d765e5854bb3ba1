// What is known of a certificate's key, by certificates that OpenSSL makes.

import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import * as make from '../../../lab/snapshots.ts';
import { weakServerCertificate } from '../../../lambda/checks/weak-server-certificate.ts';
import { certificateFacts } from '../../../lambda/collect/certificates/certificate-facts.ts';
import { known } from '../../../lambda/model/observed.ts';

const run = promisify(execFile);

const REQUEST =
  'req -x509 -nodes -days 90 -keyout /dev/null -subj /CN=db.example.com -addext subjectAltName=DNS:db.example.com';

/** A certificate with a key on that curve; undefined where there is no OpenSSL, or it does not know the curve. */
async function onCurve(curve: string): Promise<X509Certificate | undefined> {
  const key = ['-newkey', 'ec', '-pkeyopt', `ec_paramgen_curve:${curve}`];
  const made = await run('openssl', [...REQUEST.split(' '), ...key]).catch(() => undefined);
  return made === undefined ? undefined : new X509Certificate(made.stdout);
}

describe('a key on a named curve', () => {
  test.for([
    ['prime192v1', 192, 'fail'],
    ['secp192k1', 192, 'fail'],
    ['secp224r1', 224, 'fail'],
    ['brainpoolP224r1', 224, 'fail'],
    ['prime239v1', 239, 'fail'],
    ['prime256v1', 256, 'pass'],
    ['secp256k1', 256, 'pass'],
    ['brainpoolP256r1', 256, 'pass'],
    ['secp384r1', 384, 'pass'],
    ['brainpoolP384r1', 384, 'pass'],
    ['brainpoolP512r1', 512, 'pass'],
    ['secp521r1', 521, 'pass'],
    ['sect283k1', 283, 'pass'],
  ] as const)('%s has %s bits and is judged: %s', async ([curve, bits, status], { skip }) => {
    const certificate = await onCurve(curve);
    if (certificate === undefined) return skip(`no openssl here that makes a key on ${curve}`);
    const facts = certificateFacts(certificate);
    expect(facts.publicKey).toMatchObject({ type: 'ec', bits });
    const outcome = weakServerCertificate.evaluate(
      make.healthySnapshot([], { serverChain: known([facts]) }),
      make.POLICY,
    );
    expect(outcome.status).toBe(status);
  });
});
