// What the wire probe's facts mean, and how they are held against the configuration.

import { describe, expect, test } from 'vitest';
import { shownRemedy } from '../../lab/remedies.ts';
import { hbaFacts, healthySnapshot, POLICY, SETTINGS, wireProbe } from '../../lab/snapshots.ts';
import type { Check } from '../../lambda/checks/check.ts';
import { deprecatedTlsAccepted } from '../../lambda/checks/deprecated-tls-accepted.ts';
import { deprecatedTlsAllowed } from '../../lambda/checks/deprecated-tls-allowed.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { keyExchangeNotPostQuantum } from '../../lambda/checks/key-exchange-not-post-quantum.ts';
import { plaintextAccepted } from '../../lambda/checks/plaintext-accepted.ts';
import { plaintextAllowed } from '../../lambda/checks/plaintext-allowed.ts';
import type { Problem } from '../../lambda/model/finding.ts';
import type { HbaFacts, HbaRule } from '../../lambda/model/hba.ts';
import { known, type Observed, unknown } from '../../lambda/model/observed.ts';
import type { Policy } from '../../lambda/model/policy.ts';
import type { PlaintextAnswer, ProbedVersion, WireAnswer, WireProbe } from '../../lambda/model/probe.ts';
import type { Snapshot } from '../../lambda/model/snapshot.ts';

const CHECKS = [plaintextAccepted, deprecatedTlsAccepted, keyExchangeNotPostQuantum];

const ACCEPTED: Observed<WireAnswer> = known({ accepted: true });
const NO_ANSWER = unknown('the server gave no answer within 5 s');

const SCRAM: Observed<PlaintextAnswer> = known({ accepted: true, authentication: 'sasl' });
const TRUST: Observed<PlaintextAnswer> = known({ accepted: true, authentication: 'none' });

function versions(overrides: Partial<Record<ProbedVersion, Observed<WireAnswer>>>): WireProbe['tlsVersions'] {
  return { ...wireProbe().tlsVersions, ...overrides };
}

/** A target that the server sees come from 10.0.0.7, with nothing in between. */
function snapshot(probe: WireProbe | undefined, overrides: Partial<Snapshot> = {}): Snapshot {
  return healthySnapshot([], {
    networkPath: { remoteAddress: '10.0.0.1', isDirect: true, clientAddressAtServer: '10.0.0.7' },
    ...(probe === undefined ? {} : { probe: known(probe) }),
    ...overrides,
  });
}

const HOST: HbaRule = {
  fileName: '/etc/postgresql/pg_hba.conf',
  lineNumber: 12,
  type: 'host',
  databases: ['all'],
  users: ['app'],
  address: '10.0.0.0',
  netmask: '255.0.0.0',
  method: 'scram-sha-256',
  options: [],
  quotes: { databases: [false], users: [false], address: false },
};

function rules(...given: readonly Partial<HbaRule>[]): Observed<HbaFacts> {
  return known(hbaFacts({ rules: given.map((rule) => ({ ...HOST, ...rule })) }));
}

function problems(check: Check, given: Snapshot, policy: Partial<Policy> = {}): readonly Problem[] {
  const outcome = check.evaluate(given, { ...POLICY, ...policy });
  return outcome.status === 'fail' ? outcome.problems : [];
}

function text(value: Problem['evidence'][string] | undefined): string {
  return value === undefined ? '' : String(value);
}

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

