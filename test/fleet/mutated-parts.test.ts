// Parts with seeded mutations of bytes, lines and values: no target looks better than in the part that was written, and
// the targets of other workers stay as they are.

import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { PLANNED_AT, planOf } from '../../lab/fleet-plan.ts';
import { seededRandom } from '../../lab/seeded-random.ts';
import { healthySnapshot, POLICY, plaintextSession, session } from '../../lab/snapshots.ts';
import { evaluate } from '../../lambda/checks/evaluate.ts';
import { partKey } from '../../lambda/fleet/object-keys.ts';
import { encodePart } from '../../lambda/fleet/part-codec.ts';
import { readParts } from '../../lambda/fleet/parts.ts';
import type { AuditedTarget } from '../../lambda/model/run.ts';
import type { Session } from '../../lambda/model/snapshot.ts';

const MUTATIONS = 1_000;

const OTHER = planOf(['orders']).slices[0]?.targets ?? [];
const BASE = planOf(['billing', 'payroll']);
const PLAN = { ...BASE, slices: [...BASE.slices, { worker: 'other', targets: OTHER }] };

function audited(name: string, sessions: readonly Session[]): AuditedTarget {
  const of = PLAN.slices.flatMap(({ targets }) => targets).find((target) => target.name === name);
  const { host, port, labels = {}, kind } = of ?? {};
  const snapshot = { ...healthySnapshot(sessions), takenAt: PLANNED_AT, target: { name, host, port, labels, kind } };
  return { snapshot, ...evaluate(snapshot, POLICY) };
}

function textOf(...targets: readonly AuditedTarget[]): string {
  const run = { startedAt: PLANNED_AT, finishedAt: PLANNED_AT, policy: POLICY, audited: targets };
  return encodePart({ run }).text;
}

const HONEST = textOf(
  audited('billing', [plaintextSession({ role: 'etl' }), plaintextSession({ role: 'app' })]),
  audited('payroll', [plaintextSession(), session()]),
);
const OTHERS = gzipSync(textOf(audited('orders', [session()])));

const TOKENS = ['-1', '0', '0.5', '1e309', '1e15', '"1"', 'null', '[]', '{}', 'true', '"\\ud800"', '{"__proto__":1}'];

function mutated(seed: number): Uint8Array {
  const random = seededRandom(seed);
  const below = (count: number): number => Math.floor(random() * count);
  const lines = HONEST.split('\n');
  const at = below(lines.length);
  const line = lines[at] ?? '';
  const kinds: readonly (() => Uint8Array)[] = [
    // A value of JSON, in place of another one.
    () => {
      const values = [...line.matchAll(/(?<=[:[,])(?:"(?:[^"\\]|\\.)*"|-?\d+|true|false|null)(?=[,\]}])/g)];
      const value = values[below(values.length)];
      const start = value?.index ?? 0;
      const token = TOKENS[below(TOKENS.length)];
      lines[at] = `${line.slice(0, start)}${token}${line.slice(start + (value?.[0].length ?? 0))}`;
      return gzipSync(lines.join('\n'));
    },
    () => gzipSync(lines.toSpliced(at, 1).join('\n')),
    () => gzipSync(lines.toSpliced(at, 0, line).join('\n')),
    () => gzipSync(lines.toSpliced(at, 1).toSpliced(below(lines.length), 0, line).join('\n')),
    () => gzipSync(lines.join(['\r\n', '\n\n', '\u2028'][below(3)])),
    () => gzipSync(`\ufeff${HONEST}`),
    () => gzipSync(HONEST.slice(0, below(HONEST.length))),
    () => Buffer.concat([gzipSync(HONEST), gzipSync(lines[at] ?? '')]),
    () => {
      const bytes = Buffer.from(HONEST);
      bytes[below(bytes.length)] = below(256);
      return gzipSync(bytes);
    },
    () => {
      const bytes = gzipSync(HONEST);
      bytes[below(bytes.length)] = below(256);
      return bytes;
    },
  ];
  return (seed % 2 === 0 ? kinds[0] : kinds[below(kinds.length)])?.() ?? new Uint8Array();
}

async function read(part: Uint8Array) {
  const keys = new Map([
    [partKey('run-1', { worker: 'default', from: 0, to: 2 }), part],
    [partKey('run-1', { worker: 'other', from: 0, to: 1 }), OTHERS],
  ]);
  const { parts, missing } = await readParts(
    PLAN,
    {
      put: async () => true,
      get: async (key) => keys.get(key) ?? new Uint8Array(),
      list: async (prefix) => [...keys.keys()].filter((key) => key.startsWith(prefix)),
    },
    PLANNED_AT,
  );
  const all = parts.flatMap(({ run }) => run.audited);
  return { missing, of: new Map(all.map((one) => [one.snapshot.target.name, one])) };
}

test(`${MUTATIONS} mutations of a part make no target better, and change none of another worker`, async () => {
  const honest = await read(gzipSync(HONEST));
  expect(honest.missing).toEqual([]);
  const counts = { read: 0, refused: 0 };
  for (let seed = 0; seed < MUTATIONS; seed += 1) {
    const { missing, of } = await read(mutated(seed));
    expect([seed, of.get('orders')]).toEqual([seed, honest.of.get('orders')]);
    const isRead = missing.length === 0;
    counts[isRead ? 'read' : 'refused'] += 1;
    if (!isRead) expect(missing.map(({ worker }) => worker)).toEqual(['default']);
    for (const name of ['billing', 'payroll']) {
      const one = of.get(name);
      expect([seed, name, one !== undefined]).toEqual([seed, name, isRead]);
      if (one === undefined) continue;
      expect([seed, one.verdict]).not.toEqual([seed, 'clean']);
      if (one.verdict === 'findings') {
        expect([seed, one.findings.length]).toEqual([seed, honest.of.get(name)?.findings.length]);
      }
    }
  }
  // Both kinds are tried.
  expect(counts.refused).toBeGreaterThan(MUTATIONS / 4);
  expect(counts.read).toBeGreaterThan(MUTATIONS / 20);
});
