// The scenario lab: real servers set up in every way, each with all that must be found there, and nothing else.

import { isDeepStrictEqual } from 'node:util';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { describeEachMajor } from '../../lab/each-major.ts';
import { CHECKS } from '../../lambda/checks/registry.ts';
import { CERTIFICATE_SCENARIOS } from './certificates.ts';
import { CLOUD_SCENARIOS } from './cloud.ts';
import { HONESTY_SCENARIOS } from './honesty.ts';
import { type Difference, difference, evaluatedChecks, Lab } from './lab.ts';
import { LOG_SCENARIOS } from './logs.ts';
import { OUTBOUND_SCENARIOS } from './outbound.ts';
import { renderTable, type TableRow } from './result-table.ts';
import { RULE_SCENARIOS } from './rules.ts';
import { CHECK_IDS, type Scenario } from './scenario.ts';
import { SESSION_SCENARIOS } from './sessions.ts';
import { SETTING_SCENARIOS } from './settings.ts';
import { WHOLE_SCENARIOS } from './whole.ts';
import { WIRE_SCENARIOS } from './wire.ts';

const SCENARIOS: readonly Scenario[] = [
  ...WHOLE_SCENARIOS,
  ...SESSION_SCENARIOS,
  ...SETTING_SCENARIOS,
  ...RULE_SCENARIOS,
  ...CERTIFICATE_SCENARIOS,
  ...OUTBOUND_SCENARIOS,
  ...HONESTY_SCENARIOS,
  ...WIRE_SCENARIOS,
  ...LOG_SCENARIOS,
  ...CLOUD_SCENARIOS,
];

/** The oldest major that rows are written for: 10 and 11 know neither the settings nor some of the views. */
const OLDEST_MAJOR = 12;

const registered = new Set(CHECKS.map(({ id }) => id));

function whySkipped(row: Scenario, major: number): string | undefined {
  const { from = OLDEST_MAJOR, to = Number.POSITIVE_INFINITY } = row.majors ?? {};
  if (major < from) return `needs PostgreSQL ${from}`;
  if (major > to) return `is about PostgreSQL ${to} and older`;
  const missing = [...evaluatedChecks(row), ...row.finds.map(({ check }) => check), ...(row.unknown ?? [])].find(
    (id) => !registered.has(id),
  );
  return missing === undefined ? undefined : `${missing} is not registered`;
}

describeEachMajor((major) => {
  const results: TableRow[] = [];
  let lab: Lab;

  beforeAll(async () => {
    lab = await Lab.start(major);
  });

  afterAll(async () => {
    await lab[Symbol.asyncDispose]();
    process.stdout.write(renderTable(`PostgreSQL ${major}`, results));
  });

  test.for(SCENARIOS)('$name', async (row, { skip }) => {
    const skipped = whySkipped(row, major);
    if (skipped !== undefined) {
      results.push({ row, outcome: { skipped }, isRight: false });
      skip(skipped);
    }
    let entry: TableRow = { row, outcome: { failed: 'it could not be set up' }, isRight: false };
    try {
      const result = await lab.run(row);
      const found = difference(row, result);
      entry = { row, outcome: result, isRight: isDeepStrictEqual(found, rightFor(row)) };
      expect(found).toEqual(rightFor(row));
    } finally {
      results.push(entry);
    }
  });
});

/** What the difference is when everything expected was found, and nothing else. */
function rightFor({ verdict }: Scenario): Difference {
  return { missing: [], unexpected: [], unknown: {}, notUnknown: [], verdict };
}

describe('the rows', () => {
  test('have names of their own', () => {
    const names = SCENARIOS.map(({ name }) => name);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  test.each([...registered])('say of %s where it finds something, and where it must not', (id) => {
    const judging = SCENARIOS.filter((row) => evaluatedChecks(row).includes(id));
    const finding = judging.filter(({ finds }) => finds.some(({ check }) => check === id));
    expect(finding, 'no row expects a finding').not.toEqual([]);
    expect(judging.length, 'no row expects none').toBeGreaterThan(finding.length);
  });

  test('expect findings only of checks that they judge', () => {
    const astray = SCENARIOS.filter((row) => {
      const ids = new Set<string>([...evaluatedChecks(row), ...CHECK_IDS.filter((id) => !registered.has(id))]);
      return [...row.finds.map(({ check }) => check), ...(row.unknown ?? [])].some((id) => !ids.has(id));
    });
    expect(astray.map(({ name }) => name)).toEqual([]);
  });

  // A check that left the registry would only have its rows skipped.
  test('speak of the checks of the catalogue: all of them, and no others', () => {
    expect([...registered].toSorted()).toEqual(CHECK_IDS.toSorted());
  });
});