describe('plaintext-accepted', () => {
  test('is unknown where the server gave no answer', () => {
    expect(plaintextAccepted.evaluate(snapshot(wireProbe({ plaintext: NO_ANSWER })), POLICY)).toEqual({
      status: 'unknown',
      reason: NO_ANSWER.known ? '' : NO_ANSWER.reason,
    });
  });

  test('names the rule that lets the login in, and the line in its place', () => {
    const [problem] = problems(plaintextAccepted, snapshot(wireProbe({ plaintext: SCRAM }), { hba: rules({}) }));
    expect(problem).toMatchObject({
      severity: 'medium',
      title: 'The server accepts a login in plaintext',
      role: 'app',
      database: 'shop',
      evidence: {
        answer: 'asks for SASL authentication (SCRAM or OAuth)',
        from: '10.0.0.7',
        rule: 'host all app 10.0.0.0/8 scram-sha-256',
        at: 'line 12 of /etc/postgresql/pg_hba.conf',
      },
      remedy: { selfManaged: expect.stringContaining('\nhostssl all app 10.0.0.0/8 scram-sha-256\n') },
    });
    expect(problem?.evidence).not.toHaveProperty('disagreement');
  });

  test('is critical where no password is asked for', () => {
    const given = snapshot(wireProbe({ plaintext: TRUST }), { hba: rules({ method: 'trust' }) });
    const [problem] = problems(plaintextAccepted, given);
    expect(problem).toMatchObject({
      severity: 'critical',
      title: 'The server accepts a login in plaintext, without a password',
      remedy: { selfManaged: expect.stringContaining('hostssl all app 10.0.0.0/8 scram-sha-256') },
    });
    expect(problem?.evidence).not.toHaveProperty('disagreement');
  });

  test.each([
    ['info', TRUST, 'info'],
    ['network', TRUST, 'critical'],
    ['network', SCRAM, 'medium'],
  ] as const)('over loopback follows the policy %s', (loopback, plaintext, severity) => {
    const given = snapshot(wireProbe({ plaintext, loopback: true }));
    expect(problems(plaintextAccepted, given, { loopback })).toMatchObject([{ severity }]);
  });

  test('over loopback does not apply where the policy ignores it, and does elsewhere', () => {
    const ignore = { ...POLICY, loopback: 'ignore' } as const;
    expect(plaintextAccepted.evaluate(snapshot(wireProbe({ loopback: true })), ignore)).toMatchObject({
      status: 'not-applicable',
    });
    expect(problems(plaintextAccepted, snapshot(wireProbe({ plaintext: SCRAM })), ignore)).toHaveLength(1);
  });

  test('says that the configuration is not known where it is not', () => {
    const given = snapshot(wireProbe({ plaintext: SCRAM }), { hba: unknown('the login may not read pg_hba.conf') });
    const [problem] = problems(plaintextAccepted, given);
    expect(problem?.evidence.configuration).toBe('not known: the login may not read pg_hba.conf');
    expect(problem?.evidence).not.toHaveProperty('disagreement');
  });

  test('guesses no rule where the server did not show from where it sees us', () => {
    const given = snapshot(wireProbe({ plaintext: SCRAM }), { hba: rules({}), networkPath: undefined });
    const [problem] = problems(plaintextAccepted, given);
    expect(problem?.evidence).not.toHaveProperty('rule');
    expect(text(problem?.evidence.configuration)).toMatch(/^not known: /);
  });

  test('shows names that clients choose without what a terminal would obey', () => {
    const given = snapshot(wireProbe({ plaintext: SCRAM, role: '\u001b[2Japp', database: 'a\nb' }));
    expect(JSON.stringify(problems(plaintextAccepted, given))).not.toMatch(/\\u001b|\\n[^A-Z]b/);
  });
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

  test('it may be the reload where nobody could look, and is not where it was looked', () => {
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
  test('plaintext-allowed says so at the rule, and nobody says it again', () => {
    const given = snapshot(wireProbe(), { hba: rules({}) });
    const [problem] = problems(plaintextAllowed, given);
    expect(text(problem?.evidence.onTheWire)).toMatch(
      /^The server refuses a plaintext login that its configuration accepts .* it said "no pg_hba\.conf entry/,
    );
    expect(plaintextAccepted.evaluate(given, POLICY)).toEqual({ status: 'pass' });
  });

  test('only the rule that would let this login in is spoken of', () => {
    const given = snapshot(wireProbe(), { hba: rules({ users: ['other'], lineNumber: 3 }, {}) });
    const told = problems(plaintextAllowed, {
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
    expect(told.map(({ evidence }) => 'onTheWire' in evidence)).toEqual([false, true]);
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

  test('nothing is added where they agree, or where nobody knows', () => {
    const otherRole = snapshot(wireProbe({ role: 'nobody-lists-it' }), { hba: rules({}) });
    expect(problems(plaintextAllowed, otherRole)[0]?.evidence).not.toHaveProperty('onTheWire');
    const accepts = snapshot(wireProbe({ plaintext: SCRAM }), { hba: rules({}) });
    expect(problems(plaintextAllowed, accepts)[0]?.evidence).not.toHaveProperty('onTheWire');
    const noAnswer = snapshot(wireProbe({ plaintext: NO_ANSWER }), { hba: rules({}) });
    expect(problems(plaintextAllowed, noAnswer)[0]?.evidence).not.toHaveProperty('onTheWire');
  });
});

describe('deprecated-tls-accepted', () => {
  test('names what is accepted below the minimum', () => {
    const given = snapshot(wireProbe({ tlsVersions: versions({ TLSv1: ACCEPTED, 'TLSv1.1': ACCEPTED }) }), {
      settings: known({ values: { ...SETTINGS, ssl_min_protocol_version: 'TLSv1' }, seesAll: true }),
    });
    expect(problems(deprecatedTlsAccepted, given)).toMatchObject([
      { severity: 'medium', evidence: { accepted: ['TLSv1', 'TLSv1.1'], shouldBe: 'TLSv1.2 or newer' } },
    ]);
    expect(problems(deprecatedTlsAccepted, given)[0]?.evidence).not.toHaveProperty('disagreement');
  });

  test('follows the policy', () => {
    const [problem] = problems(deprecatedTlsAccepted, snapshot(wireProbe()), { minTlsVersion: 'TLSv1.3' });
    expect(problem?.evidence.accepted).toEqual(['TLSv1.2']);
  });

  test('is unknown where a version below the minimum is, and no other', () => {
    const old = snapshot(wireProbe({ tlsVersions: versions({ 'TLSv1.1': NO_ANSWER }) }));
    expect(deprecatedTlsAccepted.evaluate(old, POLICY)).toEqual({
      status: 'unknown',
      reason: 'TLSv1.1: the server gave no answer within 5 s',
    });
    const present = snapshot(wireProbe({ tlsVersions: versions({ 'TLSv1.3': NO_ANSWER }) }));
    expect(deprecatedTlsAccepted.evaluate(present, POLICY)).toEqual({ status: 'pass' });
  });

  test('tells what it found where it did not see all', () => {
    const given = snapshot(wireProbe({ tlsVersions: versions({ TLSv1: NO_ANSWER, 'TLSv1.1': ACCEPTED }) }));
    expect(deprecatedTlsAccepted.evaluate(given, POLICY)).toMatchObject({
      status: 'fail',
      incomplete: 'TLSv1: the server gave no answer within 5 s',
    });
  });

  test('says where the settings rule out what is accepted, and why it may be', () => {
    const given = snapshot(wireProbe({ tlsVersions: versions({ 'TLSv1.1': ACCEPTED }) }));
    // To set what is set already would mend nothing.
    const remedy = shownRemedy(problems(deprecatedTlsAccepted, given)[0]);
    expect(remedy).toContain('SSL configuration was not reloaded');
    expect(remedy).not.toContain('ALTER SYSTEM');
    expect(text(problems(deprecatedTlsAccepted, given)[0]?.evidence.disagreement)).toMatch(
      /^The server accepts TLSv1\.1, and ssl_min_protocol_version = TLSv1\.2 rules that out\..*SSL configuration was not reloaded/,
    );
  });

  test('claims no disagreement with a setting that it may not read', () => {
    const given = snapshot(wireProbe({ tlsVersions: versions({ 'TLSv1.1': ACCEPTED }) }), {
      settings: known({ values: { ssl: 'on' }, seesAll: false }),
    });
    expect(problems(deprecatedTlsAccepted, given)[0]?.evidence).not.toHaveProperty('disagreement');
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

  test('says nothing of the wire where it accepts, where nobody knows, and without the probe', () => {
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

describe('key-exchange-not-post-quantum', () => {
  test('names the group that was chosen', () => {
    const given = snapshot(wireProbe({ keyExchange: known({ group: 'x25519', postQuantum: false }) }));
    expect(problems(keyExchangeNotPostQuantum, given)).toMatchObject([
      { severity: 'info', evidence: { chosen: 'x25519' } },
    ]);
  });

  test('finds it where there is no TLSv1.3 either', () => {
    const given = snapshot(wireProbe({ keyExchange: known({ postQuantum: false }) }));
    expect(problems(keyExchangeNotPostQuantum, given)).toMatchObject([{ evidence: { 'TLSv1.3': 'not accepted' } }]);
  });

  test('is unknown where the group is', () => {
    expect(keyExchangeNotPostQuantum.evaluate(snapshot(wireProbe({ keyExchange: NO_ANSWER })), POLICY)).toMatchObject({
      status: 'unknown',
    });
  });
});

test('of a server without TLS, TLS versions and key exchange are not judged: that it has none is told elsewhere', () => {
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
