// The checks of certificates: how strong they are, how long they last, and how long what vouches for them does.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { caBundleExpiring } from '../../lambda/checks/ca-bundle-expiring.ts';
import type { Check } from '../../lambda/checks/check.ts';
import { clientCertificateExpiring } from '../../lambda/checks/client-certificate-expiring.ts';
import { serverCertificateExpiring } from '../../lambda/checks/server-certificate-expiring.ts';
import { weakServerCertificate } from '../../lambda/checks/weak-server-certificate.ts';
import type { CertificateFacts } from '../../lambda/model/certificate.ts';
import type { FailureCause } from '../../lambda/model/failure.ts';
import type { Outcome } from '../../lambda/model/finding.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';

const DAY = 86_400;

/** Ends that many seconds after the snapshot is taken. */
function endingIn(seconds: number, overrides: Partial<CertificateFacts> = {}): CertificateFacts {
  return make.certificate({ notAfter: iso(Date.parse(make.NOW) + seconds * 1000), ...overrides });
}

function iso(time: number): string {
  return new Date(time).toISOString().replace('.000Z', 'Z');
}

const LEAF = make.certificate();
const INTERMEDIATE = { subject: 'CN=Issuing CA', issuer: 'CN=Example Root CA', sha256: 'cd'.repeat(32) } as const;
const ROOT = {
  subject: 'CN=Example Root CA',
  issuer: 'CN=Example Root CA',
  sha256: 'ef'.repeat(32),
  selfSigned: true,
  subjectAltNames: [],
} as const;
const OLD_ROOT = { ...ROOT, subject: 'CN=Retired Root', issuer: 'CN=Retired Root', sha256: '0d'.repeat(32) } as const;

function evaluate(check: Check, overrides: Partial<Snapshot>): Outcome {
  return check.evaluate(make.healthySnapshot([], overrides), make.POLICY);
}

function failedWith(cause: FailureCause, overrides: Partial<Snapshot>): Snapshot {
  return { ...make.failedSnapshot({ cause, phase: 'tls' }), ...overrides };
}

/** Each check of an end, given the certificate that it judges. */
const EXPIRY_CHECKS: readonly (readonly [Check, (certificate: CertificateFacts) => Partial<Snapshot>])[] = [
  [serverCertificateExpiring, (leaf) => ({ serverChain: known([leaf]) })],
  [
    caBundleExpiring,
    (certificate) => {
      const root = { ...certificate, ...ROOT };
      return { serverChain: known([LEAF, root]), trust: known({ system: false, bundle: [root] }) };
    },
  ],
  [clientCertificateExpiring, (own) => ({ clientCertificate: known(own) })],
];

describe.each(EXPIRY_CHECKS)('$id', (check, of) => {
  test.each([
    ['a second more than 30 days', 30 * DAY + 1, undefined, 30],
    ['exactly 30 days', 30 * DAY, 'medium', 30],
    ['a second less than 30 days', 30 * DAY - 1, 'medium', 29],
    ['a second more than 14 days', 14 * DAY + 1, 'medium', 14],
    ['exactly 14 days', 14 * DAY, 'high', 14],
    ['a second less than 14 days', 14 * DAY - 1, 'high', 13],
    ['a second more than 7 days', 7 * DAY + 1, 'high', 7],
    ['exactly 7 days', 7 * DAY, 'critical', 7],
    ['a second', 1, 'critical', 0],
    ['no second', 0, 'critical', 0],
    ['a second too few', -1, 'critical', -1],
  ] as const)('with %s left is as severe as it should be', (_what, seconds, severity, daysLeft) => {
    const outcome = evaluate(check, of(endingIn(seconds)));
    if (severity === undefined) expect(outcome).toEqual({ status: 'pass' });
    else {
      expect(outcome).toMatchObject({ status: 'fail', problems: [{ severity, evidence: { daysLeft } }] });
      const end = seconds > 0 ? 'expires' : 'expired';
      expect(outcome).toHaveProperty(`problems.0.evidence.${end}`, iso(Date.parse(make.NOW) + seconds * 1000));
    }
  });

  test('goes by the thresholds of the policy', () => {
    const certificateExpiryDays = { medium: 90, high: 60, critical: 45 };
    const snapshot = make.healthySnapshot([], of(endingIn(60 * DAY)));
    expect(check.evaluate(snapshot, { ...make.POLICY, certificateExpiryDays })).toMatchObject({
      problems: [{ severity: 'high' }],
    });
  });

  test('knows a certificate by its hash: a renewed one is another finding', () => {
    const outcome = evaluate(check, of(endingIn(1)));
    const sha256 = check === caBundleExpiring ? ROOT.sha256 : LEAF.sha256;
    expect(outcome).toMatchObject({ problems: [{ subject: sha256, evidence: { sha256 } }] });
  });

  test('never passes a target at which nobody could look', () => {
    expect(check.evaluate(make.failedSnapshot(), make.POLICY).status).toBe('unknown');
  });
});

