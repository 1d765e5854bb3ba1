// Findings of what no audit covers: in the run as JSON, in merged parts, in the report and in every export.

import { expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { evaluateListed } from '../../lambda/checks/evaluate-listed.ts';
import { known, unknown } from '../../lambda/model/observed.ts';
import { mergeRuns, type Run } from '../../lambda/model/run.ts';
import { decodeRun, encodeRun } from '../../lambda/model/run-codec.ts';
import { buildReport } from '../../lambda/report/build-report.ts';
import { wholeText } from '../../lambda/report/exports/chunks.ts';
import { EXPORTERS } from '../../lambda/report/exports/index.ts';
import { CONTEXT } from '../report/exports/outcomes.ts';

const PLACE = { name: 'rds:eu-west-1', host: undefined, port: undefined };

function runOf(failures: readonly string[], at = make.NOW): Run {
  const snapshots = [
    make.listedSnapshot(known(make.cloudPlace({ failures })), PLACE),
    make.listedSnapshot(known(make.cloudDatabase({ logExports: [] })), { name: 'stopped' }),
    make.listedSnapshot(unknown('throttled'), { name: 'unread' }),
  ].map((snapshot) => ({ ...snapshot, takenAt: at }));
  const times = { startedAt: at, finishedAt: at };
  return { ...times, policy: make.POLICY, audited: [], listed: evaluateListed(snapshots, make.POLICY) };
}

test('are of the checks that need no login only: what others have found before stays open', () => {
  const [, stopped] = runOf([]).listed ?? [];
  expect(stopped?.outcomes.map(({ check }) => check)).not.toContain('plaintext-session');
  expect(stopped?.findings.map(({ check }) => check)).toEqual(['log-export-off']);
});

test('survive JSON, and of two parts the newer counts', () => {
  const run = runOf(['denied']);
  expect(decodeRun(encodeRun(run))).toEqual(run);
  const later = runOf([], '2026-11-10T07:15:02.000Z');
  for (const parts of [
    [run, later],
    [later, run],
  ]) {
    expect(mergeRuns(parts).listed).toEqual(later.listed);
  }
});

test('are findings of the report and of every export, and no targets', async () => {
  const report = buildReport(runOf(['denied']));
  expect(report.targets).toEqual([]);
  expect(report.findings.map(({ check, target }) => [target, check])).toEqual([
    ['rds:eu-west-1', 'discovery-failed'],
    ['stopped', 'log-export-off'],
  ]);
  for (const load of Object.values(EXPORTERS)) {
    const { name, render } = await load();
    const aws = { partition: 'aws', account: '123456789012', region: 'eu-west-1' };
    expect(wholeText(render(report, { ...CONTEXT, aws })), name).toContain('discovery-failed');
  }
});
