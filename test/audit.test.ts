// Many targets in one run: bounded, isolated, none dropped.

import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { targetOf } from '../lab/collector.ts';
import { POLICY } from '../lab/snapshots.ts';
import { type AuditOptions, auditTargets } from '../lambda/audit.ts';
import type { Collector } from '../lambda/collect/attempts.ts';
import { createTrustStore } from '../lambda/collect/connect/trust.ts';
import { createSourceReader } from '../lambda/collect/secrets/sources.ts';
import { systemClock } from '../lambda/model/time.ts';
import { buildReport } from '../lambda/report/build-report.ts';
import type { Report } from '../lambda/report/schema.ts';

/** Secrets come from `get`; nothing is ever connected to. */
function collectorWith(get: (id: string) => Promise<string>): Collector {
  const sources = createSourceReader({ get, refresh: get }, {});
  return { sources, trust: createTrustStore(sources), clock: systemClock };
}

function run(
  count: number,
  concurrency: number,
  options: Partial<AuditOptions> & { collector: Collector },
): Promise<Report> {
  const targets = Array.from({ length: count }, (_, i) =>
    targetOf({ name: `db-${i}`, credentials: { secret: `db-${i}` }, timeoutMs: 60_000 }),
  );
  return auditTargets(
    { targets, concurrency, policy: POLICY },
    { deadline: new AbortController().signal, ...options },
  ).then((audited) => buildReport(audited));
}

describe('a run', () => {
  test('has no more targets under way than it may, and reports them in the order of the configuration', async () => {
    let underWay = 0;
    let most = 0;
    const collector = collectorWith(async (id) => {
      underWay += 1;
      most = Math.max(most, underWay);
      await delay(id === 'db-0' ? 20 : 2);
      underWay -= 1;
      return 'no secret at all';
    });
    const { targets } = await run(40, 7, { collector });
    expect(most).toBe(7);
    expect(targets.map(({ name }) => name)).toEqual(Array.from({ length: 40 }, (_, i) => `db-${i}`));
  });

  test('tells how far it is after each target', async () => {
    const seen: string[] = [];
    const onTarget: AuditOptions['onTarget'] = ({ done, total }) => void seen.push(`${done}/${total}`);
    await run(3, 1, { collector: collectorWith(() => Promise.resolve('x')), onTarget });
    expect(seen).toEqual(['1/3', '2/3', '3/3']);
  });

  test('out of time reports every target: those under way, and those whose turn never came', async () => {
    const deadline = new AbortController();
    let asked = 0;
    const collector = collectorWith(() => {
      asked += 1;
      if (asked === 4) deadline.abort();
      return new Promise(() => {});
    });
    const { targets } = await run(10, 4, { collector, deadline: deadline.signal });
    expect(targets.map(({ verdict, error }) => [verdict, error?.cause])).toEqual(
      targets.map(() => ['not-audited', 'out-of-time']),
    );
    expect(targets.map(({ error }) => error?.phase)).toEqual([
      ...Array.from({ length: 4 }, () => 'secrets'),
      ...Array.from({ length: 6 }, () => 'waiting'),
    ]);
    expect(asked).toBe(4);
  });

  test('outlives a defect of its own on one target, and shows nothing of what was thrown', async () => {
    const collector = collectorWith((id) => {
      if (id === 'db-1') throw new RangeError('canary-Xq7');
      return Promise.resolve('no secret at all');
    });
    const report = await run(3, 3, { collector });
    expect(report.targets.map(({ error }) => error?.cause)).toEqual([
      'secret-unusable',
      'internal-error',
      'secret-unusable',
    ]);
    expect(report.targets[1]?.error?.message).toMatch(/^The auditor itself failed: RangeError at /);
    expect(JSON.stringify(report)).not.toContain('canary');
  });
});
