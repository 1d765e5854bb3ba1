// What the wire probe's facts mean, and how they are held against the configuration.

import { describe, expect, test } from 'vitest';
import { shownRemedy } from '../../lab/remedies.ts';
import { hbaFacts, healthySnapshot, POLICY, SETTINGS, wireProbe } from '../../lab/snapshots.ts';
import { deprecatedTlsAccepted } from '../../lambda/checks/deprecated-tls-accepted.ts';
import { deprecatedTlsAllowed } from '../../lambda/checks/deprecated-tls-allowed.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { keyExchangeNotPostQuantum } from '../../lambda/checks/key-exchange-not-post-quantum.ts';
import { plaintextAccepted } from '../../lambda/checks/plaintext-accepted.ts';
import { plaintextAllowed } from '../../lambda/checks/plaintext-allowed.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import type { WireProbe } from '../../lambda/model/probe.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';
import {
  ACCEPTED,
  HOST,
  NO_ANSWER,
  problems,
  rules,
  SCRAM,
  snapshot,
  TRUST,
  text,
  versions,
} from './support/probe-cases.ts';

const CHECKS = [plaintextAccepted, deprecatedTlsAccepted, keyExchangeNotPostQuantum];

describe.each(CHECKS)('$id', (check) => {
  test('does not apply where the probe is off, and says how to turn it on', () => {
    expect(check.evaluate(snapshot(undefined), POLICY)).toEqual({
      status: 'not-applicable',
      reason: 'the wire probe is off for this target ("probe": true turns it on)',
    });
  });

  test('is unknown where there was nothing to probe', () => {
    const given = snapshot(undefined, { probe: unknown('no connection to the target came about') });
    expect(check.evaluate(given, POLICY)).toEqual({
      status: 'unknown',
      reason: 'no connection to the target came about',
    });
  });

  test('passes where all is well', () => {
    expect(check.evaluate(snapshot(wireProbe()), POLICY)).toEqual({ status: 'pass' });
  });
});

test('what the probe could not see keeps a target from being called clean', () => {
  expect(evaluate(snapshot(wireProbe()), POLICY).verdict).toBe('clean');
  expect(evaluate(snapshot(wireProbe({ plaintext: NO_ANSWER })), POLICY).verdict).toBe('unknown');
  expect(evaluate(snapshot(wireProbe({ keyExchange: NO_ANSWER })), POLICY).verdict).toBe('unknown');
});

