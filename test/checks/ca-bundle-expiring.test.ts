// Tests the check ca-bundle-expiring.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { caBundleExpiring } from '../../lambda/checks/ca-bundle-expiring.ts';
import { serverCertificateExpiring } from '../../lambda/checks/server-certificate-expiring.ts';
import type { CertificateFacts } from '../../lambda/model/certificate.ts';
import type { Outcome } from '../../lambda/model/finding.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import {
  DAY,
  endingIn,
  evaluate,
  failedWith,
  INTERMEDIATE,
  LEAF,
  matching,
  ROOT,
} from './support/certificate-cases.ts';

const OLD_ROOT = { ...ROOT, subject: 'CN=Retired Root', issuer: 'CN=Retired Root', sha256: '0d'.repeat(32) } as const;

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

  test('is reported once where it has expired already: the target was not audited', () => {
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
