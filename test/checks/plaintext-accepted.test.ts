// Tests the check plaintext-accepted.

import { describe, expect, test } from 'vitest';
import { POLICY, wireProbe } from '../../lab/snapshots.ts';
import { plaintextAccepted } from '../../lambda/checks/plaintext-accepted.ts';
import { unknown } from '../../lambda/model/observed.ts';
import { NO_ANSWER, problems, rules, SCRAM, snapshot, TRUST, text } from './support/probe-cases.ts';

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
