// A run as JSON and back, and runs put together from parts.

import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { evaluateFleet } from '../../lambda/checks/evaluate-fleet.ts';
import { VERDICTS } from '../../lambda/model/finding.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import { type AuditedTarget, mergeRuns, type Run } from '../../lambda/model/run.ts';
import { decodeRun, encodeRun } from '../../lambda/model/run-codec.ts';
import type { Session, Snapshot } from '../../lambda/model/snapshot.ts';

const LINK = { local: false, serviceFile: false, gssEncrypted: false } as const;

/** Snapshots that between them have every fact there is. */
const SNAPSHOTS: Readonly<Record<string, Snapshot>> = {
  healthy: make.healthySnapshot(),
  'a healthy pooler': make.healthyPooler(),
  failed: make.failedSnapshot({ remedyForUrl: 'try --host' }),
  'full of findings': make.healthySnapshot(
    [
      make.plaintextSession({ superuser: true }),
      make.tlsSession({ version: 'TLSv1', clientDn: '/CN=app' }),
      make.session({ transport: 'gss', tls: undefined, role: undefined }),
      make.plaintextSession({ kind: 'replication', database: undefined }),
    ],
    {
      networkPath: { remoteAddress: '10.0.0.1', clientAddressAtServer: '10.0.0.2', isDirect: true },
      visibility: known({ role: 'a', assumed: { login: 'b', setting: { role: 'b' } }, seesAllSessions: false }),
      credentials: known({ source: 'secret x', dsn: { sslmode: 'prefer', weakParameters: ['sslmode=prefer'] } }),
      settings: known({
        values: { ssl: 'on' },
        unusable: { ssl_ciphers: 'too long' },
        pendingRestart: ['ssl'],
        overrides: [{ setting: 'password_encryption', value: 'md5', ofLogin: true }],
        seesAll: true,
      }),
      hba: known(
        make.hbaFacts({
          roles: make.hbaRoles([
            { name: 'app', canLogin: true, superuser: false, replication: false, memberOf: ['staff'] },
          ]),
          rules: [
            {
              lineNumber: 1,
              type: 'host',
              databases: ['all', 'shop'],
              users: ['+staff'],
              address: 'all',
              method: 'md5',
              options: [],
              quotes: { databases: [null, true], users: [false] },
            },
          ],
          faults: [{ lineNumber: 2 }],
          login: { encryption: 'tls', role: 'app', database: 'shop', address: '10.0.0.2' },
          patterns: [{ token: '/^a', roles: ['app'], databases: [] }],
          changedSinceLoad: false,
        }),
      ),
      outbound: known({
        links: [{ kind: 'foreign-server', name: 'f', sslrootcert: 'other', ...LINK }],
        unreadable: [{ kind: 'subscription', count: 2, refusal: 'no' }],
      }),
      aurora: known({ own: 'a', instances: [{ id: 'a', writer: true }] }),
      probe: known(make.wireProbe({ directTls: unknown('no answer') })),
      trust: known({ system: true, bundle: [], unusable: [{ subject: 'CN=x', sha256: '0'.repeat(64), problem: 'p' }] }),
      clientCertificate: known(make.certificate()),
    },
  ),
};

function auditedOf(snapshot: Snapshot): AuditedTarget {
  return { snapshot, ...evaluate(snapshot, make.POLICY) };
}

