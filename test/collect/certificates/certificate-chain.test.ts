// What the order of a chain costs, whatever certificates a server or a secret holds.

import type { X509Certificate } from 'node:crypto';
import { expect, test } from 'vitest';
import { chainFrom } from '../../../lambda/collect/certificates/certificate-chain.ts';

test('certificates that share their names are not each tried with each', () => {
  let trials = 0;
  // Each is signed by the one before it, two names in turn, and the one that fits is always tried last.
  const certificates = Array.from({ length: 400 }, (_, index) => ({
    fingerprint256: String(index),
    subject: index % 2 === 0 ? 'CN=a' : 'CN=b',
    issuer: index % 2 === 0 ? 'CN=b' : 'CN=a',
    publicKey: index,
    verify: (key: unknown) => {
      trials += 1;
      return key === index - 1;
    },
  })) as unknown as readonly X509Certificate[];
  const leaf = certificates.at(-1) as X509Certificate;
  expect(chainFrom(leaf, certificates)[1]).toBe(certificates.at(-2));
  expect(trials).toBeLessThanOrEqual(200);
});
