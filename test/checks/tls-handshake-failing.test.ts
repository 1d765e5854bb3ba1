// Tests the check tls-handshake-failing.

import { describe, expect, test } from 'vitest';
import * as make from '../../lab/snapshots.ts';
import { tlsHandshakeFailing } from '../../lambda/checks/tls-handshake-failing.ts';
import { problemsOfLog, silences } from './support/log-cases.ts';

describe('tls-handshake-failing', () => {
  test('says who does not trust the server, and who is too old, each with its remedy', () => {
    const failures = [
      make.failedLogins(),
      make.failedLogins({ reason: 'version-unsupported', network: '10.7.0.0/24' }),
    ];
    const found = problemsOfLog(tlsHandshakeFailing, { failures });
    expect(found).toMatchObject([
      { severity: 'low', clients: ['10.1.2.0/24'], remedy: expect.stringContaining('sslrootcert') },
      { severity: 'low', clients: ['10.7.0.0/24'], remedy: expect.stringContaining('Upgrade the client') },
    ]);
    expect(new Set(found.map(({ subject }) => subject)).size).toBe(2);
  });

  test.each(['closed-early', 'not-tls'])('says nothing of %s, as health checks and scanners leave it', (reason) => {
    expect(problemsOfLog(tlsHandshakeFailing, { failures: [make.failedLogins({ reason, count: 10_000 })] })).toEqual(
      [],
    );
  });

  test('is medium where one network fails many times an hour', () => {
    const [found] = problemsOfLog(tlsHandshakeFailing, {
      failures: [make.failedLogins({ count: 60, hours: [[495_000, 60]] })],
    });
    expect(found?.severity).toBe('medium');
    const [spread] = problemsOfLog(tlsHandshakeFailing, {
      failures: [
        make.failedLogins({
          count: 60,
          hours: [
            [495_000, 30],
            [495_001, 30],
          ],
        }),
      ],
    });
    expect(spread?.severity).toBe('low');
  });

  test('makes few findings of a scan from many networks', () => {
    const failures = Array.from({ length: 150 }, (_, index) => make.failedLogins({ network: `10.${index}.0.0/24` }));
    const found = problemsOfLog(tlsHandshakeFailing, { failures });
    expect(found).toHaveLength(11);
    expect(found.at(-1)).toMatchObject({ evidence: { networks: 140, times: 700 } });
  });

  test('never passes where the log may not show everything', () => {
    expect(silences(tlsHandshakeFailing)).toEqual(['not-applicable', 'pass', 'unknown', 'unknown']);
  });
});