describe('where the wire accepts plaintext and the configuration does not,', () => {
  const accepted = (overrides: Partial<Snapshot>) =>
    problems(plaintextAccepted, snapshot(wireProbe({ plaintext: SCRAM }), overrides))[0];

  test('both are told, with the line', () => {
    const problem = accepted({ hba: rules({ method: 'reject' }) });
    expect(text(problem?.evidence.disagreement)).toMatch(
      /^The server accepts a plaintext login that its configuration refuses \(line 12 of .*: host all app 10\.0\.0\.0\/8 reject\)\./,
    );
    expect(problem?.evidence).not.toHaveProperty('rule');
  });

  test('the remedy is to have the file loaded, not to change it', () => {
    for (const hba of [rules({ method: 'reject' }), known(hbaFacts())]) {
      const remedy = shownRemedy(accepted({ hba }));
      expect(remedy).toMatch(
        /^pg_hba\.conf refuses this login already.* FROM pg_hba_file_rules WHERE error IS NOT NULL;\nThen SELECT pg_reload_conf\(\);/,
      );
      expect(remedy).not.toMatch(/hostssl|Replace/);
    }
  });

  test('a file that is newer than what the server loaded is the reason', () => {
    const facts = hbaFacts({ changedSinceLoad: true });
    const shown = text(accepted({ hba: known(facts) })?.evidence.disagreement);
    expect(shown).toMatch(/was changed after the server last read it.*pg_reload_conf/);
    expect(shown).not.toMatch(/proxy|balancer/);
  });

  test('it may be the reload where it could not be read, and is not where it was looked', () => {
    const may = text(accepted({ hba: known(hbaFacts()) })?.evidence.disagreement);
    expect(may).toMatch(/Or pg_hba\.conf was changed and not loaded yet/);
    const isNot = text(accepted({ hba: known(hbaFacts({ changedSinceLoad: false })) })?.evidence.disagreement);
    expect(isNot).not.toMatch(/pg_reload_conf/);
    expect(isNot).toMatch(/load balancer/);
  });

  test('a proxy may answer where the server does not see our very socket', () => {
    const networkPath = { remoteAddress: '10.0.0.1', isDirect: false, clientAddressAtServer: '10.0.0.9' };
    const link = healthySnapshot().link;
    const unbound = link.known ? known({ ...link.value, channelBinding: false }) : link;
    const problem = accepted({ hba: rules({ method: 'reject' }), networkPath, link: unbound });
    expect(text(problem?.evidence.disagreement)).toMatch(/proxy or pooler between the auditor and the server/);
  });

  test('settings that wait for a restart are named', () => {
    const settings = known({ values: SETTINGS, seesAll: true, pendingRestart: ['ssl'] as const });
    const problem = accepted({ hba: known(hbaFacts()), settings });
    expect(text(problem?.evidence.disagreement)).toMatch(/ssl waits for a restart/);
  });

  test('rds.force_ssl counts on RDS, and nowhere else', () => {
    const link = healthySnapshot().link;
    const rds = link.known ? known({ ...link.value, verifiedName: 'x.eu-west-1.rds.amazonaws.com' }) : link;
    const settings = known({ values: { ...SETTINGS, 'rds.force_ssl': '1' }, seesAll: true });
    const hba = unknown('the login may not read pg_hba.conf');
    const onRds = accepted({ link: rds, settings, hba });
    expect(text(onRds?.evidence.disagreement)).toMatch(/refuses \(rds\.force_ssl = 1\)/);
    expect(accepted({ settings, hba })?.evidence).not.toHaveProperty('disagreement');
  });
});

test('that a rule with trust asks for a password, or another for none, is a disagreement too', () => {
  const asks = problems(
    plaintextAccepted,
    snapshot(wireProbe({ plaintext: SCRAM }), { hba: rules({ method: 'trust' }) }),
  );
  expect(text(asks[0]?.evidence.disagreement)).toMatch(/asks for a password where .* without one/);
  const asksNot = problems(plaintextAccepted, snapshot(wireProbe({ plaintext: TRUST }), { hba: rules({}) }));
  expect(text(asksNot[0]?.evidence.disagreement)).toMatch(/without a password where .* asks for one/);
  const ident = problems(
    plaintextAccepted,
    snapshot(wireProbe({ plaintext: TRUST }), { hba: rules({ method: 'ident' }) }),
  );
  expect(ident[0]?.evidence).not.toHaveProperty('disagreement');
});

