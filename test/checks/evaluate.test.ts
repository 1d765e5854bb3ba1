// From a snapshot to a verdict: never better than what was seen.

import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import type { Check } from '../../lambda/checks/check.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { CHECKS } from '../../lambda/checks/registry.ts';
import type { Outcome, Verdict } from '../../lambda/model/finding.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import { SEVERITIES } from '../../lambda/model/severity.ts';
import type { AuditConnection } from '../../lambda/model/snapshot.ts';

const CHECKS_FOLDER = join(import.meta.dirname, '..', '..', 'lambda', 'checks');

function saying(outcome: Outcome | Error): Check {
  return {
    id: 'test-check',
    title: 'A test',
    subject: 'server',
    severity: 'medium',
    rationale: 'Because.',
    remedy: 'The general remedy.',
    requirements: [],
    references: [],
    pgbouncer: 'same',
    evaluate: () => {
      if (outcome instanceof Error) throw outcome;
      return outcome;
    },
  };
}

const PROBLEM = { severity: 'high', title: 'Wrong', evidence: {} } as const;

describe('the verdict', () => {
  test.each<[string, Outcome | Error, Verdict]>([
    ['every check passes', { status: 'pass' }, 'clean'],
    ['a check does not apply', { status: 'not-applicable', reason: 'no' }, 'clean'],
    ['there is a finding', { status: 'fail', problems: [PROBLEM] }, 'findings'],
    ['a check could not see', { status: 'unknown', reason: 'no row' }, 'unknown'],
    [
      'a check found something and could not see the rest',
      { status: 'fail', problems: [PROBLEM], incomplete: 'x' },
      'unknown',
    ],
    ['a check says it crashed', { status: 'error', reason: 'x' }, 'unknown'],
    ['a check crashes', new TypeError('boom'), 'unknown'],
  ])('when %s', (_when, outcome, verdict) => {
    expect(evaluate(make.healthySnapshot(), make.POLICY, [saying({ status: 'pass' }), saying(outcome)]).verdict).toBe(
      verdict,
    );
  });

  test('of a target that was not audited is never anything else', () => {
    const { verdict, findings } = evaluate(make.failedSnapshot(), make.POLICY);
    expect(verdict).toBe('not-audited');
    expect(findings.map(({ check }) => check)).toEqual(['target-not-audited']);
  });

  test.each([
    ['says that it was not verified', (link: AuditConnection) => known({ ...link, authorized: false })],
    ['is not known', () => unknown('nobody looked')],
  ] as const)('is never better than not-audited where the link %s', (_how, spoil) => {
    const healthy = make.healthySnapshot();
    if (!healthy.link.known) throw new Error('a healthy link is known');
    const snapshot = { ...healthy, link: spoil(healthy.link.value) };
    expect(evaluate(snapshot, make.POLICY).verdict).toBe('not-audited');
    expect(evaluate(snapshot, make.POLICY, [saying({ status: 'pass' })]).verdict).toBe('not-audited');
  });

  test('of a link that was not verified comes with a critical finding', () => {
    const healthy = make.healthySnapshot();
    if (!healthy.link.known) throw new Error('a healthy link is known');
    const { findings } = evaluate(
      { ...healthy, link: known({ ...healthy.link.value, authorized: false }) },
      make.POLICY,
    );
    expect(findings).toMatchObject([{ check: 'target-not-audited', severity: 'critical' }]);
  });

  test('of a healthy target by every check there is is clean', () => {
    expect(evaluate(make.healthySnapshot(), make.POLICY)).toMatchObject({ verdict: 'clean', findings: [] });
  });

  test.each([
    ['a blind role', { visibility: known({ role: 'a', seesAllSessions: false }) }],
    ['hidden sessions', { sessions: known({ visible: [], hidden: 1 }) }],
    ['unknown sessions', { sessions: unknown('x') }],
    ['unknown visibility', { visibility: unknown('x') }],
    ['an unknown chain', { serverChain: unknown('x') }],
    ['unknown credentials', { credentials: unknown('x') }],
  ])('with %s is unknown, not clean', (_what, overrides) => {
    expect(evaluate(make.healthySnapshot([], overrides), make.POLICY).verdict).toBe('unknown');
  });
});

describe('a check that crashes', () => {
  test('is reported with its error, keeps the other checks working, and can smuggle nothing out', () => {
    const evil = new TypeError(`\u001b[2J${'x'.repeat(10_000)}`);
    const { outcomes } = evaluate(make.healthySnapshot(), make.POLICY, [saying(evil), saying({ status: 'pass' })]);
    expect(outcomes.map(({ outcome }) => outcome.status)).toEqual(['error', 'pass']);
    const reason = JSON.stringify(outcomes[0]);
    expect(reason).toContain('TypeError');
    expect(reason).not.toContain('\\u001b[');
    expect(reason.length).toBeLessThan(500);
  });
});

describe('a finding', () => {
  test("has the problem's remedy, or the check's", () => {
    const problems = [PROBLEM, { ...PROBLEM, subject: 'other', remedy: 'The special remedy.' }];
    const { findings } = evaluate(make.healthySnapshot(), make.POLICY, [saying({ status: 'fail', problems })]);
    expect(findings.map(({ remedy }) => remedy)).toEqual(['The general remedy.', 'The special remedy.']);
    expect(new Set(findings.map(({ fingerprint }) => fingerprint)).size).toBe(2);
  });
});

describe('the registry', () => {
  test('holds every check there is a file for, each once, under the name of its file', () => {
    // What checks share is in folders; beside the checks are only their type, the registry and what runs them.
    const files = readdirSync(CHECKS_FOLDER, { withFileTypes: true }).filter((entry) => entry.isFile());
    const names = files.map(({ name }) => name.replace(/\.ts$/, ''));
    const own = names.filter(
      (name) =>
        ![
          'check',
          'registry',
          'evaluate',
          'evaluate-fleet',
          'evaluate-listed',
          'catalogue',
          'fleet',
          'fingerprint',
        ].includes(name),
    );
    expect(CHECKS.map(({ id }) => id).toSorted()).toEqual(own.toSorted());
  });

  test.each(CHECKS)('$id has a test file of its name', ({ id }) => {
    expect(readdirSync(import.meta.dirname)).toContain(`${id}.test.ts`);
  });

  test.each(CHECKS)('$id explains itself: what it says, why, and where the rule comes from', (check) => {
    expect(SEVERITIES).toContain(check.severity);
    expect(check.title).toMatch(/^\S.*[^.\s]$/);
    expect(check.rationale).toMatch(/^[A-Z].{40,}\.$/s);
    expect(check.references.length).toBeGreaterThan(0);
    for (const reference of check.references) expect(new URL(reference).protocol).toBe('https:');
  });
});
