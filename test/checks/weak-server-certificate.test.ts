// Tests the check weak-server-certificate.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { weakServerCertificate } from '../../lambda/checks/weak-server-certificate.ts';
import type { CertificateFacts } from '../../lambda/model/certificate.ts';
import type { FailureCause } from '../../lambda/model/failure.ts';
import type { Outcome } from '../../lambda/model/finding.ts';
import { known } from '../../lambda/model/observed.ts';
import { evaluate, failedWith, INTERMEDIATE, LEAF, matching, ROOT } from './support/certificate-cases.ts';

describe('weak-server-certificate', () => {
  const check = (...chain: readonly CertificateFacts[]): Outcome =>
    evaluate(weakServerCertificate, { serverChain: known(chain) });
  const withKey = (type: string, bits?: number): CertificateFacts => make.certificate({ publicKey: { type, bits } });
  const signedBy = (signatureAlgorithm: string | undefined): CertificateFacts =>
    make.certificate({ signatureAlgorithm });
  const weakness = (outcome: Outcome): unknown =>
    outcome.status === 'fail' ? outcome.problems.map(({ evidence }) => evidence.weakness) : outcome.status;

  test.each([
    ['rsa', 2048],
    ['rsa', 4096],
    ['rsa-pss', 2048],
    ['ec', 256],
    ['ec', 521],
    ['ed25519', undefined],
    ['ed448', undefined],
    ['ml-dsa-65', undefined],
  ])('passes a key of type %s with %s bits', (type, bits) => {
    expect(check(withKey(type, bits))).toEqual({ status: 'pass' });
  });

  test.each([
    ['rsa', 2047, 'RSA key of 2047 bits, should be 2048 or more'],
    ['rsa', 1024, 'RSA key of 1024 bits, should be 2048 or more'],
    ['rsa-pss', 1024, 'RSA key of 1024 bits, should be 2048 or more'],
    ['ec', 255, 'EC key of 255 bits, should be 256 or more'],
    ['ec', 224, 'EC key of 224 bits, should be 256 or more'],
    ['dsa', 2048, 'DSA 2048 key, should be RSA or EC'],
    ['dsa', undefined, 'DSA key, should be RSA or EC'],
  ])('finds a key of type %s with %s bits', (type, bits, expected) => {
    expect(weakness(check(withKey(type, bits)))).toEqual([[expected]]);
  });

  test.each([
    ['rsa', 'not known: the size of the RSA key of CN=orders.db.example.com'],
    ['ec', 'not known: the size of the EC key of CN=orders.db.example.com'],
    ['falcon', 'not known: the strength of the falcon key of CN=orders.db.example.com'],
  ])('does not know of a key of type %s whose size is not known', (type, reason) => {
    expect(check(withKey(type))).toEqual({ status: 'unknown', reason });
  });

  test.each([
    'sha1WithRSAEncryption',
    'sha1WithRSA',
    'ecdsa-with-SHA1',
    'dsaWithSHA1',
    'md5WithRSAEncryption',
    'RSA-MD5',
    'RSA-SHA1',
    'md2WithRSAEncryption',
    'shaWithRSAEncryption',
    'dsaWithSHA',
    'ripemd160WithRSA',
    'mdc2WithRSA',
  ])('finds the signature %s', (algorithm) => {
    expect(weakness(check(signedBy(algorithm)))).toEqual([
      [`signature ${algorithm}, should be with SHA-256 or better`],
    ]);
  });

  test.each([
    'sha256WithRSAEncryption',
    'sha384WithRSAEncryption',
    'sha512WithRSAEncryption',
    'ecdsa-with-SHA256',
    'RSA-SHA3-256',
    'ED25519',
    'ML-DSA-65',
    'rsassaPss',
  ])('passes the signature %s', (algorithm) => {
    expect(check(signedBy(algorithm))).toEqual({ status: 'pass' });
  });

  test('does not know of a signature that is not known, nor of the hash of one that was not verified', () => {
    expect(check(signedBy(undefined)).status).toBe('unknown');
    const refused = failedWith('certificate-untrusted', { serverChain: known([signedBy('rsassaPss')]) });
    expect(weakServerCertificate.evaluate(refused, make.POLICY).status).toBe('unknown');
  });

  test('finds a leaf without subjectAltName, and asks no CA for one', () => {
    const intermediate = make.certificate({ ...INTERMEDIATE, subjectAltNames: [] });
    expect(weakness(check(make.certificate({ subjectAltNames: [] }), intermediate))).toEqual([
      ['no subjectAltName, should name every host it is reached by'],
    ]);
    expect(check(LEAF, intermediate)).toEqual({ status: 'pass' });
  });

  test('tells all of one certificate in one finding, and of each certificate in its own', () => {
    const leaf = make.certificate({ publicKey: { type: 'rsa', bits: 1024 }, subjectAltNames: [] });
    const intermediate = make.certificate({ ...INTERMEDIATE, signatureAlgorithm: 'sha1WithRSAEncryption' });
    expect(check(leaf, intermediate)).toMatchObject({
      problems: [
        { severity: 'medium', subject: LEAF.sha256, evidence: { weakness: [/RSA/, /subjectAltName/].map(matching) } },
        { severity: 'medium', subject: INTERMEDIATE.sha256, evidence: { certificate: 'CN=Issuing CA' } },
      ],
    });
  });

  test('leaves roots alone, but not a self-signed server certificate', () => {
    const root = make.certificate({
      ...ROOT,
      publicKey: { type: 'rsa', bits: 1024 },
      signatureAlgorithm: 'sha1WithRSAEncryption',
    });
    expect(check(LEAF, root)).toEqual({ status: 'pass' });
    expect(check(root).status).toBe('fail');
  });

  test('tells what it knows even where it does not know all, and says so', () => {
    const outcome = check(
      make.certificate({ subjectAltNames: [] }),
      make.certificate({ ...INTERMEDIATE, publicKey: { type: 'ec' } }),
    );
    expect(outcome).toMatchObject({
      status: 'fail',
      problems: [{ subject: LEAF.sha256 }],
      incomplete: 'not known: the size of the EC key of CN=Issuing CA',
    });
  });

  test.each([
    ['certificate-rejected', { publicKey: { type: 'rsa', bits: 1024 } }],
    ['certificate-rejected', { signatureAlgorithm: 'sha1WithRSAEncryption' }],
    ['certificate-wrong-host', { subjectAltNames: [] }],
  ] as const)('is explained once where the audit ended with %s for it', (cause, overrides) => {
    const snapshot = failedWith(cause, { serverChain: known([make.certificate(overrides)]) });
    expect(weakServerCertificate.evaluate(snapshot, make.POLICY)).toEqual({
      status: 'not-applicable',
      reason: 'the certificate was refused; reported by target-not-audited',
    });
  });

  test('still tells what the failure does not', () => {
    const leaf = make.certificate({ publicKey: { type: 'rsa', bits: 1024 }, subjectAltNames: [] });
    const explained = (cause: FailureCause): unknown =>
      weakness(weakServerCertificate.evaluate(failedWith(cause, { serverChain: known([leaf]) }), make.POLICY));
    expect(explained('certificate-rejected')).toEqual([[matching(/subjectAltName/)]]);
    expect(explained('certificate-wrong-host')).toEqual([[matching(/RSA key of 1024/)]]);
    expect(explained('password-rejected')).toEqual([[matching(/RSA/), matching(/subjectAltName/)]]);
  });

  test('never passes a chain that was not seen, or is empty', () => {
    expect(weakServerCertificate.evaluate(make.failedSnapshot(), make.POLICY).status).toBe('unknown');
    expect(check()).toEqual({ status: 'unknown', reason: 'the server presented no certificate' });
  });

  test('shows a hostile subject and algorithm without what they do', () => {
    const hostile = make.certificate({
      subject: 'CN=\u001b[2J\u202e',
      signatureAlgorithm: 'sha1\u001b[2J',
      subjectAltNames: [],
    });
    expect(JSON.stringify(check(hostile))).not.toMatch(/\\u001b\[|\u202e/);
  });
});
