// Tests the check tls-terminated-by-proxy.

import { describe, expect, test } from 'vitest';
import { knownValue } from '../../lab/known-value.ts';
import * as make from '../../lab/snapshots.ts';
import { tlsTerminatedByProxy } from '../../lambda/checks/tls-terminated-by-proxy.ts';
import type { Outcome } from '../../lambda/model/finding.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import type { AuditConnection, NetworkPath, Snapshot } from '../../lambda/model/snapshot.ts';

describe('tls-terminated-by-proxy', () => {
  const SAME = known({ tlsVersion: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' });

  function seeing(facts: Partial<AuditConnection>, networkPath?: NetworkPath): Outcome {
    const link = knownValue(make.healthySnapshot().link);
    return tlsTerminatedByProxy.evaluate(
      make.healthySnapshot([], { link: known({ ...link, ...facts }), networkPath }),
      make.POLICY,
    );
  }
  const networkPath = (isDirect: boolean): NetworkPath => ({ remoteAddress: '10.0.1.5', isDirect });

  test.each<[string, Partial<AuditConnection>, NetworkPath | undefined]>([
    ['channel binding', { channelBinding: true, serverView: SAME }, networkPath(false)],
    ['channel binding, where the server shows no row', { channelBinding: true, serverView: unknown('x') }, undefined],
    ['a server that sees our very socket', { channelBinding: false, serverView: SAME }, networkPath(true)],
  ])('passes with %s', (_what, facts, way) => {
    expect(seeing(facts, way)).toEqual({ status: 'pass' });
  });

  test.each<[string, AuditConnection['serverView'], string]>([
    ['no TLS', known('not-tls'), 'no TLS'],
    ['another version', known({ tlsVersion: 'TLSv1.2', cipher: 'TLS_AES_256_GCM_SHA384' }), 'TLSv1.2 with '],
    ['another cipher suite', known({ tlsVersion: 'TLSv1.3', cipher: 'TLS_AES_128_GCM_SHA256' }), '_128_'],
  ])('finds a server that sees %s, whatever else speaks for one leg', (_what, serverView, shown) => {
    for (const channelBinding of [true, false]) {
      for (const way of [undefined, networkPath(false), networkPath(true)]) {
        expect(seeing({ serverView, channelBinding }, way)).toMatchObject({
          status: 'fail',
          problems: [{ severity: 'medium', evidence: { serversView: expect.stringContaining(shown), channelBinding } }],
        });
      }
    }
  });

  test.each<[string, AuditConnection['serverView'], NetworkPath | undefined, string]>([
    ['sees the same TLS, from another address', SAME, networkPath(false), 'proxy'],
    ['sees the same TLS, from nobody knows where', SAME, undefined, 'proxy'],
    ['shows no row', unknown('no row'), networkPath(false), 'no row'],
  ])('does not know without channel binding, where the server %s', (_what, serverView, way, reason) => {
    expect(seeing({ channelBinding: false, serverView }, way)).toEqual({
      status: 'unknown',
      reason: expect.stringContaining(reason),
    });
  });

  test('finds a pooler by the process that it announces, whatever TLS it has to the server', () => {
    const backendPid = { announced: -1_234_567_890, own: 4711 };
    for (const channelBinding of [true, false]) {
      expect(seeing({ channelBinding, serverView: SAME, backendPid }, networkPath(false))).toMatchObject({
        status: 'fail',
        problems: [{ evidence: { announcedAtLogin: 'process -1234567890', serversView: 'process 4711' } }],
      });
    }
  });

  test('takes the same process for no proof that nothing passes messages on', () => {
    const same = { channelBinding: false, serverView: SAME, backendPid: { announced: 4711, own: 4711 } };
    expect(seeing(same, networkPath(false)).status).toBe('unknown');
    expect(seeing(same, networkPath(true))).toEqual({ status: 'pass' });
  });

  test('does not know of a target that was not audited', () => {
    expect(tlsTerminatedByProxy.evaluate(make.failedSnapshot(), make.POLICY).status).toBe('unknown');
  });
});

describe('an internet access gateway', () => {
  const evaluateWith = (cloud: Snapshot['cloud']) =>
    tlsTerminatedByProxy.evaluate(make.healthySnapshot([], { cloud }), make.POLICY);

  test('is found by the API, whatever the connection shows', () => {
    const gateway = known(make.cloudDatabase({ internetGateway: true }));
    expect(evaluateWith(gateway)).toMatchObject({ status: 'fail', problems: [{ severity: 'medium' }] });
    expect(tlsTerminatedByProxy.evaluate(make.listedSnapshot(gateway), make.POLICY).status).toBe('fail');
  });

  test('is ruled out by the API alone', () => {
    expect(evaluateWith(known(make.cloudDatabase()))).toEqual({ status: 'pass' });
    expect(evaluateWith(unknown('throttled'))).toEqual({ status: 'unknown', reason: 'throttled' });
  });
});