function runOf(snapshots: readonly Snapshot[], overrides: Partial<Run> = {}): Run {
  return {
    startedAt: make.NOW,
    finishedAt: make.NOW,
    policy: make.POLICY,
    audited: snapshots.map(auditedOf),
    ...overrides,
  };
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

describe.each(Object.entries(SNAPSHOTS))('a run with a snapshot that is %s', (_name, snapshot) => {
  const run = runOf([snapshot]);

  test('survives JSON: undefined properties are left out, everything else is the same', () => {
    expect(JSON.parse(JSON.stringify(snapshot))).toEqual(snapshot);
    expect(decodeRun(encodeRun(run))).toEqual(run);
  });

  test('is evaluated after it as before', () => {
    const [read] = decodeRun(encodeRun(run)).audited;
    expect(read && evaluate(read.snapshot, make.POLICY)).toEqual(evaluate(snapshot, make.POLICY));
  });

  test('is refused with an odd value in any place', () => {
    for (const path of placesIn(JSON.parse(encodeRun(run)) as Json)) {
      for (const odd of [[[]], { x: [] }, -0.5]) {
        const document = JSON.parse(encodeRun(run)) as Json;
        set(document, path, odd as Json);
        expect(() => decodeRun(JSON.stringify(document)), `${path.join('.')} is ${JSON.stringify(odd)}`).toThrow(
          /^the run /,
        );
      }
    }
  });

  test('is refused with a property that is not known', () => {
    for (const path of placesIn(JSON.parse(encodeRun(run)) as Json, true)) {
      const document = JSON.parse(encodeRun(run)) as Json;
      set(document, [...path, 'extra'], true);
      expect(() => decodeRun(JSON.stringify(document)), path.join('.')).toThrow(/^the run /);
    }
  });
});

/** Paths of every value that is no object, or of every object that has a fixed set of properties. */
function placesIn(value: Json, objects = false, path: readonly string[] = []): readonly (readonly string[])[] {
  if (typeof value !== 'object' || value === null) return objects ? [] : [path];
  const inside = Object.entries(value).flatMap(([key, one]) =>
    // Evidence takes numbers and lists.
    key === 'evidence' || key === 'labels' ? [] : placesIn(one, objects, [...path, key]),
  );
  return objects && !Array.isArray(value) ? [path, ...inside] : inside;
}

function set(document: Json, path: readonly string[], value: Json): void {
  const parent = path.slice(0, -1).reduce<Json>((one, key) => (one as { [key: string]: Json })[key] ?? null, document);
  (parent as { [key: string]: Json })[path.at(-1) ?? ''] = value;
}

describe('a run', () => {
  const run = runOf([make.healthySnapshot([make.plaintextSession()])]);

  test('with any texts in it survives', () => {
    const texts = fc.string({ unit: 'binary', maxLength: 20 });
    const session = fc.record({ role: texts, database: texts, application: texts, clientAddress: texts });
    fc.assert(
      fc.property(fc.array(session, { maxLength: 5 }), fc.dictionary(texts, texts), (sessions, labels) => {
        const all = sessions.map((one): Session => make.plaintextSession(one));
        const target = { name: 'orders', labels: Object.fromEntries(Object.entries(labels)) };
        const one = runOf([make.healthySnapshot(all, { target })]);
        expect(decodeRun(encodeRun(one))).toEqual(one);
      }),
      { numRuns: 50 },
    );
  });

  test.each<[string, (run: { [key: string]: Json }) => void, RegExp]>([
    ['of another version', (one) => set(one, ['schemaVersion'], 2), /schema version 2, and .* reads 1 here: use/],
    ['without a version', (one) => void delete one.schemaVersion, /has no schema version/],
    ['without its targets', (one) => void delete one.audited, /^the run can't be used: audited is not/],
    ['with a verdict that is better', (one) => set(one, ['audited', '0', 'verdict'], 'clean'), /another verdict/],
    ['without its findings', (one) => set(one, ['audited', '0', 'findings'], []), /other findings than its outcomes/],
  ])('%s is refused', (_what, spoil, message) => {
    const document = JSON.parse(encodeRun(run)) as { [key: string]: Json };
    spoil(document);
    expect(() => decodeRun(JSON.stringify(document))).toThrow(message);
  });

  test.each(Object.keys(make.healthySnapshot()))('without the fact "%s" is refused', (fact) => {
    const document = JSON.parse(encodeRun(run)) as { audited: { snapshot: { [key: string]: Json } }[] };
    delete document.audited[0]?.snapshot[fact];
    expect(() => decodeRun(JSON.stringify(document))).toThrow(/^the run can't be used: audited\.0\.snapshot/);
  });

  test('that is no JSON is refused, and nothing of it is quoted', () => {
    expect(() => decodeRun('{"canary')).toThrow("the run can't be used: it is not JSON");
  });
});

describe('parts of a run', () => {
  const primary = make.healthySnapshot(
    [make.session({ kind: 'replication', role: 'r', database: undefined, clientAddress: '10.0.1.6' })],
    { networkPath: { remoteAddress: '10.0.1.5', isDirect: true } },
  );
  const standby = make.healthySnapshot([], {
    target: { name: 'reader', labels: {} },
    networkPath: { remoteAddress: '10.0.1.6', isDirect: true },
    server: known({ version: '18.4', inRecovery: true }),
  });

  test.each([[[primary, standby]], [[primary]], [[primary, standby, make.failedSnapshot()]]])(
    'give what one run of all targets gives, also where the parts were evaluated as fleets of their own',
    (snapshots) => {
      const named = snapshots.map((one, i): Snapshot => ({ ...one, target: { ...one.target, name: `t${i}` } }));
      const whole = evaluateFleet(runOf(named).audited, make.POLICY, { coversAllTargets: true });
      const parts = named.map((one) => {
        const part = runOf([one]);
        return { ...part, audited: evaluateFleet(part.audited, make.POLICY) };
      });
      const read = parts.map((part) => decodeRun(encodeRun(part)));
      const merged = evaluateFleet(mergeRuns(read).audited, make.POLICY, { coversAllTargets: true });
      expect(merged).toEqual(whole);
    },
  );

  test('are the same in any order and any grouping', () => {
    const moment = fc.integer({ min: 0, max: 3 }).map((hour) => `2026-11-10T0${hour}:00:00.000Z`);
    const snapshot = fc
      .tuple(fc.constantFrom('a', 'b', 'c'), moment, fc.constantFrom(...Object.values(SNAPSHOTS)))
      .map(([name, takenAt, one]): Snapshot => ({ ...one, takenAt, target: { ...one.target, name } }));
    const part = fc
      .tuple(fc.uniqueArray(snapshot, { maxLength: 3, selector: ({ target }) => target.name }), moment, moment)
      .map(([snapshots, startedAt, finishedAt]) => runOf(snapshots, { startedAt, finishedAt }));
    fc.assert(
      fc.property(part, part, part, (a, b, c) => {
        const all = mergeRuns([a, b, c]);
        expect(mergeRuns([c, a, b])).toEqual(all);
        expect(mergeRuns([mergeRuns([a, b]), c])).toEqual(all);
        expect(mergeRuns([a, mergeRuns([c, b])])).toEqual(all);
        expect(mergeRuns([all, all])).toEqual(all);
      }),
      { numRuns: 50 },
    );
  });

  test('run from the earliest start to the latest end', () => {
    const [first, second] = [
      runOf([primary], { startedAt: '2026-11-10T06:00:00.000Z', finishedAt: '2026-11-10T06:09:00.000Z' }),
      runOf([standby], { startedAt: '2026-11-10T06:01:00.000Z', finishedAt: '2026-11-10T06:02:00.000Z' }),
    ];
    expect(mergeRuns([second, first])).toMatchObject({
      startedAt: first.startedAt,
      finishedAt: first.finishedAt,
      audited: [{ snapshot: { target: { name: 'orders' } } }, { snapshot: { target: { name: 'reader' } } }],
    });
  });

  test('with the same target keep the newer snapshot, and of two from one moment the worse verdict', () => {
    const older = runOf([make.failedSnapshot()]);
    const newer = runOf([make.healthySnapshot([], { takenAt: '2026-11-10T06:15:03.000Z' })]);
    expect(mergeRuns([older, newer]).audited).toEqual(newer.audited);
    const now = VERDICTS.indexOf(mergeRuns([older, runOf([make.healthySnapshot()])]).audited[0]?.verdict ?? 'clean');
    expect(VERDICTS[now]).toBe('not-audited');
  });

  test('with different policies are refused, and so are none', () => {
    const other = runOf([standby], { policy: { ...make.POLICY, minTlsVersion: 'TLSv1.3' } });
    expect(() => mergeRuns([runOf([primary]), other])).toThrow(/have different policies: audit both/);
    expect(() => mergeRuns([])).toThrow('there is no part to merge: give at least one');
  });
});
