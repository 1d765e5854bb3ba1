// Tests the check connection-log-incomplete.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { connectionLogIncomplete } from '../../lambda/checks/connection-log-incomplete.ts';
import { LOG_GAP_CAUSES } from '../../lambda/model/connection-log.ts';
import { outcomeOfLog, problemsOfLog } from './support/log-cases.ts';

describe('connection-log-incomplete', () => {
  test('names the setting, and how to set it', () => {
    const gap = {
      cause: 'logging-off',
      reason: 'log_connections is "off"',
      remedy: "ALTER SYSTEM SET log_connections = 'on';",
    } as const;
    expect(problemsOfLog(connectionLogIncomplete, { gaps: [gap] })).toMatchObject([
      { severity: 'low', evidence: { cause: 'logging-off', what: ['log_connections is "off"'] }, remedy: gap.remedy },
    ]);
  });

  test.each(LOG_GAP_CAUSES.filter((cause) => cause !== 'no-state'))('finds a log with the gap %s', (cause) => {
    const found = problemsOfLog(connectionLogIncomplete, { gaps: [{ cause, reason: 'a reason' }] });
    expect(found).toHaveLength(1);
    expect(found[0]?.title).not.toBe('');
  });

  test('does not find that nothing is remembered: every run then reads a whole day', () => {
    expect(outcomeOfLog(connectionLogIncomplete, { gaps: [{ cause: 'no-state', reason: 'a reason' }] }).status).toBe(
      'pass',
    );
  });

  test('finds logins of which the log does not show where they came from', () => {
    const clients = [make.clientLogins({ hostKnown: false, network: undefined, addresses: [] })];
    expect(problemsOfLog(connectionLogIncomplete, { clients })).toMatchObject([
      { evidence: { what: [expect.stringContaining('5 logins do not show where they came from')] } },
    ]);
  });

  test('is one finding a cause, whatever the reasons are from run to run', () => {
    const gaps = ['3 lines', '4 lines'].map((reason) => ({ cause: 'unreadable-lines', reason }) as const);
    expect(problemsOfLog(connectionLogIncomplete, { gaps })).toMatchObject([{ subject: 'unreadable-lines' }]);
  });

  test('is unknown where the log was not read, and does not apply without one', () => {
    const unread = { known: false, reason: 'no time was left' } as const;
    expect(outcomeOfLog(connectionLogIncomplete, {}, { connectionLog: unread })).toEqual({
      status: 'unknown',
      reason: 'no time was left',
    });
    expect(connectionLogIncomplete.evaluate(make.healthySnapshot([]), make.POLICY).status).toBe('not-applicable');
  });
});