describe('client-certificate-expiring', () => {
  test('does not apply to a target that has none', () => {
    expect(evaluate(clientCertificateExpiring, { clientCertificate: known(null) })).toEqual({
      status: 'not-applicable',
      reason: 'the target has no client certificate configured',
    });
  });

  test('still tells when the login failed, which it may explain', () => {
    const snapshot = failedWith('tls-handshake-failed', { clientCertificate: known(endingIn(-1)) });
    expect(clientCertificateExpiring.evaluate(snapshot, make.POLICY)).toMatchObject({
      problems: [{ severity: 'critical', title: "The auditor's client certificate has expired" }],
    });
  });
});

describe('ca-bundle-expiring', () => {
  const root = (seconds: number): CertificateFacts => endingIn(seconds, ROOT);
  const healthyRoot = root(4000 * DAY);
  const check = (
    chain: readonly CertificateFacts[],
    bundle: readonly CertificateFacts[],
    overrides: Partial<Snapshot> & { readonly system?: boolean } = {},
  ): Outcome => {
    const { system = false, ...rest } = overrides;
    return evaluate(caBundleExpiring, { serverChain: known(chain), trust: known({ system, bundle }), ...rest });
  };

  test('does not apply where only the system’s roots are trusted', () => {
    expect(check([LEAF, root(-1)], [], { system: true }).status).toBe('not-applicable');
  });

  test('asks in its title whether verify-full will go on', () => {
    expect(check([LEAF, root(DAY)], [root(DAY)])).toMatchObject({
      problems: [{ title: expect.stringContaining('verify-full will not survive') }],
    });
  });

  test('tells of other old certificates as information, one finding each, and of no young one', () => {
    const expired = endingIn(-400 * DAY, OLD_ROOT);
    const expiring = endingIn(3 * DAY, { ...OLD_ROOT, sha256: '0e'.repeat(32), subject: 'CN=Tired Root' });
    const young = endingIn(31 * DAY, { ...OLD_ROOT, sha256: '0f'.repeat(32) });
    expect(check([LEAF, healthyRoot], [expired, healthyRoot, expiring, young, expired])).toMatchObject({
      status: 'fail',
      problems: [
        { severity: 'info', subject: '0d'.repeat(32), title: expect.stringContaining('expired') },
        { severity: 'info', subject: '0e'.repeat(32), title: expect.stringContaining('about to expire') },
      ],
    });
  });

  test('puts the root that counts first, at its own severity', () => {
    const expired = endingIn(-DAY, OLD_ROOT);
    expect(check([LEAF, root(10 * DAY)], [expired, root(10 * DAY)])).toMatchObject({
      problems: [
        { severity: 'high', subject: ROOT.sha256 },
        { severity: 'info', subject: OLD_ROOT.sha256 },
      ],
    });
  });

  test('mentions a CA of the same name that lives longer: it may take over, or have another key', () => {
    const renewed = endingIn(900 * DAY, { ...ROOT, sha256: '0a'.repeat(32) });
    const outcome = check([LEAF, root(DAY)], [root(DAY), renewed]);
    expect(outcome).toMatchObject({
      problems: [
        { severity: 'critical', evidence: { alsoInBundle: `a CA of the same name, valid until ${renewed.notAfter}` } },
      ],
    });
    expect(JSON.stringify(check([LEAF, root(DAY)], [root(DAY)]))).not.toContain('alsoInBundle');
  });

  describe('with a root that the server sends cross-signed', () => {
    const key = { type: 'ec', bits: 256, sha256: 'aa'.repeat(32) } as const;
    const old = { type: 'ec', bits: 256, sha256: 'bb'.repeat(32) } as const;
    const own = (seconds: number, overrides: Partial<CertificateFacts> = {}): CertificateFacts => ({
      ...root(seconds),
      publicKey: key,
      ...overrides,
    });
    const cross = own(20 * DAY, { issuer: OLD_ROOT.subject, selfSigned: false, sha256: 'c0'.repeat(32) });
    const signer = (seconds: number): CertificateFacts => endingIn(seconds, { ...OLD_ROOT, publicKey: old });

    test.each([
      ['passes where its own certificate in the bundle lasts', [LEAF, cross], [own(900 * DAY)]],
      ['passes where the signer in the bundle lasts', [LEAF, cross, signer(900 * DAY)], [signer(900 * DAY)]],
      ['passes where it was renewed with its key', [LEAF, own(5 * DAY, { sha256: 'c1'.repeat(32) })], [own(900 * DAY)]],
    ] as const)('%s', (_what, chain, bundle) => {
      expect(check(chain, bundle)).toEqual({ status: 'pass' });
    });

    test('judges its own certificate in the bundle, not the last one presented', () => {
      const chain = [LEAF, cross, signer(900 * DAY)];
      expect(check(chain, [own(5 * DAY), signer(900 * DAY)])).toMatchObject({
        problems: [{ severity: 'critical', subject: ROOT.sha256 }],
      });
      expect(check([LEAF, cross, signer(-DAY)], [own(900 * DAY), signer(-DAY)])).toEqual({ status: 'pass' });
    });

    test('judges the signer where the bundle holds the cross-signed one only', () => {
      expect(check([LEAF, cross, signer(5 * DAY)], [cross, signer(5 * DAY)])).toMatchObject({
        problems: [{ severity: 'critical', subject: OLD_ROOT.sha256 }],
      });
    });

    test('takes no CA of the same name and another key for it', () => {
      expect(check([LEAF, cross], [own(900 * DAY, { publicKey: old })]).status).toBe('unknown');
    });

    test('goes by the certificate that lasts, where the bundle holds several of one root', () => {
      const ending = own(5 * DAY, { sha256: 'c2'.repeat(32) });
      expect(check([LEAF, ending], [ending, own(900 * DAY)])).toEqual({ status: 'pass' });
      const early = own(1900 * DAY, { sha256: 'c3'.repeat(32), notBefore: '2027-01-01T00:00:00Z' });
      expect(check([LEAF, ending], [ending, early])).toMatchObject({ problems: [{ severity: 'critical' }] });
    });
  });

  test('tells of a certificate of the bundle that cannot be used, whatever becomes of the rest', () => {
    const unusable = [{ subject: 'CN=Odd \u001b[2J', sha256: '77'.repeat(32), problem: 'its dates cannot be read' }];
    const found = { severity: 'info', subject: '77'.repeat(32), evidence: { problem: 'its dates cannot be read' } };
    const trust = known({ system: false, bundle: [healthyRoot], unusable });
    expect(check([LEAF, healthyRoot], [], { trust })).toMatchObject({ status: 'fail', problems: [found] });
    expect(check([LEAF], [], { trust })).toMatchObject({
      problems: [found],
      incomplete: matching(/does not end in a root/),
    });
    expect(JSON.stringify(check([LEAF], [], { trust }))).not.toContain('\\u001b[');
  });

  test('leaves intermediates of the chain to server-certificate-expiring: told once', () => {
    const intermediate = endingIn(DAY, INTERMEDIATE);
    const chain = [LEAF, intermediate, healthyRoot];
    expect(check(chain, [intermediate, healthyRoot])).toEqual({ status: 'pass' });
    expect(evaluate(serverCertificateExpiring, { serverChain: known(chain) }).status).toBe('fail');
  });

  test('leaves a self-signed server certificate in the bundle to server-certificate-expiring: told once', () => {
    const own = endingIn(DAY, { selfSigned: true });
    expect(check([own], [own])).toEqual({ status: 'pass' });
    expect(evaluate(serverCertificateExpiring, { serverChain: known([own]) }).status).toBe('fail');
  });

  test('judges the rest of the bundle only where the chain ends in one of the system’s roots', () => {
    const chain = [LEAF, endingIn(DAY, { ...OLD_ROOT, sha256: '99'.repeat(32) })];
    expect(check(chain, [healthyRoot], { system: true })).toEqual({ status: 'pass' });
    expect(check(chain, [root(DAY)], { system: true })).toMatchObject({ problems: [{ severity: 'info' }] });
  });

  test('does not know which root counts when the chain ends in none of the bundle', () => {
    expect(check([LEAF], [root(DAY)]).status).toBe('unknown');
    expect(check([LEAF, endingIn(DAY, OLD_ROOT)], [healthyRoot]).status).toBe('unknown');
  });

  test('does not know which root counts when the server was refused, nor when nothing was presented', () => {
    const trust = known({ system: false, bundle: [root(DAY)] });
    const snapshot = failedWith('certificate-untrusted', { trust, serverChain: known([LEAF]) });
    expect(caBundleExpiring.evaluate(snapshot, make.POLICY).status).toBe('unknown');
    expect(check([], [root(DAY)]).status).toBe('unknown');
    expect(evaluate(caBundleExpiring, { trust, serverChain: unknown('no handshake') })).toEqual({
      status: 'unknown',
      reason: 'no handshake',
    });
  });

  test('is told once where it has expired already: the target was not audited', () => {
    const trust = known({ system: false, bundle: [root(-DAY)] });
    const snapshot = failedWith('certificate-expired', { trust, serverChain: known([LEAF]) });
    expect(caBundleExpiring.evaluate(snapshot, make.POLICY).status).toBe('not-applicable');
  });

  test('still looks when the login failed after the handshake', () => {
    const trust = known({ system: false, bundle: [root(DAY)] });
    const snapshot = failedWith('password-rejected', { trust, serverChain: known([LEAF, root(DAY)]) });
    expect(caBundleExpiring.evaluate(snapshot, make.POLICY).status).toBe('fail');
  });

  test('does not know when the bundle could not be read', () => {
    expect(evaluate(caBundleExpiring, { trust: unknown('the CA bundle could not be read') })).toEqual({
      status: 'unknown',
      reason: 'the CA bundle could not be read',
    });
  });
});

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

  test('does not know of a signature that is not known, nor of the hash of one that nobody verified', () => {
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
  ] as const)('is told once where the audit ended with %s for it', (cause, overrides) => {
    const snapshot = failedWith(cause, { serverChain: known([make.certificate(overrides)]) });
    expect(weakServerCertificate.evaluate(snapshot, make.POLICY)).toEqual({
      status: 'not-applicable',
      reason: 'the certificate was refused; reported by target-not-audited',
    });
  });

  test('still tells what the failure does not', () => {
    const leaf = make.certificate({ publicKey: { type: 'rsa', bits: 1024 }, subjectAltNames: [] });
    const told = (cause: FailureCause): unknown =>
      weakness(weakServerCertificate.evaluate(failedWith(cause, { serverChain: known([leaf]) }), make.POLICY));
    expect(told('certificate-rejected')).toEqual([[matching(/subjectAltName/)]]);
    expect(told('certificate-wrong-host')).toEqual([[matching(/RSA key of 1024/)]]);
    expect(told('password-rejected')).toEqual([[matching(/RSA/), matching(/subjectAltName/)]]);
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

function matching(pattern: RegExp): unknown {
  return expect.stringMatching(pattern);
}