describe('where the wire refuses plaintext and the configuration accepts it,', () => {
  test('plaintext-allowed says so at the rule, and no other check repeats it', () => {
    const given = snapshot(wireProbe(), { hba: rules({}) });
    const [problem] = problems(plaintextAllowed, given);
    expect(text(problem?.evidence.onTheWire)).toMatch(
      /^The server refuses a plaintext login that its configuration accepts .* it said "no pg_hba\.conf entry/,
    );
    expect(plaintextAccepted.evaluate(given, POLICY)).toEqual({ status: 'pass' });
  });

  test('only the rule that would let this login in is spoken of', () => {
    const given = snapshot(wireProbe(), { hba: rules({ users: ['other'], lineNumber: 3 }, {}) });
    const evaluated = problems(plaintextAllowed, {
      ...given,
      hba: known(
        hbaFacts({
          rules: [{ ...HOST, users: ['other'], lineNumber: 3 }, HOST],
          roles: ['app', 'other'].map((name) => ({
            name,
            canLogin: true,
            superuser: false,
            replication: false,
            memberOf: [],
          })),
        }),
      ),
    });
    expect(evaluated.map(({ evidence }) => 'onTheWire' in evidence)).toEqual([false, true]);
  });

  test('over loopback, of which plaintext-allowed does not speak, plaintext-accepted says so as information', () => {
    const given = snapshot(wireProbe({ loopback: true }), {
      hba: rules({ address: '127.0.0.1', netmask: '255.255.255.255' }),
      networkPath: { remoteAddress: '127.0.0.1', isDirect: true, clientAddressAtServer: '127.0.0.1' },
    });
    expect(problems(plaintextAllowed, given)).toEqual([]);
    expect(problems(plaintextAccepted, given)).toMatchObject([
      { severity: 'info', title: 'The server refuses a login in plaintext that its configuration accepts' },
    ]);
  });

  test('nothing is added where they agree, or where it is not known', () => {
    const otherRole = snapshot(wireProbe({ role: 'nobody-lists-it' }), { hba: rules({}) });
    expect(problems(plaintextAllowed, otherRole)[0]?.evidence).not.toHaveProperty('onTheWire');
    const accepts = snapshot(wireProbe({ plaintext: SCRAM }), { hba: rules({}) });
    expect(problems(plaintextAllowed, accepts)[0]?.evidence).not.toHaveProperty('onTheWire');
    const noAnswer = snapshot(wireProbe({ plaintext: NO_ANSWER }), { hba: rules({}) });
    expect(problems(plaintextAllowed, noAnswer)[0]?.evidence).not.toHaveProperty('onTheWire');
  });
});

describe('deprecated-tls-allowed', () => {
  const allowing = (probe: WireProbe | undefined) =>
    problems(
      deprecatedTlsAllowed,
      snapshot(probe, {
        settings: known({ values: { ...SETTINGS, ssl_min_protocol_version: 'TLSv1.1' }, seesAll: true }),
      }),
    )[0];

  test('says which of the versions it allows the wire refuses', () => {
    expect(text(allowing(wireProbe())?.evidence.onTheWire)).toMatch(
      /^On the wire the server refuses TLSv1\.1 all the same/,
    );
  });

  test('says nothing of the wire where it accepts, where it is not known, and without the probe', () => {
    for (const probe of [
      wireProbe({ tlsVersions: versions({ 'TLSv1.1': ACCEPTED }) }),
      wireProbe({ tlsVersions: versions({ 'TLSv1.1': NO_ANSWER }) }),
      wireProbe({ offersTls: known(false) }),
      undefined,
    ]) {
      expect(allowing(probe)?.evidence).not.toHaveProperty('onTheWire');
    }
  });
});

test('of a server without TLS, TLS versions and key exchange are not judged: that it has none is reported elsewhere', () => {
  const given = snapshot(wireProbe({ offersTls: known(false), keyExchange: known({ postQuantum: false }) }));
  for (const check of [deprecatedTlsAccepted, keyExchangeNotPostQuantum]) {
    expect(check.evaluate(given, POLICY)).toMatchObject({ status: 'not-applicable' });
  }
});

test('a pooler is held against its own setting', () => {
  const pooler = (mode: string) =>
    known({ version: '1.24.0', values: { client_tls_sslmode: mode }, databases: known([]) });
  const accepts = problems(plaintextAccepted, snapshot(wireProbe({ plaintext: SCRAM }), { pooler: pooler('prefer') }));
  expect(accepts[0]?.evidence).toMatchObject({ configuration: 'client_tls_sslmode = prefer' });
  const disagrees = problems(
    plaintextAccepted,
    snapshot(wireProbe({ plaintext: SCRAM }), { pooler: pooler('require') }),
  );
  expect(text(disagrees[0]?.evidence.disagreement)).toMatch(/refuses \(client_tls_sslmode = require\).*RELOAD/);
});
