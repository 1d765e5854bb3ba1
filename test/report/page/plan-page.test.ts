// The page of a plan: what blocks, what to do, hostile names as text, and nothing that is not in the plan.

import { expect, test } from 'vitest';
import { type PlanForPage, renderPlanPage } from '../../../lambda/report/page/plan-page.ts';
import { HOSTILE_NAMES, UNSAFE } from '../hostile.ts';
import { PLANNED_CLIENT as CLIENT, PLAN, PLANNED_TARGET as TARGET } from './fixtures.ts';

type PlannedTarget = PlanForPage['targets'][number];

const render = (plan: PlanForPage): string => [...renderPlanPage(plan)].join('');

test('says who is ready, who would break with what fixes it, and each step with its way back', () => {
  const page = render({ ...PLAN, targets: [TARGET, { ...TARGET, name: 'crm', readiness: 'ready', clients: [] }] });
  for (const text of [
    '<strong>1 database of 2</strong> can refuse plaintext now',
    '1 client would break',
    'no known client would break',
    '<code data-copy>jdbc:postgresql://shop.db.example.com/shop?sslmode=verify-full</code>',
    '6 days of it not read',
    '7 of 9 clients moved to TLS since 2026-11-03',
    '1. Refuse plaintext (no reboot)',
    'rds.force_ssl=0',
    '10.9.9.9',
  ]) {
    expect(page).toContain(text);
  }
});

test('says where each command is run, and over the steps of a target that is not ready, NOT YET', () => {
  const page = render(PLAN);
  expect(page).toContain('<strong>NOT YET: the clients above would break:</strong>');
  expect(page).toContain('In a shell:');
});

test('one database with a huge plan costs the others nothing', () => {
  const command = `sed ${'-e 1d '.repeat(10_000)}file`;
  const step = { title: 'Change it', place: 'a shell', commands: Array(40).fill(command), rollback: [] };
  const huge = { ...TARGET, name: 'huge', steps: Array(40).fill(step) };
  const page = render({ ...PLAN, targets: [huge, { ...TARGET, name: 'small' }] });
  expect(Buffer.byteLength(page)).toBeLessThan(500_000);
  expect(page).toContain('Too large for the page: --format json and --format markdown have its 2 clients');
  expect(page).toContain('data-name="small"');
  expect(page.match(/<span>1 client would break</g)).toHaveLength(2);
});

test('says that nothing is known where nothing is', () => {
  const page = render({ ...PLAN, targets: [{ ...TARGET, readiness: 'unknown', window: null, clients: [] }] });
  expect(page).toContain('Nothing is known of its clients.');
  expect(page).toContain('<strong>0 databases of 1</strong> can refuse plaintext now');
});

test.each(HOSTILE_NAMES)('shows a name with %s as text', (_, name) => {
  const hostile = `${name}</script><script>alert(1)</script><img src=x onerror=alert(1)>" onclick="alert(1)`;
  const client = {
    ...CLIENT,
    ...{ role: hostile, database: hostile, application: hostile, networks: [hostile], driver: hostile, fix: hostile },
  };
  const spoiled: PlannedTarget = {
    ...TARGET,
    ...{ name: hostile, platform: hostile, reasons: [hostile], clients: [client] },
    refused: [{ role: hostile, database: hostile, networks: [hostile], lastSeen: hostile, count: 1 }],
    steps: [{ title: hostile, place: hostile, commands: [hostile], rollback: [hostile] }],
  };
  const page = render({ ...PLAN, state: hostile, targets: [spoiled] });
  expect(page).not.toMatch(/<img|onclick="alert|onerror=alert\(1\)>"/);
  expect(page.match(/<script>/g)).toHaveLength(1);
  expect(page.replaceAll('\n', '')).not.toMatch(UNSAFE);
});

test('of 10,000 databases has 5 MB at most, and counts those that are not on it', () => {
  const targets = Array.from({ length: 10_000 }, (_, index) => ({ ...TARGET, name: `db-${index}` }));
  const page = render({ ...PLAN, targets });
  expect(Buffer.byteLength(page)).toBeLessThanOrEqual(5_000_000);
  const shown = page.match(/<li id="target-\d+"/g)?.length ?? 0;
  expect(page).toContain(`${10_000 - shown} more databases, which --format json has, not shown here.`);
});

test('a command is on the page as it is, or not at all: a part of one would do something else', () => {
  const commands = [
    'sed -E \'s/a & b/"<c>"/\' \\\n  file',
    `sed ${'-e 1d '.repeat(6_000)}file`,
    `sed ${'-e 1d '.repeat(20_000)}file`,
    "printf '%s' 'role://x'",
    "printf '%s' 'mailto:x \u202e'",
  ];
  const step = { title: 'Change it', place: 'a shell', commands, rollback: commands.slice(2) };
  const page = render({ ...PLAN, targets: [{ ...TARGET, clients: [], steps: [step] }] });
  const copied = [...page.matchAll(/<code data-copy>([^<]*)<\/code>/g)].map(([, text = '']) => unescaped(text));
  expect(copied).toEqual(commands.slice(0, 2));
  expect(page.match(/can not be shown: --format json/g)).toHaveLength(6);
});

function unescaped(text: string): string {
  const names: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', '#39': "'" };
  return text.replaceAll(/&(amp|lt|gt|quot|#39);/g, (_, name: string) => names[name] ?? '');
}
